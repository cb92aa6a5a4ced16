/**
 * The bytes of a file split in a worker's memory, cut at line boundaries: a split owns the lines that begin in [start, start + length).
 * Lines end at a line feed, a carriage return or both. Used by the text-based readers, on workers.
 */
import { ConnectorError, MillraceError } from "../../base/errors.ts";
import { PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { ReaderContext, Split, SyncFile } from "../source.ts";
import { allocate } from "../block-memory.ts";

/** What splits of text-based files hold, whichever reader they name. */
export interface FileSplit {
  readonly path: string;
  readonly start: number;
  readonly length: number;
  /** Size of the file when the batch was planned: bytes beyond are not read. */
  readonly sizeBytes: number;
}

export interface SplitInput {
  /** Address of the first line. */
  readonly begin: number;
  /** Address behind the last line; `PADDING_BYTES` writable bytes follow. */
  readonly end: number;
  /** Offset in the file of the byte at `begin`. */
  readonly fileOffset: number;
}

export function fileSplit(split: Split): FileSplit {
  const [start, length] = [split["start"] as number, split["length"] as number];
  return { path: split["path"] as string, start, length, sizeBytes: (split["sizeBytes"] as number | undefined) ?? start + length };
}

const TAIL_BYTES = 64 * 1024;
const COUNT_BYTES = 1024 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Reads the lines of `split`; `separator` replaces the usual line terminators. Throws FAILED_READ_FILE.NO_HINT. */
export function readLines(
  split: FileSplit,
  context: Pick<ReaderContext, "kernels" | "files">,
  separator: Uint8Array | null = null,
): SplitInput {
  const { kernels } = context;
  // The bytes before the start tell whether a line begins there.
  const back = separator?.length ?? 1;
  const from = Math.max(split.start - back, 0);
  const firstLine = (bytes: Uint8Array, at: number): number | null =>
    separator === null ? firstLineStart(bytes, at) : behindSeparator(bytes, separator, at);
  const splitEnd = Math.min(split.start + split.length, split.sizeBytes);
  return withFile(split.path, context, (file) => {
    let capacity = Math.min(splitEnd + TAIL_BYTES, split.sizeBytes) - from;
    let address = allocate(kernels, capacity + PADDING_BYTES);
    let length = readFully(file, kernels.bytes().subarray(address, address + capacity), from);
    const bytes = (): Uint8Array => kernels.bytes().subarray(address, address + length);
    const begin = split.start === 0 ? byteOrderMarkBytes(bytes()) : firstLine(bytes(), split.start - from);
    if (begin === null || begin >= splitEnd - from) return { begin: address, end: address, fileOffset: split.start };
    let end = firstLine(bytes(), splitEnd - from);
    while (end === null && from + length < split.sizeBytes) {
      // The last line goes on behind what was read.
      capacity = Math.min(capacity * 2, split.sizeBytes - from);
      const grown = allocate(kernels, capacity + PADDING_BYTES);
      kernels.bytes().copyWithin(grown, address, address + length);
      const read = readFully(file, kernels.bytes().subarray(grown + length, grown + capacity), from + length);
      address = grown;
      length += read;
      end = firstLine(bytes(), splitEnd - from);
      if (read === 0) break;
    }
    return { begin: address + begin, end: address + (end ?? length), fileOffset: from + begin };
  });
}

/** Reads a file that cannot be cut: all of it for the split at its start, nothing for others. */
export function readWhole(split: FileSplit, context: Pick<ReaderContext, "kernels" | "files">): SplitInput {
  const size = split.start === 0 ? split.sizeBytes : 0;
  return withFile(split.path, context, (file) => {
    const address = allocate(context.kernels, size + PADDING_BYTES);
    const bytes = context.kernels.bytes().subarray(address, address + size);
    const length = readFully(file, bytes, 0);
    const mark = byteOrderMarkBytes(bytes.subarray(0, length));
    return { begin: address + mark, end: address + length, fileOffset: mark };
  });
}

/** Where a record stands, for errors: "/in/a.json, line 3, byte 120". Reads the file up to there to count its lines. */
export function placeInFile(path: string, offset: number, context: Pick<ReaderContext, "files">, separator: Uint8Array | null): string {
  const lines = withFile(path, context, (file) =>
    separator === null ? linesBefore(file, offset) : separatedBefore(file, offset, separator),
  );
  return `${path}, line ${lines + 1}, byte ${offset}`;
}

function linesBefore(file: SyncFile, offset: number): number {
  const buffer = new Uint8Array(Math.min(offset, COUNT_BYTES));
  let [lines, previous] = [0, 0];
  for (let at = 0; at < offset; at += buffer.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, offset - at));
    const length = readFully(file, bytes, at);
    for (let index = 0; index < length; index++) {
      const byte = bytes[index]!;
      if (byte === CARRIAGE_RETURN || (byte === LINE_FEED && previous !== CARRIAGE_RETURN)) lines++;
      previous = byte;
    }
  }
  return lines;
}

function separatedBefore(file: SyncFile, offset: number, separator: Uint8Array): number {
  const buffer = new Uint8Array(Math.min(offset, COUNT_BYTES));
  let [lines, at] = [0, 0];
  while (offset - at >= separator.length) {
    const bytes = buffer.subarray(0, Math.min(buffer.length, offset - at));
    if (readFully(file, bytes, at) < bytes.length) break;
    let behind = 0;
    for (
      let next = behindSeparator(bytes, separator, 0);
      next !== null;
      next = behindSeparator(bytes, separator, next + separator.length)
    ) {
      lines++;
      behind = next;
    }
    // A separator may lie across the border.
    at += Math.max(behind, bytes.length - separator.length + 1);
  }
  return lines;
}

/** Index of the first line that begins at or after `at` (at least 1); null if that cannot be seen in `bytes`. */
function firstLineStart(bytes: Uint8Array, at: number): number | null {
  for (let index = at - 1; index < bytes.length; index++) {
    if (bytes[index] === LINE_FEED) return index + 1;
    if (bytes[index] !== CARRIAGE_RETURN) continue;
    if (index + 1 === bytes.length) return null;
    return bytes[index + 1] === LINE_FEED ? index + 2 : index + 1;
  }
  return null;
}

/** As `firstLineStart`, for lines that end with `separator`. */
function behindSeparator(bytes: Uint8Array, separator: Uint8Array, at: number): number | null {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(separator, Math.max(at - separator.length, 0));
  return found < 0 ? null : found + separator.length;
}

function byteOrderMarkBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function readFully(file: SyncFile, into: Uint8Array, position: number): number {
  let length = 0;
  while (length < into.length) {
    const read = file.read(into.subarray(length), position + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}

function withFile<T>(path: string, context: Pick<ReaderContext, "files">, use: (file: SyncFile) => T): T {
  let file: SyncFile | null = null;
  try {
    file = context.files.openReadSync(path);
    return use(file);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path, reason: (error as Error).message }, { cause: error });
  } finally {
    file?.close();
  }
}
