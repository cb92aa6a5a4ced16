/**
 * `window(…)` and `window_time(…)`: taken out of the expressions of an operator and computed below it. A window becomes an
 * `ExpandWindow` (one row per window that contains the time), its time a column. Called by the rules for project, filter and
 * aggregate, with bound expressions. Main thread.
 */
import { IllegalArgumentError } from "../../base/errors.ts";
import { DayTimeIntervalType, structField, structType, TimestampType, type DataType } from "../../columnar/types.ts";
import { alias, literal, type Alias, type Attribute, type Expression, type UnresolvedFunction } from "../expr/expression.ts";
import { attributeOf, typeOf, watermarkDelayOf } from "../expr/expression-type.ts";
import { expressionKey } from "../expr/expression-key.ts";
import { intervalMicros, parseInterval } from "../expr/interval.ts";
import { prettyName, quotedSql, quotedType } from "../expr/sql-text.ts";
import { implicitCast } from "../expr/type-coercion.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { transformUp, walk } from "../tree.ts";
import { analysisError } from "./context.ts";
import type { ExpressionResolver } from "./resolve-expressions.ts";

export interface Extracted<E extends Expression> {
  readonly child: LogicalPlan;
  readonly expressions: E[];
}

/**
 * `child` with windows and window times added as columns, and `expressions` (bound, not finished) that refer to them.
 * Throws `_LEGACY_ERROR_TEMP_1039` for more than one window, `DATATYPE_MISMATCH.*` for wrong times and lengths.
 */
export function extractTimeWindows<E extends Expression>(
  child: LogicalPlan,
  expressions: readonly E[],
  resolver: ExpressionResolver,
): Extracted<E> {
  if (!expressions.some((expression) => [...walk(expression)].some((node) => isCall(node, "window") || isCall(node, "window_time"))))
    return { child, expressions: [...expressions] };
  const withTimes = extractWindowTimes(child, expressions, resolver);
  return extractWindow(withTimes.child, withTimes.expressions, resolver);
}

const isCall = (node: Expression, name: string): node is UnresolvedFunction =>
  node.kind === "unresolved_function" && node.name.toLowerCase() === name;

/** The calls of `name`, each once, keyed by what they compute. */
function callsOf(expressions: readonly Expression[], name: string): Map<string, UnresolvedFunction> {
  const calls = expressions.flatMap((expression) => [...walk(expression)].filter((node) => isCall(node, name)));
  return new Map(calls.map((call) => [expressionKey(call), call]));
}

/** An unnamed window result is the window column itself. */
function replaceCalls<E extends Expression>(expressions: readonly E[], name: string, columns: ReadonlyMap<string, Attribute>): E[] {
  return expressions.map((expression) => {
    const replaced = transformUp(expression, (node) => (isCall(node, name) ? (columns.get(expressionKey(node)) ?? node) : node));
    const isColumn = replaced.kind === "alias" && replaced.child.kind === "attribute" && replaced.child.name === replaced.name;
    return (isColumn && replaced !== expression ? replaced.child : replaced) as E;
  });
}

function extractWindowTimes<E extends Expression>(
  child: LogicalPlan,
  expressions: readonly E[],
  resolver: ExpressionResolver,
): Extracted<E> {
  const calls = callsOf(expressions, "window_time");
  if (calls.size === 0) return { child, expressions: [...expressions] };
  const times = new Map<string, Alias>();
  for (const [key, call] of calls) {
    if (call.args.length !== 1) throw wrongCount("window_time", "1", call);
    const window = resolver.finish(call.args[0]!);
    if (!isWindow(typeOf(window))) throw unexpectedType(call, 0, '"STRUCT<start: TIMESTAMP, end: TIMESTAMP>"', window);
    times.set(key, windowTime(window, resolver));
  }
  const columns = new Map([...times].map(([key, time]) => [key, attributeOf(time)]));
  const project: LogicalPlan = Object.freeze({ kind: "project", child, expressions: [...outputOf(child), ...times.values()] });
  return { child: project, expressions: replaceCalls(expressions, "window_time", columns) };
}

/** The time that stands for a window: the last microsecond that belongs to it. */
function windowTime(window: Expression, resolver: ExpressionResolver): Alias {
  const end: Expression = Object.freeze({ kind: "get_field", child: window, ordinal: 1 });
  const time = resolver.call("-", [end, literal(1n, DayTimeIntervalType)]);
  const delayMs = watermarkDelayOf(window);
  const named = alias(time, "window_time", resolver.context.ids());
  return delayMs === undefined ? named : Object.freeze({ ...named, watermarkDelayMs: delayMs });
}

const isWindow = (type: DataType): boolean =>
  type.kind === "struct" &&
  type.fields.length === 2 &&
  type.fields[0]!.name.toLowerCase() === "start" &&
  type.fields[1]!.name.toLowerCase() === "end" &&
  type.fields.every((field) => isTimestamp(field.dataType));

const isTimestamp = (type: DataType): boolean => type.kind === "timestamp" || type.kind === "timestamp_ntz";

function extractWindow<E extends Expression>(child: LogicalPlan, expressions: readonly E[], resolver: ExpressionResolver): Extracted<E> {
  const calls = callsOf(expressions, "window");
  if (calls.size === 0) return { child, expressions: [...expressions] };
  if (calls.size > 1) throw analysisError("_LEGACY_ERROR_TEMP_1039");
  const [[key, call]] = [...calls] as [[string, UnresolvedFunction]];
  if (call.args.length < 2 || call.args.length > 4) throw wrongCount("window", "[2, 3, 4]", call);
  let input = child;
  let time = resolver.finish(call.args[0]!);
  if (isWindow(typeOf(time))) {
    const named = windowTime(time, resolver);
    input = Object.freeze({ kind: "project", child, expressions: [...outputOf(child), named] });
    time = attributeOf(named);
  } else if (!isTimestamp(typeOf(time))) {
    if (implicitCast(typeOf(time), TimestampType) === undefined)
      throw unexpectedType(call, 0, '("TIMESTAMP" or "TIMESTAMP WITHOUT TIME ZONE")', time);
    time = resolver.coerce(time, TimestampType);
  }
  const lengths = windowLengths(call, time);
  const timeType = typeOf(time);
  const delayMs = watermarkDelayOf(time);
  const window: Attribute = Object.freeze({
    kind: "attribute",
    id: resolver.context.ids(),
    name: "window",
    dataType: structType([structField("start", timeType, false), structField("end", timeType, false)]),
    nullable: false,
    ...(delayMs !== undefined && { watermarkDelayMs: delayMs }),
  });
  const expanded: LogicalPlan = Object.freeze({ kind: "expand_window", child: input, time, ...lengths, window });
  return { child: expanded, expressions: replaceCalls(expressions, "window", new Map([[key, window]])) };
}

interface WindowLengths {
  readonly windowMicros: bigint;
  readonly slideMicros: bigint;
  readonly startMicros: bigint;
}

function windowLengths(call: UnresolvedFunction, time: Expression): WindowLengths {
  const [, duration, slide, start] = call.args;
  const windowMicros = lengthOf(call, duration!, 1);
  const slideMicros = slide ? lengthOf(call, slide, 2) : windowMicros;
  const startMicros = start ? lengthOf(call, start, 3) : 0n;
  const sqlExpr = `"window(${prettyName(time)}, ${windowMicros}, ${slideMicros}, ${startMicros})"`;
  for (const [exprName, value] of [
    ["`window_duration`", windowMicros],
    ["`slide_duration`", slideMicros],
  ] as const) {
    if (value <= 0n)
      throw analysisError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", {
        sqlExpr,
        exprName,
        valueRange: "(0, 9223372036854775807]",
        currentValue: `${value}L`,
      });
  }
  const mustBe = (constraint: string, leftExprName: string, left: bigint, rightExprName: string, right: bigint): never => {
    throw analysisError("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION", {
      sqlExpr,
      leftExprName,
      leftExprValue: `${left}L`,
      constraint,
      rightExprName,
      rightExprValue: `${right}L`,
    });
  };
  if (slideMicros > windowMicros) mustBe("less than or equal to", "`slide_duration`", slideMicros, "`window_duration`", windowMicros);
  const startDistance = startMicros < 0n ? -startMicros : startMicros;
  if (startDistance >= slideMicros) mustBe("less than", "`abs(start_time)`", startDistance, "`slide_duration`", slideMicros);
  return { windowMicros, slideMicros, startMicros };
}

/** Microseconds of a length argument: an interval text, an interval, or a whole number of microseconds. */
function lengthOf(call: UnresolvedFunction, argument: Expression, index: number): bigint {
  if (argument.kind === "literal" && argument.value !== null) {
    const { value, dataType } = argument;
    if (typeof value === "string") {
      const interval = parseInterval(value);
      if (interval.months !== 0) throw new IllegalArgumentError("_LEGACY_ERROR_TEMP_3231", { interval: value });
      return intervalMicros(interval);
    }
    if (dataType.kind === "day_time_interval" || dataType.kind === "long" || dataType.kind === "integer")
      return BigInt(value as bigint | number);
    throw unexpectedType(call, index, '"STRING"', argument);
  }
  throw analysisError(
    "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
    {
      sqlExpr: quotedSql(call),
      inputName: ["", "`window_duration`", "`slide_duration`", "`start_time`"][index]!,
      inputType: '"STRING"',
      inputExpr: quotedSql(argument),
    },
    call.origin,
  );
}

function unexpectedType(call: UnresolvedFunction, index: number, requiredType: string, argument: Expression): Error {
  return analysisError(
    "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
    {
      sqlExpr: `"${call.name.toLowerCase()}(${call.args.map(prettyName).join(", ")})"`,
      paramIndex: ["first", "second", "third", "fourth"][index]!,
      requiredType,
      inputSql: quotedSql(argument),
      inputType: quotedType(typeOf(argument)),
    },
    call.origin,
  );
}

function wrongCount(name: string, expectedNum: string, call: UnresolvedFunction): Error {
  const parameters = {
    functionName: `\`${name}\``,
    expectedNum,
    actualNum: String(call.args.length),
    docroot: "https://spark.apache.org/docs/latest",
  };
  return analysisError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", parameters, call.origin);
}
