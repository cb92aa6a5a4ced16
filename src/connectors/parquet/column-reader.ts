/**
 * One flat column of a row group (it may lie in structs, not in lists): pages in, columns of blocks out. In workers. Whole runs of values
 * are decoded by kernels; nothing here is per row.
 */
import { BLOCK_ROWS_MAX, DICTIONARY_ENTRIES_MAX } from "../../columnar/memory-layout.ts";
import type { BlockColumn } from "../block-memory.ts";
import type { Conversion } from "./conversions.ts";
import { damaged } from "./parquet-error.ts";
import type { LeafShape } from "./parquet-schema.ts";
import { bitsFor, type Levels, type Page, type PageReader, type SplitFile } from "./page-reader.ts";
import { openValues, type PageValues, type ValueTools } from "./page-values.ts";

const RLE = 3;

/** Rows of a block that a query keeps: a byte of 0 or 1 for each, the positions of the ones, and how many they are, at least one. */
export interface Selected {
  readonly flags: number;
  readonly positions: number;
  readonly kept: number;
}

/** Writes to `flags` a byte for each of `count` values. */
export type ValueTest = (values: number, validity: number, count: number, flags: number) => void;

export class ColumnReader {
  readonly #split: SplitFile;
  readonly #leaf: LeafShape;
  readonly #pages: PageReader;
  readonly #conversion: Conversion;
  readonly #tools: ValueTools;
  /** Of a column with a dictionary. */
  readonly #dictionary: number;
  /** A level stream's state; then the levels of a block. */
  readonly #stream: number;
  readonly #levels: number;
  #page: Page | null = null;
  #values: PageValues | null = null;
  #levelBuffer = 0;
  #dictionaryFlags = 0;
  #rowsLeft = 0;

  /** `dictionary`: a number of the row group's own (`BLOCK_COLUMN_DICTIONARY`). */
  constructor(split: SplitFile, leaf: LeafShape, pages: PageReader, conversion: Conversion, dictionary: number) {
    this.#split = split;
    this.#dictionary = dictionary;
    this.#leaf = leaf;
    this.#pages = pages;
    this.#conversion = conversion;
    this.#stream = split.pool.take(32);
    this.#levels = leaf.definition > 0 ? split.pool.take(BLOCK_ROWS_MAX) : 0;
    this.#tools = { split, leaf, conversion, state: split.pool.take(32), dictionary: null };
  }

  /** The next `rows` rows (at most BLOCK_ROWS_MAX). Buffers are retired: they stay until the pool is recycled. */
  read(rows: number): BlockColumn {
    const { kernels, pool } = this.#split;
    const { exports } = kernels;
    const { definition } = this.#leaf;
    const { width } = this.#conversion;
    const validity = definition > 0 ? pool.take(rows) : 0;
    let values = 0;
    let nulls = 0;
    let dictionary = this.#dictionary;
    for (let done = 0; done < rows;) {
      if (this.#rowsLeft === 0) this.#nextPage();
      if (!this.#isInDictionary) dictionary = 0;
      const count = Math.min(this.#rowsLeft, rows - done);
      const valid = this.#readLevels(done, count, validity + done);
      const whole = valid === rows ? this.#values!.inPlace(rows) : 0;
      if (whole !== 0) {
        if (validity !== 0) pool.retire(validity);
        this.#rowsLeft -= rows;
        return { values: whole, validity: 0 };
      }
      if (values === 0) {
        values = pool.take(width * rows);
        pool.retire(values);
      }
      const target = values + width * done;
      if (valid > 0) this.#values!.read(target, valid);
      exports["parquet_spread"]!(target, width, validity + done, count, valid);
      nulls += count - valid;
      done += count;
      this.#rowsLeft -= count;
    }
    if (validity !== 0) pool.retire(validity);
    return { values, validity: nulls > 0 ? validity : 0, dictionary };
  }

  /** Of the next `rows` rows those that are kept. The levels are those of all rows. */
  readSelected(rows: number, { flags, positions, kept }: Selected): BlockColumn {
    const { kernels, pool } = this.#split;
    const { exports } = kernels;
    const { width } = this.#conversion;
    const isNullable = this.#leaf.definition > 0;
    const [rowValidity, validity] = isNullable ? [pool.take(rows), pool.take(kept)] : [0, 0];
    let values = 0;
    let nulls = 0;
    let dictionary = this.#dictionary;
    for (let [done, written] = [0, 0]; done < rows;) {
      if (this.#rowsLeft === 0) this.#nextPage();
      if (!this.#isInDictionary) dictionary = 0;
      const count = Math.min(this.#rowsLeft, rows - done);
      const wanted = count === rows ? kept : (exports["parquet_ones"]!(flags + done, count) as number);
      const picks = { positions: positions + 2 * written, base: done, picked: wanted };
      const valid = this.#readLevels(done, count, rowValidity);
      const present = valid === count ? wanted : (exports["parquet_both"]!(flags + done, rowValidity, count) as number);
      // What is kept is all that is there, in one piece.
      const whole = valid === kept && present === kept ? this.#values!.inPlace(kept) : 0;
      if (whole !== 0) values = whole;
      else if (values === 0 && wanted > 0) {
        values = pool.take(width * kept);
        pool.retire(values);
      }
      const target = values + width * written;
      if (present === 0) this.#values!.skip(valid);
      else if (present === valid) {
        if (whole === 0) this.#values!.read(target, valid);
      } else if (valid === count) this.#values!.readPicked(target, valid, picks);
      else this.#readPickedValid(target, flags + done, rowValidity, count, valid);
      if (present < wanted) {
        if (nulls === 0) kernels.bytes().fill(1, validity, validity + kept);
        exports["parquet_take"]!(rowValidity, validity + written, 1, picks.positions, done, wanted);
        exports["parquet_spread"]!(target, width, validity + written, wanted, present);
      }
      nulls += wanted - present;
      done += count;
      written += wanted;
      this.#rowsLeft -= count;
    }
    if (isNullable) {
      pool.release(rowValidity);
      pool.retire(validity);
    }
    return { values, validity: nulls > 0 ? validity : 0, dictionary };
  }

  /**
   * Writes a byte for each of the next `rows` rows, which `test` decides by the value alone. Where values are in a dictionary it is asked
   * once for each entry.
   */
  readFlags(rows: number, flags: number, test: ValueTest): void {
    const { kernels, pool } = this.#split;
    const { exports } = kernels;
    const validity = pool.take(rows);
    for (let done = 0; done < rows;) {
      if (this.#rowsLeft === 0) this.#nextPage();
      const count = Math.min(this.#rowsLeft, rows - done);
      const target = flags + done;
      const valid = this.#readLevels(done, count, validity);
      const dictionaryFlags = this.#values!.readMapped ? this.#flagsOfDictionary(test) : 0;
      if (dictionaryFlags !== 0) {
        this.#values!.readMapped!(dictionaryFlags, target, valid);
        exports["parquet_spread"]!(target, 1, validity, count, valid);
        const isNullKept = kernels.bytes()[dictionaryFlags + this.#tools.dictionary!.size] === 1;
        if (valid < count && isNullKept) exports["parquet_flag_nulls"]!(target, validity, count);
      } else {
        const { width } = this.#conversion;
        const values = pool.take(width * count);
        if (valid > 0) this.#values!.read(values, valid);
        exports["parquet_spread"]!(values, width, validity, count, valid);
        test(values, valid < count ? validity : 0, count, target);
        pool.release(values);
      }
      done += count;
      this.#rowsLeft -= count;
    }
    pool.release(validity);
  }

  /** What `test` says of each entry of the dictionary and, behind them, of null; 0 if there are too many. */
  #flagsOfDictionary(test: ValueTest): number {
    const { values, size } = this.#tools.dictionary!;
    if (this.#dictionaryFlags !== 0 || size >= BLOCK_ROWS_MAX) return this.#dictionaryFlags;
    const { kernels, pool } = this.#split;
    const validity = pool.take(size + 1);
    this.#dictionaryFlags = pool.take(size + 1);
    const bytes = kernels.bytes();
    bytes.fill(1, validity, validity + size);
    bytes[validity + size] = 0;
    // The padding of the dictionary has room for the value of null rows.
    const end = values + this.#conversion.width * size;
    bytes.fill(0, end, end + this.#conversion.width);
    test(values, validity, size + 1, this.#dictionaryFlags);
    pool.release(validity);
    return this.#dictionaryFlags;
  }

  /** Of `count` rows, of which `valid` have values, the values of those that are flagged. */
  #readPickedValid(target: number, flags: number, rowValidity: number, count: number, valid: number): void {
    const { kernels, pool } = this.#split;
    const { exports } = kernels;
    const [positions, valueFlags] = [pool.take(2 * count), pool.take(valid)];
    exports["parquet_positions"]!(rowValidity, count, positions, 0);
    exports["parquet_take"]!(flags, valueFlags, 1, positions, 0, valid);
    const picked = exports["parquet_positions"]!(valueFlags, valid, positions, 0) as number;
    this.#values!.readPicked(target, valid, { positions, base: 0, picked });
    pool.release(positions);
    pool.release(valueFlags);
  }

  /** Reads the levels of `count` rows, `done` behind the first of the block, and writes their validity. Returns how many are valid. */
  #readLevels(done: number, count: number, validity: number): number {
    const { exports } = this.#split.kernels;
    const { definition } = this.#leaf;
    if (definition === 0) return count;
    const levels = this.#levels + done;
    if (exports["parquet_stream_bytes"]!(this.#stream, levels, count) === 0) throw this.#damaged("its definition levels are damaged");
    const valid = exports["parquet_validity"]!(levels, definition, definition, validity, count) >>> 0;
    if (valid > count) throw this.#damaged("a definition level is too high");
    return valid;
  }

  /** Passes over the next `rows` rows. */
  skip(rows: number): void {
    for (let left = rows; left > 0;) {
      if (this.#rowsLeft === 0) {
        left -= this.#pages.passOver(left);
        if (left === 0) return;
        this.#nextPage();
      }
      if (this.#rowsLeft <= left) {
        left -= this.#rowsLeft;
        this.#rowsLeft = 0;
        continue;
      }
      const count = Math.min(left, BLOCK_ROWS_MAX);
      const { pool } = this.#split;
      const validity = pool.take(count);
      this.#values!.skip(this.#readLevels(0, count, validity));
      pool.release(validity);
      this.#rowsLeft -= count;
      left -= count;
    }
  }

  /** Validity of a struct around the column, for the rows of the last `read`; 0 if none is null. */
  structValidity(definition: number, rows: number): number {
    if (definition === 0) return 0;
    const { kernels, pool } = this.#split;
    const validity = pool.take(rows);
    pool.retire(validity);
    const valid = kernels.exports["parquet_validity"]!(this.#levels, definition, this.#leaf.definition, validity, rows) >>> 0;
    return valid === rows ? 0 : validity;
  }

  /** Whether the page's values are entries of a dictionary that rows are likely to share. */
  get #isInDictionary(): boolean {
    return this.#values!.readMapped !== undefined && this.#tools.dictionary!.size <= DICTIONARY_ENTRIES_MAX;
  }

  #nextPage(): void {
    this.#retirePage();
    for (;;) {
      const page = this.#pages.next();
      if (page === null) throw this.#damaged("the column ends before the row group does");
      this.#page = page;
      const values = openValues(this.#tools, page, this.#pages.pagePlace());
      if (values === null) continue;
      this.#values = values;
      if (page.definition)
        this.#levelBuffer = openLevels(this.#split, this.#stream, page.definition, this.#leaf.definition, page.valueCount);
      this.#rowsLeft = page.valueCount;
      return;
    }
  }

  #retirePage(): void {
    const { pool } = this.#split;
    const buffer = this.#page?.buffer ?? null;
    if (buffer !== null) pool.retire(buffer);
    if (this.#levelBuffer !== 0) pool.release(this.#levelBuffer);
    this.#levelBuffer = 0;
    this.#values?.close();
    this.#page = null;
    this.#values = null;
  }

  close(): void {
    this.#retirePage();
    this.#pages.close();
    const { pool } = this.#split;
    const { dictionary, state } = this.#tools;
    dictionary?.buffers.forEach((buffer) => pool.retire(buffer));
    pool.release(this.#stream);
    pool.release(state);
    if (this.#levels !== 0) pool.release(this.#levels);
    if (this.#dictionaryFlags !== 0) pool.release(this.#dictionaryFlags);
  }

  #damaged(reason: string): Error {
    return damaged(this.#pages.pagePlace(), reason);
  }
}

/** The rows of a column that are kept, in its own buffers. */
export function narrowed({ kernels }: SplitFile, column: BlockColumn, width: number, selected: Selected): BlockColumn {
  const { values, validity } = column;
  const { exports } = kernels;
  const { positions, kept } = selected;
  if (values !== 0) exports["parquet_take"]!(values, values, width, positions, 0, kept);
  if (validity === 0) return column;
  exports["parquet_take"]!(validity, validity, 1, positions, 0, kept);
  return { ...column, validity: exports["parquet_ones"]!(validity, kept) === kept ? 0 : validity };
}

/** Makes the stream at `stream` give the levels of a page. Returns a buffer that must stay as long as the page, or 0. */
export function openLevels({ kernels, pool }: SplitFile, stream: number, levels: Levels, most: number, count: number): number {
  const { exports } = kernels;
  if (levels.encoding === RLE) {
    exports["parquet_stream"]!(stream, levels.begin, levels.end, bitsFor(most));
    return 0;
  }
  const bytes = pool.take(count);
  exports["parquet_old_levels"]!(levels.begin, bitsFor(most), bytes, count);
  exports["parquet_stream_of_bytes"]!(stream, bytes, count);
  return bytes;
}
