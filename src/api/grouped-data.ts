/** `df.groupBy(...)`: rows in groups, waiting for aggregates. Session's thread; builds plans only. */
import { IntegerType } from "../columnar/types.ts";
import { alias, literal, unresolvedFunction, type Expression } from "../plan/expr/expression.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import { notYet } from "./column.ts";
import { DataFrame } from "./dataframe.ts";
import { columnExpression, ownExpression } from "./functions/builders.ts";
import type { SessionState } from "./session-state.ts";
import type { Aggregated, NamedColumn, ColumnOf, ColumnPath, Row } from "./typed.ts";

/** Rows in groups (Spark's RelationalGroupedDataset): `agg` and its short forms make a frame of it. */
export class GroupedData<R = Row, K = never> {
  readonly #session: SessionState;
  readonly #child: LogicalPlan;
  readonly #grouping: readonly Expression[];

  constructor(session: SessionState, child: LogicalPlan, grouping: readonly Expression[]) {
    this.#session = session;
    this.#child = child;
    this.#grouping = grouping;
  }

  /** One row per group: the grouping columns, then the aggregates. */
  agg<const A extends readonly ColumnOf<R>[]>(...aggregates: A): DataFrame<Aggregated<R, K, A[number]>> {
    return this.#aggregate(aggregates.map(ownExpression));
  }
  /** Rows of each group, as column `count`. */
  count(): DataFrame<Aggregated<R, K, NamedColumn<"count", bigint>>> {
    return this.#aggregate([alias(unresolvedFunction("count", [literal(1, IntegerType)]), "count")]);
  }
  /** Sums of the columns, each called `sum(column)`. */
  sum<const C extends readonly ColumnPath<R>[]>(...columns: C): DataFrame<Aggregated<R, K, NamedColumn<`sum(${C[number]})`, any>>> {
    return this.#each("sum", columns);
  }
  avg<const C extends readonly ColumnPath<R>[]>(...columns: C): DataFrame<Aggregated<R, K, NamedColumn<`avg(${C[number]})`, any>>> {
    return this.#each("avg", columns);
  }
  mean<const C extends readonly ColumnPath<R>[]>(...columns: C): DataFrame<Aggregated<R, K, NamedColumn<`avg(${C[number]})`, any>>> {
    return this.#each("avg", columns);
  }
  min<const C extends readonly ColumnPath<R>[]>(...columns: C): DataFrame<Aggregated<R, K, NamedColumn<`min(${C[number]})`, any>>> {
    return this.#each("min", columns);
  }
  max<const C extends readonly ColumnPath<R>[]>(...columns: C): DataFrame<Aggregated<R, K, NamedColumn<`max(${C[number]})`, any>>> {
    return this.#each("max", columns);
  }

  pivot(..._arguments: readonly unknown[]): never {
    throw notYet("GroupedData.pivot", "Aggregate with count_if or when(...) per value.");
  }
  mapGroupsWithState(..._arguments: readonly unknown[]): never {
    throw notYet("GroupedData.mapGroupsWithState", "Use agg, or foreachBatch.");
  }
  flatMapGroupsWithState(..._arguments: readonly unknown[]): never {
    throw notYet("GroupedData.flatMapGroupsWithState", "Use agg, or foreachBatch.");
  }
  transformWithState(..._arguments: readonly unknown[]): never {
    throw notYet("GroupedData.transformWithState", "Use agg, or foreachBatch.");
  }

  #each(name: string, columns: readonly string[]): DataFrame<any> {
    return this.#aggregate(columns.map((column) => unresolvedFunction(name, [columnExpression(column)])));
  }

  #aggregate(results: readonly Expression[]): DataFrame<any> {
    return new DataFrame(this.#session, { kind: "aggregate", child: this.#child, grouping: this.#grouping, results });
  }
}
