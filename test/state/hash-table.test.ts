import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ERROR_CODE, ERROR_CODES, TABLE_INSERTED } from "../../src/columnar/memory-layout.ts";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { LongType, StringType } from "../../src/columnar/types.ts";
import { keyText, newKernels, RowCodec, testHash, type TestRow, type TestValue } from "./row-codec.ts";

const longKey = rowLayout(
  [{ name: "k", dataType: LongType }],
  [
    { name: "sum", dataType: LongType },
    { name: "count", dataType: LongType },
  ],
);
const stringKey = rowLayout(
  [
    { name: "k", dataType: StringType },
    { name: "n", dataType: LongType },
  ],
  [
    { name: "sum", dataType: LongType },
    { name: "text", dataType: StringType },
    { name: "list", dataType: StringType },
  ],
);

const contents = (codec: RowCodec, table: number): Map<string, TestValue[]> =>
  new Map(codec.scan("table_scan", table).map(({ row, base }) => [keyText(codec.keysOf(row, base)), codec.valuesOf(row, base)] as const));

describe("hash table", () => {
  test.each([0, 1])("finds each of 20000 long keys again, wherever chunks have split (storage %i)", (storage) => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, longKey);
    const table = kernels.exports["table_new"]!(codec.layoutAddress, storage) as number;
    const keys = Array.from({ length: 20_000 }, (_, i) => BigInt(i) * 7919n - 1000n);
    for (const key of keys) {
      kernels.exports["table_upsert"]!(table, codec.write([key], [key * 2n, 1n]), 0);
      expect(codec.cell(TABLE_INSERTED)).toBe(1);
    }
    for (const key of keys) {
      const row = kernels.exports["table_upsert"]!(table, codec.write([key], [0n, 0n]), 0) as number;
      expect(codec.cell(TABLE_INSERTED)).toBe(0);
      expect(codec.valuesOf(row, codec.base())).toEqual([key * 2n, 1n]);
    }
    expect(kernels.exports["table_find"]!(table, codec.write([5n], [0n, 0n]), 0)).toBe(0);
    expect(kernels.exports["table_row_count"]!(table)).toBe(keys.length);
    expect(contents(codec, table).size).toBe(keys.length);
    kernels.exports["table_free"]!(table);
  });

  test("a null key and a zero key are two keys", () => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, longKey, () => 7);
    const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
    kernels.exports["table_upsert"]!(table, codec.write([null], [1n, 1n]), 0);
    kernels.exports["table_upsert"]!(table, codec.write([0n], [2n, 1n]), 0);
    expect(contents(codec, table)).toEqual(
      new Map<string, TestValue[]>([
        [keyText([null]), [1n, 1n]],
        [keyText([0n]), [2n, 1n]],
      ]),
    );
  });

  test("4095 keys of one hash share a chunk, the next is refused as out of memory", () => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, longKey, () => 42);
    const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
    for (let i = 0; i < 4095; i++) expect(kernels.exports["table_upsert"]!(table, codec.write([BigInt(i)], [1n, 1n]), 0)).not.toBe(0);
    expect(kernels.exports["table_upsert"]!(table, codec.write([-1n], [1n, 1n]), 0)).toBe(0);
    expect(codec.cell(ERROR_CODE)).toBe(ERROR_CODES.out_of_memory);
    expect(contents(codec, table).size).toBe(4095);
  });

  test("memory of a freed table is given back", () => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, stringKey);
    const before = kernels.exports["heap_live_bytes"]!() as number;
    const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
    for (let i = 0; i < 5000; i++) {
      kernels.exports["table_upsert"]!(table, codec.write([`key ${i}`, BigInt(i)], [1n, "x".repeat(i % 300), ""]), 0);
    }
    kernels.exports["table_upsert"]!(table, codec.write(["huge", 0n], [1n, "y".repeat(300_000), ""]), 0);
    expect(kernels.exports["heap_live_bytes"]!()).toBe(before + (kernels.exports["table_memory_bytes"]!(table) as number));
    kernels.exports["table_free"]!(table);
    expect(kernels.exports["heap_live_bytes"]!()).toBe(before);
  });

  test("appending to a list 200000 times costs geometric copies only", () => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, stringKey);
    const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
    let row = kernels.exports["table_upsert"]!(table, codec.write(["a", 0n], [0n, "", ""]), 0) as number;
    const field = stringKey.values[2]!.offset;
    const { address } = codec.writeText("12345678");
    const append = kernels.exports["table_append_variable"]!;
    for (let i = 0; i < 200_000; i++) row = append(table, row, field, address, 8) as number;
    const list = codec.valuesOf(row, codec.base())[2] as string;
    expect(list).toBe("12345678".repeat(200_000));
    expect(kernels.exports["table_memory_bytes"]!(table)).toBeLessThan(8 * list.length);
  });

  test("a value that shrinks and grows again and again does not use up memory", () => {
    const kernels = newKernels();
    const codec = new RowCodec(kernels, stringKey);
    const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
    let row = kernels.exports["table_upsert"]!(table, codec.write(["a", 0n], [0n, "", ""]), 0) as number;
    for (let i = 0; i < 5000; i++) {
      const { address, length } = codec.writeText("x".repeat(i % 2 === 0 ? 3000 : 8));
      row = kernels.exports["table_set_variable"]!(table, row, stringKey.values[1]!.offset, address, length) as number;
    }
    expect(kernels.exports["table_memory_bytes"]!(table)).toBeLessThan(20_000);
  });

  test("behaves like a Map under random inserts, updates, variable values and removals", () => {
    const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ minLength: 60, maxLength: 200 }), fc.constant("z".repeat(3000)));
    const command = fc.record({
      kind: fc.constantFrom("upsert", "upsert", "upsert", "set", "append", "remove"),
      key: fc.nat(400),
      text,
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 300, maxLength: 2500, size: "max" }), fc.boolean(), (commands, fewHashes) => {
        const kernels = newKernels();
        const codec = new RowCodec(kernels, stringKey, fewHashes ? (keys) => testHash(keys) & 0xf0000003 : testHash);
        const table = kernels.exports["table_new"]!(codec.layoutAddress, 0) as number;
        const model = new Map<string, TestValue[]>();
        const keysOf = (key: number): TestRow => [key % 7 === 0 ? null : "k".repeat(key % 40) + key, BigInt(key)];
        for (const { kind, key, text: value } of commands) {
          const keys = keysOf(key);
          const known = model.get(keyText(keys));
          if (kind === "upsert") {
            const row = kernels.exports["table_upsert"]!(table, codec.write(keys, [1n, value, ""]), 0) as number;
            expect(codec.cell(TABLE_INSERTED)).toBe(known ? 0 : 1);
            if (known) {
              kernels.view().setBigInt64(row + stringKey.values[0]!.offset, (known[0] as bigint) + 1n, true);
              known[0] = (known[0] as bigint) + 1n;
            } else model.set(keyText(keys), [1n, value, ""]);
            continue;
          }
          let row = kernels.exports["table_find"]!(table, codec.write(keys, [0n, "", ""]), 0) as number;
          expect(row !== 0).toBe(known !== undefined);
          if (!known) continue;
          if (kind === "remove") {
            kernels.exports["table_remove"]!(table, row);
            model.delete(keyText(keys));
          } else {
            const { address, length } = codec.writeText(value);
            const field = kind === "set" ? 1 : 2;
            const kernel = kind === "set" ? "table_set_variable" : "table_append_variable";
            row = kernels.exports[kernel]!(table, row, stringKey.values[field]!.offset, address, length) as number;
            known[field] = kind === "set" ? value : (known[field] as string) + value;
            expect(codec.valuesOf(row, codec.base())).toEqual(known);
          }
        }
        expect(contents(codec, table)).toEqual(model);
        expect(kernels.exports["table_row_count"]!(table)).toBe(model.size);
      }),
      { numRuns: 25 },
    );
  });
});
