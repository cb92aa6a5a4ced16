/**
 * What the function modules of this folder are made of: each function is its Spark name, how its arguments are read and the type of
 * its values. Arguments that are columns also take a string, the name of a column; literal arguments take plain values.
 */
import { IllegalArgumentError } from "../../base/errors.ts";
import { unresolvedFunction, type Expression, type UnresolvedFunction } from "../../plan/expr/expression.ts";
import { parseAttributeName } from "../../sql/attribute-name.ts";
import { unresolvedAttribute } from "../../plan/expr/expression.ts";
import { Column } from "../column.ts";
import { toExpression } from "../column.ts";
import type { AnyColumn, ColumnOrName, UsesOf } from "../typed.ts";

export type Nullary<V> = () => Column<string, V, never>;
export type Unary<V> = <const A extends ColumnOrName>(column: A) => Column<string, V, UsesOf<A>>;
export type Binary<V> = <const A extends ColumnOrName, const B extends ColumnOrName>(
  left: A,
  right: B,
) => Column<string, V, UsesOf<A> | UsesOf<B>>;
export type Variadic<V> = <const A extends readonly ColumnOrName[]>(...columns: A) => Column<string, V, UsesOf<A[number]>>;
/** A column, then values: plain ones are literals, strings included. */
export type WithValues<V, Rest extends readonly unknown[]> = <const A extends ColumnOrName>(
  column: A,
  ...values: Rest
) => Column<string, V, UsesOf<A>>;
/** A value, then columns. */
export type AfterValue<V, First> = <const A extends readonly ColumnOrName[]>(
  value: First,
  ...columns: A
) => Column<string, V, UsesOf<A[number]>>;

/** Text, or a column of text. */
export type Text = string | Column;
/** A whole number, or a column of them. */
export type Count = number | bigint | Column;

export const nullary =
  <V>(name: string): Nullary<V> =>
  () =>
    new Column(unresolvedFunction(name, []));
export const unary = <V>(name: string): Unary<V> => variadic<V>(name);
export const binary = <V>(name: string): Binary<V> => variadic<V>(name);
export const variadic =
  <V>(name: string): Variadic<V> =>
  (...columns) =>
    functionColumn(name, columns.map(columnExpression));
export const withValues =
  <V, Rest extends readonly unknown[]>(name: string): WithValues<V, Rest> =>
  (column, ...values) =>
    functionColumn(name, [columnExpression(column), ...values.filter((value) => value !== undefined).map(toExpression)]);
export const afterValue =
  <V, First>(name: string): AfterValue<V, First> =>
  (value, ...columns) =>
    functionColumn(name, [toExpression(value), ...columns.map(columnExpression)]);

export function functionColumn(name: string, args: readonly Expression[], rest: Partial<UnresolvedFunction> = {}): Column<any, any, any> {
  return new Column(unresolvedFunction(name, args, rest));
}

/** The expression of a column. Throws `NOT_COLUMN_OR_STR` for what a program without types may give instead. */
export function ownExpression(column: AnyColumn): Expression {
  if (column?.expression?.kind !== undefined) return column.expression;
  throw new IllegalArgumentError("NOT_COLUMN_OR_STR", { value: String(column) });
}

/** The expression of a column, or of the column that a string names (`*` and `t.*` included). */
export function columnExpression(column: ColumnOrName): Expression {
  if (typeof column !== "string") return ownExpression(column);
  if (column === "*") return Object.freeze({ kind: "unresolved_star" });
  if (column.endsWith(".*")) return Object.freeze({ kind: "unresolved_star", target: parseAttributeName(column.slice(0, -2)) });
  return unresolvedAttribute(parseAttributeName(column));
}
