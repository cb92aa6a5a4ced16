import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BooleanType,
  ByteType,
  type DataType,
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
import { dateTimeFormats } from "../../src/connectors/formats/datetime-formats.ts";
import { csvOptions } from "../../src/connectors/formats/csv-options.ts";
import { csvReader, csvRecordOptions } from "../../src/connectors/formats/csv-reader.ts";
import { parseCsvLine } from "../../src/connectors/formats/csv-record.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { readBytes, readText } from "./read-fixture.ts";

const csv = { reader: csvReader, specs: csvOptions };
const schemaOf = (fields: Record<string, DataType>) => structType(Object.entries(fields).map(([name, type]) => structField(name, type)));

const folder = fileURLToPath(new URL("../../../shared/corpora/csv-spectrum", import.meta.url));
const files = existsSync(folder) ? readdirSync(`${folder}/csvs`).sort() : [];
if (files.length === 0) console.log(`csv-spectrum is not at ${folder}: its cases are skipped`);

describe.skipIf(files.length === 0)("csv-spectrum, with quotes doubled inside quotes", () => {
  test.each(files)("%s", (name) => {
    const bytes = readFileSync(`${folder}/csvs/${name}`);
    const parsed = JSON.parse(readFileSync(`${folder}/json/${name.replace(/csv$/, "json")}`, "utf8")) as Record<string, string>[];
    const expected = [parsed].flat();
    // The corpus gives another phone number in the JSON file than in the CSV file.
    if (name === "location_coordinates.csv") expected[0]!["Contact Phone Number"] = "2095257564";
    const names = Object.keys(expected[0]!);
    const schema = schemaOf(Object.fromEntries(names.map((column) => [column, StringType])));
    const read = (options: Record<string, string>) =>
      readBytes(bytes, { ...csv, schema, options: { header: "true", escape: '"', enforceSchema: "false", ...options } });
    // Empty values are null by default, and line ends inside values become line feeds.
    const rows = expected.map((object) => names.map((column) => (object[column] === "" ? null : object[column]!.replace(/\r\n/g, "\n"))));
    expect(read({ multiLine: "true" })).toMatchObject({ rows, malformed: 0 });
    if (!name.includes("newlines")) expect(read({})).toMatchObject({ rows, malformed: 0 });
  });
});

/** One value of a line and whether the record counts as malformed. */
function readValue(text: string, type: DataType, options: Record<string, string> = {}): [Value, boolean] {
  const [row] = readText(`${text},x\n`, { ...csv, schema: schemaOf({ v: type, x: StringType, _corrupt_record: StringType }), options });
  return [row![0]!, row![2] !== null];
}

describe("values", () => {
  test.each<[string, DataType, Value]>([
    ["", StringType, null],
    ['""', StringType, null],
    ["a b", StringType, "a b"],
    [" a ", StringType, " a "],
    ['"a,b"', StringType, "a,b"],
    ['"a\\"b\\\\c\\n"', StringType, 'a"b\\c\\n'],
    ['"a" ', StringType, "a"],
    ['a"b', StringType, 'a"b'],
    ['"a"b', StringType, '"a"b'],
    ["+7", IntegerType, 7],
    ["007", LongType, 7n],
    ["-9223372036854775808", LongType, -(2n ** 63n)],
    ["1e3", DoubleType, 1000],
    [".5", DoubleType, 0.5],
    ["Inf", DoubleType, Infinity],
    ["-Inf", FloatType, -Infinity],
    ["NaN", DoubleType, NaN],
    ["12.345", decimalType(10, 2), 1235n],
    ["TRUE", BooleanType, true],
    ["false", BooleanType, false],
    ["2024-02-29", DateType, 19_782],
    ["2024-01-01T00:00:00Z", TimestampType, 1_704_067_200_000_000n],
    ["2024-1-1 1:2", TimestampType, 1_704_070_920_000_000n],
  ])("%s", (text, type, expected) => {
    expect(readValue(text, type)).toEqual([expected, false]);
  });

  test.each<[string, DataType]>([
    ["1.5", IntegerType],
    ["128", ByteType],
    [" 1", LongType],
    ["x", DoubleType],
    ["1", BooleanType],
    ["2023-02-29", DateType],
  ])("%s does not fit its type: null, and the record is corrupt", (text, type) => {
    expect(readValue(text, type)).toEqual([null, true]);
  });

  test("options that change what a text stands for", () => {
    expect(readValue("NA", StringType, { nullValue: "NA" })).toEqual([null, false]);
    expect(readValue('""', StringType, { nullValue: "NA" })).toEqual(["", false]);
    expect(readValue('""', StringType, { emptyValue: "EMPTY" })).toEqual(["EMPTY", false]);
    expect(readValue("nix", DoubleType, { nanValue: "nix" })).toEqual([NaN, false]);
    expect(readValue("viel", DoubleType, { positiveInf: "viel" })).toEqual([Infinity, false]);
    expect(readValue("  a b  ", StringType, { ignoreLeadingWhiteSpace: "true", ignoreTrailingWhiteSpace: "true" })).toEqual(["a b", false]);
    expect(readValue("'a,b'", StringType, { quote: "'" })).toEqual(["a,b", false]);
    expect(readValue('"a""b"', StringType, { escape: '"' })).toEqual(['a"b', false]);
  });
});

describe("records", () => {
  const schema = schemaOf({ a: IntegerType, b: StringType, _corrupt_record: StringType });

  test("too few and too many values: what there is, and the record is corrupt", () => {
    expect(readText("1,x\n2\n3,y,z\n\n   \n4,w", { ...csv, schema })).toEqual([
      [1, "x", null],
      [2, null, "2"],
      [3, "y", "3,y,z"],
      [4, "w", null],
    ]);
  });

  test("modes", () => {
    const text = "1,x\nq,y\n3,z\n";
    expect(readText(text, { ...csv, schema, options: { mode: "DROPMALFORMED" } }).map((row) => row[0])).toEqual([1, 3]);
    expect(() => readText(text, { ...csv, schema, options: { mode: "FAILFAST" } })).toThrow(
      /MALFORMED_RECORD_IN_PARSING.*q,y \(\/data\/file, line 2, byte 4\)/,
    );
  });

  test.each<[string, string, Record<string, string>, string]>([
    ["behind a header", "a,b\n1,x\nq,y\n", { header: "true" }, "line 3, byte 8"],
    ["in a dialect without a kernel", "a||b\n1||ü\nq||y\n", { header: "true", sep: "||" }, "line 3, byte 11"],
    ["behind a record of several lines", '1,"x\nx"\nq,y\n', { multiLine: "true" }, "line 3, byte 8"],
  ])("the place of a record %s", (_what, text, options, place) => {
    expect(() => readText(text, { ...csv, schema, options: { ...options, mode: "FAILFAST" } })).toThrow(`q`);
    expect(() => readText(text, { ...csv, schema, options: { ...options, mode: "FAILFAST" } })).toThrow(`(/data/file, ${place})`);
  });

  test("columns that are not read are not converted", () => {
    expect(readText("q,x\n", { ...csv, schema, needed: [false, true, false] })).toEqual([[null, "x", null]]);
  });

  test("separator, comment, line separator and header", () => {
    expect(readText("a|b\n#c\n1|x\n", { ...csv, schema, options: { sep: "|", comment: "#", header: "true" } })).toEqual([[1, "x", null]]);
    expect(readText("1||x\n", { ...csv, schema, options: { delimiter: "||" } })).toEqual([[1, "x", null]]);
    expect(readText("1,x;2,y", { ...csv, schema, options: { lineSep: ";" } })).toEqual([
      [1, "x", null],
      [2, "y", null],
    ]);
    expect(() => readText("a,c\n1,x", { ...csv, schema, options: { header: "true", enforceSchema: "false" } })).toThrow(
      /CSV_HEADER_MISMATCH.* File: \/data\/file/,
    );
  });

  test("wherever a file is cut, every line is read exactly once and the header never", () => {
    const bytes = Buffer.from('a,b\r\n1,"x"\r\n2,ü\r\n\r\n3,\n4,"y,"');
    const options = { header: "true" };
    const whole = readBytes(bytes, { ...csv, schema, options }).rows;
    expect(whole.map((row) => row.slice(0, 2))).toEqual([
      [1, "x"],
      [2, "ü"],
      [3, null],
      [4, "y,"],
    ]);
    for (let first = 5; first < bytes.length; first++) {
      for (let second = first; second < bytes.length; second += 3) {
        expect(readBytes(bytes, { ...csv, schema, options, cuts: [first, second] }).rows).toEqual(whole);
      }
    }
  });

  test("nested columns are refused", () => {
    expect(() => readText("1", { ...csv, schema: schemaOf({ s: schemaOf({ a: LongType }) }) })).toThrow(
      /UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE/,
    );
  });
});

test("the scanner and its plain twin agree on any line", () => {
  const schema = schemaOf({
    s: StringType,
    l: LongType,
    i: IntegerType,
    d: DoubleType,
    m: decimalType(12, 3),
    b: BooleanType,
    day: DateType,
    t: TimestampType,
  });
  const withCorrupt = structType([...schema.fields, structField("_corrupt_record", StringType)]);
  const piece = fc.constantFrom('"', "\\", ",", "a", " ", "ü", "7", '""', '\\"', "\t");
  const value = fc.oneof(
    fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")),
    fc.array(piece, { maxLength: 6 }).map((pieces) => `"${pieces.join("")}"`),
    fc.integer().map(String),
    fc.double().map(String),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
    fc.constantFrom("", '""', "true", "FALSE", "2024-02-29", '"2024-02-30"', "2024-01-01T00:00:00.5+01:00", "2024-01-01 00:00:00"),
  );
  const line = fc.oneof(
    fc
      .tuple(
        value,
        fc.integer().map(String),
        fc.integer().map(String),
        fc.double().map(String),
        fc.integer().map(String),
        fc.boolean().map(String),
        fc.constantFrom("", "2024-02-29"),
        fc.constantFrom("", "2024-01-01T00:00:00.5+01:00"),
      )
      .map((values) => values.join(",")),
    fc.array(value, { minLength: 6, maxLength: 9 }).map((values) => values.join(",")),
  );
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 10 }), fc.constantFrom("\\", '"'), (lines, escape) => {
      const given = new ConnectorOptions("csv", { escape }, csvOptions);
      const options = csvRecordOptions(given, dateTimeFormats(given, "UTC"));
      const expected = lines.flatMap((text) => {
        const { rows, isMalformed } = parseCsvLine(text, { schema, corruptIndex: -1, checksCount: true }, options);
        return rows.map((row): Value[] => [...row, isMalformed ? text : null]);
      });
      expect(readText(lines.join("\n"), { ...csv, schema: withCorrupt, options: { escape } })).toEqual(expected);
    }),
    { numRuns: 1500 },
  );
});
