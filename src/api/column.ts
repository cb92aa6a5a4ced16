/**
 * `Column`: an expression over the columns of a frame, built without looking at any data. Methods are those of Spark's `Column`;
 * where one takes a value, a plain JavaScript value is a literal. Nothing is resolved or checked before analysis.
 */
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import type { DataType } from "../columnar/types.ts";
import { alias, cast, literal, unresolvedFunction, type Expression, type SortOrder } from "../plan/expr/expression.ts";
import { parseDataType } from "../sql/parser.ts";
import { inferType, toEngine } from "../columnar/row.ts";
import type { OperandUses, ValueOfType } from "./typed.ts";

/**
 * `Name`: the name the column gets in a `select`, `string` when it is not known at compile time. `Value`: the type of its values.
 * `Uses`: the columns it refers to. All three exist for the compiler only.
 */
export class Column<Name extends string = string, Value = any, Uses = any> {
  declare readonly types?: readonly [Name, Value, Uses];
  readonly expression: Expression;

  constructor(expression: Expression) {
    this.expression = expression;
  }

  // Arithmetic. Types and overflow follow ANSI SQL.

  plus<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("+", other);
  }
  minus<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("-", other);
  }
  multiply<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("*", other);
  }
  divide<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("/", other);
  }
  mod<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("%", other);
  }
  unary_minus(): Column<string, any, Uses> {
    return this.#operator("negative");
  }
  bitwiseAND<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("&", other);
  }
  bitwiseOR<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("|", other);
  }
  bitwiseXOR<O>(other: O): Column<string, any, Uses | OperandUses<O>> {
    return this.#operator("^", other);
  }

  // Comparison and logic: three-valued, null when an operand is null (but `eqNullSafe`).

  equalTo<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("=", other);
  }
  notEqual<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("!=", other);
  }
  /** Equality where null equals null; never null itself. */
  eqNullSafe<O>(other: O): Column<string, boolean, Uses | OperandUses<O>> {
    return this.#operator("<=>", other);
  }
  gt<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator(">", other);
  }
  geq<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator(">=", other);
  }
  lt<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("<", other);
  }
  leq<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("<=", other);
  }
  and<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("and", other);
  }
  or<O>(other: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("or", other);
  }
  not(): Column<string, boolean | null, Uses> {
    return this.#operator("not");
  }
  isNull(): Column<string, boolean, Uses> {
    return this.#operator("isnull");
  }
  isNotNull(): Column<string, boolean, Uses> {
    return this.#operator("isnotnull");
  }
  isNaN(): Column<string, boolean, Uses> {
    return this.#operator("isnan");
  }
  /** `isin(1, 2)` or `isin([1, 2])`. */
  isin<O extends readonly unknown[]>(...values: O): Column<string, boolean | null, Uses | OperandUses<O[number]>> {
    const list: readonly unknown[] = values.length === 1 && Array.isArray(values[0]) ? values[0] : values;
    return this.#operator("in", ...list);
  }
  /** Both bounds inclusive. */
  between<L, H>(lower: L, upper: H): Column<string, boolean | null, Uses | OperandUses<L> | OperandUses<H>> {
    return this.#operator("between", lower, upper);
  }

  // Strings.

  like<O>(pattern: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("like", pattern);
  }
  ilike<O>(pattern: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("ilike", pattern);
  }
  rlike<O>(pattern: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("rlike", pattern);
  }
  contains<O>(text: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("contains", text);
  }
  startsWith<O>(prefix: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("startswith", prefix);
  }
  endsWith<O>(suffix: O): Column<string, boolean | null, Uses | OperandUses<O>> {
    return this.#operator("endswith", suffix);
  }
  /** `length` code points from the 1-based `position`. */
  substr<P, L>(position: P, length: L): Column<string, string | null, Uses | OperandUses<P> | OperandUses<L>> {
    return this.#operator("substr", position, length);
  }

  // Types and names.

  /** To a type given as DDL (`"INT"`) or as a value. Fails at run time where a value does not fit. Throws `ParseError`. */
  cast<const T extends DataType | string>(to: T): Column<Name, ValueOfType<T> | null, Uses> {
    return new Column(cast(this.expression, typeof to === "string" ? parseDataType(to) : to));
  }
  /** Like `cast`, null where a value does not fit. */
  try_cast<const T extends DataType | string>(to: T): Column<Name, ValueOfType<T> | null, Uses> {
    return new Column(cast(this.expression, typeof to === "string" ? parseDataType(to) : to, "try"));
  }
  as<const N extends string>(name: N): Column<N, Value, Uses> {
    return new Column(alias(this.expression, name));
  }
  alias<const N extends string>(name: N): Column<N, Value, Uses> {
    return this.as(name);
  }
  name<const N extends string>(name: N): Column<N, Value, Uses> {
    return this.as(name);
  }

  // Parts of structs, arrays and maps.

  getField(name: string): Column<string, any, Uses> {
    return this.getItem(name);
  }
  /** An element of an array (by 0-based index), a value of a map (by key), a field of a struct. */
  getItem<K>(key: K): Column<string, any, Uses | OperandUses<K>> {
    return new Column(
      Object.freeze({ kind: "unresolved_extract_value", child: this.expression, extraction: toExpression(key) } satisfies Expression),
    );
  }
  withField(_name: string, _column: Column): never {
    throw notYet("Column.withField", "Build the struct with struct(...).");
  }
  dropFields(..._names: readonly string[]): never {
    throw notYet("Column.dropFields", "Build the struct with struct(...).");
  }

  // Conditions.

  /** Another branch, after `when(...)`. */
  when<C extends Column, O>(condition: C, value: O): Column<string, any, Uses | OperandUses<C> | OperandUses<O>> {
    const { branches } = this.#openCase();
    const branch = { condition: condition.expression, value: toExpression(value) };
    return new Column(Object.freeze({ kind: "case_when", branches: [...branches, branch], otherwise: null } satisfies Expression));
  }
  /** The value where no condition of `when` holds; null without it. */
  otherwise<O>(value: O): Column<string, any, Uses | OperandUses<O>> {
    return new Column(Object.freeze({ ...this.#openCase(), otherwise: toExpression(value) }));
  }

  // Order. Ascending puts nulls first, descending last.

  asc(): Column<Name, Value, Uses> {
    return this.#order(true, true);
  }
  asc_nulls_first(): Column<Name, Value, Uses> {
    return this.#order(true, true);
  }
  asc_nulls_last(): Column<Name, Value, Uses> {
    return this.#order(true, false);
  }
  desc(): Column<Name, Value, Uses> {
    return this.#order(false, false);
  }
  desc_nulls_first(): Column<Name, Value, Uses> {
    return this.#order(false, true);
  }
  desc_nulls_last(): Column<Name, Value, Uses> {
    return this.#order(false, false);
  }
  over(_window?: unknown): never {
    throw notYet("Column.over", "Group by window(...) instead.");
  }

  #operator(name: string, ...operands: readonly unknown[]): Column<any, any, any> {
    return new Column(unresolvedFunction(name, [this.expression, ...operands.map(toExpression)]));
  }

  #order(ascending: boolean, nullsFirst: boolean): Column<Name, Value, Uses> {
    return new Column(Object.freeze<SortOrder>({ kind: "sort_order", child: this.expression, ascending, nullsFirst }));
  }

  #openCase(): Extract<Expression, { kind: "case_when" }> {
    if (this.expression.kind !== "case_when" || this.expression.otherwise !== null) throw new IllegalArgumentError("INVALID_WHEN_USAGE");
    return this.expression;
  }
}

/** The expression of a column, or the literal of any other value. Throws `UNSUPPORTED_FEATURE.LITERAL_TYPE`. */
export function toExpression(value: unknown): Expression {
  if (value instanceof Column) return value.expression;
  const type = inferType(value);
  if (type.kind === "decimal" && type.precision > 38)
    throw new IllegalArgumentError("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", { precision: String(type.precision), maxPrecision: "38" });
  return type.kind === "void" ? literal(null, type) : literal(toEngine(value, type, "literal"), type);
}

/** For what Spark's API has and this version does not. */
export const notYet = (feature: string, remedy: string): AnalysisError =>
  new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", { feature, remedy });
