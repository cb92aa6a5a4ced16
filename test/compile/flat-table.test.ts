/** Flat tables: the emitted hash and search together with the kernels that add rows, against a Map. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARENA_QUERY, ROW_NEXT } from "../../src/columnar/memory-layout.ts";
import { rowLayout, type RowLayout } from "../../src/columnar/row-layout.ts";
import { DoubleType, IntegerType, LongType, StringType } from "../../src/columnar/types.ts";
import { emitFind, hashView, keysInLocals, pushKeyHash } from "../../src/compile/flat-table.ts";
import { ModuleContext } from "../../src/compile/module-context.ts";
import { rowField } from "../../src/compile/rows.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { keyText, newKernels, RowCodec, type TestRow, type TestValue } from "../state/row-codec.ts";

const layout = rowLayout(
  [
    { name: "k", dataType: StringType },
    { name: "n", dataType: LongType },
    { name: "i", dataType: IntegerType },
  ],
  [
    { name: "sum", dataType: LongType },
    { name: "text", dataType: StringType },
    { name: "list", dataType: StringType },
  ],
);

interface Search {
  /** Address of the row with the keys of `row`, or 0. */
  find(table: number, row: number): number;
  hash(row: number): number;
  hashText(address: bigint): bigint;
}

/** A module that reads keys of `keys` from a row in memory; `hashMask` makes hashes collide. */
function searchOf(kernels: Kernels, keys: RowLayout, hashMask: number): Search {
  const module = new ModuleContext();
  module.builder.addFunction({ name: "hash", params: ["i32"], results: ["i32"], exported: true }, (f) => {
    const place = { row: f.param(0), base: null };
    const values = keys.keys.map((field) => rowField(f, place, field, field.dataType, true));
    pushKeyHash(f, module, keysInLocals(f, keys, values));
    f.i32(hashMask);
    f.op("i32.and");
  });
  module.builder.addFunction({ name: "find", params: ["i32", "i32"], results: ["i32"], exported: true }, (f) => {
    const place = { row: f.param(1), base: null };
    const locals = keysInLocals(
      f,
      keys,
      keys.keys.map((field) => rowField(f, place, field, field.dataType, true)),
    );
    const [hash, row] = [f.local("i32"), f.local("i32")];
    pushKeyHash(f, module, locals);
    f.i32(hashMask);
    f.op("i32.and");
    f.set(hash);
    emitFind(f, module, f.param(0), hash, locals, row);
    f.get(row);
  });
  const text = hashView(module);
  module.builder.addFunction({ name: "hashText", params: ["i64"], results: ["i64"], exported: true }, (f) => {
    f.get(f.param(0));
    f.call(text);
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.builder.toBytes()), {
    env: { memory: kernels.memory, context: 0, literals: 0 },
    kernels: kernels.exports as Record<string, unknown>,
  });
  return instance.exports as unknown as Search;
}

function fixture(hashMask = -1): { kernels: Kernels; codec: RowCodec; search: Search; table: number } {
  const kernels = newKernels();
  const codec = new RowCodec(kernels, layout);
  const table = kernels.exports["flat_new"]!(codec.layoutAddress, ARENA_QUERY) as number;
  return { kernels, codec, search: searchOf(kernels, layout, hashMask), table };
}

describe("flat table", () => {
  test("behaves like a Map, also when all hashes are alike", () => {
    const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ minLength: 30, maxLength: 90 }), fc.constant("z".repeat(3000)));
    const command = fc.record({ kind: fc.constantFrom("upsert", "upsert", "set", "append"), key: fc.nat(300), text });
    const keysOf = (key: number): TestRow => [
      key % 7 === 0 ? null : "k".repeat(key % 70) + (key % 50),
      key % 11 === 0 ? null : BigInt(key % 3) << 40n,
      key % 2,
    ];
    fc.assert(
      fc.property(
        fc.array(command, { minLength: 200, maxLength: 1500, size: "max" }),
        fc.constantFrom(-1, 0, 0x70000000),
        (commands, mask) => {
          const { kernels, codec, search, table } = fixture(mask);
          const model = new Map<string, TestValue[]>();
          for (const { kind, key, text: value } of commands) {
            const keys = keysOf(key);
            const probe = codec.write(keys, [1n, "", ""]);
            let row = search.find(table, probe) >>> 0;
            const known = model.get(keyText(keys));
            expect(row !== 0).toBe(known !== undefined);
            if (!known) {
              kernels.exports["flat_add"]!(table, codec.write(keys, [1n]), search.hash(probe));
              model.set(keyText(keys), [1n, "", ""]);
            } else if (kind === "upsert") {
              kernels.view().setBigInt64(row + layout.values[0]!.offset, (known[0] as bigint) + 1n, true);
              known[0] = (known[0] as bigint) + 1n;
            } else {
              const { address, length } = codec.writeText(value);
              const field = kind === "set" ? 1 : 2;
              row = kernels.exports[`flat_${kind}_variable`]!(table, row, layout.values[field]!.offset, address, length) as number;
              known[field] = kind === "set" ? value : (known[field] as string) + value;
              expect(codec.valuesOf(row, codec.base())).toEqual(known);
            }
          }
          const rows: [string, TestValue[]][] = [];
          for (let row = kernels.exports["flat_first"]!(table) as number; row !== 0; row = codec.cell(row + ROW_NEXT)) {
            rows.push([keyText(codec.keysOf(row, 0)), codec.valuesOf(row, 0)]);
          }
          expect(rows).toEqual([...model]);
          expect(kernels.exports["flat_row_count"]!(table)).toBe(model.size);
        },
      ),
      { numRuns: 20 },
    );
  });

  test("chains keep rows of equal key in the order of insertion while the index grows", () => {
    const { kernels, codec, search, table } = fixture();
    for (let i = 0; i < 9000; i++) {
      const row = codec.write([`k${i % 3000}`, 1n, 2], [BigInt(i), `text ${i}`, ""]);
      kernels.exports["flat_chain"]!(table, search.find(table, row), row, search.hash(row));
    }
    expect(kernels.exports["flat_row_count"]!(table)).toBe(3000);
    for (let key = 0; key < 3000; key += 13) {
      const found: TestValue[][] = [];
      let row = search.find(table, codec.write([`k${key}`, 1n, 2], [0n, "", ""]));
      for (; row !== 0; row = codec.cell(row + ROW_NEXT)) found.push(codec.valuesOf(row, 0));
      expect(found).toEqual([0, 3000, 6000].map((step) => [BigInt(key + step), `text ${key + step}`, ""]));
    }
  });

  test("a value that grows within its room leaves the next row alone", () => {
    for (const [first, then] of [
      [1, 16],
      [33, 64],
      [129, 256],
      [2049, 4096],
    ] as const) {
      const { kernels, codec, search, table } = fixture();
      const probeOf = (key: string): number => codec.write([key, 7n, 0], [1n]);
      const rows = ["a", "b"].map((key) => {
        const probe = probeOf(key);
        return kernels.exports["flat_add"]!(table, probe, search.hash(probe)) as number;
      });
      const set = (row: number, field: number, text: string): unknown => {
        const { address, length } = codec.writeText(text);
        return kernels.exports["flat_set_variable"]!(table, row, layout.values[field]!.offset, address, length);
      };
      for (const row of rows) {
        set(row, 1, "x".repeat(first));
        set(row, 2, "y".repeat(first));
      }
      for (const field of [1, 2]) set(rows[0]!, field, "z".repeat(then));
      expect(codec.valuesOf(rows[0]!, 0)).toEqual([1n, "z".repeat(then), "z".repeat(then)]);
      expect(codec.valuesOf(rows[1]!, 0)).toEqual([1n, "x".repeat(first), "y".repeat(first)]);
      expect(search.find(table, probeOf("b")) >>> 0).toBe(rows[1]! >>> 0);
      expect(codec.cell(rows[1]! + ROW_NEXT)).toBe(0);
    }
  });

  test("a growing value leaves at most its own size behind", () => {
    const { kernels, codec, table } = fixture();
    let row = kernels.exports["flat_add"]!(table, codec.write(["a", 0n, 0], [0n]), 1) as number;
    const { address } = codec.writeText("12345678");
    const before = kernels.exports["arena_bytes"]!(ARENA_QUERY) as number;
    for (let i = 0; i < 200_000; i++) {
      row = kernels.exports["flat_append_variable"]!(table, row, layout.values[2]!.offset, address, 8) as number;
    }
    expect(codec.valuesOf(row, 0)[2]).toBe("12345678".repeat(200_000));
    expect((kernels.exports["arena_bytes"]!(ARENA_QUERY) as number) - before).toBeLessThan(8 * 1_600_000);
  });

  test("a value that shrinks and grows again takes no more room than its longest", () => {
    const { kernels, codec, table } = fixture();
    let row = kernels.exports["flat_add"]!(table, codec.write(["a", 0n, 0], [0n]), 1) as number;
    const texts = ["", "short", "z".repeat(3000), "x".repeat(40)].map((text) => ({ text, ...codec.writeText(text) }));
    const before = kernels.exports["arena_bytes"]!(ARENA_QUERY) as number;
    for (let i = 0; i < 20_000; i++) {
      const { address, length } = texts[i % texts.length]!;
      row = kernels.exports["flat_set_variable"]!(table, row, layout.values[1]!.offset, address, length) as number;
    }
    expect(codec.valuesOf(row, 0)[1]).toBe(texts.at(-1)!.text);
    // One segment at most, not 5000 times 3000 bytes.
    expect((kernels.exports["arena_bytes"]!(ARENA_QUERY) as number) - before).toBeLessThan(2 << 20);
  });

  test("equal bytes are interned once, whatever their hash and their place", () => {
    const { kernels, codec } = fixture();
    const pool = kernels.exports["flat_new"]!(0, ARENA_QUERY) as number;
    const intern = (text: string, hash: number): bigint => {
      const { address, length } = codec.writeText(`${"-".repeat(text.length % 9)}${text}`);
      const shift = text.length % 9;
      return kernels.exports["intern_view"]!(pool, (BigInt(length - shift) << 32n) | BigInt(address + shift), hash) as bigint;
    };
    const texts = ["", "a", "ä", "x".repeat(36), `${"x".repeat(35)}y`, ...Array.from({ length: 500 }, (_, i) => `text ${i}`)];
    for (const hashOf of [(_text: string) => 7, (text: string) => text.length << 20]) {
      const views = texts.map((text) => intern(text, hashOf(text)));
      expect(new Set(views).size).toBe(texts.length);
      expect(texts.map((text) => intern(text, hashOf(text)))).toEqual(views);
      const contents = views.map((view) => {
        const start = Number(view & 0xffffffffn);
        return Buffer.from(kernels.bytes().slice(start, start + Number(view >> 32n))).toString();
      });
      expect(contents).toEqual(texts);
    }
  });

  test("the hash of a text depends on all of its bytes and on no others, and spreads over all bits", () => {
    const { kernels, codec, search } = fixture();
    const hash = (text: string, rubbish: string): bigint => {
      const { address } = codec.writeText(text + rubbish);
      return search.hashText((BigInt(Buffer.byteLength(text)) << 32n) | BigInt(address));
    };
    for (let length = 0; length < 100; length++) {
      const text = "q".repeat(length);
      expect(hash(text, "aaaaaaaaaaaaaaaa")).toBe(hash(text, "bbbbbbbbbbbbbbbb"));
      const changed = Array.from({ length }, (_, at) => `${text.slice(0, at)}r${text.slice(at + 1)}`);
      expect(new Set([text, `${text}q`, ...changed].map((each) => hash(each, ""))).size).toBe(length + 2);
    }
    // The table takes the upper bits of what `pushKeyHash` makes of it.
    const keys = rowLayout([{ name: "k", dataType: StringType }], []);
    const { hash: rowHash } = searchOf(kernels, keys, -1);
    const keyCodec = new RowCodec(kernels, keys);
    for (const text of [(i: number) => `user-${i}`, (i: number) => `${i}`.padStart(24, "0"), (i: number) => `${i}${"-".repeat(40)}`]) {
      const buckets = new Set(Array.from({ length: 4096 }, (_, i) => rowHash(keyCodec.write([text(i)], [])) >>> 20));
      // 4096 balls in 4096 buckets leave 1507 of them empty.
      expect(buckets.size).toBeGreaterThan(2450);
      expect(buckets.size).toBeLessThan(2750);
    }
  });

  test.each([
    ["whole numbers far apart", (i: number) => BigInt(i) << 48n],
    ["timestamps of seconds", (i: number) => 1_700_000_000_000_000n + BigInt(i) * 1_000_000n],
    ["powers of two", (i: number) => (BigInt(i % 64) << 58n) | BigInt(i >> 6)],
  ])("hashes of %s spread over the upper bits", (_name, key) => {
    const kernels = newKernels();
    const keys = rowLayout([{ name: "k", dataType: LongType }], []);
    const { hash } = searchOf(kernels, keys, -1);
    const codec = new RowCodec(kernels, keys);
    const buckets = new Set(Array.from({ length: 4096 }, (_, i) => hash(codec.write([BigInt.asIntN(64, key(i))], [])) >>> 20));
    expect(buckets.size).toBeGreaterThan(2300);
  });

  test("NaN equals NaN and minus zero equals zero", () => {
    const kernels = newKernels();
    const keys = rowLayout([{ name: "k", dataType: DoubleType }], []);
    const search = searchOf(kernels, keys, -1);
    const codec = new RowCodec(kernels, keys);
    const table = kernels.exports["flat_new"]!(codec.layoutAddress, ARENA_QUERY) as number;
    const write = (bits: bigint): number => codec.write([BigInt.asIntN(64, bits)], []);
    for (const bits of [0x7ff8000000000000n, 0n]) kernels.exports["flat_add"]!(table, write(bits), search.hash(write(bits)));
    for (const bits of [0x7ff8000000000000n, 0xfff8000000000001n, 0n, 0x8000000000000000n]) {
      expect(search.find(table, write(bits))).not.toBe(0);
    }
    expect(search.find(table, write(0x3ff0000000000000n))).toBe(0);
  });
});
