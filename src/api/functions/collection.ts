/** Arrays, maps, JSON and CSV. */
import { sqlType, type DataType } from "../../columnar/types.ts";
import { schemaToDdl } from "../../sql/parser.ts";
import type { Expression } from "../../plan/expr/expression.ts";
import { Column } from "../column.ts";
import { toExpression } from "../column.ts";
import type { ColumnOrName, RowOf, UsesOf } from "../typed.ts";
import { binary, columnExpression, functionColumn, unary, variadic, withValues, type Count, type Text } from "./builders.ts";

export const array = variadic<any[]>("array");
export const array_contains = withValues<boolean | null, [value: unknown]>("array_contains");
export const array_distinct = unary<any[] | null>("array_distinct");
export const array_join = withValues<string | null, [delimiter: Text, nullReplacement?: Text]>("array_join");
export const array_position = withValues<bigint | null, [value: unknown]>("array_position");
export const array_append = withValues<any[] | null, [value: unknown]>("array_append");
export const array_prepend = withValues<any[] | null, [value: unknown]>("array_prepend");
export const array_remove = withValues<any[] | null, [value: unknown]>("array_remove");
export const array_insert = withValues<any[] | null, [position: Count, value: unknown]>("array_insert");
export const array_repeat = withValues<any[] | null, [times: Count]>("array_repeat");
export const array_compact = unary<any[] | null>("array_compact");
export const array_size = unary<number | null>("array_size");
export const array_sort = unary<any[] | null>("array_sort");
export const array_min = unary<any>("array_min");
export const array_max = unary<any>("array_max");
export const array_union = binary<any[] | null>("array_union");
export const array_intersect = binary<any[] | null>("array_intersect");
export const array_except = binary<any[] | null>("array_except");
export const arrays_overlap = binary<boolean | null>("arrays_overlap");
export const arrays_zip = variadic<any[] | null>("arrays_zip");
export const sort_array = withValues<any[] | null, [ascending?: boolean]>("sort_array");
export const size = unary<number | null>("size");
export const cardinality = unary<number | null>("cardinality");
export const element_at = withValues<any, [indexOrKey: unknown]>("element_at");
export const try_element_at = withValues<any, [indexOrKey: unknown]>("try_element_at");
export const get = withValues<any, [index: Count]>("get");
export const slice = withValues<any[] | null, [start: Count, length: Count]>("slice");
export const flatten = unary<any[] | null>("flatten");
export const reverse = unary<any>("reverse");
export const sequence = variadic<any[] | null>("sequence");
export const explode = unary<any>("explode");
export const explode_outer = unary<any>("explode_outer");
export const posexplode = unary<any>("posexplode");
export const posexplode_outer = unary<any>("posexplode_outer");
export const inline = unary<any>("inline");
export const inline_outer = unary<any>("inline_outer");
/** Keys and values in turn. */
const createMap = variadic<Map<any, any>>("map");
export { createMap as create_map, createMap as map };
export const map_keys = unary<any[] | null>("map_keys");
export const map_values = unary<any[] | null>("map_values");
export const map_entries = unary<any[] | null>("map_entries");
export const map_concat = variadic<Map<any, any> | null>("map_concat");
export const map_from_arrays = binary<Map<any, any> | null>("map_from_arrays");
export const map_from_entries = unary<Map<any, any> | null>("map_from_entries");
export const map_contains_key = withValues<boolean | null, [key: unknown]>("map_contains_key");
export const str_to_map = withValues<Map<string, string | null> | null, [pairDelimiter?: Text, keyValueDelimiter?: Text]>("str_to_map");

type Options = Readonly<Record<string, string | number | boolean>>;

/** Text parsed as `schema`: DDL (`"a INT, b STRING"` or a type), a type, or a column of schema text. Malformed text gives nulls. */
export function from_json<const A extends ColumnOrName, const S extends string | DataType | Column>(
  column: A,
  schema: S,
  options: Options = {},
): Column<string, (S extends string ? RowOf<S> : any) | null, UsesOf<A>> {
  return functionColumn("from_json", [columnExpression(column), schemaExpression(schema), ...optionExpressions(options)]);
}
export function to_json<const A extends ColumnOrName>(column: A, options: Options = {}): Column<string, string | null, UsesOf<A>> {
  return functionColumn("to_json", [columnExpression(column), ...optionExpressions(options)]);
}
export function from_csv<const A extends ColumnOrName, const S extends string | DataType | Column>(
  column: A,
  schema: S,
  options: Options = {},
): Column<string, (S extends string ? RowOf<S> : any) | null, UsesOf<A>> {
  return functionColumn("from_csv", [columnExpression(column), schemaExpression(schema), ...optionExpressions(options)]);
}
export function to_csv<const A extends ColumnOrName>(column: A, options: Options = {}): Column<string, string | null, UsesOf<A>> {
  return functionColumn("to_csv", [columnExpression(column), ...optionExpressions(options)]);
}
export function schema_of_json(json: Text, options: Options = {}): Column<string, string> {
  return functionColumn("schema_of_json", [toExpression(json), ...optionExpressions(options)]);
}
export const get_json_object = withValues<string | null, [path: string]>("get_json_object");
export const json_array_length = unary<number | null>("json_array_length");
export const json_object_keys = unary<string[] | null>("json_object_keys");

function schemaExpression(schema: string | DataType | Column): Expression {
  if (schema instanceof Column || typeof schema === "string") return toExpression(schema);
  return toExpression(schema.kind === "struct" ? schemaToDdl(schema) : sqlType(schema));
}

/** Options as a map of texts, left out when there are none. */
function optionExpressions(options: Options): Expression[] {
  const entries = Object.entries(options).flatMap(([key, value]) => [toExpression(key), toExpression(String(value))]);
  return entries.length === 0 ? [] : [functionColumn("map", entries).expression];
}
