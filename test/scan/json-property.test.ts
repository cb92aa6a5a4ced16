import fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrayType,
  BooleanType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  StringType,
  structField,
  structType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { dateTimeFormats } from "../../src/connectors/formats/datetime-formats.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonReader, jsonRecordOptions } from "../../src/connectors/formats/json-reader.ts";
import { parseJsonRecord } from "../../src/connectors/formats/json-record.ts";
import { readBytes } from "./read-fixture.ts";

const schema = structType([
  structField("s", StringType),
  structField("l", LongType),
  structField("i", IntegerType),
  structField("d", DoubleType),
  structField("f", FloatType),
  structField("m", decimalType(12, 3)),
  structField("b", BooleanType),
  structField("day", DateType),
  structField("t", TimestampType),
  structField("o", structType([structField("s", StringType), structField("o", structType([structField("x", LongType)]))])),
  structField("a", arrayType(StringType)),
  structField("_corrupt_record", StringType),
]);
const parsed = structType(schema.fields.slice(0, -1));

/** Text of the record, from raw pieces so that spelling varies. */
const space = fc.constantFrom("", "", "", " ", "\t ");
const escapedString = fc.string({ unit: "binary", maxLength: 30 }).map((text) => JSON.stringify(text));
const unicodeEscapes = fc.stringMatching(/^(\\u[0-9a-fD]{4}|\\n|\\\/|x){0,6}$/).map((text) => `"${text}"`);
const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,22})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  digits,
);
const moment = fc
  .tuple(
    fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
    fc.constantFrom("T", " "),
    fc.constantFrom("", "Z", "+05:30", "-11:00", " UTC", "Zz"),
    fc.integer({ min: 10, max: 26 }),
  )
  .map(
    ([date, separator, zone, length]) => `"${(date.toISOString().slice(0, 23) + "456").replace("T", separator).slice(0, length)}${zone}"`,
  );
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    escapedString,
    unicodeEscapes,
    number,
    moment,
    fc.constantFrom("true", "false", "null", "NaN", '"NaN"', "tru", "'q'", "01", "1.", "\u0001", '"\u0001"'),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    fc
      .array(fc.tuple(fc.constantFrom("s", "o", "x", "a"), tie("value")), { maxLength: 3 })
      .map((entries) => `{${entries.map(([key, text]) => `"${key}":${text}`).join(", ")}}`),
  ),
}));
const key = fc.constantFrom(
  "s",
  "l",
  "i",
  "d",
  "f",
  "m",
  "b",
  "day",
  "t",
  "o",
  "a",
  "other",
  "l\\u0041",
  "a key that is longer than what a slot remembers of it",
);
const matching: Record<string, fc.Arbitrary<string>> = {
  s: escapedString,
  l: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  i: fc.integer().map(String),
  d: number,
  f: number,
  m: fc.integer().map((unscaled) => String(unscaled / 1000)),
  b: fc.boolean().map(String),
  day: moment.map((text) => `${text.slice(0, 11)}"`),
  t: moment,
};
const entry = key.chain((name) =>
  fc.tuple(fc.constant(name), space, space, fc.oneof({ weight: 3, arbitrary: matching[name] ?? value }, { weight: 1, arbitrary: value })),
);
const record = fc
  .tuple(fc.array(entry, { maxLength: 8 }), fc.constantFrom("", "", "", "", "}", " x", ","))
  .map(
    ([entries, tail]) =>
      `{${entries.map(([name, before, after, text]) => `${before}"${name}"${after}:${before}${text}${after}`).join(",")}}${tail}`,
  )
  .map((text) => text.replace(/[\n\r]/g, " "));

test("the scanner and its plain twin agree on any document", () => {
  const given = new ConnectorOptions("json", {}, jsonOptions);
  const options = jsonRecordOptions(given, dateTimeFormats(given, "Asia/Kolkata"));
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), (lines) => {
      const expected = lines.flatMap((text) => {
        const { rows, isMalformed } = parseJsonRecord(text, parsed, options);
        // Through UTF-8 and back, as a file would.
        return rows.map((row): Value[] => [...row, isMalformed ? Buffer.from(text).toString() : null]);
      });
      const bytes = Buffer.from(lines.join("\n"));
      expect(readBytes(bytes, { reader: jsonReader, specs: jsonOptions, schema, timeZone: "Asia/Kolkata" }).rows).toEqual(expected);
    }),
    { numRuns: 1500 },
  );
});

test("doubles equal JavaScript's, floats are rounded once", () => {
  const numbers = structType([structField("d", DoubleType), structField("f", FloatType)]);
  const anyNumber = fc.oneof(
    digits,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    // Close to the middle between two neighbours.
    // oxlint-disable-next-line number-arg-out-of-range -- up to 100 digits are allowed since ES2018
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-300, max: 1e300 }).map((x) => x.toPrecision(25)),
    fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(1e-30) }).map((x) => halfway(x)),
  );
  fc.assert(
    fc.property(fc.array(anyNumber, { minLength: 1, maxLength: 50 }), (texts) => {
      const bytes = Buffer.from(texts.map((text) => `{"d":${text.replace("e+", "e")},"f":${text.replace("e+", "e")}}\n`).join(""));
      const { rows } = readBytes(bytes, { reader: jsonReader, specs: jsonOptions, schema: numbers });
      expect(rows.map((row) => row[0])).toEqual(texts.map(Number));
      for (const [index, row] of rows.entries()) expect(isNearestFloat(row[1] as number, texts[index]!)).toBe(true);
    }),
    { numRuns: 400 },
  );
});

/** Decimal text a hair above or at the middle between a float and the next. */
function halfway(float: number): string {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, float);
  bits.setInt32(0, bits.getInt32(0) + 1);
  const middle = (float + bits.getFloat32(0)) / 2;
  // oxlint-disable-next-line number-arg-out-of-range -- up to 100 digits are allowed since ES2018
  return Number.isFinite(middle) ? middle.toPrecision(40) : "1";
}

/** By exact arithmetic: neither neighbour of `float` is closer to the text. */
function isNearestFloat(float: number, text: string): boolean {
  if (!Number.isFinite(float)) return Math.abs(Number(text)) > 3.4028235e38;
  // In multiples of 2^-150 * 10^-2000: halves of all floats are whole then.
  const [mantissa, exponent] = text.toLowerCase().split("e") as [string, string | undefined];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string | undefined];
  const exact = BigInt(whole + fraction) * 10n ** BigInt(2000 + Number(exponent ?? 0) - fraction.length) * 2n ** 150n;
  const distance = (candidate: number): bigint => {
    const difference = exact - BigInt(candidate * 2 ** 150) * 10n ** 2000n;
    return difference < 0n ? -difference : difference;
  };
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, Math.abs(float));
  return [1, -1].every((step) => {
    const other = new DataView(new ArrayBuffer(4));
    other.setInt32(0, Math.max(bits.getInt32(0) + step, 0));
    const neighbour = other.getFloat32(0) * Math.sign(float || 1);
    return !Number.isFinite(neighbour) || distance(float) <= distance(neighbour);
  });
}
