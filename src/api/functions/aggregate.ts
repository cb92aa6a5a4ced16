/** Aggregate functions. */
import { IntegerType } from "../../columnar/types.ts";
import { literal } from "../../plan/expr/expression.ts";
import { toExpression, type Column } from "../column.ts";
import type { ColumnOrName, Ref, UsesOf } from "../typed.ts";
import { binary, columnExpression, functionColumn, unary, withValues, type Unary } from "./builders.ts";

/** Rows where the column is not null; `count("*")` counts all rows. */
export function count<const A extends ColumnOrName>(column: A): Column<string, bigint, UsesOf<A>> {
  const expression = columnExpression(column);
  const isStar = expression.kind === "unresolved_star" && expression.target === undefined;
  return functionColumn("count", [isStar ? literal(1, IntegerType) : expression]);
}
/** Different combinations of non-null values. */
export function count_distinct<const A extends readonly ColumnOrName[]>(...columns: A): Column<string, bigint, UsesOf<A[number]>> {
  return functionColumn("count", columns.map(columnExpression), { isDistinct: true });
}
export const countDistinct = count_distinct;
export function sum_distinct<const A extends ColumnOrName>(column: A): Column<string, any, UsesOf<A>> {
  return functionColumn("sum", [columnExpression(column)], { isDistinct: true });
}

/** An aggregate whose result has the type of its argument. */
type SameType = <const A extends ColumnOrName>(
  column: A,
) => Column<string, A extends string ? Ref<A> : A extends Column<any, infer V, any> ? V : any, UsesOf<A>>;
const sameType = (name: string): SameType => unary<any>(name) as SameType;

export const sum: Unary<any> = unary("sum");
export const avg: Unary<any> = unary("avg");
export const mean: Unary<any> = unary("mean");
export const min = sameType("min");
export const max = sameType("max");
export const any_value = sameType("any_value");
export const mode = sameType("mode");
export const median = unary<any>("median");
export const try_sum = unary<any>("try_sum");
export const try_avg = unary<any>("try_avg");

const firstOrLast =
  (name: string) =>
  <const A extends ColumnOrName>(column: A, ignoreNulls = false): Column<string, any, UsesOf<A>> =>
    functionColumn(name, [columnExpression(column)], ignoreNulls ? { ignoreNulls } : {});
export const first = firstOrLast("first");
export const last = firstOrLast("last");
export const first_value = firstOrLast("first_value");
export const last_value = firstOrLast("last_value");

export const min_by = binary<any>("min_by");
export const max_by = binary<any>("max_by");
export const count_if = unary<bigint>("count_if");
export const approx_count_distinct = withValues<bigint, [relativeError?: number]>("approx_count_distinct");
export const percentile_approx = withValues<any, [percentage: unknown, accuracy?: number]>("percentile_approx");
export const approx_percentile = withValues<any, [percentage: unknown, accuracy?: number]>("approx_percentile");
export const percentile = withValues<any, [percentage: unknown, frequency?: unknown]>("percentile");
export const collect_list = unary<any[]>("collect_list");
export const collect_set = unary<any[]>("collect_set");
export const array_agg = unary<any[]>("array_agg");
export const stddev = unary<number | null>("stddev");
export const stddev_samp = unary<number | null>("stddev_samp");
export const stddev_pop = unary<number | null>("stddev_pop");
export const variance = unary<number | null>("variance");
export const var_samp = unary<number | null>("var_samp");
export const var_pop = unary<number | null>("var_pop");
export const skewness = unary<number | null>("skewness");
export const kurtosis = unary<number | null>("kurtosis");
export const corr = binary<number | null>("corr");
export const covar_pop = binary<number | null>("covar_pop");
export const covar_samp = binary<number | null>("covar_samp");
export const bool_and = unary<boolean | null>("bool_and");
export const bool_or = unary<boolean | null>("bool_or");
export const every = unary<boolean | null>("every");
export const some = unary<boolean | null>("some");
export const bit_and = unary<any>("bit_and");
export const bit_or = unary<any>("bit_or");
export const bit_xor = unary<any>("bit_xor");
export const grouping = unary<number>("grouping");
/** Texts of a group, one after the other. */
export const listagg = <const A extends ColumnOrName>(column: A, delimiter?: string): Column<string, string | null, UsesOf<A>> =>
  functionColumn("listagg", [columnExpression(column), ...(delimiter === undefined ? [] : [toExpression(delimiter)])]);
