/**
 * Reads Parquet files into blocks, in workers. A split owns the row groups that begin in its range of bytes; of these only the column
 * chunks are read that the query looks at. Pages are decoded by kernels in the worker's memory.
 */
import { ConnectorError, MillraceError } from "../../base/errors.ts";
import { BLOCK_ROW_COUNT, BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import { type DataType, leafCount, physicalWidthBytes, simpleString, type StructField } from "../../columnar/types.ts";
import { getColumn, newBlock, newDictionary, setColumn } from "../block-memory.ts";
import { fileUri } from "../file/file-listing.ts";
import type { ReaderContext, RowSelection, RowTest, Split, SplitCursor, SplitReader } from "../source.ts";
import { BufferPool } from "../buffer-pool.ts";
import { ColumnReader, narrowed, type Selected } from "./column-reader.ts";
import { asStored, type Conversion, conversion } from "./conversions.ts";
import { type ParquetFooter, readFooter, type RowGroup } from "./footer.ts";
import { type RowRange, rowRanges } from "./page-index.ts";
import { damaged } from "./parquet-error.ts";
import { PageReader, type SplitFile } from "./page-reader.ts";
import { childShapes, fileShape, type LeafShape, parquetType, type Shape, sparkType, type StructShape } from "./parquet-schema.ts";
import { ListReader } from "./record-assembly.ts";
import { type ColumnPredicate, mayHoldRows } from "./statistics.ts";

export const parquetReader: SplitReader = {
  name: "parquet",
  open: (split, context) => new ParquetCursor(split, context),
};

/** What becomes of a column of the block; `leaf` is its index there. */
type ColumnPlan =
  | { readonly kind: "missing"; readonly leaf: number }
  | { readonly kind: "flat"; readonly leaf: number; readonly shape: LeafShape; readonly conversion: Conversion }
  | { readonly kind: "list"; readonly leaf: number; readonly shape: Shape }
  | {
      readonly kind: "struct";
      readonly leaf: number;
      readonly definition: number;
      readonly fields: readonly ColumnPlan[];
      /** A column that is read for the struct's validity only, where no field is read. */
      readonly witness: ColumnPlan | null;
    };

/** A condition of the filter with the columns that are loaded for it. */
interface Test {
  readonly rows: RowTest;
  readonly plans: ReadonlySet<ColumnPlan>;
  /** The one column that it looks at, if nothing else does and it may be asked about each entry of a dictionary. */
  readonly only: ColumnPlan | null;
}

/** Which columns `#load` decodes: all of them, those that a test looks at, or those that none does in the rows that are kept. */
type Pass =
  | { readonly kind: "all" }
  | { readonly kind: "tested"; readonly plans: ReadonlySet<ColumnPlan> }
  /** Null: it keeps all. */
  | { readonly kind: "others"; readonly selected: Selected | null };

class ParquetCursor implements SplitCursor {
  readonly metrics = { rows: 0, bytes: 0, malformed: 0, skipped: 0 };
  readonly #context: ReaderContext;
  readonly #split: SplitFile;
  readonly #plans: readonly ColumnPlan[];
  readonly #rowGroups: readonly RowGroup[];
  /** Readers of the row group at hand by their plan. */
  readonly #readers = new Map<ColumnPlan, ColumnReader | ListReader>();
  readonly #tests: readonly Test[];
  /** Plans that are loaded before the filter. */
  readonly #tested: ReadonlySet<ColumnPlan>;
  /** Values and validity of columns that the file does not have. */
  #zeros = 0;
  readonly #predicates: readonly ColumnPredicate[];
  #nextGroup = 0;
  /** Rows of the row group at hand that are still to be read, and the row where its readers stand. */
  #ranges: RowRange[] = [];
  #row = 0;

  constructor(split: Split, context: ReaderContext) {
    const path = split["path"] as string;
    const file = context.files.openReadSync(path);
    this.#context = context;
    this.#split = { path, file, kernels: context.kernels, pool: new BufferPool(context.kernels) };
    try {
      const footer = readFooter(file, path);
      const shape = fileShape(footer, path);
      this.#plans = planColumns(shape, context, path);
      this.#tests = context.selection ? testsOf(this.#plans, context.selection) : [];
      this.#tested = new Set(this.#tests.flatMap(({ plans }) => [...plans]));
      this.#predicates = columnPredicates(shape, context);
      const own = ownRowGroups(footer, split["start"] as number, split["length"] as number);
      this.#rowGroups = own.filter((group) => mayHoldRows(group, this.#predicates));
      this.metrics.skipped = rowsOf(own) - rowsOf(this.#rowGroups);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  next(): number {
    try {
      while (this.#ranges.length === 0) {
        const group = this.#rowGroups[this.#nextGroup++];
        if (group === undefined) return 0;
        this.#openGroup(group);
      }
      return this.#nextBlock();
    } catch (error) {
      if (error instanceof MillraceError) throw error;
      const { path } = this.#split;
      throw new ConnectorError("FAILED_READ_FILE.NO_HINT", { path: fileUri(path), reason: (error as Error).message }, { cause: error });
    }
  }

  get reusableBytes(): number {
    return this.#split.pool.retiredBytes;
  }

  reuse(): void {
    this.#split.pool.recycle();
  }

  close(): void {
    this.#split.file.close();
  }

  #openGroup(group: RowGroup): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
    const { file, path } = this.#split;
    this.#ranges = [...rowRanges(file, path, group, this.#predicates)].filter(({ from, to }) => from < to);
    this.#row = 0;
    this.metrics.skipped += this.#ranges.reduce((rows, { from, to }) => rows - (to - from), group.rowCount);
    if (this.#ranges.length === 0) return;
    const pages = (leaf: LeafShape): PageReader => {
      const chunk = group.columns[leaf.column]!;
      this.metrics.bytes += chunk.length;
      if (leaf.repetition === 0 && !chunk.isEncrypted && chunk.valueCount !== group.rowCount) {
        const place = { path: this.#split.path, column: leaf.path, rowGroup: group.index, offset: chunk.offset };
        throw damaged(place, `the column has ${chunk.valueCount} values, and the row group ${group.rowCount} rows`);
      }
      return new PageReader(this.#split, leaf, chunk, group.index);
    };
    const dictionary = newDictionary(this.#context.kernels);
    const open = (plan: ColumnPlan): void => {
      if (plan.kind === "flat")
        this.#readers.set(plan, new ColumnReader(this.#split, plan.shape, pages(plan.shape), plan.conversion, dictionary));
      else if (plan.kind === "list") this.#readers.set(plan, new ListReader(this.#split, plan.shape, pages));
      else if (plan.kind === "struct") [...plan.fields, ...(plan.witness ? [plan.witness] : [])].forEach(open);
    };
    this.#plans.forEach(open);
  }

  #nextBlock(): number {
    const { kernels, leaves } = this.#context;
    const { from, to } = this.#ranges[0]!;
    if (from > this.#row) for (const reader of this.#readers.values()) reader.skip(from - this.#row);
    const rows = Math.min(to - from, BLOCK_ROWS_MAX);
    const block = newBlock(kernels, leaves.length, rows);
    if (this.#context.selection) this.#loadSelected(block, rows, this.#context.selection);
    else for (const plan of this.#plans) this.#load(plan, block, rows, { kind: "all" });
    this.#row = from + rows;
    if (this.#row === to) this.#ranges.shift();
    else this.#ranges[0] = { from: this.#row, to };
    this.metrics.rows += rows;
    return block;
  }

  /** The columns that the filter looks at, then, in the rows that it keeps, the others. A block may be left without rows. */
  #loadSelected(block: number, rows: number, { kept: wanted, count }: RowSelection): void {
    const { kernels, leaves } = this.#context;
    const { pool } = this.#split;
    const [flags, more, positions] = [pool.take(rows), pool.take(rows), pool.take(2 * rows)];
    this.#tests.forEach((test, index) => {
      this.#runTest(test, block, rows, index === 0 ? flags : more);
      if (index > 0) kernels.exports["parquet_and"]!(flags, more, rows);
    });
    const kept = kernels.exports["parquet_positions"]!(flags, rows, positions, 0) as number;
    count(kept);
    const selected = kept === rows ? null : { flags, positions, kept };
    for (const { kind, leaf } of this.#tested) {
      if (leaf < 0) continue;
      if (!wanted[leaf]) setColumn(kernels, block, leaf, 0, 0);
      else if (selected && kind !== "missing") {
        const width = physicalWidthBytes[leaves[leaf]!.physical];
        const { values, validity, dictionary } = narrowed(this.#split, getColumn(kernels, block, leaf), width, selected);
        setColumn(kernels, block, leaf, values, validity, dictionary);
      }
    }
    if (kept > 0) for (const plan of this.#plans) this.#load(plan, block, rows, { kind: "others", selected });
    else for (const [plan, reader] of this.#readers) if (!this.#tested.has(plan)) reader.skip(rows);
    for (const buffer of [flags, more, positions]) pool.release(buffer);
    kernels.view().setUint32(block + BLOCK_ROW_COUNT, kept, true);
  }

  #runTest({ rows: test, plans, only }: Test, block: number, rows: number, flags: number): void {
    const { kernels, leaves } = this.#context;
    if (only) {
      (this.#readers.get(only) as ColumnReader).readFlags(rows, flags, (values, validity, count, target) => {
        const some = newBlock(kernels, leaves.length, count);
        setColumn(kernels, some, only.leaf, values, validity);
        test.select(some, target);
      });
      return;
    }
    for (const plan of this.#plans) this.#load(plan, block, rows, { kind: "tested", plans });
    test.select(block, flags);
  }

  /** Fills one column if the pass wants it; returns a reader that knows the levels of these rows, if there is one. */
  #load(plan: ColumnPlan, block: number, rows: number, pass: Pass): ColumnReader | ListReader | null {
    const { kernels } = this.#context;
    const isWanted = pass.kind === "all" || (pass.kind === "tested" ? pass.plans.has(plan) : !this.#tested.has(plan));
    const selected = pass.kind === "others" ? pass.selected : null;
    switch (plan.kind) {
      case "missing":
        if (isWanted) setColumn(kernels, block, plan.leaf, this.#nulls(), this.#nulls());
        return null;
      case "flat":
      case "list": {
        const reader = this.#readers.get(plan)!;
        // What is not among the others has been tested: it has read these rows.
        if (!isWanted) return pass.kind === "others" ? reader : null;
        const { values, validity, dictionary } = selected ? reader.readSelected(rows, selected) : reader.read(rows);
        if (plan.leaf >= 0) setColumn(kernels, block, plan.leaf, values, validity, dictionary);
        return reader;
      }
      case "struct": {
        const readers = [...plan.fields, ...(plan.witness ? [plan.witness] : [])].map((field) => this.#load(field, block, rows, pass));
        const witness = readers.find((reader) => reader !== null) ?? null;
        if (!isWanted) return witness;
        const validity = witness === null ? this.#nulls() : witness.structValidity(plan.definition, rows);
        const column = { values: 0, validity };
        setColumn(kernels, block, plan.leaf, 0, (selected ? narrowed(this.#split, column, 0, selected) : column).validity);
        return witness;
      }
    }
  }

  #nulls(): number {
    if (this.#zeros === 0) {
      const bytes = 8 * BLOCK_ROWS_MAX;
      this.#zeros = this.#split.pool.take(bytes);
      this.#context.kernels.bytes().fill(0, this.#zeros, this.#zeros + bytes);
    }
    return this.#zeros;
  }
}

/** Row groups whose first byte is in the range. */
function ownRowGroups({ rowGroups }: ParquetFooter, start: number, length: number): readonly RowGroup[] {
  return rowGroups.filter(({ columns }) => {
    const first = columns.reduce((least, chunk) => Math.min(least, chunk.offset), columns[0]?.offset ?? 0);
    return first >= start && first < start + length;
  });
}

const rowsOf = (groups: readonly RowGroup[]): number => groups.reduce((sum, { rowCount }) => sum + rowCount, 0);

/** By name, whatever the case. */
const named = (shapes: readonly Shape[], name: string): Shape | undefined =>
  shapes.find((shape) => shape.name === name) ?? shapes.find((shape) => shape.name.toLowerCase() === name.toLowerCase());

/** The predicates on flat columns of the file. */
function columnPredicates(root: StructShape, { schema, predicates }: ReaderContext): readonly ColumnPredicate[] {
  return predicates.flatMap((predicate) => {
    const type = schema.fields.find((field) => field.name === predicate.column)?.dataType;
    const leaf = named(root.fields, predicate.column);
    return type !== undefined && leaf?.kind === "leaf" && conversion(leaf, type) !== null ? [{ leaf, type, predicate }] : [];
  });
}

/** One plan for each column that is needed; columns that the file does not have are null. */
function planColumns(root: StructShape, context: ReaderContext, path: string): readonly ColumnPlan[] {
  const { schema, selection } = context;
  // Of a source that several pipelines share each needs its own columns.
  const needed = selection
    ? selection.kept.map((isKept, leaf) => isKept || selection.tests.some(({ tested }) => tested[leaf]))
    : context.needed;
  let next = 0;
  const plan = (field: StructField, shape: Shape | undefined, column: string): ColumnPlan | null => {
    const leaf = next;
    const count = leafCount(field.dataType);
    if (!needed.slice(leaf, leaf + count).includes(true)) {
      next += count;
      return shape === undefined ? { kind: "missing", leaf } : null;
    }
    next++;
    const { dataType } = field;
    const isMissing = shape === undefined || dataType.kind === "void";
    if (dataType.kind !== "struct") return isMissing ? { kind: "missing", leaf } : planValues(dataType, shape, leaf, column);
    if (!isMissing && shape.kind !== "struct") throw mismatch(dataType, shape, column);
    const fields = dataType.fields.flatMap((child) => {
      const found = plan(child, shape && named((shape as StructShape).fields, child.name), `${column}.${child.name}`);
      return found ? [found] : [];
    });
    const isWitnessed = shape === undefined || fields.some((child) => isRead(child));
    return {
      kind: "struct",
      leaf,
      definition: (shape as StructShape | undefined)?.definition ?? 0,
      fields,
      witness: isWitnessed ? null : firstColumn(shape),
    };
  };
  const planValues = (type: DataType, shape: Shape, leaf: number, column: string): ColumnPlan => {
    if (shape.kind === "leaf" && shape.repetition === 0) {
      const found = conversion(shape, type);
      if (found) return { kind: "flat", leaf, shape, conversion: found };
    } else if (shape.kind !== "struct" && simpleString(sparkType(shape)) === simpleString(type)) return { kind: "list", leaf, shape };
    throw mismatch(type, shape, column);
  };
  const mismatch = (type: DataType, shape: Shape, column: string): ConnectorError =>
    new ConnectorError("FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH", {
      path: fileUri(path),
      column: `[${column}]`,
      expectedType: simpleString(type),
      actualType: parquetType(shape),
    });
  return schema.fields.flatMap((field) => {
    const found = plan(field, named(root.fields, field.name), field.name);
    return found ? [found] : [];
  });
}

function testsOf(plans: readonly ColumnPlan[], { tests, kept, isSafe }: RowSelection): readonly Test[] {
  return tests.map((rows) => {
    const tested = testedPlans(plans, rows.tested);
    const [first, ...more] = tested;
    const isAlone = isSafe && more.length === 0 && first?.kind === "flat" && !kept[first.leaf];
    return { rows, plans: tested, only: isAlone ? first : null };
  });
}

/** Plans of tested columns; where only the validity of a struct is tested, also of a column below it that knows it. */
function testedPlans(plans: readonly ColumnPlan[], tested: readonly boolean[]): ReadonlySet<ColumnPlan> {
  const found = new Set<ColumnPlan>();
  const below = (plan: ColumnPlan): readonly ColumnPlan[] =>
    plan.kind === "struct" ? [...plan.fields, ...(plan.witness ? [plan.witness] : [])] : [];
  /** Both return whether a column of the file is among the plans found. */
  const addFirst = (plan: ColumnPlan): boolean => {
    if (plan.kind === "struct") return below(plan).some(addFirst);
    if (plan.kind !== "missing") found.add(plan);
    return plan.kind !== "missing";
  };
  const add = (plan: ColumnPlan): boolean => {
    const isKnown = below(plan).map(add).includes(true);
    if (!tested[plan.leaf]) return isKnown;
    found.add(plan);
    return plan.kind === "struct" ? isKnown || addFirst(plan) : plan.kind !== "missing";
  };
  plans.forEach(add);
  return found;
}

const isRead = (plan: ColumnPlan): boolean =>
  plan.kind === "struct" ? plan.witness !== null || plan.fields.some(isRead) : plan.kind !== "missing";

/** The first column below a struct, values as they are. */
function firstColumn(shape: Shape): ColumnPlan {
  if (shape.kind === "struct") return firstColumn(childShapes(shape)[0]!);
  if (shape.kind !== "leaf") return { kind: "list", leaf: -1, shape };
  return { kind: "flat", leaf: -1, shape, conversion: asStored(shape) };
}
