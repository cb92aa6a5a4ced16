/** Every kernel that a definition names gives what the definition's plain meaning gives, on random arguments. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import * as layout from "../../src/columnar/memory-layout.ts";
import * as types from "../../src/columnar/types.ts";
import type { DataType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { castValue } from "../../src/functions/cast.ts";
import { murmur3Row, xxhash64Row } from "../../src/functions/hash/hash.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import type { ScalarFunction } from "../../src/plan/expr/function-registry.ts";
import { compareStrings } from "../../src/columnar/compare.ts";
import { callKernel, callRaw, KernelError, kernels, textOfView, viewOfText, viewOfWide } from "./support/kernels.ts";

const context = { batchTimestampMicros: 0n, timeZone: "UTC" };

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "%", "_", " ", "\\", "é", "本", "😀", ".", "A"), maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);
const unit = fc.constantFrom(
  "year",
  "YYYY",
  "quarter",
  "Mon",
  "week",
  "day",
  "DD",
  "hour",
  "minute",
  "SECOND",
  "MilliSecond",
  "microsecond",
  "nonsense",
);
const small = fc.integer({ min: -12, max: 30 });
const days = fc.oneof(fc.integer({ min: -800_000, max: 3_000_000 }), fc.integer({ min: -20_000_000, max: 20_000_000 }));
const micros = fc.bigInt({ min: -62_135_596_800_000_000n * 3n, max: 253_402_300_799_999_999n * 3n });

function arbitraryOf(type: DataType, index: number, name: string): fc.Arbitrary<Value> {
  if ((name === "date_trunc" && index === 0) || (name === "trunc" && index === 1)) return unit;
  switch (type.kind) {
    case "string":
      return text;
    case "integer":
      return name === "date_add" || name === "date_sub" ? fc.integer() : small;
    case "date":
      return days;
    case "timestamp":
      return micros;
    case "long":
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    default:
      throw new Error(`no arguments for ${type.kind}`);
  }
}

/** Argument types that select each kernel of a definition. */
const SHAPES: readonly (readonly DataType[])[] = (() => {
  const { StringType: s, IntegerType: i, DateType: d, TimestampType: t, LongType: l } = types;
  return [[s], [d], [t], [l], [s, s], [s, i], [d, i], [d, d], [d, s], [s, t], [s, s, s], [s, i, i], [s, i, s], [s, s, i]];
})();

function outcome(compute: () => Value): Value | "error" {
  try {
    return compute();
  } catch (error) {
    if (error instanceof KernelError || error instanceof Error) return "error";
    throw error;
  }
}

const cases: [string, ScalarFunction, readonly DataType[], DataType][] = [];
for (const name of functionRegistry.names()) {
  const definition = functionRegistry.find(name)!;
  if (definition.kind !== "scalar" || definition.name !== name) continue;
  for (const shape of SHAPES) {
    let resolved;
    try {
      resolved = definition.resolve(shape.map((dataType) => ({ dataType, nullable: false, sql: "x" })));
    } catch {
      continue;
    }
    if (!resolved.argumentTypes.every((type, index) => types.sameType(type, shape[index]!))) continue;
    const kernel = definition.kernelFor?.(shape) ?? definition.kernel;
    if (kernel !== undefined) cases.push([kernel, definition, shape, resolved.returnType]);
  }
}

afterEach(() => void kernels.exports["arena_reset"]!(layout.ARENA_BLOCK));

describe("kernels of definitions", () => {
  test.each(cases)("%s", (kernel, definition, shape, returnType) => {
    expect(kernels.exports[kernel]).toBeTypeOf("function");
    fc.assert(
      fc.property(fc.tuple(...shape.map((type, index) => arbitraryOf(type, index, definition.name))), (args) => {
        const expected = outcome(() => definition.evaluate(args, shape, returnType, context));
        expect(outcome(() => callKernel(kernel, args, shape, returnType))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("every named kernel is covered", () => {
    const named = functionRegistry
      .names()
      .map((name) => functionRegistry.find(name)!)
      .flatMap((definition) => (definition.kind === "scalar" && definition.kernel ? [definition.kernel] : []));
    expect([...new Set(named)].filter((kernel) => !cases.some(([covered]) => covered === kernel))).toEqual([]);
  });
});

describe("hashes", () => {
  const check = (kind: string, type: DataType, value: Value, machine: number | bigint): void => {
    expect(callRaw(`murmur3_${kind}`, [machine, 42])).toBe(murmur3Row([value], [type]));
    expect(callRaw(`xxhash64_${kind}`, [machine, 42n])).toBe(xxhash64Row([value], [type]));
  };
  test("of every kind equal the plain ones", () => {
    fc.assert(fc.property(fc.integer(), (value) => check("int", types.IntegerType, value, value)));
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => check("long", types.LongType, value, value)));
    fc.assert(fc.property(fc.double(), (value) => check("double", types.DoubleType, value, value)));
    fc.assert(fc.property(fc.float(), (value) => check("float", types.FloatType, value, value)));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (value) => check("bytes", types.StringType, value, viewOfText(value))),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), (value) =>
        check("wide", types.decimalType(38, 0), value, viewOfWide(value)),
      ),
    );
  });
});

describe("order and equality of views", () => {
  test("by unsigned bytes", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [left, right] = [viewOfText(a), viewOfText(b)];
        expect(Math.sign(callRaw("compare_views", [left, right]) as number)).toBe(Math.sign(compareStrings(a, b)));
        expect(callRaw("equal_views", [left, viewOfText(a)])).toBe(1);
        expect(callRaw("equal_views", [left, right])).toBe(a === b ? 1 : 0);
      }),
    );
  });
});

describe("casts between text and other types", () => {
  const digitsLike = fc.oneof(
    fc.string({ unit: fc.constantFrom("0", "1", "9", "-", "+", " ", ":", ".", "T", "Z"), maxLength: 24 }),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
    fc.constantFrom(
      "true",
      " YES ",
      "f",
      "n0",
      "2024-02-29",
      "2023-02-29 x",
      "+12024-1-1",
      "2024-01-01T1:2:3.4567891",
      "2024-01-01 10:00:00 +5",
      "2024-1-1 1:1Z",
      "2024-01-01 10:00:00GMT-08:30",
      "-0044-03-15",
      "2024-01",
      "2024",
      "2024-01-01T",
      "2024-01-01 25:00",
    ),
  );
  test.each([
    ["parse_long", types.LongType],
    ["parse_boolean", types.BooleanType],
    ["parse_date", types.DateType],
    ["parse_timestamp", types.TimestampType],
  ] as const)("%s", (kernel, to) => {
    fc.assert(
      fc.property(digitsLike, (value) => {
        const expected = outcome(() => castValue(value, types.StringType, to, "ansi", "UTC"));
        expect(outcome(() => callKernel(kernel, [value], [types.StringType], to))).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  // Digits are read eight at a time: every length, and any byte at any place among them.
  test("parse_long of digits of every length, whole and damaged", () => {
    const digits = fc.integer({ min: 1, max: 20 }).chain((length) => fc.stringMatching(new RegExp(`^[0-9]{${length}}$`)));
    const damage = fc.record({
      at: fc.nat(19),
      by: fc.constantFrom("/", ":", "0", " ", "\t", "-", "+", "a", "é", "\u{10FFFF}", "\0", "\x7f"),
    });
    fc.assert(
      fc.property(digits, fc.constantFrom("", "-", "+", " "), fc.option(damage), (number, before, wound) => {
        const damaged = wound ? number.slice(0, wound.at) + wound.by + number.slice(wound.at + 1) : number;
        const value = before + damaged;
        const expected = outcome(() => castValue(value, types.StringType, types.LongType, "ansi", "UTC"));
        expect(outcome(() => callKernel("parse_long", [value], [types.StringType], types.LongType))).toEqual(expected);
      }),
      { numRuns: 3000, seed: 8 },
    );
  });

  test.each([
    ["format_long", types.LongType, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ["format_date", types.DateType, days],
    [
      "format_timestamp",
      types.TimestampType,
      fc.oneof(
        micros,
        micros.map((value) => value - (value % 1_000_000n)),
      ),
    ],
  ] as const)("%s", (kernel, from, values) => {
    fc.assert(
      fc.property(values as fc.Arbitrary<Value>, (value) => {
        const expected = castValue(value, from, types.StringType, "ansi", "UTC");
        expect(textOfView(callRaw(kernel, [value as bigint]) as bigint)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});
