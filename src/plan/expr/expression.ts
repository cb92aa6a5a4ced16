/**
 * Expressions: frozen plain objects, a tagged union. Unresolved kinds mirror Spark Connect's; the analyzer
 * (`plan/analysis`) replaces them by the resolved kinds, which carry their type. Children per kind: `plan/tree.ts`.
 * Main thread only, except that resolved ones travel to workers by structured clone.
 */
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";

export type Expression = UnresolvedExpression | ResolvedExpression;

export type UnresolvedExpression = UnresolvedAttribute | UnresolvedStar | UnresolvedFunction | UnresolvedExtractValue | ExpressionString;

export type ResolvedExpression =
  | Literal
  | Attribute
  | Alias
  | Cast
  | Call
  | CaseWhen
  | GetField
  | CreateStruct
  | AggregateCall
  | UserFunction
  | BatchTimestamp
  | SortOrder;

/** Position in SQL text, for errors; 0-based offsets into `text`, `stop` exclusive. */
export interface Origin {
  readonly text: string;
  readonly start: number;
  readonly stop: number;
}

/** `a.b.c` before resolution; `planId` ties `df.col("x")` to its frame. */
export interface UnresolvedAttribute {
  readonly kind: "unresolved_attribute";
  readonly nameParts: readonly string[];
  readonly planId?: number;
  readonly origin?: Origin;
}
/** `*` or `t.*`. */
export interface UnresolvedStar {
  readonly kind: "unresolved_star";
  readonly target?: readonly string[];
}
/** A function or operator by name as the user wrote it: `upper`, `+`, `and`, `window`. */
export interface UnresolvedFunction {
  readonly kind: "unresolved_function";
  readonly name: string;
  readonly args: readonly Expression[];
  readonly isDistinct?: boolean;
  /** `agg(x) FILTER (WHERE …)`. */
  readonly filter?: Expression;
  readonly ignoreNulls?: boolean;
  readonly origin?: Origin;
}
/** `child[extraction]` or `child.extraction` on a value. */
export interface UnresolvedExtractValue {
  readonly kind: "unresolved_extract_value";
  readonly child: Expression;
  readonly extraction: Expression;
  readonly origin?: Origin;
}
/** SQL text that is parsed at analysis: `expr("a + 1")`. */
export interface ExpressionString {
  readonly kind: "expression_string";
  readonly text: string;
}

export interface Literal {
  readonly kind: "literal";
  readonly value: Value;
  readonly dataType: DataType;
}
/** A column of a child's output. Two attributes are the same column iff their `id` is the same. */
export interface Attribute {
  readonly kind: "attribute";
  readonly id: number;
  readonly name: string;
  readonly dataType: DataType;
  readonly nullable: boolean;
  /** Table or subquery alias, for `t.a`. */
  readonly qualifier?: readonly string[];
  /** Present on an event-time column: the watermark's delay (Spark's `spark.watermarkDelayMs`). */
  readonly watermarkDelayMs?: number;
}
/** A named result. `id` is the id of the attribute it defines. Unresolved aliases have `id` -1 until analysis. */
export interface Alias {
  readonly kind: "alias";
  readonly child: Expression;
  readonly name: string;
  readonly id: number;
  readonly watermarkDelayMs?: number;
}
/** ANSI cast; `try` gives null in place of an error. `to` may be a DDL text before analysis. */
export interface Cast {
  readonly kind: "cast";
  readonly child: Expression;
  readonly to: DataType | string;
  readonly mode: "ansi" | "try";
  readonly origin?: Origin;
}
/**
 * A resolved scalar function: `name` is its canonical registry name, `args` have exactly the types that the function's
 * `resolve` asked for (casts are inserted by the analyzer).
 */
export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
  readonly dataType: DataType;
  readonly nullable: boolean;
  readonly origin?: Origin;
}
/** CASE WHEN; branches are tried in order and evaluated lazily. All values have `dataType`. */
export interface CaseWhen {
  readonly kind: "case_when";
  readonly branches: readonly { readonly condition: Expression; readonly value: Expression }[];
  readonly otherwise: Expression | null;
}
/** Field `ordinal` of a struct value. */
export interface GetField {
  readonly kind: "get_field";
  readonly child: Expression;
  readonly ordinal: number;
}
export interface CreateStruct {
  readonly kind: "create_struct";
  readonly names: readonly string[];
  readonly values: readonly Expression[];
}
/** A resolved aggregate function; only in `Aggregate` and `CollectMetrics` nodes. */
export interface AggregateCall {
  readonly kind: "aggregate_call";
  readonly name: string;
  readonly args: readonly Expression[];
  readonly isDistinct: boolean;
  readonly filter: Expression | null;
  readonly ignoreNulls: boolean;
  readonly dataType: DataType;
  readonly nullable: boolean;
}
/** A call of a function of the program. Its result can always be null; it is called once for every row that it stands before. */
export interface UserFunction {
  readonly kind: "user_function";
  /** Tells functions apart. */
  readonly id: number;
  readonly name: string;
  readonly implementation: UserImplementation;
  readonly args: readonly Expression[];
  readonly dataType: DataType;
}
export type UserImplementation =
  /** A closure: runs where it was made, and never leaves the main thread. */
  | { readonly where: "session"; readonly call: (...args: any[]) => unknown }
  /** An export of a module, which every worker imports. */
  | { readonly where: "worker"; readonly module: string; readonly exportName: string };
/** The clock of the running batch (`current_timestamp()`): one value per batch, from `offsets/N`. Type timestamp, never null. */
export interface BatchTimestamp {
  readonly kind: "batch_timestamp";
}
export interface SortOrder {
  readonly kind: "sort_order";
  readonly child: Expression;
  readonly ascending: boolean;
  readonly nullsFirst: boolean;
}

export type ExpressionKind = Expression["kind"];

/** A column name and type as a node's output. */
export type Output = readonly Attribute[];

export const literal = (value: Value, dataType: DataType): Literal => Object.freeze({ kind: "literal", value, dataType });
export const unresolvedAttribute = (nameParts: readonly string[], origin?: Origin): UnresolvedAttribute =>
  Object.freeze(origin ? { kind: "unresolved_attribute", nameParts, origin } : { kind: "unresolved_attribute", nameParts });
export const unresolvedFunction = (name: string, args: readonly Expression[], rest: Partial<UnresolvedFunction> = {}): UnresolvedFunction =>
  Object.freeze({ ...rest, kind: "unresolved_function", name, args });
export const alias = (child: Expression, name: string, id = -1): Alias => Object.freeze({ kind: "alias", child, name, id });
export const cast = (child: Expression, to: DataType | string, mode: "ansi" | "try" = "ansi"): Cast =>
  Object.freeze({ kind: "cast", child, to, mode });
export const call = (name: string, args: readonly Expression[], dataType: DataType, nullable: boolean): Call =>
  Object.freeze({ kind: "call", name, args, dataType, nullable });

/** The schema that an output describes. */
export function schemaOf(output: Output): StructType {
  return Object.freeze({
    kind: "struct",
    fields: Object.freeze(
      output.map((attribute) =>
        Object.freeze({
          name: attribute.name,
          dataType: attribute.dataType,
          nullable: attribute.nullable,
          ...(attribute.watermarkDelayMs !== undefined && { metadata: { "spark.watermarkDelayMs": attribute.watermarkDelayMs } }),
        }),
      ),
    ),
  });
}
