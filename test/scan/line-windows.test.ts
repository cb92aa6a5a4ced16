/** Splits read window by window: the lines are those of the split read at once, however small the windows are; rows and places of errors, too. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import { LongType, StringType, structField, structType } from "../../src/columnar/types.ts";
import { csvOptions } from "../../src/connectors/formats/csv-options.ts";
import { csvReader } from "../../src/connectors/formats/csv-reader.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonReader } from "../../src/connectors/formats/json-reader.ts";
import { LineWindows, readLines } from "../../src/connectors/formats/split-input.ts";
import { makeKernels } from "./kernel-fixture.ts";
import { readBytes } from "./read-fixture.ts";

const kernels = makeKernels();

function contextOf(bytes: Uint8Array, readsMost = Infinity) {
  const read = (into: Uint8Array, position: number): number => {
    const part = bytes.subarray(position, position + Math.min(into.length, readsMost));
    into.set(part);
    return part.length;
  };
  const file = { read, append() {}, write() {}, sync() {}, sizeBytes: () => bytes.length, close() {} };
  return { kernels, files: { openReadSync: () => file } };
}

const textAt = ({ begin, end }: { begin: number; end: number }): string =>
  Buffer.from(kernels.bytes().slice(begin, end)).toString("latin1");

const text = fc
  .array(
    fc
      .constantFrom("a", "bcd", "", "efghijklmnop", "\uFEFF")
      .chain((line) => fc.constantFrom("\n", "\r\n", "\r", "\n\n", "").map((end) => line + end)),
  )
  .map((lines) => lines.join(""));

test("the lines of all windows are the lines of the split, cut anywhere; each begins where its line does", () => {
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(60)),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (content, cuts, windowBytes, readsMost) => {
        const bytes = new TextEncoder().encode(content);
        const context = contextOf(bytes, readsMost);
        const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
        for (let at = 0; at + 1 < edges.length; at++) {
          const split = { path: "/f", start: edges[at]!, length: edges[at + 1]! - edges[at]!, sizeBytes: bytes.length };
          const whole = readLines(split, context);
          const expected = textAt(whole);
          const windows = new LineWindows(split, context, { windowBytes });
          let found = "";
          for (let input = windows.next(); input !== null; input = windows.next()) {
            expect(input.fileOffset).toBe(whole.fileOffset + found.length);
            // What a scanner does behind the lines does not reach the next ones.
            const lines = textAt(input);
            kernels.bytes().fill(0xff, input.end, input.end + 16);
            if (found !== "") expect(found.endsWith("\n")).toBe(true);
            found += lines;
            if (windows.reusableBytes > 0) windows.reuse();
          }
          expect(found).toBe(expected);
          kernels.exports.arena_reset!(ARENA_SPLIT);
        }
      },
    ),
    { numRuns: 500, seed: 20 },
  );
});

const schema = structType([structField("id", LongType), structField("text", StringType)]);
const ROWS = 60_000;
const LONG = "x".repeat(3_000_000);
const textOf = (id: number): string => (id === 30_000 ? LONG : `row ${id} ${"-".repeat(id % 90)}`);

test("JSON of several windows, one line longer than a window; a malformed line far behind is named by its place", () => {
  const lines = Array.from({ length: ROWS }, (_, id) => JSON.stringify({ id, text: textOf(id) }));
  const bytes = new TextEncoder().encode(lines.join("\n"));
  const settings = { reader: jsonReader, specs: jsonOptions, schema, cuts: [1_000_001, 4_000_000] };
  const { rows, blockRows } = readBytes(bytes, settings);
  expect(blockRows.length).toBeGreaterThan(4);
  expect(rows.length).toBe(ROWS);
  expect(rows.every(([id, value], index) => id === BigInt(index) && value === textOf(index))).toBe(true);
  lines[50_000] = '{"id": 1, "text"';
  const damaged = new TextEncoder().encode(lines.join("\n"));
  const { malformed, rows: permissive } = readBytes(damaged, settings);
  expect([malformed, permissive.length, permissive[50_000]]).toEqual([1, ROWS, [null, null]]);
  expect(() => readBytes(damaged, { ...settings, options: { mode: "FAILFAST" } })).toThrow(/line 50001/);
});

test("CSV of several windows: the header is taken off once, also behind a window of blank lines", () => {
  const lines = Array.from({ length: ROWS }, (_, id) => `${id},${textOf(id)}`);
  const content = `${"\n".repeat(1_500_000)}id,text\n${lines.join("\r\n")}\r\n`;
  const options = { header: "true", enforceSchema: "false" };
  const { rows } = readBytes(new TextEncoder().encode(content), { reader: csvReader, specs: csvOptions, schema, options });
  expect(rows.length).toBe(ROWS);
  expect(rows.every(([id, value], index) => id === BigInt(index) && value === textOf(index))).toBe(true);
});
