/** Directories whose names survive power loss. Called on the main thread by whatever keeps durable files: checkpoints, sinks' manifests. */
import { dirname } from "node:path";
import type { FileSystem } from "./ports.ts";

/**
 * Makes `directory` and those above it, one after another, each name durable before the next one. An existing directory's own name is made
 * durable, too: whoever made it may have died before that.
 */
export async function makeDurableDirectory(files: FileSystem, directory: string): Promise<void> {
  const parent = dirname(directory);
  if (parent === directory) return;
  if ((await files.stat(directory)) === undefined) {
    await makeDurableDirectory(files, parent);
    await files.makeDirectory(directory);
  }
  await files.syncDirectory(parent);
}
