/**
 * The bytes of a file split in a worker's memory, cut at line boundaries: a split owns the lines that begin in [start, start + length).
 * Lines end at a line feed, a carriage return or both. Used by the text-based readers, on workers.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { ConnectorError, MillraceError } from "../../base/errors.ts";
import { PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { Kernels } from "../../kernels/load.ts";
import { allocate } from "../block-memory.ts";
import { BufferPool } from "../buffer-pool.ts";
import type { ReaderContext, Split, SyncFile } from "../source.ts";

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

/** With the tail a little less than a power of two, so that a buffer of the pool is not half empty. */
const WINDOW_BYTES = 896 * 1024;
const TAIL_BYTES = 64 * 1024;
const COUNT_BYTES = 1024 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** All lines of `split` at once; `separator` replaces the usual line terminators. Throws FAILED_READ_FILE.NO_HINT. */
export function readLines(
  split: FileSplit,
  context: Pick<ReaderContext, "kernels" | "files">,
  separator: Uint8Array | null = null,
): SplitInput {
  const windows = new LineWindows(split, context, { separator, windowBytes: Number.POSITIVE_INFINITY });
  try {
    return windows.next() ?? { begin: 0, end: 0, fileOffset: split.start };
  } finally {
    windows.close();
  }
}

/**
 * The lines of a split, window by window: what is scanned and looked at while it is in the processor's caches need not come from memory. A
 * window ends behind a line feed; one that has none grows.
 */
export class LineWindows {
  readonly #split: FileSplit;
  readonly #kernels: Kernels;
  readonly #separator: Uint8Array | null;
  readonly #windowBytes: number;
  readonly #pool: BufferPool;
  readonly #file: SyncFile;
  /** Offset in the file of the next window. */
  #from: number;
  #window = 0;
  /** What has been read of it already. */
  #known: Uint8Array = new Uint8Array(0);
  #isFirst = true;
  #isDone = false;

  constructor(
    split: FileSplit,
    { kernels, files }: Pick<ReaderContext, "kernels" | "files">,
    { separator = null as Uint8Array | null, windowBytes = WINDOW_BYTES } = {},
  ) {
    this.#split = split;
    this.#kernels = kernels;
    this.#separator = separator;
    this.#windowBytes = windowBytes;
    this.#pool = new BufferPool(kernels);
    // The bytes before the start tell whether a line begins there.
    this.#from = Math.max(split.start - (separator?.length ?? 1), 0);
    this.#file = reading(split.path, () => files.openReadSync(split.path));
  }

  /** The next lines; they stay until `reuse`. Null: there are no more. Throws FAILED_READ_FILE.NO_HINT. */
  next(): SplitInput | null {
    if (this.#isDone) return null;
    const { start, length, sizeBytes } = this.#split;
    const splitEnd = Math.min(start + length, sizeBytes);
    const from = this.#from;
    for (let [wanted, tail] = [this.#windowBytes, TAIL_BYTES]; ; wanted *= 2, tail *= 2) {
      const isLast = from + wanted >= splitEnd;
      const until = isLast ? Math.min(splitEnd + tail, sizeBytes) : from + wanted;
      const bytes = this.#fill(until);
      const begin = this.#isFirst ? this.#firstLine(bytes) : 0;
      if (isLast && (begin === null || begin >= splitEnd - from)) {
        this.#isDone = true;
        return null;
      }
      // The last line goes on behind the split, to the file's end at most.
      const isWhole = until === sizeBytes || bytes.length < until - from;
      const end = isLast ? (this.#lineFrom(bytes, splitEnd - from) ?? (isWhole ? bytes.length : 0)) : bytes.lastIndexOf(LINE_FEED) + 1;
      this.#known = bytes;
      if (begin === null || end <= begin) continue;
      // A copy: what lies behind the lines is overwritten.
      this.#known = bytes.slice(end);
      this.#isFirst = false;
      this.#isDone = isLast;
      this.#from = from + end;
      return { begin: this.#window + begin, end: this.#window + end, fileOffset: from + begin };
    }
  }

  /** Bytes of windows before the current one. */
  get reusableBytes(): number {
    return this.#pool.retiredBytes;
  }

  /** Nobody looks at lines of windows before the current one any more. */
  reuse(): void {
    this.#pool.recycle();
  }

  close(): void {
    this.#file.close();
  }

  /** Index of the split's first line; null if it cannot be seen. */
  #firstLine(bytes: Uint8Array): number | null {
    const { start } = this.#split;
    return start === 0 ? byteOrderMarkBytes(bytes) : this.#lineFrom(bytes, start - this.#from);
  }

  #lineFrom(bytes: Uint8Array, at: number): number | null {
    return this.#separator === null ? firstLineStart(bytes, at) : behindSeparator(bytes, this.#separator, at);
  }

  /** Makes a window of the file up to `until`, as far as the file goes. */
  #fill(until: number): Uint8Array {
    const known = this.#known;
    const address = this.#pool.take(until - this.#from);
    const memory = this.#kernels.bytes();
    copyBytes(memory, address, known);
    if (this.#window !== 0) this.#pool.retire(this.#window);
    this.#window = address;
    const rest = memory.subarray(address + known.length, address + until - this.#from);
    const read = reading(this.#split.path, () => readFully(this.#file, rest, this.#from + known.length));
    return memory.subarray(address, address + known.length + read);
  }
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
  return reading(path, () => {
    const file = context.files.openReadSync(path);
    try {
      return use(file);
    } finally {
      file.close();
    }
  });
}

function reading<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path, reason: (error as Error).message }, { cause: error });
  }
}
