/** Kernels on decimals against exact arithmetic, and the sketch of approx_count_distinct against its oracle and its bound. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { formatDecimal } from "../../src/columnar/decimal.ts";
import * as layout from "../../src/columnar/memory-layout.ts";
import { decimalType, LongType, StringType, type DecimalType } from "../../src/columnar/types.ts";
import { castValue } from "../../src/functions/cast.ts";
import { xxhash64Row } from "../../src/functions/hash/hash.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { decimalResult } from "../../src/plan/expr/type-coercion.ts";
import { callRaw, KernelError, kernels, textOfView, viewOfText, viewOfWide, wideOfView } from "./support/kernels.ts";

afterEach(() => void kernels.exports["arena_reset"]!(layout.ARENA_BLOCK));

const decimalTypeOf = fc
  .integer({ min: 1, max: 38 })
  .chain((precision) => fc.integer({ min: 0, max: precision }).map((scale) => decimalType(precision, scale)));
/** Near the powers of two that decide whether 64 bits are enough, and others. */
const wholeNumber = fc.oneof(
  fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }),
  fc.tuple(fc.integer({ min: 0, max: 65 }), fc.integer({ min: -2, max: 2 }), fc.boolean()).map(([bits, more, isNegative]) => {
    const value = 2n ** BigInt(bits) + BigInt(more);
    return isNegative ? -value : value;
  }),
);
const valueOf = (type: DecimalType): fc.Arbitrary<bigint> =>
  fc.tuple(fc.integer({ min: 0, max: type.precision }), wholeNumber).map(([digits, seed]) => seed % 10n ** BigInt(digits));
const operand = decimalTypeOf.chain((type) => valueOf(type).map((value) => ({ type, value })));

const outcome = <T>(compute: () => T): T | "error" => {
  try {
    return compute();
  } catch (error) {
    if (error instanceof KernelError || error instanceof Error) return "error";
    throw error;
  }
};

describe("decimal kernels", () => {
  test.each([
    ["+", "decimal_add"],
    ["-", "decimal_subtract"],
    ["*", "decimal_multiply"],
    ["/", "decimal_divide"],
    ["%", "decimal_remainder"],
  ] as const)("%s", (operator, kernel) => {
    const definition = functionRegistry.scalar(operator);
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        const type = decimalResult(operator, a.type, b.type);
        const expected = outcome(() =>
          definition.evaluate([a.value, b.value], [a.type, b.type], type, { batchTimestampMicros: 0n, timeZone: "UTC" }),
        );
        const actual = outcome(() =>
          wideOfView(
            callRaw(kernel, [viewOfWide(a.value), viewOfWide(b.value), a.type.scale, b.type.scale, type.scale, type.precision]) as bigint,
          ),
        );
        expect(actual).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test("rescale, format, parse, compare, negate", () => {
    fc.assert(
      fc.property(operand, operand, (a, b) => {
        const to = b.type;
        expect(
          outcome(() => wideOfView(callRaw("decimal_rescale", [viewOfWide(a.value), a.type.scale, to.scale, to.precision]) as bigint)),
        ).toBe(outcome(() => castValue(a.value, a.type, to, "ansi", "UTC")));
        const text = formatDecimal(a.value, a.type.scale);
        expect(textOfView(callRaw("decimal_format", [viewOfWide(a.value), a.type.scale]) as bigint)).toBe(text);
        expect(outcome(() => wideOfView(callRaw("decimal_parse", [viewOfText(` ${text} `), to.precision, to.scale]) as bigint))).toBe(
          outcome(() => castValue(text, StringType, to, "ansi", "UTC")),
        );
        expect(Math.sign(callRaw("compare_wide", [viewOfWide(a.value), viewOfWide(b.value)]) as number)).toBe(
          a.value < b.value ? -1 : a.value > b.value ? 1 : 0,
        );
        expect(wideOfView(callRaw("wide_negate", [viewOfWide(a.value)]) as bigint)).toBe(-a.value);
      }),
      { numRuns: 1000 },
    );
  });

  test("texts in scientific form and malformed ones", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom("1", "5", "0", "9", ".", "e", "E", "-", "+", " ", "x"), maxLength: 12 }),
      fc.string({ unit: fc.constantFrom("1", "5", "0", "9"), minLength: 30, maxLength: 110 }).map((digits) => `0.${digits}`),
      fc.constantFrom("1e37", "1e38", "1e-40", "5e-39", "1e399", "0e500", "", ".", "-.5", "5.", `${"9".repeat(90)}e-60`),
    );
    fc.assert(
      fc.property(text, decimalTypeOf, (value, type) => {
        expect(outcome(() => wideOfView(callRaw("decimal_parse", [viewOfText(value), type.precision, type.scale]) as bigint))).toBe(
          outcome(() => castValue(value, StringType, type, "ansi", "UTC")),
        );
      }),
      { numRuns: 3000 },
    );
  });
});

describe("approx_count_distinct", () => {
  const oracle = functionRegistry.aggregate("approx_count_distinct").oracle([LongType], LongType, { ignoreNulls: false });
  const sketch = (from: bigint, count: number): number => {
    const address = kernels.exports["arena_alloc"]!(layout.ARENA_BLOCK, 512) as number;
    kernels.bytes().fill(0, address, address + 512);
    for (let value = from; value < from + BigInt(count); value++) callRaw("hll_update", [address, xxhash64Row([value], [LongType])]);
    return address;
  };

  test.each([0, 1, 10, 100, 400, 1000, 3000, 20_000])("%i distinct values: kernel as oracle, within four standard deviations", (count) => {
    const address = sketch(0n, count);
    const estimate = callRaw("hll_evaluate", [address]) as bigint;
    let state = oracle.initial();
    for (let value = 0n; value < count; value++) state = oracle.update(state, [value]);
    expect(estimate).toBe(oracle.evaluate(state));
    expect(Math.abs(Number(estimate) - count)).toBeLessThanOrEqual(0.05 * 4 * count);
  });

  test("merging is the sketch of the union", () => {
    const [left, right, whole] = [sketch(0n, 700), sketch(500n, 900), sketch(0n, 1400)];
    callRaw("hll_merge", [left, right]);
    expect(callRaw("hll_evaluate", [left])).toBe(callRaw("hll_evaluate", [whole]));
  });
});
