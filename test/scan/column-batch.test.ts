import fc from "fast-check";
import { expect, test } from "vitest";
import { columnBatchRowCount, decodeColumnBatch, encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { decodeList, encodeList } from "../../src/columnar/list-encoding.ts";
import {
  arrayType,
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
  mapType,
  ShortType,
  StringType,
  structField,
  structType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { setColumn } from "../../src/connectors/block-memory.ts";
import { makeKernels, toBlocks, toRows } from "./kernel-fixture.ts";

const simple: fc.Arbitrary<DataType> = fc.constantFrom<DataType>(
  BooleanType,
  ByteType,
  ShortType,
  IntegerType,
  LongType,
  FloatType,
  DoubleType,
  decimalType(10, 2),
  decimalType(38, 5),
  StringType,
  BinaryType,
  DateType,
  TimestampType,
);
const { type: anyType } = fc.letrec<{ type: DataType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2, depthSize: "small" },
    simple,
    tie("type").map((element) => arrayType(element)),
    fc.tuple(simple, tie("type")).map(([key, value]) => mapType(key, value)),
    fc
      .array(tie("type"), { minLength: 1, maxLength: 3 })
      .map((types) => structType(types.map((type, index) => structField(`f${index}`, type)))),
  ),
}));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Uint8Array.from(array));

function valueOf(type: DataType, nullable = true): fc.Arbitrary<Value> {
  const of = (): fc.Arbitrary<Value> => {
    switch (type.kind) {
      case "boolean":
        return fc.boolean();
      case "byte":
        return fc.integer({ min: -128, max: 127 });
      case "short":
        return fc.integer({ min: -32768, max: 32767 });
      case "integer":
      case "date":
        return fc.integer();
      case "float":
        return fc.float();
      case "double":
        return fc.double();
      case "decimal":
        return type.precision <= 18 ? int64 : fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n });
      case "string":
        return fc.string({ unit: "grapheme", maxLength: 40 });
      case "binary":
        return bytes;
      case "array":
        return fc.array(valueOf(type.elementType), { maxLength: 4 });
      case "map":
        return fc.array(fc.tuple(valueOf(type.keyType, false), valueOf(type.valueType)), { maxLength: 3 });
      case "struct":
        return fc.tuple(...type.fields.map((field) => valueOf(field.dataType)));
      default:
        return int64;
    }
  };
  return nullable ? fc.option(of(), { nil: null, freq: 4 }) : of();
}

const batches = fc
  .array(anyType, { minLength: 1, maxLength: 4 })
  .map((types) => structType(types.map((type, index) => structField(`c${index}`, type))))
  .chain((schema) =>
    fc.tuple(fc.constant(schema), fc.array(fc.tuple(...schema.fields.map((field) => valueOf(field.dataType))), { maxLength: 20 })),
  );

test("rows survive encoding and decoding, also through blocks in a worker's memory", () => {
  const kernels = makeKernels();
  fc.assert(
    fc.property(batches, ([schema, rows]) => {
      const encoded = encodeColumnBatch(schema, rows);
      expect(columnBatchRowCount(encoded)).toBe(rows.length);
      expect(decodeColumnBatch(schema, encoded)).toEqual(rows);
      expect(toRows(kernels, schema, toBlocks(kernels, schema, rows))).toEqual(rows);
      kernels.exports.arena_reset!(0);
    }),
    { numRuns: 300 },
  );
});

test("a batch of more than one block is cut at 8192 rows", () => {
  const kernels = makeKernels();
  const schema = structType([
    structField("id", LongType),
    structField("name", StringType),
    structField("s", structType([structField("b", ByteType)])),
  ]);
  const rows = Array.from({ length: 20_001 }, (_, i): Value[] => [
    BigInt(i),
    i % 7 === 0 ? null : `name ${i} ä`,
    i % 5 === 0 ? null : [i % 100],
  ]);
  const blocks = toBlocks(kernels, schema, rows);
  expect(blocks.length).toBe(3);
  expect(toRows(kernels, schema, blocks)).toEqual(rows);
});

test("columns that were not read are encoded as null", () => {
  const kernels = makeKernels();
  const schema = structType([structField("a", IntegerType), structField("b", StringType)]);
  const [block] = toBlocks(kernels, schema, [
    [1, "x"],
    [2, "y"],
  ]);
  setColumn(kernels, block!, 1, 0, 0);
  expect(toRows(kernels, schema, [block!])).toEqual([
    [1, null],
    [2, null],
  ]);
});

test("a lone surrogate becomes the replacement character", () => {
  const schema = structType([structField("s", StringType)]);
  expect(decodeColumnBatch(schema, encodeColumnBatch(schema, [["a\ud800b"]]))).toEqual([["a\ufffdb"]]);
});

test("lists lie in memory as documented", () => {
  const encoded = encodeList(arrayType(StringType), ["ab", null, "c"]);
  const hex = Buffer.from(encoded)
    .toString("hex")
    .replace(/(.{16})/g, "$1 ")
    .trim();
  expect(hex).toBe("0300000000000000 0100010000000000 0000000002000000 0200000003000000 6162630000000000");
  expect(decodeList(arrayType(StringType), encoded)).toEqual(["ab", null, "c"]);
});
