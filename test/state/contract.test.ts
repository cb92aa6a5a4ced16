/**
 * The contract of the state store (`src/state/state-contract.ts`): the same properties for every way in which a store may be kept and may have come
 * back. What is expected comes from maps.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { compileKernels } from "../../src/kernels/load.ts";
import { NumberedRows } from "./numbered-rows.ts";
import { keyText, type TestRow } from "./row-codec.ts";
import { type Family, type FamilySpec, type RestartFrom, type StateRow, StateWorkers } from "./state-workers.ts";
import { BUCKET_MICROS } from "./store-harness.ts";

const [VALUES, TIMED, LISTS] = [1, 2, 3] as const;
const PARTITIONS = 6;
const time = { name: "time", dataType: TimestampType };
const long = (name: string) => ({ name, dataType: LongType });
const text = (name: string) => ({ name, dataType: StringType });

const families: readonly FamilySpec[] = [
  { operatorId: VALUES, layout: rowLayout([text("name")], [long("sum"), text("text"), text("list")]), group: (keys) => keys },
  {
    operatorId: TIMED,
    layout: rowLayout([time, long("id")], [long("sum"), text("text")], { keyIndex: 0, widthMicros: BUCKET_MICROS }),
    group: ([, id]) => [id!],
  },
  {
    operatorId: LISTS,
    layout: rowLayout([time, long("id"), long("number")], [long("count"), text("text")], { keyIndex: 0, widthMicros: BUCKET_MICROS }),
    group: ([, id]) => [id!],
  },
];

interface Variant {
  readonly name: string;
  readonly memoryBytes?: number;
  /** Every batch runs before on other rows, and is aborted. */
  readonly aborts?: boolean;
  /** After every second batch: the chunk store and a snapshot are written. */
  readonly saves?: boolean;
  readonly restarts?: { readonly from: RestartFrom; readonly workers: readonly number[] };
}

const variants: readonly Variant[] = [
  { name: "in memory" },
  { name: "after an abort", aborts: true },
  { name: "restarted from change files", restarts: { from: "changes", workers: [1] } },
  { name: "restarted from a snapshot", saves: true, restarts: { from: "snapshot", workers: [1] } },
  { name: "restarted from the chunk store", saves: true, restarts: { from: "chunks", workers: [1] } },
  { name: "on other numbers of workers", saves: true, restarts: { from: "chunks", workers: [3, 1, 2] } },
  { name: "on other numbers of workers, from change files", restarts: { from: "changes", workers: [2, 5, 1] } },
  { name: "with room for a few chunks", memoryBytes: 20_000 },
  { name: "with no room in memory", memoryBytes: 1 },
  {
    name: "with no room in memory, aborted, restarted from the chunk store on other numbers of workers",
    memoryBytes: 1,
    aborts: true,
    saves: true,
    restarts: { from: "chunks", workers: [2, 3, 1] },
  },
];

/** What the families should hold. */
class Model {
  readonly maps = new Map<number, Map<string, StateRow>>(families.map(({ operatorId }) => [operatorId, new Map()]));
  readonly lists = new Map<string, { prefix: TestRow; rows: TestRow[] }>();

  of(family: number): Map<string, StateRow> {
    return this.maps.get(family)!;
  }

  put(family: number, keys: TestRow, values: TestRow): void {
    this.of(family).set(keyText(keys), { keys, values });
  }

  list(prefix: TestRow): TestRow[] {
    const key = keyText(prefix);
    if (!this.lists.has(key)) this.lists.set(key, { prefix, rows: [] });
    return this.lists.get(key)!.rows;
  }

  evict(watermark: bigint): void {
    const isDue = (keys: TestRow): boolean => (keys[0] as bigint | null) !== null && (keys[0] as bigint) <= watermark;
    for (const [key, { keys }] of this.of(TIMED)) if (isDue(keys)) this.of(TIMED).delete(key);
    for (const [key, { prefix }] of this.lists) if (isDue(prefix)) this.lists.delete(key);
  }

  copy(): Model {
    const copy = new Model();
    for (const [family, map] of this.maps) for (const [key, row] of map) copy.of(family).set(key, row);
    for (const [key, { prefix, rows }] of this.lists) copy.lists.set(key, { prefix, rows: [...rows] });
    return copy;
  }
}

const sorted = (rows: Iterable<StateRow>): string[] => [...rows].map(({ keys, values }) => keyText([...keys, "=", ...values])).sort();

const minute = (n: number): bigint => BigInt(n) * BUCKET_MICROS;
const bucketEnd = (n: number): bigint => minute(n + 1) - 1n;

const word = fc.oneof(fc.string({ maxLength: 12 }), fc.constant("y".repeat(700)), fc.constant("z".repeat(9000)));
const operation = fc.record({
  kind: fc.constantFrom("put", "put", "append", "remove", "putTimed", "putTimed", "removeTimed", "add", "add", "removeAt", "clear"),
  id: fc.nat(60),
  minute: fc.option(fc.nat(7), { freq: 12 }),
  text: fc.option(word, { freq: 9 }),
  at: fc.nat(5),
});
const batch = fc.record({
  operations: fc.array(operation, { maxLength: 120, size: "max" }),
  /** Seconds by which the watermark moves on. */
  advance: fc.option(fc.nat(150), { freq: 2 }),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Does what the operation says to the families and to the model. Times at or before `watermark` are past. */
function perform({ kind, id, minute: m, text: value, at }: Operation, state: Families, model: Model, watermark: bigint): void {
  const name = [`name ${id} ${id % 3 === 0 ? "long ".repeat(20) : ""}`];
  switch (kind) {
    case "put": {
      const values = [BigInt(at), value, "list"];
      state.values.put(name, values);
      return model.put(VALUES, name, values);
    }
    case "append": {
      const known = model.of(VALUES).get(keyText(name));
      if (!known) return;
      state.values.append(name, 2, value ?? "x");
      return model.put(VALUES, name, [known.values[0]!, known.values[1]!, (known.values[2] as string) + (value ?? "x")]);
    }
    case "remove":
      expect(state.values.remove(name)).toBe(model.of(VALUES).delete(keyText(name)));
      return;
    case "putTimed": {
      const keys = [m === null ? null : minute(m) + BigInt(id % 4) * 15_000_000n, BigInt(id)];
      if (keys[0] !== null && keys[0]! <= watermark) return;
      state.timed.put(keys, [BigInt(at), value]);
      return model.put(TIMED, keys, [BigInt(at), value]);
    }
    case "removeTimed": {
      const keys = [m === null ? null : minute(m) + BigInt(id % 4) * 15_000_000n, BigInt(id)];
      expect(state.timed.remove(keys)).toBe(model.of(TIMED).delete(keyText(keys)));
      return;
    }
    case "add": {
      const prefix = [bucketEnd(m ?? 0), BigInt(id % 5)];
      if (prefix[0]! <= watermark) return;
      const rows = model.list(prefix);
      rows.push([BigInt(id), value]);
      expect(state.lists.add(prefix, [BigInt(id), value])).toBe(rows.length);
      return;
    }
    case "removeAt": {
      const prefix = [bucketEnd(m ?? 0), BigInt(id % 5)];
      const rows = model.list(prefix);
      if (at >= rows.length) return;
      const last = rows.pop()!;
      const moved = at === rows.length ? null : (rows[at] = last);
      expect(state.lists.removeAt(prefix, at + 1)).toEqual(moved);
      return;
    }
    case "clear": {
      const prefix = [bucketEnd(m ?? 0), BigInt(id % 5)];
      state.lists.clear(prefix);
      model.list(prefix).length = 0;
    }
  }
}

class Families {
  readonly workers: StateWorkers;
  readonly values: Family;
  readonly timed: Family;
  readonly lists: NumberedRows;

  constructor(memoryBytes?: number) {
    this.workers = new StateWorkers({ partitionCount: PARTITIONS, families, ...(memoryBytes !== undefined && { memoryBytes }) });
    this.values = this.workers.family(VALUES);
    this.timed = this.workers.family(TIMED);
    this.lists = new NumberedRows(this.workers.family(LISTS));
  }

  /** Everything is as the model says, by scans and by look-ups. */
  check(model: Model): void {
    expect(sorted(this.values.all())).toEqual(sorted(model.of(VALUES).values()));
    expect(sorted(this.timed.all())).toEqual(sorted(model.of(TIMED).values()));
    const lists = [...model.lists.values()].filter(({ rows }) => rows.length > 0);
    for (const { prefix, rows } of lists) expect(this.lists.rows(prefix)).toEqual(rows);
    expect(this.lists.family.all().length).toBe(lists.reduce((sum, { rows }) => sum + rows.length + 1, 0));
    for (const family of [this.values, this.timed]) {
      for (const { keys, values } of model.of(family.spec.operatorId).values()) expect(family.get(keys)).toEqual(values);
      expect(family.metrics().rows).toBe(model.of(family.spec.operatorId).size);
    }
    expect(this.values.get(["nobody"])).toBe(null);
    expect(this.lists.rows([bucketEnd(1), 77n])).toEqual([]);
  }
}

describe.each(variants)("$name", ({ memoryBytes, aborts, saves, restarts }) => {
  /** What happens between two batches. */
  const between = ({ workers }: Families, index: number): void => {
    if (saves && index % 2 === 0) workers.save(index % 4 === 0 ? 100_000 : 1024);
    if (restarts) workers.restart(restarts.from, restarts.workers[index % restarts.workers.length]);
  };

  test("get, put, remove, append, scans and evictions are those of maps", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(batch, batch), { minLength: 2, maxLength: 5 }), (batches) => {
        const state = new Families(memoryBytes);
        let [model, watermark] = [new Model(), -1n];
        batches.forEach(([{ operations, advance }, other], index) => {
          const run = (what: readonly Operation[], next: bigint, into: Model): void => {
            const before = watermark;
            for (const each of what) perform(each, state, into, before);
            if (next <= before) return;
            const due = [...into.of(TIMED).values()].filter(({ keys: [at] }) => at !== null && (at as bigint) <= next);
            expect(state.timed.hasDue(next)).toBe(due.length > 0);
            expect(sorted(state.timed.due(next))).toEqual(sorted(due));
            expect(state.timed.evict(next)).toBe(due.length);
            state.lists.family.evict(next);
            into.evict(next);
          };
          const later = (seconds: number | null): bigint => (seconds === null ? watermark : watermark + BigInt(seconds) * 1_000_000n);
          if (aborts) {
            const scratch = model.copy();
            state.workers.batch(
              () => run(other.operations, later(other.advance), scratch),
              "abort",
              () => state.check(scratch),
            );
            state.check(model);
          }
          const next = later(advance);
          state.workers.batch(
            () => run(operations, next, model),
            "commit",
            () => state.check(model),
          );
          watermark = next;
          state.check(model);
          between(state, index);
          state.check(model);
        });
      }),
      { numRuns: 6, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("what a batch has changed is listed once, and counted", () => {
    const state = new Families(memoryBytes);
    const keysOf = (rows: readonly StateRow[]): string[] => rows.map(({ keys }) => keyText(keys)).sort();
    const put = (ids: readonly number[]): void => ids.forEach((id) => state.timed.put([minute(id % 4), BigInt(id)], [1n, "text"]));
    state.workers.batch(() => put([...Array(200).keys()]));
    between(state, 0);
    state.workers.batch(
      () => {
        put([3, 5, 3, 205]);
        state.timed.remove([minute(1), 5n]);
        state.timed.remove([minute(2), 6n]);
        put([2]);
      },
      "commit",
      () => {
        const changed: TestRow[] = [
          [minute(2), 2n],
          [minute(3), 3n],
          [minute(1), 205n],
        ];
        expect(keysOf(state.timed.dirty())).toEqual(changed.map(keyText).sort());
        expect(keysOf(state.timed.dirtyBetween(minute(1), minute(2)))).toEqual([keyText([minute(2), 2n])]);
        // Rows that were put and removed in the batch count as both.
        expect(state.timed.metrics()).toEqual({ rows: 199, updatedRows: 4, removedRows: 2 });
      },
    );
    state.workers.batch(() => {
      expect(state.timed.dirty()).toEqual([]);
      expect(state.timed.metrics()).toEqual({ rows: 199, updatedRows: 0, removedRows: 0 });
    });
  });

  test("a range of times is listed and a passed bucket dropped; the other buckets stay", () => {
    const state = new Families(memoryBytes);
    const rows = Array.from({ length: 400 }, (_, i): StateRow => ({
      keys: [BigInt(i) * 1_000_000n - 100_000_000n, BigInt(i)],
      values: [1n, `${i}`],
    }));
    const inside = (low: bigint, high: bigint): StateRow[] =>
      rows.filter(({ keys: [at] }) => (at as bigint) > low && (at as bigint) <= high);
    state.workers.batch(() => rows.forEach(({ keys, values }) => state.timed.put(keys, values)));
    between(state, 0);
    for (const [low, high] of [
      [minute(-1) - 1n, minute(0) - 1n],
      [minute(1), minute(1) + 1n],
      [-(2n ** 63n), minute(2)],
      [minute(1) + 7_000_000n, minute(3) + 30_000_000n],
      [minute(20), minute(30)],
    ] as const) {
      expect(sorted(state.timed.between(low, high))).toEqual(sorted(inside(low, high)));
    }
    const watermark = minute(2) + 29_500_000n;
    state.workers.batch(() => expect(state.timed.evict(watermark)).toBe(inside(-(2n ** 63n), watermark).length));
    between(state, 1);
    expect(sorted(state.timed.all())).toEqual(sorted(inside(watermark, 2n ** 62n)));
  });

  test("column families with the same keys do not see each other, and are committed and aborted together", () => {
    const state = new Families(memoryBytes);
    const [prefix, keys]: [TestRow, TestRow] = [
      [bucketEnd(1), 7n],
      [bucketEnd(1), 7n],
    ];
    state.workers.batch(() => {
      state.timed.put(keys, [1n, "timed"]);
      state.lists.add(prefix, [2n, "item"]);
    });
    between(state, 0);
    state.workers.batch(() => {
      state.timed.remove(keys);
      state.lists.add(prefix, [3n, "another"]);
    }, "abort");
    expect([state.timed.get(keys), state.lists.rows(prefix)]).toEqual([[1n, "timed"], [[2n, "item"]]]);
    state.workers.batch(() => state.timed.remove(keys));
    between(state, 1);
    expect([state.timed.get(keys), state.lists.rows(prefix)]).toEqual([null, [[2n, "item"]]]);
  });

  test("every version comes back, and is gone on with", () => {
    const versions: Model[] = [];
    const state = new Families(memoryBytes);
    const model = new Model();
    for (let i = 0; i < 6; i++) {
      state.workers.batch(() => {
        for (let id = 0; id < 40; id += 1 + (i % 3)) perform({ kind: "put", id, minute: 0, text: `batch ${i}`, at: i }, state, model, -1n);
        perform({ kind: "add", id: i, minute: 1, text: null, at: 0 }, state, model, -1n);
        perform({ kind: "remove", id: 2 * i, minute: 0, text: null, at: 0 }, state, model, -1n);
      });
      versions.push(model.copy());
      between(state, i);
    }
    for (const version of [4, 3, 0]) {
      state.workers.restart(restarts?.from ?? "changes", 2, version);
      state.check(versions[version]!);
    }
    const again = versions[0]!.copy();
    state.workers.batch(() => perform({ kind: "put", id: 3, minute: 0, text: "again", at: 9 }, state, again, -1n));
    between(state, 0);
    state.check(again);
  });
});

test("a batch reads the chunks of its rows; a bucket that is dropped is not read", () => {
  const state = new Families(1);
  const loaded = (work: () => void): number => {
    let count = 0;
    state.workers.batch(work, "commit", () => (count = state.timed.chunks().loaded));
    return count;
  };
  loaded(() => {
    for (let i = 0; i < 4000; i++) state.timed.put([minute(i % 8), BigInt(i)], [1n, "some text of this row"]);
  });
  expect(state.timed.chunks().cold).toBeGreaterThanOrEqual(8 * PARTITIONS - 1);
  expect(loaded(() => state.timed.put([minute(3), 3n], [2n, "text"]))).toBe(1);
  expect(loaded(() => expect(state.timed.get([minute(4), 4n])).toEqual([1n, "some text of this row"]))).toBe(1);
  expect(loaded(() => expect(state.timed.evict(minute(3) - 1n)).toBe(1500))).toBe(0);
  const chunksOfOne = loaded(() => expect(state.timed.between(minute(5) - 1n, minute(6) - 1n).length).toBe(500));
  expect(chunksOfOne).toBeGreaterThan(0);
  expect(chunksOfOne).toBeLessThanOrEqual(Math.ceil(state.timed.chunks().total / 5) + PARTITIONS);
});

test("the contract names every kernel of the store, and no other", () => {
  const source = readFileSync(new URL("../../src/state/state-contract.ts", import.meta.url), "utf8");
  const named = [...source.matchAll(/^ {2}((?:store|state)_\w+)[(:]/gm)].map(([, name]) => name!);
  const kernels = WebAssembly.Module.exports(compileKernels()).map(({ name }) => name);
  expect(named.sort()).toEqual(kernels.filter((name) => /^(?:store|state)_/.test(name)).sort());
});
