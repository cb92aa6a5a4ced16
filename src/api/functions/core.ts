/** Functions that name, build and choose columns. */
import { IllegalArgumentError } from "../../base/errors.ts";
import type { Expression } from "../../plan/expr/expression.ts";
import { Column } from "../column.ts";
import { toExpression } from "../column.ts";
import type { ColumnOrName, NameOf, OperandUses, Ref, UsesOf } from "../typed.ts";
import { binary, columnExpression, functionColumn, nullary, unary, variadic, withValues } from "./builders.ts";

/** The column called `name`; dots lead into structs, backquotes protect dots. Throws `INVALID_ATTRIBUTE_NAME_SYNTAX`. */
export function col<const N extends string>(name: N): Column<NameOf<N>, Ref<N>, UsesOf<N>> {
  return new Column(columnExpression(name));
}
/** The same as `col`. */
export const column = col;

/**
 * A constant. A whole number is INT (BIGINT where it does not fit), other numbers DOUBLE, a bigint BIGINT, a `Date` TIMESTAMP; a
 * column is returned as it is.
 */
export function lit<V>(value: V): Column<string, LiteralValue<V>, OperandUses<V>> {
  return new Column(toExpression(value));
}

type LiteralValue<V> =
  V extends Column<any, infer C, any>
    ? C
    : V extends string
      ? string
      : V extends number
        ? number
        : V extends bigint
          ? bigint
          : V extends boolean
            ? boolean
            : V;

/** SQL text as a column: `expr("a + 1 AS b")`. Parsed at analysis. */
export function expr(text: string): Column {
  return new Column(Object.freeze({ kind: "expression_string", text } satisfies Expression));
}

/** The first branch of a CASE; go on with `.when(...)` and `.otherwise(...)`. */
export function when<C extends Column, V>(condition: C, value: V): Column<string, any, OperandUses<C> | OperandUses<V>> {
  if (!(condition instanceof Column)) throw new IllegalArgumentError("INVALID_WHEN_USAGE");
  const branches = [{ condition: condition.expression, value: toExpression(value) }];
  return new Column(Object.freeze({ kind: "case_when", branches, otherwise: null } satisfies Expression));
}

/** Any function of the registry by name; strings are names of columns. */
export function call_function<const A extends readonly ColumnOrName[]>(
  name: string,
  ...columns: A
): Column<string, any, UsesOf<A[number]>> {
  return functionColumn(name, columns.map(columnExpression));
}

export const asc = <const A extends ColumnOrName>(operand: A) => new Column<NameOf<A>, any, UsesOf<A>>(columnExpression(operand)).asc();
export const asc_nulls_first = asc;
export const asc_nulls_last = <const A extends ColumnOrName>(operand: A) =>
  new Column<NameOf<A>, any, UsesOf<A>>(columnExpression(operand)).asc_nulls_last();
export const desc = <const A extends ColumnOrName>(operand: A) => new Column<NameOf<A>, any, UsesOf<A>>(columnExpression(operand)).desc();
export const desc_nulls_first = <const A extends ColumnOrName>(operand: A) =>
  new Column<NameOf<A>, any, UsesOf<A>>(columnExpression(operand)).desc_nulls_first();
export const desc_nulls_last = desc;

export const struct = variadic<any>("struct");
/** `named_struct(lit("a"), col("x"))`: names and values in turn. */
export const named_struct = variadic<any>("named_struct");
export const coalesce = variadic<any>("coalesce");
export const greatest = variadic<any>("greatest");
export const least = variadic<any>("least");
export const ifnull = binary<any>("ifnull");
export const nvl = binary<any>("nvl");
export const nvl2 = variadic<any>("nvl2");
export const nullif = binary<any>("nullif");
export const nanvl = binary<number | null>("nanvl");
export const isnull = unary<boolean>("isnull");
export const isnotnull = unary<boolean>("isnotnull");
export const isnan = unary<boolean>("isnan");
export const not = unary<boolean | null>("not");
export const negative = unary<any>("negative");
export const positive = unary<any>("positive");
export const equal_null = binary<boolean>("equal_null");
const typeOf = unary<string>("typeof");
export { typeOf as typeof };

export const hash = variadic<number>("hash");
export const xxhash64 = variadic<bigint>("xxhash64");
export const md5 = unary<string | null>("md5");
export const sha1 = unary<string | null>("sha1");
export const sha2 = withValues<string | null, [bits: number]>("sha2");
export const crc32 = unary<bigint | null>("crc32");
export const uuid = nullary<string>("uuid");
export const rand = (seed?: number | bigint): Column<string, number> =>
  functionColumn("rand", seed === undefined ? [] : [toExpression(seed)]);
export const randn = (seed?: number | bigint): Column<string, number> =>
  functionColumn("randn", seed === undefined ? [] : [toExpression(seed)]);
export const monotonically_increasing_id = nullary<bigint>("monotonically_increasing_id");
export const input_file_name = nullary<string>("input_file_name");
export const spark_partition_id = nullary<number>("spark_partition_id");
/** Fails the query with `message`. */
export const raise_error = (message: string | Column): Column => functionColumn("raise_error", [toExpression(message)]);
export const assert_true = withValues<null, [message?: string | Column]>("assert_true");

/** Marks a frame as small enough to be copied to every worker in a join. The planner decides by size itself, so this is the frame. */
export const broadcast = <F>(frame: F): F => frame;
