import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RowLayout, withNullWords } from "../../src/columnar/row-layout.ts";
import type { TestRow, TestValue } from "./row-codec.ts";
import { keyText } from "./row-codec.ts";
import { BUCKET_MICROS, Harness, header, MemoryFile, NO_WATERMARK, timedLayout } from "./store-harness.ts";
import { type FrameTarget, restoreStateFile, type StateFileHeader } from "../../src/state/state-file.ts";
import { queueOf } from "../../src/state/state-store.ts";

const minute = (n: number): bigint => BigInt(n) * BUCKET_MICROS;

const layouts = fc.constantFrom(timedLayout, withNullWords(timedLayout));

const copyOf = (model: Map<string, TestValue[]>): Map<string, TestValue[]> =>
  new Map([...model].map(([key, values]) => [key, [...values]]));

function restore(
  harness: Harness,
  kind: StateFileHeader["kind"],
  batchId: number,
  bytes: Uint8Array,
  target: FrameTarget = harness.store,
): void {
  const expected = { path: `${kind}-${batchId}`, kind, batchId, queryId: header(kind, batchId).queryId };
  restoreStateFile(harness.buffer, new MemoryFile(bytes), expected, new Map([[7, target]]));
}

/** New workers, `count` of them, that read the files, changes one frame after the other or in a queue; all their rows together. */
function restored(
  count: number,
  files: { kind: StateFileHeader["kind"]; batchId: number; bytes: Uint8Array }[],
  queueBytes?: number,
  memoryBytes?: number,
  layout: RowLayout = timedLayout,
): Map<string, TestValue[]> {
  const rows = new Map<string, TestValue[]>();
  for (let workerIndex = 0; workerIndex < count; workerIndex++) {
    const harness = new Harness({
      partitionCount: 6,
      workerIndex,
      workerCount: count,
      layout,
      ...(memoryBytes !== undefined && { memoryBytes }),
    });
    const { store } = harness;
    const target = queueBytes === undefined ? store : queueOf(store);
    if (queueBytes !== undefined) store.beginRedo(queueBytes);
    let inSnapshot = true;
    for (const { kind, batchId, bytes } of files) {
      if (inSnapshot && kind === "changes") harness.store.endLoading();
      inSnapshot = kind === "snapshot";
      restore(harness, kind, batchId, bytes, target);
    }
    if (inSnapshot) harness.store.endLoading();
    if (queueBytes !== undefined) store.endRedo();
    const contents = harness.contents();
    expect(harness.store.metrics().rows).toBe(contents.size);
    for (const [key, values] of contents) {
      expect(rows.has(key)).toBe(false);
      rows.set(key, values);
    }
  }
  return rows;
}

describe("state store", () => {
  test("late rows leave state alone and are counted as distinct groups", () => {
    const harness = new Harness({ partitionCount: 4 });
    harness.begin();
    harness.setWatermarks(minute(10), minute(10));
    expect(harness.upsert([minute(10), 1n, "a"], "x")).toBe(0);
    expect(harness.upsert([minute(10), 1n, "a"], "x")).toBe(0);
    expect(harness.upsert([minute(3), 1n, "a"], "x")).toBe(0);
    expect(harness.upsert([minute(10) + 1n, 1n, "a"], "x")).not.toBe(0);
    expect(harness.store.metrics()).toMatchObject({ rows: 1, updatedRows: 1, removedRows: 0, lateGroups: 2 });
    harness.end("commit");
    expect(harness.store.metrics()).toMatchObject({ rows: 1, lateGroups: 0 });
  });

  test("in complete mode late rows are merged", () => {
    const harness = new Harness({ partitionCount: 4, dropsLateRows: false });
    harness.begin();
    harness.setWatermarks(minute(10), NO_WATERMARK);
    expect(harness.upsert([minute(3), 1n, "a"], "x")).not.toBe(0);
    expect(harness.store.metrics()).toMatchObject({ rows: 1, lateGroups: 0 });
  });

  test("rows without event time are never late and never evicted", () => {
    const harness = new Harness({ partitionCount: 4 });
    harness.begin();
    harness.setWatermarks(minute(1000), minute(1000));
    expect(harness.upsert([null, 1n, "a"], "x")).not.toBe(0);
    expect(harness.contents("store_scan_evictable").size).toBe(0);
    expect(harness.evict(minute(1000))).toBe(0);
    harness.end("commit");
    expect(harness.contents()).toEqual(harness.model);
  });

  test("eviction takes times at the watermark, filters the bucket that it cuts, and negative times too", () => {
    const harness = new Harness({ partitionCount: 3 });
    harness.begin();
    for (let i = -300; i < 300; i++) harness.upsert([BigInt(i) * 7_000_000n, BigInt(i), "n"], "x");
    harness.end("commit");
    for (const watermark of [minute(-40) - 1n, minute(-10), 1n, minute(9) + 30_000_000n, minute(200)]) {
      harness.begin();
      harness.setWatermarks(NO_WATERMARK, watermark);
      const expected = harness.evictableKeys(watermark);
      expect(harness.store.hasEvictable(watermark)).toBe(expected.length > 0);
      expect([...harness.contents("store_scan_evictable").keys()].sort()).toEqual(expected.sort());
      expect(harness.evict(watermark)).toBe(expected.length);
      expect(harness.contents()).toEqual(harness.model);
      harness.end("commit");
      expect(harness.contents()).toEqual(harness.model);
    }
    expect(harness.model.size).toBe(0);
  });

  test("memory of evicted buckets comes back with the commit", () => {
    const harness = new Harness({ partitionCount: 2 });
    const before = harness.kernels.exports["heap_live_bytes"]!() as number;
    harness.begin();
    for (let i = 0; i < 5000; i++) harness.upsert([minute(i % 5), BigInt(i), `name ${i}`], "some text");
    harness.end("commit");
    harness.begin();
    harness.setWatermarks(NO_WATERMARK, minute(5));
    harness.evict(minute(5));
    harness.end("commit");
    // The two lists of tables remain: 16 addresses each.
    expect(harness.kernels.exports["heap_live_bytes"]!() as number).toBeLessThanOrEqual(before + 2 * 64);
  });

  test.each([
    ["the next one", 1, undefined],
    ["not one behind a gap", 2, undefined],
    ["not where memory is short", 1, 400_000],
  ])("a bucket begins with room for what the one before it holds: %s", (_, bucket, memoryBytes) => {
    const harness = new Harness({ partitionCount: 2, ...(memoryBytes !== undefined && { memoryBytes }) });
    const { exports } = harness.kernels;
    const bytesWith = (minutes: number, rows: number): number => {
      harness.begin();
      for (let i = 0; i < rows; i++) harness.upsert([minute(minutes), BigInt(i), "n"], "text");
      harness.end("commit");
      return exports["state_bytes"]!() as number;
    };
    const before = bytesWith(0, 3000);
    const added = bytesWith(bucket, 64) - before;
    if (bucket === 1 && memoryBytes === undefined) {
      expect(added).toBe(before);
      expect(bytesWith(1, 2500)).toBe(before + added);
    } else expect(added).toBeLessThan(before / 8);
    expect(harness.contents()).toEqual(harness.model);
  });

  test("ten times more state than memory: blocks of chunks that have left are used again, and every row is there", () => {
    const memoryBytes = 300_000;
    const harness = new Harness({ partitionCount: 2, memoryBytes });
    const rounds = 10;
    const run = (): void => {
      for (let round = 0; round < rounds; round++) {
        harness.begin();
        for (let i = 0; i < 3000; i++) harness.upsert([minute(0), BigInt(rounds * i + round), "n"], "some text of this row");
        harness.end("commit");
        harness.reclaim();
        expect(harness.kernels.exports["state_bytes"]!() as number).toBeLessThanOrEqual(memoryBytes);
      }
    };
    run();
    const size = harness.kernels.memory.buffer.byteLength;
    run();
    expect(harness.kernels.memory.buffer.byteLength).toBe(size);
    const { memoryBytes: inMemory, coldBytes, rows } = harness.store.metrics();
    expect(rows).toBe(3000 * rounds);
    expect(inMemory + coldBytes).toBeGreaterThan(8 * memoryBytes);
    expect(harness.contents()).toEqual(harness.model);
  });

  test("epochs of the process that wrote a snapshot mean nothing to the one that reads it", () => {
    const before = new Harness({ partitionCount: 2 });
    before.begin(1);
    for (let i = 0; i < 50; i++) before.upsert([minute(i % 3), BigInt(i), "n"], "text");
    before.end("commit");
    const after = new Harness({ partitionCount: 2 });
    restore(after, "snapshot", 0, before.writeFile("snapshot", 0).bytes);
    after.store.endLoading();
    after.model = copyOf(before.model);
    after.begin(1);
    for (let i = 0; i < 50; i++) after.setText([minute(i % 3), BigInt(i), "n"], "another");
    expect(after.store.metrics().updatedRows).toBe(50);
    after.end("abort");
    expect(after.contents()).toEqual(before.model);
  });

  test("changed rows of a chunk come in the order of their first change, also after a scan and while the chunk grows", () => {
    const harness = new Harness({ partitionCount: 1 });
    const row = (id: number): TestRow => [minute(1), BigInt(id), "n"];
    const dirty = (): number[] => [...harness.contents("store_scan_dirty").keys()].map((key) => ids.get(key)!);
    const ids = new Map(Array.from({ length: 300 }, (_, id) => [keyText(row(id)), id]));
    const order = Array.from({ length: 300 }, (_, i) => (i * 77) % 300);
    harness.begin();
    for (const id of order.slice(0, 3)) harness.upsert(row(id), "t");
    expect(dirty()).toEqual(order.slice(0, 3));
    expect(dirty()).toEqual(order.slice(0, 3));
    for (const id of order.slice(1, 5)) harness.upsert(row(id), "t");
    expect(dirty()).toEqual(order.slice(0, 5));
    harness.remove(row(order[3]!));
    for (const id of order.slice(5)) harness.upsert(row(id), "t");
    expect(harness.kernels.exports["store_memory_bytes"]!(harness.store.handle)).toBeLessThan(2 * 65536);
    expect(dirty()).toEqual(order.filter((id) => id !== order[3]));
    harness.end("commit");
    harness.begin();
    for (const id of [7, 5, 9, 7, 6]) harness.upsert(row(id), "t");
    expect(dirty()).toEqual([7, 5, 9, 6]);
    harness.end("commit");
  });

  describe("a row that was touched is looked up again", () => {
    const [key, other]: [TestRow, TestRow] = [
      [minute(1), 1n, "n"],
      [minute(1), 2n, "n"],
    ];
    const cases: Record<string, (harness: Harness) => void> = {
      "when it is there still": () => {},
      "after its removal": (harness) => harness.remove(key),
      "after its chunk has grown": (harness) => {
        const { exports } = harness.kernels;
        const row = exports["store_find"]!(harness.store.handle, harness.codec.write(other, []), 0) as number;
        const text = harness.codec.scratch + 1_000_000;
        const field = timedLayout.values[1]!.offset;
        expect(exports["store_set_variable"]!(harness.store.handle, row, field, text, 9000)).not.toBe(0);
        harness.model.set(keyText(other), [1n, "\0".repeat(9000), ""]);
      },
      "after its chunk has left memory": (harness) => {
        harness.kernels.exports["state_set_limit"]!(1);
        harness.reclaim();
      },
      "after the abort that took it away": (harness) => {
        harness.end("abort");
        harness.model.clear();
        harness.begin();
      },
    };
    test.each(Object.keys(cases))("%s", (name) => {
      const harness = new Harness({ partitionCount: 1 });
      harness.begin();
      harness.upsert(key, "t");
      harness.upsert(other, "t");
      harness.touch(key);
      cases[name]!(harness);
      harness.upsert(key, "t");
      expect(harness.contents()).toEqual(harness.model);
    });
  });

  test.each([undefined, 20_000, 1])(
    "an aborted batch leaves no trace, and a committed one is what the model says, in %s bytes",
    (memoryBytes) => {
      const key = fc.record({ minute: fc.option(fc.nat(12), { freq: 12 }), id: fc.nat(60), long: fc.boolean() });
      const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constant("y".repeat(500)), fc.constant("z".repeat(9000)));
      const operation = fc.record({ kind: fc.constantFrom("upsert", "upsert", "upsert", "set", "append", "remove", "touch"), key, text });
      const batch = fc.record({
        operations: fc.array(operation, { maxLength: 250, size: "max" }),
        evict: fc.option(fc.nat(13 * 60), { freq: 2 }),
        abort: fc.boolean(),
        snapshot: fc.boolean(),
      });
      fc.assert(
        fc.property(fc.array(batch, { minLength: 3, maxLength: 6 }), fc.constantFrom(1, 2, 3), layouts, (batches, workers, layout) => {
          const harness = new Harness({ partitionCount: 6, layout, ...(memoryBytes !== undefined && { memoryBytes }) });
          let files: { kind: StateFileHeader["kind"]; batchId: number; bytes: Uint8Array }[] = [];
          let evicted = NO_WATERMARK;
          batches.forEach(({ operations, evict, abort, snapshot }, batchId) => {
            const before = copyOf(harness.model);
            const touched = new Set<string>();
            harness.begin();
            harness.setWatermarks(evicted, evicted);
            for (const { kind, key: k, text: value } of operations) {
              const time = k.minute === null ? null : minute(k.minute) + BigInt(k.id % 3) * 20_000_000n;
              const keys: TestRow = [time, BigInt(k.id), (k.long ? "a long name ".repeat(9) : "n") + k.id];
              if (kind === "touch") {
                harness.touch(keys);
                continue;
              }
              if (kind === "remove") {
                harness.remove(keys);
                touched.delete(keyText(keys));
                continue;
              }
              if (time !== null && time <= evicted) {
                expect(harness.upsert(keys, value)).toBe(0);
                continue;
              }
              if (kind === "upsert") harness.upsert(keys, value);
              else if (kind === "set") harness.setText(keys, value);
              else harness.appendList(keys, value);
              touched.add(keyText(keys));
            }
            expect([...harness.contents("store_scan_dirty").keys()].sort()).toEqual([...touched].sort());
            let watermark = evicted;
            if (evict !== null) {
              watermark = BigInt(evict) * 1_000_000n > evicted ? BigInt(evict) * 1_000_000n : evicted;
              harness.setWatermarks(evicted, watermark);
              harness.evict(watermark);
            }
            const { bytes } = harness.writeFile("changes", batchId);
            expect(harness.contents()).toEqual(harness.model);
            if (abort) {
              harness.end("abort");
              harness.model = before;
            } else {
              harness.end("commit");
              evicted = watermark;
              files.push({ kind: "changes", batchId, bytes });
            }
            expect(harness.contents()).toEqual(harness.model);
            expect(harness.store.metrics().rows).toBe(harness.model.size);
            if (snapshot) files = [{ kind: "snapshot", batchId, bytes: harness.writeFile("snapshot", batchId).bytes }];
          });
          expect(restored(workers, files, undefined, undefined, layout)).toEqual(harness.model);
          for (const queueBytes of [0, 3000, 1 << 20])
            expect(restored(workers, files, queueBytes, memoryBytes, layout)).toEqual(harness.model);
          // Redo is idempotent: the last change file once more.
          const last = files.at(-1);
          if (last?.kind === "changes") expect(restored(workers, [...files, last], undefined, undefined, layout)).toEqual(harness.model);
        }),
        { numRuns: 40 },
      );
    },
  );
});
