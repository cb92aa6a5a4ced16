import { describe, expect, test } from "vitest";
import {
  BinaryType,
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  StringType,
  structField,
  structType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { murmur3Row, xxhash64Row } from "../../src/functions/hash/hash.ts";
import { call, literal } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled } from "./harness.ts";

const struct = structType([structField("a", IntegerType), structField("b", StringType)]);

const columns: readonly [DataType, Value[]][] = [
  [BooleanType, [true, false, null]],
  [ByteType, [-1, 127, null]],
  [ShortType, [-300, 300, null]],
  [IntegerType, [0, 1, -2147483648]],
  [LongType, [0n, -1n, 2n ** 62n]],
  [FloatType, [-0, NaN, 1.5]],
  [DoubleType, [-0, NaN, -1e300]],
  [decimalType(10, 2), [12345n, -1n, null]],
  [decimalType(38, 2), [10n ** 37n, -128n, 255n]],
  [decimalType(20, 0), [0n, -(2n ** 63n), 2n ** 64n - 1n]],
  [DateType, [0, -1, 20000]],
  [TimestampType, [1n, -1n, null]],
  [StringType, ["", "Spark", "żółć"]],
  [StringType, ["abc", "abcd", "a longer text, of several words"]],
  [BinaryType, [new Uint8Array([255, 128, 1]), new Uint8Array(0), null]],
  [struct, [[1, "x"], [null, null], null]],
];

describe("hashes of typed values", () => {
  test("a number that Spark documents", () => {
    expect(evaluateCompiled(call("hash", [literal(1, IntegerType)], IntegerType, false), [], 1)).toEqual([-559580957]);
  });

  test.each(columns)("%o", (type, values) => {
    const column = attribute(0, type);
    const expression = call("hash", [column], IntegerType, false);
    expect(evaluateCompiled(expression, [{ attribute: column, values }], 3)).toEqual(values.map((value) => murmur3Row([value], [type])));
  });

  test.each(columns)("the 64-bit hash of %o", (type, values) => {
    const column = attribute(0, type);
    const expression = call("xxhash64", [column], LongType, false);
    expect(evaluateCompiled(expression, [{ attribute: column, values }], 3)).toEqual(values.map((value) => xxhash64Row([value], [type])));
  });

  test("several values continue one hash; nulls leave it as it is", () => {
    const inputs = columns.map(([type, values], id) => ({ attribute: attribute(id, type), values }));
    const expression = call(
      "hash",
      inputs.map((input) => input.attribute),
      IntegerType,
      false,
    );
    const types = columns.map(([type]) => type);
    expect(evaluateCompiled(expression, inputs, 3)).toEqual(
      [0, 1, 2].map((row) =>
        murmur3Row(
          columns.map(([, values]) => values[row]!),
          types,
        ),
      ),
    );
  });
});
