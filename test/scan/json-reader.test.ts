import { describe, expect, test } from "vitest";
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
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonReader } from "../../src/connectors/formats/json-reader.ts";
import { readBytes, readText } from "./read-fixture.ts";

const json = { reader: jsonReader, specs: jsonOptions };
const schemaOf = (fields: Record<string, DataType>) => structType(Object.entries(fields).map(([name, type]) => structField(name, type)));

/** The value of field `v` and whether the record counts as corrupt. */
function readField(text: string, type: DataType, settings: { options?: Record<string, string>; timeZone?: string } = {}): [Value, boolean] {
  const schema = schemaOf({ v: type, _corrupt_record: StringType });
  const [row] = readText(`{"v": ${text}}`, { ...json, schema, ...settings });
  return [row![0]!, row![1] !== null];
}

describe("fields", () => {
  const micros = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;
  test.each<[string, DataType, Value]>([
    ["1", LongType, 1n],
    ["-9223372036854775808", LongType, -(2n ** 63n)],
    ["9223372036854775807", LongType, 2n ** 63n - 1n],
    ["-128", ByteType, -128],
    ["32767", ShortType, 32767],
    ["-0", IntegerType, 0],
    ["true", BooleanType, true],
    ["false", BooleanType, false],
    ["1.5e3", DoubleType, 1500],
    ["1e400", DoubleType, Infinity],
    ['"NaN"', DoubleType, NaN],
    ["NaN", DoubleType, NaN],
    ['"-Infinity"', FloatType, -Infinity],
    ["0.1", FloatType, Math.fround(0.1)],
    ["16777217.0000000001", FloatType, 16777218],
    ["12.345", decimalType(10, 2), 1235n],
    ["-0.005", decimalType(10, 2), -1n],
    ['"7.5"', decimalType(10, 2), 750n],
    ["12345678901234567890.5", decimalType(38, 1), 123456789012345678905n],
    ['"a\\u00e4\\n\\ud83d\\ude00"', StringType, "aä\n😀"],
    ['"\\ud83d"', StringType, "\ufffd"],
    ["12.50", StringType, "12.50"],
    ['{"a": [1, 2]}', StringType, '{"a": [1, 2]}'],
    ['"AQID"', BinaryType, Uint8Array.of(1, 2, 3)],
    ['"2024-02-29"', DateType, Date.UTC(2024, 1, 29) / 86_400_000],
    ['"2024-2-9"', DateType, Date.UTC(2024, 1, 9) / 86_400_000],
    ['"2024-01-01T00:00:00.123456Z"', TimestampType, micros("2024-01-01T00:00:00.123Z") + 456n],
    ['"2024-01-01 12:30:00+05:30"', TimestampType, micros("2024-01-01T07:00:00Z")],
    ['"1969-12-31 23:59:59"', TimestampType, -1_000_000n],
    ['"2024-01-01"', TimestampType, micros("2024-01-01T00:00:00Z")],
    ["1700000000", TimestampType, 1_700_000_000_000_000n],
    ['"2024-01-01T10:00:00"', TimestampNTZType, micros("2024-01-01T10:00:00Z")],
    ["[1, null, 3]", arrayType(IntegerType), [1, null, 3]],
    [
      '{"x": 1, "y": null}',
      mapType(StringType, LongType),
      [
        ["x", 1n],
        ["y", null],
      ],
    ],
    ['{"b": 2, "a": {"c": "z"}}', schemaOf({ a: schemaOf({ c: StringType }), b: IntegerType }), [["z"], 2]],
    ["null", StringType, null],
    ["null", schemaOf({ a: IntegerType }), null],
  ])("%s", (text, type, expected) => {
    expect(readField(text, type)).toEqual([expected, false]);
  });

  test.each<[string, DataType]>([
    ["9223372036854775808", LongType],
    ["128", ByteType],
    ["1.0", LongType],
    ['"1"', IntegerType],
    ["1", BooleanType],
    ['"x"', DoubleType],
    ["123.45", decimalType(4, 2)],
    ['"2023-02-29"', DateType],
    ['"yesterday"', TimestampType],
    ["{}", arrayType(IntegerType)],
    ["[1]", schemaOf({ a: IntegerType })],
  ])("%s does not fit its type: null, and the record is corrupt", (text, type) => {
    expect(readField(text, type)).toEqual([null, true]);
  });

  test("local times are taken in the session's zone, on both sides of a change of offset", () => {
    const read = (text: string): Value => readField(`"${text}"`, TimestampType, { timeZone: "Europe/Berlin" })[0];
    expect(read("2024-03-31T01:59:59")).toBe(micros("2024-03-31T00:59:59Z"));
    expect(read("2024-03-31T02:30:00")).toBe(micros("2024-03-31T01:30:00Z"));
    expect(read("2024-07-01T00:00:00")).toBe(micros("2024-06-30T22:00:00Z"));
    expect(read("2024-10-27T02:30:00")).toBe(micros("2024-10-27T00:30:00Z"));
  });
});

describe("records", () => {
  const schema = schemaOf({ a: IntegerType, b: StringType, _corrupt_record: StringType });

  test("order of keys, unknown keys, repeated keys and missing keys do not matter", () => {
    const text = ['{"a":1,"b":"x"}', '{"b":"y","z":[{"q":"}"}],"a":2}', '{"a":3,"a":4}', "", '  {"b" : "w" }  ', "{}"].join("\n");
    expect(readText(text, { ...json, schema })).toEqual([
      [1, "x", null],
      [2, "y", null],
      [4, null, null],
      [null, "w", null],
      [null, null, null],
    ]);
  });

  const mixed = '{"a":1,"b":"x"}\n{"a":"bad","b":"kept"}\n{"a":2,\n{"a":3,"b":"y"}\n';
  test("PERMISSIVE keeps the good fields of a bad record, nothing of a malformed one, and the text of both", () => {
    expect(readText(mixed, { ...json, schema })).toEqual([
      [1, "x", null],
      [null, "kept", '{"a":"bad","b":"kept"}'],
      [null, null, '{"a":2,'],
      [3, "y", null],
    ]);
  });

  test("DROPMALFORMED leaves both out", () => {
    expect(readBytes(Buffer.from(mixed), { ...json, schema, options: { mode: "DROPMALFORMED" } })).toMatchObject({
      rows: [
        [1, "x", null],
        [3, "y", null],
      ],
      malformed: 2,
    });
  });

  test("FAILFAST names the record, the file and the place", () => {
    expect(() => readText(mixed, { ...json, schema, options: { mode: "failfast" } })).toThrow(
      /MALFORMED_RECORD_IN_PARSING.*\{"a":"bad","b":"kept"\} \(\/data\/file, line 2, byte 16\)/,
    );
  });

  test.each<[string, string, Record<string, string>, readonly number[], string]>([
    ["CRLF", '{"a":1}\r\n\r\n{"a":2}\r\n!\r\n', {}, [], "line 4, byte 20"],
    ["CR", '{"a":1}\r{"a":2}\r!', {}, [], "line 3, byte 16"],
    ["a later split", '{"a":1}\n{"a":2}\n{"a":3}\n!\n', {}, [10, 20], "line 4, byte 24"],
    ["a line separator", '{"a":1}||{"b":"ü"}||!||', { lineSep: "||" }, [], "line 3, byte 21"],
    ["a byte order mark", '\ufeff{"a":1}\n!', {}, [], "line 2, byte 11"],
    ["a whole file", '\n\n{"a":', { multiLine: "true" }, [], "line 1, byte 0"],
  ])("the place of a record: %s", (_what, text, options, cuts, place) => {
    const read = () => readBytes(Buffer.from(text), { ...json, schema, cuts, options: { ...options, mode: "FAILFAST" } });
    expect(read).toThrow(`(/data/file, ${place})`);
  });

  test("a bad value in a column that nobody reads is no error", () => {
    expect(readText(mixed, { ...json, schema, needed: [false, true, true] }).map((row) => row.slice(1))).toEqual([
      ["x", null],
      ["kept", null],
      [null, '{"a":2,'],
      ["y", null],
    ]);
  });

  test("of a struct only the fields that are read are converted", () => {
    const nested = schemaOf({ o: schemaOf({ a: IntegerType, b: StringType }), _corrupt_record: StringType });
    const text = '{"o":{"a":1,"b":"x"}}\n{"o":{"a":"bad","b":"y"}}\n{"o":null}\n{"o":{"b":"z","a":2},"o":{"a":3}}\n{"o":[]}';
    expect(readText(text, { ...json, schema: nested, needed: [false, false, true, true] })).toEqual([
      [[null, "x"], null],
      [[null, "y"], null],
      [null, null],
      [[null, null], null],
      [null, '{"o":[]}'],
    ]);
  });

  test("a line with an array of objects gives several rows, in order", () => {
    const text = '{"a":0}\n[{"a":1},{"a":2}]\n{"a":3}\n[]\n{"a":4}\n';
    const read = readBytes(Buffer.from(text), { ...json, schema });
    expect(read.rows.map((row) => row[0])).toEqual([0, 1, 2, 3, 4]);
    expect(read.blockRows).toEqual([1, 2, 2]);
  });

  test("malformed UTF-8 becomes the replacement character", () => {
    const bytes = Buffer.concat([Buffer.from('{"b":"x'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(readBytes(bytes, { ...json, schema }).rows).toEqual([[null, "x\ufffd(", null]]);
  });

  test("a byte order mark is skipped", () => {
    expect(readText('\ufeff{"a":1}', { ...json, schema })).toEqual([[1, null, null]]);
  });
});

describe("options", () => {
  const schema = schemaOf({ a: StringType, _corrupt_record: StringType });
  test.each<[string, string, string]>([
    ["allowSingleQuotes", "true", "{'a':'x'}"],
    ["allowUnquotedFieldNames", "true", '{a:"x"}'],
    ["allowComments", "true", '{/* c */"a":"x"} // end'],
    ["allowBackslashEscapingAnyCharacter", "true", '{"a":"\\x"}'],
    ["allowUnquotedControlChars", "true", '{"b":"\t","a":"x"}'],
    ["allowNumericLeadingZeros", "true", '{"b":007,"a":"x"}'],
  ])("%s", (name, value, text) => {
    expect(readText(text, { ...json, schema, options: { [name]: value } })).toEqual([["x", null]]);
    expect(readText(text, { ...json, schema, options: { [name]: "false" } })).toEqual([[null, text]]);
  });

  test("multiLine reads a file as one record", () => {
    const text = '[\n  {"a": "1"},\n  {"a":\n "2"}\n]';
    expect(readText(text, { ...json, schema, options: { multiLine: "true" } })).toEqual([
      ["1", null],
      ["2", null],
    ]);
  });

  test("lineSep", () => {
    const settings = { ...json, schema, options: { lineSep: "|" } };
    const text = '{"a":"1"}|{"a":"2"}|{"a":"3"}';
    for (let cut = 1; cut < text.length; cut++) {
      expect(readText(text, { ...settings, cuts: [cut] }).map((row) => row[0])).toEqual(["1", "2", "3"]);
    }
  });

  test("dateFormat and timestampFormat", () => {
    const dates = schemaOf({ d: DateType, t: TimestampType, _corrupt_record: StringType });
    const formats = { dateFormat: "dd.MM.yyyy", timestampFormat: "yyyy/MM/dd HH:mm" };
    const text = '{"d":"29.02.2024","t":"2024/01/01 01:30"}\n{"d":"2024-02-29"}';
    expect(readText(text, { ...json, schema: dates, options: formats, timeZone: "Asia/Kolkata" })).toEqual([
      [19_782, BigInt(Date.UTC(2023, 11, 31, 20)) * 1000n, null],
      [null, null, '{"d":"2024-02-29"}'],
    ]);
  });

  test("columnNameOfCorruptRecord", () => {
    const other = schemaOf({ a: IntegerType, bad: StringType });
    expect(readText("nonsense", { ...json, schema: other, options: { columnNameOfCorruptRecord: "bad" } })).toEqual([[null, "nonsense"]]);
  });
});

test("wherever a file is cut, every line is read exactly once", () => {
  const schema = schemaOf({ a: IntegerType, b: StringType, _corrupt_record: StringType });
  const text = '{"a":1,"b":"x"}\n\n{"a":2}\r\n{"b":"ü"}\r{"a":\n{"a":5,"b":"\\n"}';
  const bytes = Buffer.from(text);
  const whole = readBytes(bytes, { ...json, schema }).rows;
  expect(whole.map((row) => row[0])).toEqual([1, 2, null, null, 5]);
  for (let first = 1; first < bytes.length; first++) {
    for (let second = first; second < bytes.length; second += 3) {
      expect(readBytes(bytes, { ...json, schema, cuts: [first, second] }).rows).toEqual(whole);
    }
  }
});
