/** Declarative plans of aggregates, run by the interpreter over random groups and split points, equal the plain definitions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate, runAggregate } from "../../src/compile/interpreter.ts";
import * as types from "../../src/columnar/types.ts";
import type { DataType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import type { AggregateCall, Attribute, Expression } from "../../src/plan/expr/expression.ts";
import type { DeclarativeAggregate } from "../../src/plan/expr/function-registry.ts";

const context = { batchTimestampMicros: 0n, timeZone: "UTC" };

const attribute = (id: number, dataType: DataType, nullable: boolean): Attribute => ({
  kind: "attribute",
  id,
  name: `c${id}`,
  dataType,
  nullable,
});

/** Runs a plan: left rows and right rows into buffers of their own, then merges. */
function runPlan(
  plan: DeclarativeAggregate,
  argumentTypes: readonly DataType[],
  left: readonly Value[][],
  right: readonly Value[][],
): Value {
  const bufferAt = (base: number): Attribute[] =>
    plan.buffer.map((field, index) => attribute(base + index, field.dataType, field.nullable));
  const args = argumentTypes.map((type, index) => attribute(1000 + index, type, true));
  const valuesOf = (expressions: readonly Expression[], row: (id: number) => Value): Value[] =>
    expressions.map((expression) => evaluate(expression, row, functionRegistry, context));
  const collect = (rows: readonly Value[][]): Value[] => {
    let buffer = plan.buffer.map((field) => field.initial);
    for (const row of rows) buffer = valuesOf(plan.update(bufferAt(0), args), (id) => (id >= 1000 ? row[id - 1000]! : buffer[id]!));
    return buffer;
  };
  const [a, b] = [collect(left), collect(right)];
  const merged = valuesOf(plan.merge(bufferAt(0), bufferAt(500)), (id) => (id >= 500 ? b[id - 500]! : a[id]!));
  return evaluate(plan.evaluate(bufferAt(0)), (id) => merged[id]!, functionRegistry, context);
}

const nullable = (values: fc.Arbitrary<Value>): fc.Arbitrary<Value> => fc.option(values, { nil: null, freq: 4 });
const VALUES: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  integer: nullable(fc.integer({ min: -1000, max: 1000 })),
  long: nullable(fc.oneof(fc.bigInt({ min: -1000n, max: 1000n }), fc.constantFrom(2n ** 62n, -(2n ** 62n)))),
  double: nullable(fc.double({ min: -1e6, max: 1e6, noNaN: true })),
  string: nullable(fc.string({ maxLength: 4 })),
  boolean: nullable(fc.boolean()),
  decimal: nullable(fc.bigInt({ min: -99_999n, max: 99_999n })),
  day_time_interval: nullable(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n })),
};

const { IntegerType: i, LongType: l, DoubleType: d, StringType: s, BooleanType: b, DayTimeIntervalType: interval } = types;
const decimal = types.decimalType(5, 2);

const CASES: readonly (readonly [name: string, args: readonly DataType[]])[] = [
  ["count", [i]],
  ["count", [i, s]],
  ["count_if", [b]],
  ...[i, l, d, decimal, interval].map((type) => ["sum", [type]] as const),
  ...[i, l, decimal].map((type) => ["try_sum", [type]] as const),
  ...[i, d, decimal, interval].map((type) => ["avg", [type]] as const),
  ...[i, d, s, b, decimal].flatMap((type) => [["min", [type]] as const, ["max", [type]] as const]),
  ["min_by", [s, i]],
  ["max_by", [s, i]],
  ["first", [i]],
  ["last", [i]],
  ["any_value", [s]],
  ["bool_and", [b]],
  ["bool_or", [b]],
  ...["stddev", "stddev_pop", "variance", "var_pop"].map((name) => [name, [d]] as const),
];

function resolveAggregate(name: string, args: readonly DataType[], ignoreNulls: boolean): AggregateCall {
  const resolved = functionRegistry.aggregate(name).resolve(
    args.map((dataType) => ({ dataType, nullable: true, sql: "x" })),
    { ignoreNulls },
  );
  return {
    kind: "aggregate_call",
    name,
    args: resolved.argumentTypes.map((type, index) => attribute(index, type, true)),
    isDistinct: false,
    filter: null,
    ignoreNulls,
    dataType: resolved.returnType,
    nullable: resolved.nullable,
  };
}

function outcome(compute: () => Value): unknown {
  try {
    const value = compute();
    // Doubles may differ in their last digits where the order of additions does.
    return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(9)) : value;
  } catch {
    return "error";
  }
}

describe("aggregates", () => {
  for (const ignoreNulls of [false, true])
    test.each(CASES)(`%s %j${ignoreNulls ? " ignoring nulls" : ""}`, (name, args) => {
      const expression = resolveAggregate(name, args, ignoreNulls);
      const argumentTypes = expression.args.map((arg) => (arg as Attribute).dataType);
      const plan = functionRegistry.aggregate(name).plan(argumentTypes, expression.dataType, { ignoreNulls }) as DeclarativeAggregate;
      const rows = fc.array(fc.tuple(...argumentTypes.map((type) => VALUES[type.kind]!)), { maxLength: 12 });
      fc.assert(
        fc.property(rows, rows, (left, right) => {
          const runners = [left, right].map((part) => {
            const runner = runAggregate(expression, functionRegistry, context);
            return { part, runner };
          });
          const expected = outcome(() => {
            for (const { part, runner } of runners) for (const row of part) runner.add((id) => row[id]!);
            runners[0]!.runner.merge(runners[1]!.runner);
            return runners[0]!.runner.result();
          });
          expect(outcome(() => runPlan(plan, argumentTypes, left, right))).toEqual(expected);
        }),
        { numRuns: 100 },
      );
    });

  test("known values", () => {
    const of = (name: string, args: readonly DataType[], rows: readonly Value[][]): Value => {
      const runner = runAggregate(resolveAggregate(name, args, false), functionRegistry, context);
      for (const row of rows) runner.add((id) => row[id]!);
      return runner.result();
    };
    const numbers = [1, 2, 3, 4].map((value) => [value]);
    expect(of("sum", [i], numbers)).toBe(10n);
    expect(of("avg", [i], numbers)).toBe(2.5);
    expect(of("stddev", [d], numbers)).toBeCloseTo(1.2909944487358056, 12);
    expect(of("var_pop", [d], numbers)).toBe(1.25);
    expect(of("sum", [i], [])).toBeNull();
    expect(of("count", [i], [[null], [1]])).toBe(1n);
    expect(of("avg", [decimal], [[100n], [101n], [101n]])).toBe(1_006_667n);
    expect(
      of(
        "max_by",
        [s, i],
        [
          ["a", 10],
          ["b", 50],
          ["c", 20],
        ],
      ),
    ).toBe("b");
    expect(
      of(
        "first",
        [i, b],
        [
          [null, true],
          [7, true],
        ],
      ),
    ).toBe(7);
    expect(
      of(
        "last",
        [i, b],
        [
          [7, false],
          [null, false],
        ],
      ),
    ).toBeNull();
    expect(of("collect_list", [i], [[1], [null], [2]])).toEqual([1, 2]);
    expect(() => of("sum", [l], [[2n ** 63n - 1n], [1n]])).toThrow(/ARITHMETIC_OVERFLOW/);
    expect(of("try_sum", [l], [[2n ** 63n - 1n], [1n]])).toBeNull();
  });
});
