/** `millrace checkpoint rollback <dir> --to <batch> [--output <dir>]`. Main thread. */
import { join, resolve } from "node:path";
import { nodePorts } from "../base/node-ports.ts";
import { AtomicFiles } from "../checkpoint/atomic-file.ts";
import { CheckpointReader } from "../checkpoint/checkpoint-reader.ts";
import { DirectoryLogStore } from "../checkpoint/log-store.ts";
import { rollbackCheckpoint } from "../checkpoint/rollback-checkpoint.ts";
import { MANIFEST_DIRECTORY, manifestRollback } from "../connectors/file/sink-manifest.ts";
import { EXIT_OK } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

export interface RollbackOptions {
  readonly to: number;
  readonly output?: string;
  readonly json: boolean;
}

/** The checkpoint first: until the output follows, a start is refused, and this command can be given again. */
export async function rollbackCommand(directory: string, { to, output, json }: RollbackOptions, terminal: Terminal): Promise<number> {
  const ports = nodePorts();
  const path = resolve(directory);
  const takeOutputBack = output === undefined ? null : await checkOutput(resolve(output));
  const forgotten = await rollbackCheckpoint(ports, path, to);
  const outputEntries = takeOutputBack && (await takeOutputBack());
  terminal.write(json ? `${JSON.stringify({ path, batchId: to, forgotten, outputEntries })}\n` : `${text().join("\n")}\n`);
  return EXIT_OK;

  async function checkOutput(target: string): Promise<() => Promise<number>> {
    const { queryId } = await CheckpointReader.open(ports, path);
    const manifest = join(target, MANIFEST_DIRECTORY);
    return await manifestRollback(new DirectoryLogStore(ports.files, new AtomicFiles(ports, target), manifest), target, queryId, to);
  }

  function text(): string[] {
    const batches = forgotten.length === 0 ? "No batch was later" : `Forgotten: ${forgotten.toReversed().join(", ")}`;
    const lines = [terminal.colors.green(`Batch ${to} is the newest now.`), `${batches}. The next start goes on with batch ${to + 1}.`];
    if (outputEntries === null) lines.push("A file sink keeps its later batches: give its directory with --output to take it back, too.");
    else
      lines.push(
        `The output counts up to batch ${to}; ${outputEntries} later entries of its manifest are gone, their files lie there unused.`,
      );
    return lines;
  }
}
