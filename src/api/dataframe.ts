/**
 * `DataFrame`: a description of rows. Each method wraps one logical node and returns a new frame; nothing is read, resolved or checked
 * before a method that returns a Promise is called. Session's thread.
 */
import type { Table } from "apache-arrow";
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import { columnBatchSlices, decodeColumnBatch } from "../columnar/column-batch.ts";
import { simpleString, type StructType } from "../columnar/types.ts";
import { alias, schemaOf, unresolvedAttribute, type Expression, type SortOrder } from "../plan/expr/expression.ts";
import { intervalMicros, parseInterval } from "../plan/expr/interval.ts";
import type { LogicalPlan, SetOperation } from "../plan/logical/nodes.ts";
import { parseAttributeName } from "../sql/attribute-name.ts";
import { treeString } from "../sql/parser.ts";
import { Column, notYet } from "./column.ts";
import { overRow, rowMapper } from "./row-functions.ts";
import { DataFrameWriter } from "./data-frame-writer.ts";
import { DataStreamWriter } from "./data-stream-writer.ts";
import type { AnalyzedFrame, ExplainMode } from "./executor.ts";
import { columnExpression, ownExpression } from "./functions/builders.ts";
import { GroupedData } from "./grouped-data.ts";
import { joinType } from "./join-type.ts";
import { rowDecoder } from "../columnar/row.ts";
import type { SessionState } from "./session-state.ts";
import { showTable, showVertical } from "../connectors/console/show-table.ts";
import type {
  RowInput,
  RowOf,
  Aggregated,
  AnyColumn,
  ColumnOf,
  ColumnOrName,
  ColumnPath,
  Dropped,
  Joined,
  JoinName,
  NameOf,
  Ref,
  Renamed,
  Row,
  Selectable,
  Selected,
  UsesOf,
  WithColumn,
  WithColumns,
} from "./typed.ts";

/**
 * A query that has not run: batch or stream, as its sources are. Every method makes a new frame; those that give a Promise run it
 * (`collect`, `count`, `show` …, batch only). `R` is the type of a row, known where schemas are literal DDL texts.
 */
export class DataFrame<R = Row> {
  declare readonly rowType?: R;
  readonly session: SessionState;
  readonly plan: LogicalPlan;

  /** Frames come from a session or from other frames. */
  constructor(session: SessionState, plan: LogicalPlan) {
    this.session = session;
    this.plan = Object.freeze({ ...plan, planId: session.nextPlanId() });
  }

  /** The column of this frame, also where another frame of a join has one of the same name. */
  col<const N extends ColumnPath<R>>(name: N): Column<NameOf<N>, Ref<N>, UsesOf<N>> {
    const expression = columnExpression(name);
    return new Column(
      expression.kind === "unresolved_attribute" ? Object.freeze({ ...expression, planId: this.plan.planId! }) : expression,
    );
  }

  // Columns.

  /** Columns by name or expression, in order; `"*"` stands for all. */
  select<const C extends readonly Selectable<R>[]>(...columns: C): DataFrame<Selected<R, C[number]>> {
    return this.#derive({ kind: "project", child: this.plan, expressions: columns.map(columnExpression) });
  }
  /** SQL select items: `selectExpr("a + 1 AS b", "*")`. */
  selectExpr(...expressions: readonly string[]): DataFrame {
    return this.#derive({ kind: "project", child: this.plan, expressions: expressions.map(expressionString) });
  }
  withColumn<const N extends string, const C extends ColumnOf<R>>(name: N, column: C): DataFrame<WithColumn<R, N, C>> {
    return this.#derive({ kind: "with_columns", child: this.plan, columns: [alias(ownExpression(column), name)] });
  }
  /** All columns see the frame as it was before. */
  withColumns<const C extends Readonly<Record<string, ColumnOf<R>>>>(columns: C): DataFrame<WithColumns<R, C>> {
    const aliases = Object.entries(columns).map(([name, column]) => alias(ownExpression(column), name));
    return this.#derive({ kind: "with_columns", child: this.plan, columns: aliases });
  }
  withColumnRenamed<const From extends ColumnPath<R>, const To extends string>(from: From, to: To): DataFrame<Renamed<R, From, To>> {
    return this.#derive({ kind: "with_columns_renamed", child: this.plan, renames: [{ from, to }] });
  }
  /** Columns that do not exist are no error, as in Spark. */
  drop<const C extends readonly ColumnOrName[]>(...columns: C): DataFrame<Dropped<R, C[number]>> {
    const expressions = columns.map((column) => (typeof column === "string" ? unresolvedAttribute([column]) : ownExpression(column)));
    return this.#derive({ kind: "drop", child: this.plan, columns: expressions });
  }

  // Rows.

  /** Rows for which the condition (a column, SQL text, or a closure over the row, which runs as `udf`'s do) is true; null counts as false. */
  filter(condition: ColumnOf<R> | string | ((row: R) => boolean | null)): DataFrame<R> {
    if (typeof condition === "function") return this.filter(overRow(condition, "BOOLEAN") as unknown as ColumnOf<R>);
    const expression = typeof condition === "string" ? expressionString(condition) : ownExpression(condition);
    return this.#derive({ kind: "filter", child: this.plan, condition: expression });
  }
  where(condition: ColumnOf<R> | string | ((row: R) => boolean | null)): DataFrame<R> {
    return this.filter(condition);
  }
  /**
   * Every row by `fn` to a row of `schema`: an object by column name, an array, or a single value where there is one column. `fn` runs on the
   * thread of the program (`udf` says more). The result has no event time. Fails with `FAILED_EXECUTE_UDF`, `USER_FUNCTION_ASYNC`.
   */
  map<const S extends string>(fn: (row: R) => RowInput<RowOf<S>>, schema: S | StructType): DataFrame<RowOf<S>> {
    return this.#mapRows("map", fn, (rows) => rows.map((row) => fn(row as R)), schema);
  }
  /** `map` to any number of rows each. */
  flatMap<const S extends string>(fn: (row: R) => Iterable<RowInput<RowOf<S>>>, schema: S | StructType): DataFrame<RowOf<S>> {
    return this.#mapRows("flatMap", fn, (rows) => rows.flatMap((row) => [...fn(row as R)]), schema);
  }
  /** `map` of many rows at a time: some hundred of those of one task. */
  mapPartitions<const S extends string>(
    fn: (rows: Iterable<R>) => Iterable<RowInput<RowOf<S>>>,
    schema: S | StructType,
  ): DataFrame<RowOf<S>> {
    return this.#mapRows("mapPartitions", fn, (rows) => [...fn(rows as R[])], schema);
  }
  /** One of each set of equal rows. On a stream without a watermark the state grows for ever. */
  distinct(): DataFrame<R> {
    return this.dropDuplicates();
  }
  /** One row per combination of the columns (default: all), which are names as they are: a dot is part of one. */
  dropDuplicates(...columns: readonly ColumnPath<R>[] | [readonly ColumnPath<R>[]]): DataFrame<R> {
    return this.#deduplicate(columns.flat(), false);
  }
  /** Like `dropDuplicates`, but rows further apart than the watermark's delay may both come through: state stays bounded. */
  dropDuplicatesWithinWatermark(...columns: readonly ColumnPath<R>[] | [readonly ColumnPath<R>[]]): DataFrame<R> {
    return this.#deduplicate(columns.flat(), true);
  }
  /** Sorts by columns; `desc()` and its kin on a column turn the order round. */
  orderBy(...columns: readonly Selectable<R>[]): DataFrame<R> {
    return this.#derive({ kind: "sort", child: this.plan, order: columns.map(sortOrder) });
  }
  sort(...columns: readonly Selectable<R>[]): DataFrame<R> {
    return this.orderBy(...columns);
  }
  limit(count: number): DataFrame<R> {
    return this.#derive({ kind: "limit", child: this.plan, limit: wholeNumber("limit", count), offset: 0 });
  }
  /** Without the first `count` rows. */
  offset(count: number): DataFrame<R> {
    return this.#derive({ kind: "limit", child: this.plan, limit: Number.MAX_SAFE_INTEGER, offset: wholeNumber("offset", count) });
  }

  // Groups and time.

  /**
   * Declares the event time and how late rows may be ("10 minutes"): state older than the watermark is dropped, and rows with it.
   * Throws `CANNOT_PARSE_INTERVAL`.
   */
  withWatermark(eventTime: ColumnPath<R>, delay: string): DataFrame<R> {
    const delayMs = Number(intervalMicros(parseInterval(delay)) / 1000n);
    if (delayMs < 0) throw new IllegalArgumentError("INVALID_DELAY_THRESHOLD", { delayThreshold: delay });
    const expression = unresolvedAttribute(parseAttributeName(eventTime));
    return this.#derive({ kind: "with_watermark", child: this.plan, eventTime: expression, delay, delayMs });
  }
  groupBy<const K extends readonly Selectable<R>[]>(...keys: K): GroupedData<R, K[number]> {
    return new GroupedData(this.session, this.plan, keys.map(columnExpression));
  }
  /** Aggregates over all rows: one row. */
  agg<const A extends readonly ColumnOf<R>[]>(...aggregates: A): DataFrame<Aggregated<R, never, A[number]>> {
    return this.groupBy().agg(...aggregates) as unknown as DataFrame<Aggregated<R, never, A[number]>>;
  }
  /** Computes aggregates of the rows that pass by here; they appear under `name` in the progress of the query. */
  observe(name: string, ...metrics: readonly ColumnOf<R>[]): DataFrame<R> {
    return this.#derive({ kind: "collect_metrics", child: this.plan, name, metrics: metrics.map(ownExpression) });
  }

  // Several frames.

  /** A name for `col("name.column")` in joins. */
  as(name: string): DataFrame<R> {
    return this.#derive({ kind: "subquery_alias", child: this.plan, name });
  }
  alias(name: string): DataFrame<R> {
    return this.as(name);
  }
  /** On one or more columns of the same name, which appear once in the result, or on a condition. */
  join<R2, const K extends keyof R & keyof R2 & string, const J extends JoinName = "inner">(
    other: DataFrame<R2>,
    using: K | readonly K[],
    type?: J,
  ): DataFrame<Joined<R, R2, K, J>>;
  join<R2, const J extends JoinName = "inner">(other: DataFrame<R2>, on: AnyColumn, type?: J): DataFrame<Joined<R, R2, never, J>>;
  join(other: DataFrame<any>, on: AnyColumn | string | readonly string[], type: JoinName = "inner"): DataFrame<any> {
    const isUsing = typeof on === "string" || Array.isArray(on);
    return this.#derive({
      kind: "join",
      left: this.plan,
      right: other.plan,
      joinType: joinType(type),
      condition: isUsing ? null : ownExpression(on as AnyColumn),
      usingColumns: isUsing ? [on].flat() : [],
    });
  }
  crossJoin<R2>(other: DataFrame<R2>): DataFrame<Joined<R, R2, never, "inner">> {
    return this.#derive({ kind: "join", left: this.plan, right: other.plan, joinType: "cross", condition: null, usingColumns: [] });
  }
  /** Rows of both, columns by position; duplicates stay. */
  union(other: DataFrame<any>): DataFrame<R> {
    return this.#setOperation("union", other, false);
  }
  unionAll(other: DataFrame<any>): DataFrame<R> {
    return this.union(other);
  }
  /** Rows of both, columns by name. */
  unionByName(other: DataFrame<any>, allowMissingColumns = false): DataFrame<R> {
    return this.#setOperation("union_by_name", other, allowMissingColumns);
  }
  /** Rows that are in both, once each; columns by position, nulls are equal. */
  intersect(other: DataFrame<any>): DataFrame<R> {
    return this.#setOperation("intersect", other, false, false);
  }
  /** Rows of this frame that are not in the other, once each. */
  except(other: DataFrame<any>): DataFrame<R> {
    return this.#setOperation("except", other, false, false);
  }
  transform<R2>(change: (frame: DataFrame<R>) => DataFrame<R2>): DataFrame<R2> {
    return change(this);
  }
  /** Names the frame for `spark.table(name)`, instead of any other of the name, until the session ends. */
  async createOrReplaceTempView(name: string): Promise<void> {
    await this.session.executor.createView(name, this.plan, true);
  }
  /** Like `createOrReplaceTempView`; throws `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS` if there is one of the name. */
  async createTempView(name: string): Promise<void> {
    await this.session.executor.createView(name, this.plan, false);
  }

  // Results. Each call resolves the frame, most run it.

  async schema(): Promise<StructType> {
    return schemaOf((await this.#analyze()).output);
  }
  /** Names and types: `[["a", "int"]]`. */
  async dtypes(): Promise<[name: string, type: string][]> {
    return (await this.schema()).fields.map((field) => [field.name, simpleString(field.dataType)]);
  }
  async columns(): Promise<string[]> {
    return (await this.#analyze()).output.map((attribute) => attribute.name);
  }
  async isStreaming(): Promise<boolean> {
    return (await this.#analyze()).isStreaming;
  }
  /** Prints the plan; `true` stands for "extended". */
  async explain(mode: ExplainMode | boolean = "simple"): Promise<void> {
    const explainMode = mode === true ? "extended" : mode === false ? "simple" : mode;
    this.session.executor.print(await this.session.executor.explain(this.plan, explainMode));
  }
  async printSchema(): Promise<void> {
    this.session.executor.print(`${treeString(await this.schema())}\n`);
  }
  /** Prints the first rows as a table, long values cut to 20 (or `truncate`) characters. */
  async show(numRows = 20, truncate: boolean | number = true, vertical = false): Promise<void> {
    const rowsMax = Math.max(numRows, 0);
    const { schema, rows } = await this.limit(rowsMax + 1).#collectValues();
    const options = {
      numRows: rowsMax,
      truncate: truncate === true ? 20 : truncate === false ? 0 : truncate,
      timeZone: this.session.conf.timeZone,
    };
    this.session.executor.print(`${vertical ? showVertical(schema, rows, options) : showTable(schema, rows, options)}\n`);
  }
  async collect(): Promise<R[]> {
    const rows: R[] = [];
    for await (const batch of this) for (const row of batch) rows.push(row);
    return rows;
  }
  async take(count: number): Promise<R[]> {
    return this.limit(count).collect();
  }
  async first(): Promise<R | null> {
    return (await this.take(1))[0] ?? null;
  }
  async count(): Promise<bigint> {
    const counted = new GroupedData(this.session, this.plan, []).count();
    const [row] = (await counted.collect()) as [{ count: bigint }];
    return row.count;
  }
  async isEmpty(): Promise<boolean> {
    return (await this.take(1)).length === 0;
  }
  async toArrow(): Promise<Table> {
    const [{ schema, batches }, { arrowTable }] = await Promise.all([this.session.executor.collect(this.plan), import("./arrow.ts")]);
    return arrowTable(
      schema,
      batches.map((batch) => decodeColumnBatch(schema, batch)),
    );
  }
  /** Some hundred rows at a time; the thread is the program's in between. */
  async *[Symbol.asyncIterator](): AsyncIterator<R[]> {
    const { schema, batches } = await this.session.executor.collect(this.plan);
    const decode = rowDecoder(schema);
    for (const batch of batches) {
      for (const rows of columnBatchSlices(schema, batch)) {
        yield rows.map(decode) as R[];
        await this.session.executor.yieldThread();
      }
    }
  }
  get write(): DataFrameWriter {
    return new DataFrameWriter(this.session, this.plan);
  }
  get writeStream(): DataStreamWriter<R> {
    return new DataStreamWriter(this.session, this.plan);
  }

  // Parts of Spark's API that have no implementation yet.

  rollup(..._columns: readonly unknown[]): never {
    throw notYet("DataFrame.rollup", "Group by each set of columns and union the results.");
  }
  cube(..._columns: readonly unknown[]): never {
    throw notYet("DataFrame.cube", "Group by each set of columns and union the results.");
  }
  sample(..._arguments: readonly unknown[]): never {
    throw notYet("DataFrame.sample", "Filter by a hash of a column.");
  }
  get na(): never {
    throw notYet("DataFrame.na", "Use coalesce and filter.");
  }
  unpivot(..._arguments: readonly unknown[]): never {
    throw notYet("DataFrame.unpivot", "Select and union.");
  }
  repartition(..._arguments: readonly unknown[]): never {
    throw notYet("DataFrame.repartition", "Set spark.sql.shuffle.partitions.");
  }
  coalesce(..._arguments: readonly unknown[]): never {
    throw notYet("DataFrame.coalesce", "Set spark.sql.shuffle.partitions.");
  }
  groupByKey(..._arguments: readonly unknown[]): never {
    throw notYet("DataFrame.groupByKey", "Use groupBy and agg.");
  }

  #derive<R2>(plan: LogicalPlan): DataFrame<R2> {
    return new DataFrame<R2>(this.session, plan);
  }

  #mapRows<R2>(name: string, fn: unknown, map: (rows: unknown[]) => unknown[], schema: string | StructType): DataFrame<R2> {
    return this.#derive({ kind: "map_partitions", child: this.plan, name, ...rowMapper(name, fn, map, schema) });
  }

  #deduplicate(columns: readonly string[], withinWatermark: boolean): DataFrame<R> {
    const expressions = columns.map((column) => unresolvedAttribute([column]));
    return this.#derive({ kind: "deduplicate", child: this.plan, columns: expressions, withinWatermark });
  }

  #setOperation(operation: SetOperation["operation"], other: DataFrame<any>, allowMissingColumns: boolean, isAll = true): DataFrame<R> {
    return this.#derive({ kind: "set_operation", operation, isAll, allowMissingColumns, inputs: [this.plan, other.plan] });
  }

  #analyze(): Promise<AnalyzedFrame> {
    return this.session.executor.analyze(this.plan);
  }

  async #collectValues() {
    const { schema, batches } = await this.session.executor.collect(this.plan);
    return { schema, rows: batches.flatMap((batch) => decodeColumnBatch(schema, batch)) };
  }
}

const expressionString = (text: string): Expression => Object.freeze({ kind: "expression_string", text });

function sortOrder(column: ColumnOrName): SortOrder {
  const expression = columnExpression(column);
  if (expression.kind === "sort_order") return expression;
  return Object.freeze({ kind: "sort_order", child: expression, ascending: true, nullsFirst: true });
}

function wholeNumber(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new AnalysisError("INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE", { name, expr: `"${value}"`, v: String(value) });
  }
  return value;
}
