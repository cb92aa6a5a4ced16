/** `metadata`: the query's id, `{"id":"<uuid>"}`, written at the first start and never again. Read by `Checkpoint.open`. */
import type { FileSystem } from "../base/ports.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { damagedFile } from "./log-file.ts";

const NAME = "metadata";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id in `<directory>/metadata`, or null when there is no such file. Throws when it holds something else. */
export async function readQueryId(files: FileSystem, directory: string): Promise<string | null> {
  const fileName = `${directory}/${NAME}`;
  if ((await files.stat(fileName)) === undefined) return null;
  const text = Buffer.from(await files.readFile(fileName)).toString("utf8");
  let id: unknown;
  try {
    id = (JSON.parse(text) as { id?: unknown }).id;
  } catch {
    throw damagedFile(fileName, 0, "it is not a JSON object");
  }
  if (typeof id !== "string" || !UUID.test(id)) throw damagedFile(fileName, 0, "it has no query id");
  return id;
}

export async function writeQueryId(writer: AtomicFiles, directory: string, queryId: string): Promise<void> {
  await writer.create(directory, NAME, Buffer.from(JSON.stringify({ id: queryId })));
}
