/** Text and binary functions. Positions count from 1, lengths in code points. */
import type { Column } from "../column.ts";
import { toExpression } from "../column.ts";
import type { ColumnOrName, UsesOf } from "../typed.ts";
import { afterValue, binary, columnExpression, functionColumn, unary, variadic, withValues, type Count, type Text } from "./builders.ts";

export const concat = variadic<any>("concat");
/** Non-null texts with `separator` between them. */
export const concat_ws = afterValue<string, Text>("concat_ws");
export const upper = unary<string | null>("upper");
export const ucase = unary<string | null>("ucase");
export const lower = unary<string | null>("lower");
export const lcase = unary<string | null>("lcase");
export const initcap = unary<string | null>("initcap");
export const length = unary<number | null>("length");
export const char_length = unary<number | null>("char_length");
export const character_length = unary<number | null>("character_length");
export const octet_length = unary<number | null>("octet_length");
export const bit_length = unary<number | null>("bit_length");

/** `trim(column)` removes blanks, `trim(column, characters)` any of the characters. */
const trimmer =
  (name: string) =>
  <const A extends ColumnOrName>(column: A, characters?: Text): Column<string, string | null, UsesOf<A>> =>
    functionColumn(name, [...(characters === undefined ? [] : [toExpression(characters)]), columnExpression(column)]);
export const trim = trimmer("trim");
export const ltrim = trimmer("ltrim");
export const rtrim = trimmer("rtrim");
export const btrim = withValues<string | null, [characters?: Text]>("btrim");

export const substring = withValues<string | null, [position: Count, length?: Count]>("substring");
export const substr = withValues<string | null, [position: Count, length?: Count]>("substr");
export const left = withValues<string | null, [length: Count]>("left");
export const right = withValues<string | null, [length: Count]>("right");
export const split = withValues<string[] | null, [pattern: Text, limit?: Count]>("split");
export const split_part = withValues<string | null, [delimiter: Text, part: Count]>("split_part");
export const substring_index = withValues<string | null, [delimiter: Text, count: Count]>("substring_index");
export const regexp_extract = withValues<string | null, [pattern: Text, group: Count]>("regexp_extract");
export const regexp_extract_all = withValues<string[] | null, [pattern: Text, group?: Count]>("regexp_extract_all");
export const regexp_replace = withValues<string | null, [pattern: Text, replacement: Text]>("regexp_replace");
export const regexp_count = withValues<number | null, [pattern: Text]>("regexp_count");
export const regexp_instr = withValues<number | null, [pattern: Text]>("regexp_instr");
export const regexp_substr = withValues<string | null, [pattern: Text]>("regexp_substr");
export const regexp_like = withValues<boolean | null, [pattern: Text]>("regexp_like");
export const rlike = withValues<boolean | null, [pattern: Text]>("rlike");
export const like = withValues<boolean | null, [pattern: Text, escape?: string]>("like");
export const ilike = withValues<boolean | null, [pattern: Text, escape?: string]>("ilike");
export const contains = withValues<boolean | null, [text: Text]>("contains");
export const startswith = withValues<boolean | null, [prefix: Text]>("startswith");
export const endswith = withValues<boolean | null, [suffix: Text]>("endswith");
export const instr = withValues<number | null, [text: Text]>("instr");
/** Position of `text` in the column at or after `position`, 0 if there is none. */
export const locate = <const A extends ColumnOrName>(
  text: string,
  column: A,
  position?: number,
): Column<string, number | null, UsesOf<A>> =>
  functionColumn("locate", [toExpression(text), columnExpression(column), ...(position === undefined ? [] : [toExpression(position)])]);
export const position = binary<number | null>("position");
export const lpad = withValues<string | null, [length: Count, pad?: Text]>("lpad");
export const rpad = withValues<string | null, [length: Count, pad?: Text]>("rpad");
export const replace = withValues<string | null, [search: Text, replacement?: Text]>("replace");
export const translate = withValues<string | null, [from: string, to: string]>("translate");
export const overlay = withValues<string | null, [replacement: Text, position: Count, length?: Count]>("overlay");
export const repeat = withValues<string | null, [times: Count]>("repeat");
export const space = unary<string | null>("space");
export const ascii = unary<number | null>("ascii");
export const chr = unary<string | null>("chr");
export const find_in_set = binary<number | null>("find_in_set");
export const levenshtein = binary<number | null>("levenshtein");
export const soundex = unary<string | null>("soundex");
export const format_string = afterValue<string | null, string>("format_string");
export const printf = afterValue<string | null, string>("printf");
export const format_number = withValues<string | null, [decimals: number | string]>("format_number");
export const base64 = unary<string | null>("base64");
export const unbase64 = unary<Uint8Array | null>("unbase64");
export const hex = unary<string | null>("hex");
export const unhex = unary<Uint8Array | null>("unhex");
export const encode = withValues<Uint8Array | null, [charset: Text]>("encode");
export const decode = withValues<string | null, [charset: Text]>("decode");
export const to_binary = withValues<Uint8Array | null, [format?: Text]>("to_binary");
export const to_char = withValues<string | null, [format: Text]>("to_char");
export const to_number = withValues<any, [format: Text]>("to_number");
export const parse_url = withValues<string | null, [part: Text, key?: Text]>("parse_url");
export const url_encode = unary<string | null>("url_encode");
export const url_decode = unary<string | null>("url_decode");
export const elt = variadic<any>("elt");
