import { expect, test } from "vitest";
import { textOptions } from "../../src/connectors/formats/text-options.ts";
import { textReader, textSchema } from "../../src/connectors/formats/text-reader.ts";
import { readBytes, readText } from "./read-fixture.ts";

const text = { reader: textReader, specs: textOptions, schema: textSchema };

test("a row per line, empty lines included", () => {
  expect(readText("a\n\nb\r\nc\rü", text)).toEqual([["a"], [""], ["b"], ["c"], ["ü"]]);
  expect(readText("", text)).toEqual([]);
  expect(readText("\n", text)).toEqual([[""]]);
});

test("wholetext and lineSep", () => {
  expect(readText("a\nb\n", { ...text, options: { wholetext: "true" } })).toEqual([["a\nb\n"]]);
  expect(readText("a\n|b", { ...text, options: { lineSep: "|" } })).toEqual([["a\n"], ["b"]]);
});

test("wherever a file is cut, every line is read exactly once, also in blocks of 8192", () => {
  const bytes = Buffer.from("one\n\ntwo\r\n\r\rthree");
  const whole = readBytes(bytes, text).rows;
  for (let cut = 1; cut < bytes.length; cut++) expect(readBytes(bytes, { ...text, cuts: [cut] }).rows).toEqual(whole);
  const many = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `${index}\n`).join(""));
  const read = readBytes(many, { ...text, cuts: [50_001] });
  expect(read.rows.map((row) => Number(row[0]))).toEqual(Array.from({ length: 20_000 }, (_, index) => index));
});

test("a line far longer than its split", () => {
  const long = "x".repeat(300_000);
  const bytes = Buffer.from(`a\n${long}\nb`);
  expect(readBytes(bytes, { ...text, cuts: [1, 5, 10, 299_000] }).rows).toEqual([["a"], [long], ["b"]]);
});
