/**
 * Keys from dictionaries: the memo in front of a flat table beside a Map. Texts are written to memory as the entries of dictionaries, which
 * change, and whose place is used again.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ARENA_QUERY, DICTIONARY_ENTRIES_MAX } from "../../src/columnar/memory-layout.ts";
import { rowLayout, type RowLayout } from "../../src/columnar/row-layout.ts";
import { type DataType, DoubleType, IntegerType, LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { emitFindByDictionary } from "../../src/compile/dictionary-memo.ts";
import { emitFind, keysInLocals, pushKeyHash } from "../../src/compile/flat-table.ts";
import { ModuleContext } from "../../src/compile/module-context.ts";
import { rowField } from "../../src/compile/rows.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { keyText, newKernels, RowCodec, type TestValue } from "../state/row-codec.ts";

const numRuns = process.env["MILLRACE_LONG"] ? 2000 : 60;

interface Search {
  /** Address of the row with the keys of `row`, else of a copy that is added to the table. The numbers are those of the text columns' dictionaries. */
  upsert(table: number, row: number, first: number, second: number): number;
  /** The same, and 0 if there is no row. */
  find(table: number, row: number, first: number, second: number): number;
  hash(row: number): number;
}

/** A module that reads keys from a row in memory and looks for them once as in a block without nulls, once as in one with nulls. */
function searchOf(kernels: Kernels, keys: RowLayout, onFind: () => void): { nullable: Search; plain: Search } {
  const module = new ModuleContext();
  const nameOf = (name: string, nullable: boolean): string => `${name}_${nullable ? "nullable" : "plain"}`;
  for (const nullable of [true, false]) {
    const fields = (f: Parameters<Parameters<typeof module.builder.addFunction>[1]>[0], row: number, numbers: readonly number[]) => {
      let texts = 0;
      return keysInLocals(
        f,
        keys,
        keys.keys.map((field) => ({
          ...rowField(f, { row: f.param(row), base: null }, field, field.dataType, nullable),
          ...(field.isVariable && numbers.length > 0 && { dictionary: f.param(numbers[Math.min(texts++, 1)]!) }),
        })),
      );
    };
    module.builder.addFunction({ name: nameOf("hash", nullable), params: ["i32"], results: ["i32"], exported: true }, (f) =>
      pushKeyHash(f, module, fields(f, 0, [])),
    );
    const params = ["i32", "i32", "i32", "i32"] as const;
    for (const name of ["find", "upsert"] as const) {
      module.builder.addFunction({ name: nameOf(name, nullable), params, results: ["i32"], exported: true }, (f) => {
        const locals = fields(f, 1, [2, 3]);
        const [hash, row] = [f.local("i32"), f.local("i32")];
        emitFindByDictionary(f, module, f.param(0), locals, row, () => {
          f.call(module.host("found", [], []));
          pushKeyHash(f, module, locals);
          f.set(hash);
          emitFind(f, module, f.param(0), hash, locals, row);
          if (name === "find") return;
          f.get(row);
          f.op("i32.eqz");
          f.if(() => {
            for (const argument of [f.param(0), f.param(1), hash]) f.get(argument);
            f.call(module.kernel("flat_add", ["i32", "i32", "i32"], ["i32"]));
            f.set(row);
          });
        });
        f.get(row);
      });
    }
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.builder.toBytes()), {
    env: { memory: kernels.memory, context: 0, literals: 0 },
    kernels: kernels.exports as Record<string, unknown>,
    host: { found: onFind },
  });
  const of = (nullable: boolean): Search =>
    Object.fromEntries(["find", "upsert", "hash"].map((name) => [name, exports[nameOf(name, nullable)]])) as unknown as Search;
  return { nullable: of(true), plain: of(false) };
}

const OTHERS = [LongType, DoubleType, IntegerType, TimestampType];

/** Dictionaries of the texts `<number>`, one for each text column; their bytes move when they are replaced, or new ones lie where they did. */
class Dictionaries {
  readonly #kernels: Kernels;
  readonly #columns: number;
  readonly #room: number;
  #from = 0;
  number = 0;

  constructor(kernels: Kernels, columns: number) {
    this.#kernels = kernels;
    this.#columns = columns;
    this.#room = kernels.exports["arena_alloc"]!(ARENA_QUERY, columns * 64 * 100) as number;
  }

  replace(from: number): void {
    this.#from = from;
    this.number++;
    for (let column = 0; column < this.#columns; column++)
      for (let entry = 0; entry < 100; entry++) this.#kernels.bytes().set(Buffer.from(this.text(entry)), this.#place(column, entry));
  }

  text(entry: number): string {
    // Of equal length in many cases, so that old and new entries have equal views.
    return entry === 0 ? "" : `${this.#from + entry}`.padStart(3 + (entry % 9) * 4, "x");
  }

  view(column: number, entry: number): bigint {
    return (BigInt(this.text(entry).length) << 32n) | BigInt(this.#place(column, entry));
  }

  #place(column: number, entry: number): number {
    return this.#room + (column * 100 + entry) * 64;
  }
}

interface Step {
  readonly kind: "row" | "row of no dictionary" | "replace" | "new table";
  readonly entries: readonly number[];
  readonly others: readonly number[];
  readonly isNull: readonly boolean[];
  readonly from: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 40, arbitrary: fc.constant("row" as const) },
    { weight: 4, arbitrary: fc.constant("row of no dictionary" as const) },
    { weight: 1, arbitrary: fc.constantFrom("replace" as const, "new table" as const) },
  ),
  entries: fc.array(fc.oneof(fc.nat(6), fc.nat(99)), { minLength: 6, maxLength: 6 }),
  others: fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }),
  isNull: fc.array(
    fc.nat(5).map((n) => n === 0),
    { minLength: 6, maxLength: 6 },
  ),
  from: fc.nat(3).map((n) => n * 100),
});

test("rows are those that a Map has for the keys, whatever becomes of the dictionaries", () => {
  const types = fc.array(fc.constantFrom<DataType>(StringType, StringType, ...OTHERS), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(types, fc.boolean(), fc.array(step, { minLength: 100, maxLength: 800, size: "max" }), (dataTypes, isPlain, steps) => {
      const kernels = newKernels();
      const layout = rowLayout(
        dataTypes.map((dataType, i) => ({ name: `k${i}`, dataType })),
        [],
      );
      const codec = new RowCodec(kernels, layout);
      const searches = searchOf(kernels, layout, () => {});
      const dictionaries = new Dictionaries(kernels, dataTypes.length);
      dictionaries.replace(0);
      /** A table that rows are added to, and one that is only looked at after the first steps, as that of a join. */
      const newTables = () =>
        [false, true].map((isStatic) => ({
          isStatic,
          address: kernels.exports["flat_new"]!(codec.layoutAddress, ARENA_QUERY) as number,
          rows: new Map<string, number>(),
        }));
      let tables = newTables();
      let rowsLeft = 30;
      for (const { kind, entries, others, isNull, from } of steps) {
        if (kind === "replace") dictionaries.replace(from);
        if (kind === "new table") [tables, rowsLeft] = [newTables(), 30];
        rowsLeft--;
        const nulls = dataTypes.map((_, i) => !isPlain && isNull[i]!);
        const keys = dataTypes.map((type, i): TestValue => {
          if (nulls[i]) return null;
          if (type === StringType) return dictionaries.text(entries[i]!);
          return type === IntegerType || type === DoubleType ? others[i]! : BigInt(others[i]!);
        });
        const probe = codec.write(keys, []);
        dataTypes.forEach((type, i) => {
          const at = probe + layout.keys[i]!.offset;
          if (type === StringType && !nulls[i]) kernels.view().setBigInt64(at, dictionaries.view(i, entries[i]!), true);
        });
        // A block without nulls takes the loop without null tests; both go to one memo.
        const search = nulls.includes(true) || others[0] === 0 ? searches.nullable : searches.plain;
        const number = kind === "row of no dictionary" ? 0 : dictionaries.number;
        const second = others[1] === 2 ? 0 : number;
        for (const { isStatic, address, rows } of tables) {
          const isOpen = !isStatic || rowsLeft > 0;
          const known = rows.get(keyText(keys));
          const row = (isOpen ? search.upsert : search.find)(address, probe, isOpen && isStatic ? 0 : number, second) >>> 0;
          if (known !== undefined || !isOpen) expect(row).toBe(known ?? 0);
          else {
            expect(codec.keysOf(row, 0)).toEqual(keys);
            rows.set(keyText(keys), row);
          }
        }
      }
      for (const { address, rows } of tables) expect(kernels.exports["flat_row_count"]!(address)).toBe(rows.size);
    }),
    { numRuns },
  );
});

test("a key is looked for once in a dictionary, and each time without one or where columns have several", () => {
  const kernels = newKernels();
  const layout = rowLayout(
    [
      { name: "a", dataType: StringType },
      { name: "n", dataType: LongType },
      { name: "b", dataType: StringType },
    ],
    [],
  );
  const codec = new RowCodec(kernels, layout);
  let finds = 0;
  const { plain } = searchOf(kernels, layout, () => finds++);
  const table = kernels.exports["flat_new"]!(codec.layoutAddress, ARENA_QUERY) as number;
  // The table's rows are at places of their own, and so are their texts.
  const probes = Array.from({ length: 30 }, (_, i) => {
    const probe = codec.write([`text ${i}`, BigInt(i % 3), "other"], []);
    return kernels.exports["flat_add"]!(table, probe, plain.hash(probe)) as number;
  });
  const findsOf = (first: number, second: number): number => {
    finds = 0;
    const rows = probes.map((probe) => plain.find(table, probe, first, second));
    expect(new Set(rows).size).toBe(30);
    expect(rows).not.toContain(0);
    return finds;
  };
  expect(findsOf(0, 0)).toBe(30);
  // Two of thirty keys may have one place in the memo.
  for (const dictionary of [7, 8]) {
    expect(findsOf(dictionary, dictionary)).toBe(30);
    expect(findsOf(dictionary, dictionary)).toBeLessThan(6);
  }
  expect(findsOf(8, 9)).toBe(30);
  expect(findsOf(8, 0)).toBe(30);
});

test("entries of one length, one behind the other, have places of their own", () => {
  const kernels = newKernels();
  const layout = rowLayout([{ name: "a", dataType: StringType }], []);
  const codec = new RowCodec(kernels, layout);
  let finds = 0;
  const { plain } = searchOf(kernels, layout, () => finds++);
  const table = kernels.exports["flat_new"]!(codec.layoutAddress, ARENA_QUERY) as number;
  const entries = 1000;
  const first = kernels.exports["arena_alloc"]!(ARENA_QUERY, 40 * entries) as number;
  expect(entries).toBeLessThan(DICTIONARY_ENTRIES_MAX / 4);
  const find = (): void => {
    for (let entry = 0; entry < entries; entry++) {
      const probe = codec.write([""], []);
      kernels.view().setBigInt64(probe + layout.keys[0]!.offset, (36n << 32n) | BigInt(first + 40 * entry), true);
      plain.find(table, probe, 1, 1);
    }
  };
  find();
  finds = 0;
  find();
  expect(finds).toBeLessThan(entries / 10);
});
