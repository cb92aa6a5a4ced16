/** Arbitrary bytes never disturb a scanner: it gives what its plain twin gives for each line. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DoubleType, LongType, StringType, structField, structType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { csvOptions } from "../../src/connectors/formats/csv-options.ts";
import { csvReader, csvRecordOptions } from "../../src/connectors/formats/csv-reader.ts";
import { parseCsvLine } from "../../src/connectors/formats/csv-record.ts";
import { dateTimeFormats } from "../../src/connectors/formats/datetime-formats.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonReader, jsonRecordOptions } from "../../src/connectors/formats/json-reader.ts";
import { parseJsonRecord } from "../../src/connectors/formats/json-record.ts";
import type { ParsedRecords } from "../../src/connectors/formats/record-mode.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { readBytes } from "./read-fixture.ts";

const fields = structType([structField("a", StringType), structField("b", LongType), structField("c", DoubleType)]);
const schema = structType([...fields.fields, structField("_corrupt_record", StringType)]);

const chunk = (pieces: readonly string[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces).map((piece) => Buffer.from(piece)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)) },
  );
const bytesOf = (pieces: readonly string[]): fc.Arbitrary<Buffer> =>
  fc.array(chunk(pieces), { maxLength: 60 }).map((parts) => Buffer.concat(parts));

/** Lines as bytes, so that malformed UTF-8 does not reach over a line end. */
function expectedRows(bytes: Buffer, parse: (line: string) => ParsedRecords): Value[][] {
  const text = bytes.toString("latin1").replace(/^\xef\xbb\xbf/, "");
  const lines = text.split(/\r\n|\r|\n/).map((line) => Buffer.from(line, "latin1").toString());
  return lines.flatMap((line) => {
    const { rows, isMalformed } = parse(line);
    return rows.map((row): Value[] => [...row, isMalformed ? line : null]);
  });
}

test("JSON", () => {
  const given = new ConnectorOptions("json", {}, jsonOptions);
  const options = jsonRecordOptions(given, dateTimeFormats(given, "UTC"));
  const pieces = [
    '{"a":"',
    '"',
    '","b":1',
    ',"c":',
    '"c":2.5}',
    "}\n",
    '{"b":12,"x":[1,{"y":null}]}\n',
    "\n",
    "\r",
    "\\u00e4",
    "\\",
    "ü",
    "[",
    "]",
    "{",
    ":",
    ",",
    " ",
    "-1e5",
    "true",
    "x",
  ];
  fc.assert(
    fc.property(bytesOf(pieces), (bytes) => {
      const expected = expectedRows(bytes, (line) => parseJsonRecord(line, fields, options));
      expect(readBytes(bytes, { reader: jsonReader, specs: jsonOptions, schema }).rows).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

test("CSV", () => {
  const given = new ConnectorOptions("csv", {}, csvOptions);
  const options = csvRecordOptions(given, dateTimeFormats(given, "UTC"));
  const pieces = ["a,1,2.5\n", '"', "\\", ",", "\n", "\r\n", " ", "ü", "12", "-1e5", '"a\\"b",', '""'];
  fc.assert(
    fc.property(bytesOf(pieces), (bytes) => {
      const expected = expectedRows(bytes, (line) => parseCsvLine(line, { schema: fields, corruptIndex: -1, checksCount: true }, options));
      expect(readBytes(bytes, { reader: csvReader, specs: csvOptions, schema }).rows).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});
