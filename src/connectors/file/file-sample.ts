/** The beginning of text files, as much as schema inference looks at. Main thread. */
import { ConnectorError } from "../../base/errors.ts";
import type { FileSystem } from "../../base/ports.ts";
import { fileUri } from "./file-listing.ts";

/** Inference looks at so many bytes of all files together. */
const SAMPLE_BYTES_MAX = 64 * 1024 * 1024;

/** The text of one file after the other until the sample is full; the last file is cut behind a line. */
export function* sampleTexts(fileSystem: FileSystem, paths: readonly string[]): Generator<string> {
  let left = SAMPLE_BYTES_MAX;
  for (const path of paths) {
    if (left <= 0) return;
    const bytes = readBeginning(fileSystem, path, left);
    left -= bytes.length;
    yield new TextDecoder().decode(left > 0 ? bytes : bytes.subarray(0, bytes.lastIndexOf(10) + 1));
  }
}

/** Records of files with one record a line. `separator` null: line feed, carriage return or both. */
export function* sampleLines(texts: Iterable<string>, separator: string | null): Generator<string> {
  for (const text of texts) for (const line of text.split(separator ?? /\r\n|\r|\n/)) if (line.trim() !== "") yield line;
}

function readBeginning(fileSystem: FileSystem, path: string, limit: number): Uint8Array {
  try {
    const file = fileSystem.openReadSync(path);
    try {
      const bytes = new Uint8Array(Math.min(file.sizeBytes(), limit));
      let length = 0;
      while (length < bytes.length) {
        const read = file.read(bytes.subarray(length), length);
        if (read === 0) break;
        length += read;
      }
      return bytes.subarray(0, length);
    } finally {
      file.close();
    }
  } catch (cause) {
    throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path: fileUri(path) }, { cause });
  }
}
