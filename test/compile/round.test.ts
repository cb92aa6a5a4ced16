/** `round` and `bround` in generated code give what their definitions give, near halves above all. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DataType, decimalType, DoubleType, IntegerType, LongType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { tierOf } from "../../src/compile/tier.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { call, type Expression, literal } from "../../src/plan/expr/expression.ts";
import type { ScalarFunction } from "../../src/plan/expr/function-registry.ts";
import { attribute, evaluateCompiled, utc } from "./harness.ts";

const numRuns = process.env["MILLRACE_LONG"] ? 20_000 : 300;

const digits = fc.integer({ min: 0, max: 16 });
const doubles = fc.oneof(
  fc.double(),
  fc.tuple(fc.integer(), digits).map(([whole, scale]) => whole / 10 ** scale),
  // Halves, and what is written next to them.
  fc.tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), digits, fc.integer({ min: -2, max: 2 })).map(([whole, scale, ulps]) => {
    const half = Number(`${whole}5e-${scale + 1}`);
    return half + ulps * Number.EPSILON * Math.abs(half);
  }),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 52 + 0.5, 1e300, 5e-324, 2.675, 1.005, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994),
);
const decimals = (precision: number): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }),
    fc.bigInt({ min: -1000n, max: 1000n }),
  );

const KINDS: readonly (readonly [DataType, fc.Arbitrary<Value>])[] = [
  [DoubleType, doubles],
  [LongType, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ...(
    [
      [9, 4],
      [18, 18],
      [18, 2],
      [19, 3],
      [38, 10],
      [38, 38],
    ] as const
  ).map(([precision, scale]) => [decimalType(precision, scale), decimals(precision)] as const),
];

test.each(["round", "bround"])("%s", (name) => {
  const definition = functionRegistry.find(name) as ScalarFunction;
  fc.assert(
    fc.property(
      fc
        .constantFrom(...KINDS)
        .chain(([type, values]) => fc.tuple(fc.constant(type), fc.array(fc.option(values), { minLength: 1, maxLength: 20 }))),
      digits,
      ([type, values], scale) => {
        const types = [type, IntegerType];
        const argument = { dataType: IntegerType, nullable: false, literal: scale, sql: String(scale) };
        const { returnType } = definition.resolve([{ dataType: type, nullable: true, sql: "x" }, argument]);
        const expression: Expression = call(name, [attribute(0, type), literal(scale, IntegerType)], returnType, true);
        if (tierOf(expression, utc) !== "fused") return;
        const context = { batchTimestampMicros: 0n, timeZone: "UTC" };
        const expected = values.map((value) => (value === null ? null : definition.evaluate([value, scale], types, returnType, context)));
        expect(evaluateCompiled(expression, [{ attribute: attribute(0, type), values }], values.length)).toEqual(expected);
      },
    ),
    { numRuns },
  );
});

test("what is compiled: known digits behind the point", () => {
  const of = (type: DataType, scale: Expression): string => tierOf(call("round", [attribute(0, type), scale], type, true), utc);
  const two = literal(2, IntegerType);
  for (const type of [DoubleType, LongType, decimalType(12, 4), decimalType(30, 4)]) expect(of(type, two)).toBe("fused");
  expect(of(DoubleType, literal(-2, IntegerType))).toBe("materialize");
  expect(of(DoubleType, attribute(1, IntegerType))).toBe("materialize");
});
