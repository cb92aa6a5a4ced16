/**
 * Lists and maps: values are put together from levels one by one, the plain path, as the engine has no columns for them. In workers.
 */
import { assert } from "../../base/assert.ts";
import { variableBytes } from "../../columnar/list-encoding.ts";
import { BlockReader } from "../../columnar/block-values.ts";
import { PADDING_BYTES } from "../../columnar/memory-layout.ts";
import { structField, structType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { type BlockColumn, newBlock, setColumn } from "../block-memory.ts";
import { narrowed, openLevels, type Selected } from "./column-reader.ts";
import { asStored, conversion, type Conversion } from "./conversions.ts";
import { damaged } from "./parquet-error.ts";
import { childShapes, type LeafShape, type Shape, sparkType } from "./parquet-schema.ts";
import type { Page, PageReader, SplitFile } from "./page-reader.ts";
import { openValues, type PageValues, type ValueTools } from "./page-values.ts";

const VIEW_BYTES = 8;

/** One list or map column of a row group, with all leaves below it. */
export class ListReader {
  readonly #split: SplitFile;
  readonly #shape: Shape;
  readonly #type: DataType;
  /** The cursors below each part of the shape. */
  readonly #cursors = new Map<Shape, readonly LeafCursor[]>();
  /** Definition level of each row of the last block. */
  #levels = 0;

  constructor(split: SplitFile, shape: Shape, pages: (leaf: LeafShape) => PageReader) {
    this.#split = split;
    this.#shape = shape;
    this.#type = sparkType(shape);
    const open = (at: Shape): readonly LeafCursor[] => {
      const cursors = at.kind === "leaf" ? [new LeafCursor(split, at, pages(at))] : childShapes(at).flatMap(open);
      this.#cursors.set(at, cursors);
      return cursors;
    };
    open(shape);
  }

  /** The next `rows` rows as views on encoded lists. */
  read(rows: number): BlockColumn {
    const { kernels, pool } = this.#split;
    const first = this.#cursors.get(this.#shape)![0]!;
    const definitions: number[] = [];
    const values = Array.from({ length: rows }, () => {
      definitions.push(first.startOfRow());
      return this.#value(this.#shape);
    });
    const parts = values.map((value) => (value === null ? null : variableBytes(this.#type, value)));
    let total = 0;
    const starts = parts.map((part) => {
      const start = total;
      // Encoded lists are read in 8-byte words.
      total += part === null ? 0 : Math.ceil(part.length / 8) * 8;
      return start;
    });
    const [bytes, views, validity, levels] = [pool.take(total + PADDING_BYTES), pool.take(8 * rows), pool.take(rows), pool.take(rows)];
    for (const buffer of [bytes, views, validity, levels]) pool.retire(buffer);
    const [memory, view] = [kernels.bytes(), kernels.view()];
    memory.set(definitions, levels);
    this.#levels = levels;
    parts.forEach((part, row) => {
      memory[validity + row] = part === null ? 0 : 1;
      view.setUint32(views + 8 * row, part === null ? 0 : bytes + starts[row]!, true);
      view.setUint32(views + 8 * row + 4, part?.length ?? 0, true);
      if (part) memory.set(part, bytes + starts[row]!);
    });
    return { values: views, validity };
  }

  /** As `ColumnReader.readSelected`. */
  readSelected(rows: number, selected: Selected): BlockColumn {
    return narrowed(this.#split, this.read(rows), VIEW_BYTES, selected);
  }

  /** The value that begins at the cursors. Everything around it is known to be there. */
  #value(shape: Shape): Value {
    const first = this.#cursors.get(shape)![0]!;
    if (shape.kind === "leaf") return first.take(first.definition === shape.definition);
    if (first.definition < shape.definition) {
      this.#skip(shape);
      return null;
    }
    if (shape.kind === "struct") return shape.fields.map((field) => this.#value(field));
    assert(shape.kind !== "unknown", "a list without the parts of one has no type");
    const values: Value[] = [];
    if (first.definition < shape.elementDefinition) {
      this.#skip(shape);
      return values;
    }
    do values.push(shape.kind === "list" ? this.#value(shape.element) : [this.#value(shape.key), this.#value(shape.value)]);
    while (first.continues(shape.elementRepetition));
    return values;
  }

  #skip(shape: Shape): void {
    for (const cursor of this.#cursors.get(shape)!) cursor.take(false);
  }

  /** As `ColumnReader.skip`. */
  skip(rows: number): void {
    for (const cursor of this.#cursors.get(this.#shape)!) for (let row = 0; row < rows; row++) cursor.skipRow();
  }

  /** As `ColumnReader.structValidity`. */
  structValidity(definition: number, rows: number): number {
    const { kernels, pool } = this.#split;
    const validity = pool.take(rows);
    pool.retire(validity);
    const valid = kernels.exports["parquet_validity"]!(this.#levels, definition, 255, validity, rows) >>> 0;
    return valid === rows ? 0 : validity;
  }

  close(): void {
    for (const cursor of this.#cursors.get(this.#shape)!) cursor.close();
  }
}

/** Levels and values of one leaf, page by page. */
class LeafCursor {
  readonly #split: SplitFile;
  readonly #leaf: LeafShape;
  readonly #pages: PageReader;
  readonly #type: DataType;
  readonly #conversion: Conversion;
  readonly #tools: ValueTools;
  readonly #stream: number;
  #repetitions: Uint8Array = new Uint8Array(0);
  #definitions: Uint8Array = new Uint8Array(0);
  #values: BlockReader | null = null;
  /** Of the page at hand. */
  #buffers: number[] = [];
  #opened: PageValues | null = null;
  #entry = 0;
  #nextValue = 0;
  #isAtEnd = false;

  constructor(split: SplitFile, leaf: LeafShape, pages: PageReader) {
    this.#split = split;
    this.#leaf = leaf;
    this.#pages = pages;
    this.#type = sparkType(leaf);
    const found = conversion(leaf, this.#type);
    // A void column has no values to convert.
    this.#conversion = found ?? asStored(leaf);
    this.#stream = split.pool.take(32);
    this.#tools = { split, leaf, conversion: this.#conversion, state: split.pool.take(32), dictionary: null };
  }

  /** The definition level of the entry at hand, which begins a row. */
  startOfRow(): number {
    const { definition } = this;
    if (this.#repetitions[this.#entry] !== 0) throw damaged(this.#pages.pagePlace(), "a row does not begin with repetition level 0");
    return definition;
  }

  /** Of the entry at hand. */
  get definition(): number {
    if (!this.#fill()) throw damaged(this.#pages.place(), "the column ends before the row group does");
    return this.#definitions[this.#entry]!;
  }

  /** Whether the entry at hand goes on with a list at this level. */
  continues(repetition: number): boolean {
    return this.#fill() && this.#repetitions[this.#entry] === repetition;
  }

  /** Moves on; the entry's value, if it has one. */
  take(hasValue: boolean): Value {
    if (!this.#fill()) throw damaged(this.#pages.place(), "the column ends before the row group does");
    this.#entry++;
    return hasValue && this.#type.kind !== "void" ? this.#values!.value(0, this.#nextValue++) : null;
  }

  /** Passes over all entries of a row, and their values. */
  skipRow(): void {
    this.startOfRow();
    do {
      if (this.definition === this.#leaf.definition) this.#nextValue++;
      this.#entry++;
    } while (this.#fill() && this.#repetitions[this.#entry] !== 0);
  }

  /** Loads the next page if this one is used up; false at the end of the column. */
  #fill(): boolean {
    while (this.#entry === this.#definitions.length && !this.#isAtEnd) {
      const page = this.#pages.next();
      if (page === null) this.#isAtEnd = true;
      else this.#load(page);
    }
    return !this.#isAtEnd;
  }

  #load(page: Page): void {
    const { pool, kernels } = this.#split;
    this.#retirePage();
    if (page.buffer !== null && !page.isDictionary) this.#buffers.push(page.buffer);
    const place = this.#pages.pagePlace();
    const opened = openValues(this.#tools, page, place);
    if (opened === null) return;
    this.#repetitions = this.#levels(page, "repetition");
    this.#definitions = this.#levels(page, "definition");
    this.#entry = 0;
    this.#nextValue = 0;
    const count = this.#definitions.reduce((sum, level) => sum + (level === this.#leaf.definition ? 1 : 0), 0);
    const values = pool.take(this.#conversion.width * count);
    if (count > 0) opened.read(values, count);
    const block = newBlock(kernels, 1, count);
    setColumn(kernels, block, 0, values, 0);
    this.#values = new BlockReader(kernels, block, structType([structField("value", this.#type)]));
    this.#buffers.push(values);
    this.#opened = opened;
  }

  #retirePage(): void {
    for (const buffer of this.#buffers) this.#split.pool.retire(buffer);
    this.#buffers = [];
    this.#opened?.close();
    this.#opened = null;
  }

  #levels(page: Page, kind: "definition" | "repetition"): Uint8Array {
    const { pool, kernels } = this.#split;
    const levels = page[kind];
    const most = this.#leaf[kind];
    if (levels === null) return new Uint8Array(page.valueCount);
    const buffer = openLevels(this.#split, this.#stream, levels, most, page.valueCount);
    const target = pool.take(page.valueCount);
    const isWhole = kernels.exports["parquet_stream_bytes"]!(this.#stream, target, page.valueCount) !== 0;
    const copy = Uint8Array.from(kernels.bytes().subarray(target, target + page.valueCount));
    pool.release(target);
    if (buffer !== 0) pool.release(buffer);
    if (!isWhole || copy.some((level) => level > most)) throw damaged(this.#pages.pagePlace(), `its ${kind} levels are damaged`);
    return copy;
  }

  close(): void {
    this.#retirePage();
    this.#pages.close();
    this.#tools.dictionary?.buffers.forEach((buffer) => this.#split.pool.retire(buffer));
    this.#split.pool.release(this.#stream);
    this.#split.pool.release(this.#tools.state);
  }
}
