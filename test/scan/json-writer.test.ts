import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrayType,
  BinaryType,
  BooleanType,
  ByteType,
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
  type StructType,
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { dateTimeFormats } from "../../src/connectors/formats/datetime-formats.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonObject } from "../../src/connectors/formats/json-text.ts";
import { jsonBlockEncoder } from "../../src/connectors/formats/json-writer.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { makeKernels, toBlocks } from "./kernel-fixture.ts";

const kernels = makeKernels();

function write(schema: StructType, rows: readonly (readonly Value[])[], options: Record<string, string> = {}, zone = "UTC"): string[] {
  const encoder = jsonBlockEncoder.open(schema, new ConnectorOptions("json", options, jsonOptions), kernels, zone);
  for (const block of toBlocks(kernels, schema, rows)) encoder.append(block);
  const text = Buffer.from(encoder.take()).toString();
  kernels.exports.arena_reset!(0);
  kernels.exports.arena_reset!(1);
  return text.split("\n").slice(0, -1);
}

test("rows are written as Spark's to_json writes them", () => {
  const schema = structType([
    structField("s", StringType),
    structField("l", LongType),
    structField("d", DoubleType),
    structField("m", decimalType(10, 3)),
    structField("t", TimestampType),
    structField("o", structType([structField("day", DateType), structField("b", BooleanType)])),
    structField("x", BinaryType),
  ]);
  expect(
    write(schema, [
      ['a"b\\c\n\u0001ü😀', -5n, 1e10, -5n, 1_704_067_200_000_000n, [19_782, true], Uint8Array.of(1, 2, 3, 4)],
      [null, null, null, null, 1_704_067_200_123_456n, null, null],
      ["", 0n, NaN, 12_345n, null, [null, null], new Uint8Array(0)],
      [null, null, -Infinity, null, null, null, null],
    ]),
  ).toEqual([
    '{"s":"a\\"b\\\\c\\n\\u0001ü😀","l":-5,"d":1.0E10,"m":-0.005,"t":"2024-01-01T00:00:00.000Z","o":{"day":"2024-02-29","b":true},"x":"AQIDBA=="}',
    '{"t":"2024-01-01T00:00:00.123456Z"}',
    '{"s":"","l":0,"d":"NaN","m":12.345,"o":{},"x":""}',
    '{"d":"-Infinity"}',
  ]);
  expect(write(structType(schema.fields.slice(0, 2)), [[null, 1n]], { ignoreNullFields: "false" })).toEqual(['{"s":null,"l":1}']);
});

test("timestamps carry the offset of the zone at their time", () => {
  const schema = structType([structField("t", TimestampType)]);
  const rows = ["2024-01-01T00:00:00Z", "2024-07-01T00:00:00Z", "2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z"].map((iso): Value[] => [
    BigInt(Date.parse(iso)) * 1000n,
  ]);
  expect(write(schema, rows, {}, "Europe/Berlin")).toEqual([
    '{"t":"2024-01-01T01:00:00.000+01:00"}',
    '{"t":"2024-07-01T02:00:00.000+02:00"}',
    '{"t":"2024-03-31T01:59:59.000+01:00"}',
    '{"t":"2024-03-31T03:00:00.000+02:00"}',
  ]);
});

test("lists, maps and wide decimals", () => {
  const schema = structType([
    structField("a", arrayType(StringType)),
    structField("m", mapType(LongType, DoubleType)),
    structField("w", decimalType(38, 2)),
  ]);
  expect(write(schema, [[["x", null], [[1n, 0.5]], 10n ** 30n]])).toEqual([
    '{"a":["x",null],"m":{"1":0.5},"w":10000000000000000000000000000.00}',
  ]);
});

test("the kernel writes what the plain writer writes", () => {
  const schema = structType([
    structField("s", StringType),
    structField("b", ByteType),
    structField("h", ShortType),
    structField("i", IntegerType),
    structField("l", LongType),
    structField("d", decimalType(18, 4)),
    structField("day", DateType),
    structField("t", TimestampType),
    structField("n", TimestampNTZType),
    structField("o", structType([structField("s", StringType), structField("o", structType([structField("x", BinaryType)]))])),
  ]);
  const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 5 });
  const text = maybe(fc.string({ unit: "binary", maxLength: 60 }));
  const time = maybe(fc.bigInt({ min: -(10n ** 17n), max: 3n * 10n ** 17n }));
  const row = fc.tuple(
    text,
    maybe(fc.integer({ min: -128, max: 127 })),
    maybe(fc.integer({ min: -32768, max: 32767 })),
    maybe(fc.integer()),
    maybe(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    maybe(fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n })),
    maybe(fc.integer({ min: -1_000_000, max: 4_000_000 })),
    time,
    time,
    maybe(fc.tuple(text, maybe(fc.tuple(maybe(fc.uint8Array({ maxLength: 20 })))))),
  );
  const zone = "America/New_York";
  const formats = dateTimeFormats(new ConnectorOptions("json", {}, jsonOptions), zone);
  fc.assert(
    fc.property(fc.array(row, { maxLength: 10 }), fc.boolean(), (rows, ignoreNullFields) => {
      const lines = write(schema, rows as Value[][], { ignoreNullFields: String(ignoreNullFields) }, zone);
      expect(lines).toEqual(rows.map((values) => jsonObject(values as Value[], schema, { ignoreNullFields, formats })));
    }),
    { numRuns: 300 },
  );
});

/** Java's notation of the digits that JavaScript finds; both look for the fewest. */
function javaText(shortest: string): string {
  const [mantissa, exponentText] = shortest.split("e") as [string, string];
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  const exponent = Number(exponentText);
  if (exponent < -3 || exponent >= 7) return `${sign}${digits[0]}.${digits.slice(1) || "0"}E${exponent}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`;
}

test("doubles have the fewest digits that tell them apart, in Java's notation", () => {
  const schema = structType([structField("d", DoubleType)]);
  const double = (value: number): string => write(schema, [[value]])[0]!.slice(5, -1);
  // Documented in Java: the smallest double, two digits at least; limits of the plain notation.
  expect(
    [
      Number.MIN_VALUE,
      Number.MAX_VALUE,
      2.2250738585072014e-308,
      1e-3,
      9.999e-4,
      9999999,
      1e7,
      0,
      -0,
      2e23,
      1e23,
      9.007199254740992e15,
    ].map(double),
  ).toEqual([
    "4.9E-324",
    "1.7976931348623157E308",
    "2.2250738585072014E-308",
    "0.001",
    "9.999E-4",
    "9999999.0",
    "1.0E7",
    "0.0",
    "-0.0",
    "2.0E23",
    "1.0E23",
    "9.007199254740992E15",
  ]);
  const any = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.tuple(fc.integer(), fc.integer({ min: -30, max: 30 })).map(([digits, exponent]) => Number(`${digits}e${exponent}`)),
    fc.integer({ min: -1074, max: 1023 }).map((exponent) => 2 ** exponent),
    fc.maxSafeInteger(),
  );
  fc.assert(
    fc.property(
      fc.array(
        any.filter((value) => value !== 0 && Math.abs(value) > 1e-322),
        { minLength: 1, maxLength: 200 },
      ),
      (values) => {
        const lines = write(
          schema,
          values.map((value) => [value]),
        );
        expect(lines.map((line) => line.slice(5, -1))).toEqual(values.map((value) => javaText(value.toExponential())));
      },
    ),
    { numRuns: 300 },
  );
});

test("floats have the fewest digits that tell them apart", () => {
  const schema = structType([structField("f", FloatType)]);
  const bits = new DataView(new ArrayBuffer(4));
  const any = fc
    .integer()
    .map((pattern) => (bits.setInt32(0, pattern), bits.getFloat32(0)))
    .filter((value) => Number.isFinite(value) && Math.abs(value) > 1e-44);
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 200 }), (values) => {
      const lines = write(
        schema,
        values.map((value) => [value]),
      );
      lines.forEach((line, index) => {
        const text = line.slice(5, -1);
        const value = values[index]!;
        expect(Math.fround(Number(text))).toBe(value);
        const digits = (shown: string): number => shown.replace(/E.*|[-.]/g, "").replace(/^0+|0+$/g, "").length;
        let precision = 1;
        while (Math.fround(Number(value.toPrecision(precision))) !== value) precision++;
        expect(digits(text)).toBeLessThanOrEqual(Math.max(precision, 2));
      });
    }),
    { numRuns: 200 },
  );
  expect(
    write(schema, [[Math.fround(0.1)], [Math.fround(3.4028235e38)], [2 ** -149], [16777216]]).map((line) => line.slice(5, -1)),
  ).toEqual(["0.1", "3.4028235E38", "1.4E-45", "1.6777216E7"]);
});
