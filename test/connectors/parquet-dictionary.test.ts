/** The dictionary of a column that is being written beside a map from values to numbers; files whose dictionaries grow, end in the middle of a page, meet nulls. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { ARENA_BLOCK, ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import { type DataType, IntegerType, LongType, StringType, structField, structType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { blockRowCount, getColumn } from "../../src/connectors/block-memory.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { parquetWriteOptions } from "../../src/connectors/parquet/parquet-options.ts";
import { parquetEncoder } from "../../src/connectors/parquet/parquet-writer.ts";
import { FORM } from "../../src/connectors/parquet/written-column.ts";
import { copyIn, makeKernels, toBlocks } from "../scan/kernel-fixture.ts";
import { oracleRows } from "./parquet-oracle.ts";
import { readParquetFile } from "./parquet-reading.ts";

const kernels = makeKernels();
const { exports } = kernels;
const base = mkdtempSync(join(tmpdir(), "millrace-parquet-dictionary-"));
afterAll(() => rmSync(base, { recursive: true }));

/** How many distinct values a run of rows draws from, and how long its texts are. */
const run = fc.record({
  rows: fc.integer({ min: 0, max: 1500 }),
  distinct: fc.constantFrom(1, 2, 40, 300, 3000),
  from: fc.nat(2000),
  nulls: fc.constantFrom(0, 0, 3),
  padding: fc.constantFrom(0, 5, 8, 60),
});
type Run = ReturnType<typeof run.generate>["value"];

function valuesOf(type: DataType, { rows, distinct, from, nulls, padding }: Run): Value[] {
  return Array.from({ length: rows }, (_, row) => {
    if (nulls > 0 && row % nulls === 0) return null;
    const number = from + ((row * 7919) % distinct);
    if (type.kind === "string") return `${number}${"p".repeat((number % 3) * padding)}`;
    return type.kind === "long" ? BigInt(number) * -(2n ** 40n) : number * 400_003 - 2 ** 30;
  });
}

const TYPES = [
  [StringType, FORM.text],
  [LongType, FORM.int64],
  [IntegerType, FORM.int32],
] as const;

test("numbers, entries and refusals are a map's", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...TYPES),
      fc.array(run, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 4000 }),
      fc.constantFrom(500, 9000, 1 << 20),
      ([type, form], runs, newMax, bytesMax) => {
        const schema = structType([structField("c", type)]);
        const dictionary = exports["parquet_dictionary"]!(form) >>> 0;
        const numbers = new Map<Value, number>();
        let bytes = 0;
        const bytesOf = (value: Value): number => (type.kind === "string" ? 4 + (value as string).length : type.kind === "long" ? 8 : 4);
        for (const each of runs) {
          const values = valuesOf(type, each);
          for (const block of values.length === 0
            ? []
            : toBlocks(
                kernels,
                schema,
                values.map((value) => [value]),
              )) {
            const indexes = copyIn(kernels, new Uint8Array(4 * values.length));
            const column = getColumn(kernels, block, 0);
            const added = exports["parquet_dictionary_add"]!(
              dictionary,
              column.values,
              column.validity,
              blockRowCount(kernels, block),
              indexes,
              newMax,
              bytesMax,
            );
            const present = values.filter((value) => value !== null);
            const fresh = [...new Set(present)].filter((value) => !numbers.has(value));
            const freshBytes = fresh.reduce((sum: number, value) => sum + bytesOf(value), 0);
            const fits = fresh.length <= newMax && bytes + freshBytes <= bytesMax;
            expect(added).toBe(fits ? 1 : 0);
            if (fits) for (const value of fresh) numbers.set(value, numbers.size);
            if (fits) bytes += freshBytes;
            const view = kernels.view();
            expect([view.getUint32(dictionary + 4, true), view.getUint32(dictionary + 8, true)]).toEqual([bytes, numbers.size]);
            if (!fits) return;
            expect(present.map((_, index) => view.getUint32(indexes + 4 * index, true))).toEqual(
              present.map((value) => numbers.get(value)),
            );
          }
        }
        exports["arena_reset"]!(ARENA_SPLIT);
      },
    ),
    { numRuns: 150, seed: 3 },
  );
  exports["arena_reset"]!(ARENA_SPLIT);
});

test("files of blocks of every size: pages over several blocks, dictionaries that grow and that are given up", async () => {
  const schema = structType(TYPES.map(([type], index) => structField(`c${index}`, type)));
  await fc.assert(
    fc.asyncProperty(fc.array(run, { minLength: 1, maxLength: 40 }), async (runs) => {
      const encoder = parquetEncoder.open(schema, new ConnectorOptions("parquet", {}, parquetWriteOptions), kernels, "UTC");
      const parts: Uint8Array[] = [];
      const rows: Value[][] = [];
      for (const each of runs) {
        const columns = TYPES.map(([type]) => valuesOf(type, each));
        const blockRows = Array.from({ length: each.rows }, (_, row) => columns.map((column) => column[row]!));
        for (const block of blockRows.length === 0 ? [] : toBlocks(kernels, schema, blockRows)) {
          encoder.append(block);
          exports["arena_reset"]!(ARENA_BLOCK);
        }
        parts.push(encoder.take());
        rows.push(...blockRows);
      }
      parts.push(encoder.finish!());
      exports["arena_reset"]!(ARENA_BLOCK);
      exports["arena_reset"]!(ARENA_SPLIT);
      const path = join(base, "file.parquet");
      writeFileSync(path, Buffer.concat(parts));
      expect(oracleRows(path, schema)).toEqual(rows);
      expect((await readParquetFile(path)).rows).toEqual(rows);
    }),
    { numRuns: 15, seed: 4 },
  );
});
