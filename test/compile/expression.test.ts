import { describe, expect, test } from "vitest";
import {
  BooleanType,
  ByteType,
  type DataType,
  decimalType,
  DoubleType,
  IntegerType,
  LongType,
  StringType,
  structField,
  structType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { call, type Expression, literal } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled } from "./harness.ts";

/** Values of `name(column 0, column 1, …)`; columns are given as rows. */
function rowsOf(name: string, types: readonly DataType[], returnType: DataType, rows: readonly (readonly Value[])[]): Value[] {
  const attributes = types.map((type, index) => attribute(index, type));
  const columns = attributes.map((column, index) => ({ attribute: column, values: rows.map((row) => row[index]!) }));
  return evaluateCompiled(call(name, attributes, returnType, true), columns, rows.length);
}

function failureOf(name: string, types: readonly DataType[], returnType: DataType, row: readonly Value[]): unknown {
  try {
    return rowsOf(name, types, returnType, [row]);
  } catch (error) {
    return (error as { condition?: string }).condition ?? error;
  }
}

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

describe("integer arithmetic is exact or fails", () => {
  test("sums and products near the ends of the range", () => {
    expect(
      rowsOf("+", [LongType, LongType], LongType, [
        [1n, 2n],
        [MAX, -1n],
        [MIN, MAX],
        [null, 1n],
        [MAX, null],
      ]),
    ).toEqual([3n, MAX - 1n, -1n, null, null]);
    expect(
      rowsOf("*", [LongType, LongType], LongType, [
        [3037000499n, 3037000499n],
        [MIN, 1n],
        [-1n, MAX],
        [0n, MIN],
        [MAX, 0n],
      ]),
    ).toEqual([9223372030926249001n, MIN, -MAX, 0n, 0n]);
    expect(rowsOf("*", [IntegerType, IntegerType], IntegerType, [[-65536, 32768]])).toEqual([-2147483648]);
    expect(rowsOf("-", [ByteType, ByteType], ByteType, [[-128, -1]])).toEqual([-127]);
  });

  test.each<[string, DataType, Value[], string]>([
    ["+", LongType, [MAX, 1n], "ARITHMETIC_OVERFLOW"],
    ["-", LongType, [MIN, 1n], "ARITHMETIC_OVERFLOW"],
    ["-", LongType, [0n, MIN], "ARITHMETIC_OVERFLOW"],
    ["*", LongType, [MIN, -1n], "ARITHMETIC_OVERFLOW"],
    ["*", LongType, [-1n, MIN], "ARITHMETIC_OVERFLOW"],
    ["*", LongType, [3037000500n, 3037000500n], "ARITHMETIC_OVERFLOW"],
    ["+", IntegerType, [2147483647, 1], "ARITHMETIC_OVERFLOW"],
    ["-", IntegerType, [-2147483648, 1], "ARITHMETIC_OVERFLOW"],
    ["*", IntegerType, [65536, 32768], "ARITHMETIC_OVERFLOW"],
    ["+", ByteType, [127, 1], "BINARY_ARITHMETIC_OVERFLOW"],
    ["%", IntegerType, [1, 0], "REMAINDER_BY_ZERO"],
    ["pmod", LongType, [1n, 0n], "REMAINDER_BY_ZERO"],
    ["div", LongType, [1n, 0n], "DIVIDE_BY_ZERO"],
    ["div", LongType, [MIN, -1n], "ARITHMETIC_OVERFLOW"],
    ["/", DoubleType, [1, -0], "DIVIDE_BY_ZERO"],
  ])("%s of %o", (name, type, row, condition) => {
    expect(failureOf(name, [type, type], type, row)).toBe(condition);
  });

  test("a null operand hides the error of the other", () => {
    expect(rowsOf("/", [DoubleType, DoubleType], DoubleType, [[null, 0]])).toEqual([null]);
    expect(rowsOf("div", [LongType, LongType], LongType, [[null, 0n]])).toEqual([null]);
  });

  test("remainders keep the dividend's sign, pmod is not negative", () => {
    const rows = [
      [-7, 3],
      [7, -3],
      [-7, -3],
      [-2147483648, -1],
    ];
    expect(rowsOf("%", [IntegerType, IntegerType], IntegerType, rows)).toEqual([-1, 1, -1, 0]);
    expect(rowsOf("pmod", [IntegerType, IntegerType], IntegerType, rows)).toEqual([2, 1, -1, 0]);
  });

  test("try_ forms give null in place of the error", () => {
    expect(
      rowsOf("try_add", [LongType, LongType], LongType, [
        [MAX, 1n],
        [1n, 1n],
        [null, 1n],
      ]),
    ).toEqual([null, 2n, null]);
    expect(rowsOf("try_divide", [DoubleType, DoubleType], DoubleType, [[1, 0]])).toEqual([null]);
  });
});

describe("decimals of up to 18 digits", () => {
  test("operands of different scales", () => {
    const types = [decimalType(5, 2), decimalType(6, 3)];
    expect(rowsOf("+", types, decimalType(7, 3), [[12345n, 6789n]])).toEqual([130239n]);
    expect(rowsOf("*", types, decimalType(12, 5), [[12345n, -6789n]])).toEqual([-83810205n]);
    expect(rowsOf("%", types, decimalType(6, 3), [[-12345n, 6789n]])).toEqual([-1248n]);
  });
  test("quotients are rounded half away from zero", () => {
    // decimal(3,1) / decimal(3,1) has scale max(6, 1 + 3 + 1) = 6 and precision 3 - 1 + 1 + 6 = 9.
    expect(
      rowsOf("/", [decimalType(3, 1), decimalType(3, 1)], decimalType(9, 6), [
        [10n, 30n],
        [20n, 30n],
        [-20n, 30n],
        [1n, 640n],
      ]),
    ).toEqual([333333n, 666667n, -666667n, 1563n]);
  });
});

describe("comparisons", () => {
  const NaNs: Value[][] = [
    [NaN, NaN],
    [NaN, Infinity],
    [-0, 0],
    [1, NaN],
    [1, 2],
  ];
  test.each<[string, boolean[]]>([
    ["=", [true, false, true, false, false]],
    ["<", [false, false, false, true, true]],
    ["<=", [true, false, true, true, true]],
    [">", [false, true, false, false, false]],
    [">=", [true, true, true, false, false]],
  ])("NaN is the greatest double and equals itself: %s", (name, expected) => {
    expect(rowsOf(name, [DoubleType, DoubleType], BooleanType, NaNs)).toEqual(expected);
  });
  test("<=> is never null", () => {
    expect(
      rowsOf("<=>", [LongType, LongType], BooleanType, [
        [null, null],
        [1n, null],
        [1n, 1n],
      ]),
    ).toEqual([true, false, true]);
  });
  test.each(["", "a", "view", "purchase", "purchased", "Zürich 東京 Δ", "x".repeat(31)])("strings equal to the literal %o", (text) => {
    const column = attribute(0, StringType);
    const values = [text, `${text}!`, text.slice(1), `X${text.slice(1)}`, null, `${text.slice(0, -1)}?`];
    const expression = call("=", [column, literal(text, StringType)], BooleanType, true);
    expect(evaluateCompiled(expression, [{ attribute: column, values }], values.length)).toEqual(
      values.map((value) => (value === null ? null : value === text)),
    );
  });
  test("in is null when nothing matches and a candidate is null", () => {
    const column = attribute(0, IntegerType);
    const candidates = [literal(1, IntegerType), literal(null, IntegerType), literal(3, IntegerType)];
    const expression = call("in", [column, ...candidates], BooleanType, true);
    expect(evaluateCompiled(expression, [{ attribute: column, values: [1, 2, 3, null] }], 4)).toEqual([true, null, true, null]);
  });
  test("greatest and least skip nulls", () => {
    const rows = [
      [1, null, NaN],
      [null, null, null],
      [2, -1, null],
    ];
    expect(rowsOf("greatest", [DoubleType, DoubleType, DoubleType], DoubleType, rows)).toEqual([NaN, null, 2]);
    expect(rowsOf("least", [DoubleType, DoubleType, DoubleType], DoubleType, rows)).toEqual([1, null, -1]);
  });
});

describe("logic is three-valued and lazy", () => {
  const truth: Value[] = [true, false, null];
  const pairs = truth.flatMap((a) => truth.map((b) => [a, b]));
  test("truth tables", () => {
    expect(rowsOf("and", [BooleanType, BooleanType], BooleanType, pairs)).toEqual([
      true,
      false,
      null, //
      false,
      false,
      false, //
      null,
      false,
      null, //
    ]);
    expect(rowsOf("or", [BooleanType, BooleanType], BooleanType, pairs)).toEqual([
      true,
      true,
      true, //
      true,
      false,
      null, //
      true,
      null,
      null, //
    ]);
  });

  const x = attribute(0, LongType);
  const failing: Expression = call("div", [literal(1n, LongType), x], LongType, true);
  const isZero = call("=", [x, literal(0n, LongType)], BooleanType, true);
  const evaluate = (expression: Expression, values: Value[]): Value[] =>
    evaluateCompiled(expression, [{ attribute: x, values }], values.length);

  test("untaken alternatives cannot fail", () => {
    expect(evaluate(call("if", [isZero, literal(-1n, LongType), failing], LongType, true), [0n, 1n, null])).toEqual([-1n, 1n, null]);
    expect(evaluate(call("or", [isZero, call("=", [failing, x], BooleanType, true)], BooleanType, true), [0n, 1n])).toEqual([true, true]);
    expect(evaluate(call("coalesce", [x, failing], LongType, true), [0n, null])).toEqual([0n, null]);
    const caseWhen: Expression = {
      kind: "case_when",
      branches: [{ condition: isZero, value: literal(7n, LongType) }],
      otherwise: failing,
    };
    expect(evaluate(caseWhen, [0n, 1n])).toEqual([7n, 1n]);
    expect(() => evaluate(caseWhen, [1n, 0n, 5n])).not.toThrow();
  });

  test("a case without else is null where nothing matches", () => {
    const caseWhen: Expression = {
      kind: "case_when",
      branches: [{ condition: isZero, value: literal("zero", StringType) }],
      otherwise: null,
    };
    expect(evaluate(caseWhen, [0n, 1n, null])).toEqual(["zero", null, null]);
  });

  test("fields of structs that exist only in code", () => {
    const struct: Expression = { kind: "create_struct", names: ["a", "b"], values: [x, literal("s", StringType)] };
    expect(evaluate(struct, [1n, null])).toEqual([
      [1n, "s"],
      [null, "s"],
    ]);
    const type = structType([structField("a", LongType), structField("b", StringType)]);
    const chosen = call("if", [isZero, literal(null, type), struct], type, true);
    expect(evaluate(chosen, [0n, 1n])).toEqual([null, [1n, "s"]]);
    expect(evaluate({ kind: "get_field", child: chosen, ordinal: 0 }, [0n, 1n])).toEqual([null, 1n]);
    expect(evaluate({ kind: "get_field", child: struct, ordinal: 1 }, [1n])).toEqual(["s"]);
  });
});

describe("a decimal literal times a long", () => {
  const random = Array.from(
    { length: 200 },
    (_, index) => BigInt.asIntN(64, 0x9e3779b97f4a7c15n * BigInt(index + 1)) >> BigInt(index % 64),
  );
  const price = attribute(0, LongType);
  test.each([
    [908n, decimalType(3, 3)],
    [-908n, decimalType(3, 3)],
    [1n, decimalType(1, 0)],
    [-1n, decimalType(1, 0)],
    [0n, decimalType(1, 0)],
    [10n ** 17n + 3n, decimalType(18, 9)],
  ])("%s %s: inline as far as the product has 64 bits, by a kernel beyond", (factor, type) => {
    const limit = factor === 0n ? MAX : MAX / (factor < 0n ? -factor : factor);
    const longs = [0n, 1n, -1n, MAX, MIN, limit, limit + 1n, -limit, -limit - 1n, ...random].map((value) => BigInt.asIntN(64, value));
    const columns = [{ attribute: price, values: [...longs, null] }];
    const wide: Expression = { kind: "cast", child: price, to: decimalType(20, 0), mode: "ansi" };
    const result = decimalType(type.precision + 20, type.scale);
    for (const args of [
      [literal(factor, type), wide],
      [wide, literal(factor, type)],
    ])
      expect(evaluateCompiled(call("*", args, result, true), columns, longs.length + 1)).toEqual([
        ...longs.map((value) => value * factor),
        null,
      ]);
  });
});
