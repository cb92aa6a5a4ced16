/**
 * Cursors over the blocks of a text-based split, on workers. `ScanCursor` runs a scanner kernel and parses the lines it defers;
 * `PlainCursor` takes all rows from a plain parser, for options that the kernels do not know.
 */
import { copyBytes } from "../../base/copy-bytes.ts";
import { encodeColumnBatch } from "../../columnar/column-batch.ts";
import { BLOCK_ROW_COUNT, BLOCK_ROWS_MAX, ERROR_CODE, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { StructType } from "../../columnar/types.ts";
import { decodeUtf8 } from "../../columnar/value-bytes.ts";
import type { Value } from "../../columnar/values.ts";
import type { Kernels } from "../../kernels/load.ts";
import { outOfMemory } from "../../kernels/out-of-memory.ts";
import type { ReaderContext, SplitCursor } from "../source.ts";
import { applyPolicy, type ParsedRecords, type RecordPolicy } from "./record-mode.ts";
import { allocate } from "../block-memory.ts";
import type { ScanMemory } from "./scan-memory.ts";
import { type LineWindows, placeInFile, type SplitInput } from "./split-input.ts";

interface Metrics {
  rows: number;
  bytes: number;
  malformed: number;
}

/** A record as text and where it begins in the text of the split, in UTF-16 units. */
export interface TextRecord {
  readonly text: string;
  readonly start: number;
}

export interface ScanSource {
  readonly kernels: Kernels;
  readonly files: ReaderContext["files"];
  readonly schema: StructType;
  readonly policy: RecordPolicy;
  readonly path: string;
  /** What ends lines; null: line feeds and carriage returns. */
  readonly separator: Uint8Array | null;
}

/** Names the place of a record that begins `bytes` behind the first line of `input`. */
const placeOf = (source: ScanSource, input: SplitInput, bytes: number): string =>
  placeInFile(source.path, input.fileOffset + bytes, source, source.separator);

export class ScanCursor implements SplitCursor {
  readonly metrics: Metrics = { rows: 0, bytes: 0, malformed: 0 };
  readonly #source: ScanSource;
  readonly #windows: LineWindows;
  readonly #scan: ScanMemory;
  readonly #nextBlock: string;
  readonly #parse: (text: string) => ParsedRecords;
  #firstWindow: (() => SplitInput | null) | null;
  #input: SplitInput = { begin: 0, end: 0, fileOffset: 0 };
  /** Bytes of the windows before the current one. */
  #bytesBefore = 0;
  #ready: number[] = [];

  /** `nextBlock` is the kernel, `parse` its plain twin; `firstWindow` reads the first window where something is to be left out of it. */
  constructor(
    source: ScanSource,
    windows: LineWindows,
    scan: ScanMemory,
    nextBlock: string,
    parse: (text: string) => ParsedRecords,
    firstWindow: (() => SplitInput | null) | null = null,
  ) {
    this.#source = source;
    this.#windows = windows;
    this.#scan = scan;
    this.#nextBlock = nextBlock;
    this.#parse = parse;
    this.#firstWindow = firstWindow;
  }

  next(): number {
    const { kernels } = this.#source;
    while (this.#ready.length === 0) {
      const block = kernels.exports[this.#nextBlock]!(this.#scan.address) >>> 0;
      if (kernels.view().getUint32(ERROR_CODE, true) !== 0) throw outOfMemory(kernels);
      if (block === 0) {
        if (!this.#nextWindow()) return 0;
        continue;
      }
      const { begin, end } = this.#input;
      this.metrics.bytes = this.#bytesBefore + Math.min(this.#scan.position, end) - begin;
      const lines = this.#scan.deferredLines();
      this.#ready = lines.length === 0 ? [block] : this.#resolve(block, lines);
    }
    const block = this.#ready.shift()!;
    this.metrics.rows += kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);
    return block;
  }

  get reusableBytes(): number {
    return this.#windows.reusableBytes;
  }

  reuse(): void {
    this.#windows.reuse();
    this.#source.kernels.exports["scan_reuse"]!(this.#scan.address);
  }

  close(): void {
    this.#ready = [];
    this.#windows.close();
  }

  #nextWindow(): boolean {
    const input = this.#firstWindow ? this.#firstWindow() : this.#windows.next();
    this.#firstWindow = null;
    if (input === null) return false;
    this.#bytesBefore += this.#input.end - this.#input.begin;
    this.#input = input;
    this.#scan.setInput(input);
    return true;
  }

  /** Parses the deferred lines, stores their rows and completes the block; more than one if a line has several rows. */
  #resolve(block: number, lines: readonly { readonly row: number; readonly begin: number; readonly end: number }[]): number[] {
    const { kernels, schema, policy } = this.#source;
    const rowCount = kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);
    let keep: Uint8Array | null = null;
    const inserted: { readonly before: number; readonly rows: readonly Value[][] }[] = [];
    let dropped = 0;
    for (const line of lines) {
      const text = decodeUtf8(kernels.bytes(), line.begin, line.end);
      const parsed = this.#parse(text);
      if (parsed.isMalformed) this.metrics.malformed++;
      const rows = applyPolicy(parsed, policy, text, () => placeOf(this.#source, this.#input, line.begin - this.#input.begin));
      if (rows.length === 1) {
        this.#scan.storeRow(schema, line.row, rows[0]!);
        continue;
      }
      keep ??= new Uint8Array(rowCount).fill(1);
      keep[line.row] = 0;
      if (rows.length > 1) inserted.push({ before: line.row - dropped, rows });
      dropped++;
    }
    let keepAddress = 0;
    if (keep !== null) {
      keepAddress = allocate(kernels, rowCount);
      kernels.bytes().set(keep, keepAddress);
    }
    const kept: number = kernels.exports["scan_block_finish"]!(this.#scan.address, block, keepAddress);
    const blocks: number[] = [];
    let from = 0;
    const slice = (to: number): void => {
      if (to > from) blocks.push(kernels.exports["scan_block_slice"]!(this.#scan.address, block, from, to - from) >>> 0);
      from = to;
    };
    if (inserted.length === 0) return kept === 0 ? [] : [block];
    for (const { before, rows } of inserted) {
      slice(before);
      for (let at = 0; at < rows.length; at += BLOCK_ROWS_MAX)
        blocks.push(rowsToBlock(kernels, schema, rows.slice(at, at + BLOCK_ROWS_MAX)));
    }
    slice(kept);
    return blocks;
  }
}

export class PlainCursor implements SplitCursor {
  readonly metrics: Metrics = { rows: 0, bytes: 0, malformed: 0 };
  readonly #source: ScanSource;
  readonly #input: SplitInput;
  readonly #text: string;
  readonly #records: Iterator<TextRecord>;
  readonly #parse: (text: string) => ParsedRecords;
  #pending: Value[][] = [];

  /** `records` are parts of `text`, which is that of `input`, the whole of the split. */
  constructor(source: ScanSource, input: SplitInput, text: string, records: Iterator<TextRecord>, parse: (text: string) => ParsedRecords) {
    this.#source = source;
    this.#input = input;
    this.#text = text;
    this.#records = records;
    this.#parse = parse;
  }

  next(): number {
    const { kernels, schema, policy } = this.#source;
    while (this.#pending.length < BLOCK_ROWS_MAX) {
      const record = this.#records.next();
      if (record.done) break;
      const { text, start } = record.value;
      const parsed = this.#parse(text);
      if (parsed.isMalformed) this.metrics.malformed++;
      const where = (): string => placeOf(this.#source, this.#input, Buffer.byteLength(this.#text.slice(0, start)));
      this.#pending.push(...applyPolicy(parsed, policy, text, where));
    }
    if (this.#pending.length === 0) {
      this.metrics.bytes = this.#input.end - this.#input.begin;
      return 0;
    }
    const rows = this.#pending.slice(0, BLOCK_ROWS_MAX);
    this.#pending = this.#pending.slice(BLOCK_ROWS_MAX);
    this.metrics.rows += rows.length;
    return rowsToBlock(kernels, schema, rows);
  }

  close(): void {
    this.#pending = [];
  }
}

/** At most BLOCK_ROWS_MAX rows as a block in the split arena. */
function rowsToBlock(kernels: Kernels, schema: StructType, rows: readonly Value[][]): number {
  const batch = encodeColumnBatch(schema, rows);
  const address = allocate(kernels, batch.length + PADDING_BYTES);
  copyBytes(kernels.bytes(), address, batch);
  return kernels.exports["batch_block"]!(address, 0) >>> 0;
}

/** The lines of a split. `separator` null: the usual terminators. */
export function* textLines(text: string, separator: string | null): Generator<TextRecord> {
  const terminator = separator === null ? /\r\n|\r|\n/g : new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "g");
  let start = 0;
  for (const match of text.matchAll(terminator)) {
    yield { text: text.slice(start, match.index), start };
    start = match.index + match[0].length;
  }
  if (start < text.length) yield { text: text.slice(start), start };
}
