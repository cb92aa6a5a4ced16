/**
 * One flat column of a row group (it may lie in structs, not in lists): pages in, columns of blocks out. In workers. Whole runs of values
 * are decoded by kernels; nothing here is per row.
 */
import { BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import type { BlockColumn } from "../block-memory.ts";
import type { Conversion } from "./conversions.ts";
import { damaged } from "./parquet-error.ts";
import type { LeafShape } from "./parquet-schema.ts";
import { bitsFor, type Levels, type Page, type PageReader, type SplitFile } from "./page-reader.ts";
import { openValues, type PageValues, type ValueTools } from "./page-values.ts";

const RLE = 3;

export class ColumnReader {
  readonly #split: SplitFile;
  readonly #leaf: LeafShape;
  readonly #pages: PageReader;
  readonly #conversion: Conversion;
  readonly #tools: ValueTools;
  /** A level stream's state; then the levels of a block. */
  readonly #stream: number;
  readonly #levels: number;
  #page: Page | null = null;
  #values: PageValues | null = null;
  #levelBuffer = 0;
  #rowsLeft = 0;

  constructor(split: SplitFile, leaf: LeafShape, pages: PageReader, conversion: Conversion) {
    this.#split = split;
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
    for (let done = 0; done < rows;) {
      if (this.#rowsLeft === 0) this.#nextPage();
      const count = Math.min(this.#rowsLeft, rows - done);
      let valid = count;
      if (definition > 0) {
        const levels = this.#levels + done;
        if (exports["parquet_stream_bytes"]!(this.#stream, levels, count) === 0) throw this.#damaged("its definition levels are damaged");
        valid = exports["parquet_validity"]!(levels, definition, definition, validity + done, count) >>> 0;
        if (valid > count) throw this.#damaged("a definition level is too high");
      }
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
    return { values, validity: nulls > 0 ? validity : 0 };
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
      this.read(count);
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
  }

  #damaged(reason: string): Error {
    return damaged(this.#pages.pagePlace(), reason);
  }
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
