import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BooleanType,
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
  type StructType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import type { BlockEncoderFormat } from "../../src/connectors/formats/block-encoder.ts";
import { csvOptions } from "../../src/connectors/formats/csv-options.ts";
import { csvReader } from "../../src/connectors/formats/csv-reader.ts";
import { csvLine } from "../../src/connectors/formats/csv-text.ts";
import { csvBlockEncoder, csvTextOptions } from "../../src/connectors/formats/csv-writer.ts";
import { textOptions } from "../../src/connectors/formats/text-options.ts";
import { textBlockEncoder } from "../../src/connectors/formats/text-writer.ts";
import { ConnectorOptions, type OptionSpecs } from "../../src/connectors/options.ts";
import { makeKernels, toBlocks } from "./kernel-fixture.ts";
import { readText } from "./read-fixture.ts";

const kernels = makeKernels();
const schemaOf = (fields: Record<string, DataType>) => structType(Object.entries(fields).map(([name, type]) => structField(name, type)));

function write(
  format: BlockEncoderFormat,
  specs: OptionSpecs,
  schema: StructType,
  rows: readonly (readonly Value[])[],
  options: Record<string, string> = {},
): string {
  const encoder = format.open(schema, new ConnectorOptions("test", options, specs), kernels, "UTC");
  for (const block of toBlocks(kernels, schema, rows)) encoder.append(block);
  const text = Buffer.from(encoder.take()).toString();
  kernels.exports.arena_reset!(0);
  kernels.exports.arena_reset!(1);
  return text;
}
const writeCsv = (schema: StructType, rows: readonly (readonly Value[])[], options?: Record<string, string>): string =>
  write(csvBlockEncoder, csvOptions, schema, rows, options);

test("CSV lines are quoted as Spark's writer quotes them", () => {
  const schema = schemaOf({ s: StringType, i: IntegerType });
  const rows: Value[][] = [
    ["plain", 1],
    ["a,b", 2],
    ['say "hi"', 3],
    ["back\\slash", 4],
    ["b\\s,q", 5],
    ["", null],
    [null, -7],
    [" padded ", 8],
    ["line\nend", 9],
  ];
  expect(writeCsv(schema, rows)).toBe(
    'plain,1\n"a,b",2\n"say \\"hi\\"",3\nback\\slash,4\n"b\\\\s,q",5\n"",\n,-7\npadded,8\n"line\nend",9\n',
  );
  const options = {
    header: "true",
    escape: '"',
    sep: ";",
    nullValue: "NULL",
    emptyValue: "EMPTY",
    ignoreLeadingWhiteSpace: "false",
    ignoreTrailingWhiteSpace: "false",
  };
  expect(
    writeCsv(
      schema,
      [
        ['a"b;c', 1],
        ["", null],
        [" x ", 2],
      ],
      options,
    ),
  ).toBe('s;i\n"a""b;c";1\nEMPTY;NULL\n x ;2\n');
  expect(
    writeCsv(
      schema,
      [
        ["a", 1],
        [null, 2],
      ],
      { quoteAll: "true" },
    ),
  ).toBe('"a","1"\n"","2"\n');
});

test("numbers and times in CSV", () => {
  const schema = schemaOf({
    d: DoubleType,
    f: FloatType,
    m: decimalType(10, 2),
    w: decimalType(38, 3),
    b: BooleanType,
    day: DateType,
    t: TimestampType,
  });
  expect(writeCsv(structType(schema.fields.filter((field) => field.name !== "w")), [[1e-5, 1.5, -5n, true, 0, 1n]])).toBe(
    "1.0E-5,1.5,-0.05,true,1970-01-01,1970-01-01T00:00:00.000001Z\n",
  );
  expect(writeCsv(schema, [[NaN, -Infinity, 0n, 10n ** 25n, false, -1, 0n]])).toBe(
    "NaN,-Infinity,0.00,10000000000000000000000.000,false,1969-12-31,1970-01-01T00:00:00.000Z\n",
  );
});

// Not the smallest doubles: there Java shows two digits where one would do.
const double = fc.double().filter((value) => value === 0 || !(Math.abs(value) < 1e-300));
const rowsOf = fc.array(
  fc.tuple(
    fc.option(fc.string({ unit: fc.constantFrom("a", '"', "\\", ",", " ", "\n", "ü", "\r"), maxLength: 8 })),
    fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    fc.option(double),
  ),
  { maxLength: 10 },
);
const schema = schemaOf({ s: StringType, l: LongType, d: DoubleType });

test("the kernel writes what the plain writer writes", () => {
  fc.assert(
    fc.property(rowsOf, fc.constantFrom("\\", '"', "'"), fc.constantFrom("true", "false"), (rows, escape, flag) => {
      const options = { escape, escapeQuotes: flag, ignoreTrailingWhiteSpace: flag };
      const plain = csvTextOptions(new ConnectorOptions("csv", options, csvOptions), "UTC");
      expect(writeCsv(schema, rows as Value[][], options)).toBe(rows.map((row) => `${csvLine(row as Value[], schema, plain)}\n`).join(""));
    }),
    { numRuns: 500 },
  );
});

test("what is written is read back", () => {
  const keep = { ignoreLeadingWhiteSpace: "false", ignoreTrailingWhiteSpace: "false", nullValue: "NULL" };
  fc.assert(
    fc.property(rowsOf, (rows) => {
      const kept = rows.filter((row) => !row[0]?.includes("\r"));
      const text = writeCsv(schema, kept as Value[][], { ...keep, emptyValue: '""' });
      expect(
        readText(text, {
          reader: csvReader,
          specs: csvOptions,
          schema,
          options: { ...keep, multiLine: "true", positiveInf: "Infinity", negativeInf: "-Infinity" },
        }),
      ).toEqual(kept.map(([s, l, d]) => [s, l, d]));
    }),
    { numRuns: 300 },
  );
});

test("dateFormat and timestampFormat", () => {
  const times = schemaOf({ d: DateType, t: TimestampType });
  const formats = { dateFormat: "dd.MM.yyyy", timestampFormat: "yyyy/MM/dd HH:mm", timeZone: "Asia/Kolkata" };
  const rows: Value[][] = [[19_782, 0n]];
  expect(writeCsv(times, rows, formats)).toBe("29.02.2024,1970/01/01 05:30\n");
  expect(readText("29.02.2024,1970/01/01 05:30\n", { reader: csvReader, specs: csvOptions, schema: times, options: formats })).toEqual(
    rows,
  );
});

test("text files: one column, null is an empty line", () => {
  const one = schemaOf({ value: StringType });
  expect(write(textBlockEncoder, textOptions, one, [["a"], [null], ["ü\\"]])).toBe("a\n\nü\\\n");
  expect(write(textBlockEncoder, textOptions, one, [["a"], ["b"]], { lineSep: "|" })).toBe("a|b|");
  expect(() => write(textBlockEncoder, textOptions, schema, [])).toThrow(/TEXT_FILE_COLUMNS/);
});
