/** The redo of changes in a queue, in the order of their chunks, against that of one frame after the other. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { IntegerType, LongType } from "../../src/columnar/types.ts";
import { restoreStateFile, StateBuffer, StateFileWriter } from "../../src/state/state-file.ts";
import { queueOf, StateStore } from "../../src/state/state-store.ts";
import { keyText, newKernels, RowCodec, type TestRow, type TestValue } from "./row-codec.ts";
import { Harness, header, MemoryFile } from "./store-harness.ts";

/** Rows of one length, with and without nulls. */
const layout = rowLayout(
  [{ name: "id", dataType: LongType }],
  [
    { name: "sum", dataType: LongType },
    { name: "last", dataType: IntegerType },
  ],
);

const PARTITIONS = 5;

class Fixed {
  readonly kernels = newKernels();
  readonly codec = new RowCodec(this.kernels, layout);
  readonly store = new StateStore(this.kernels, {
    operatorId: 7,
    layout,
    partitionCount: PARTITIONS,
    workerIndex: 0,
    workerCount: 1,
    dropsLateRows: false,
  });
  readonly buffer = new StateBuffer(this.kernels);

  put(keys: TestRow, values: TestRow): void {
    const { kernels, store, codec } = this;
    const found = kernels.exports["store_upsert"]!(store.handle, codec.write(keys, values), 0) as number;
    const from = codec.write(keys, values) + layout.values[0]!.nullsOffset;
    const to = found + layout.values[0]!.nullsOffset;
    kernels.bytes().copyWithin(to, from, from + layout.rowBytes - layout.values[0]!.nullsOffset);
  }

  remove(keys: TestRow): void {
    const row = this.kernels.exports["store_find"]!(this.store.handle, this.codec.write(keys, []), 0) as number;
    if (row !== 0) this.kernels.exports["store_remove"]!(this.store.handle, row);
  }

  changes(batchId: number): Uint8Array {
    const file = new MemoryFile();
    const writer = new StateFileWriter(this.buffer, file, header("changes", batchId));
    this.store.writeChanges(writer, batchId);
    writer.finish();
    return file.bytes;
  }

  redo(files: readonly Uint8Array[], queueBytes: number | null): void {
    const target = queueBytes === null ? this.store : queueOf(this.store);
    if (queueBytes !== null) this.store.beginRedo(queueBytes);
    files.forEach((bytes, batchId) => {
      const expected = { path: "f", kind: "changes", batchId, queryId: header("changes", batchId).queryId } as const;
      restoreStateFile(this.buffer, new MemoryFile(bytes), expected, new Map([[7, target]]));
    });
    if (queueBytes !== null) this.store.endRedo();
  }

  contents(): Map<string, TestValue[]> {
    const { codec, store } = this;
    return new Map(
      codec.scan(
        "store_scan_all",
        store.handle,
        100,
        (row, base) => [keyText(codec.keysOf(row, base)), codec.valuesOf(row, base)] as const,
      ),
    );
  }
}

describe("redo", () => {
  test.each([null, 0, 2000, 100_000])("rows of one length, in %s bytes", (queueBytes) => {
    const value = fc.option(fc.nat(1000), { freq: 8 });
    const operation = fc.record({ isRemove: fc.boolean(), id: fc.option(fc.nat(3000), { freq: 50 }), sum: value, last: value });
    const batch = fc.array(operation, { maxLength: 900, size: "max" });
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) => {
        const before = new Fixed();
        const model = new Map<string, TestValue[]>();
        const files = batches.map((operations, batchId) => {
          before.store.begin(batchId + 1);
          for (const { isRemove, id, sum, last } of operations) {
            const keys = [id === null ? null : BigInt(id)];
            if (isRemove) {
              before.remove(keys);
              model.delete(keyText(keys));
            } else {
              const values = [sum === null ? null : BigInt(sum), last];
              before.put(keys, values);
              model.set(keyText(keys), values);
            }
          }
          const bytes = before.changes(batchId);
          before.store.commit();
          before.kernels.exports["arena_reset"]!(1);
          return bytes;
        });
        const after = new Fixed();
        const live = () => after.kernels.exports["heap_live_bytes"]!() as number;
        const empty = live();
        after.redo(files, queueBytes);
        expect(after.contents()).toEqual(model);
        expect(after.store.metrics().rows).toBe(model.size);
        // The queue is gone.
        const tables = after.store.metrics().memoryBytes;
        expect(live() - empty).toBeLessThan(2 * tables + 4096);
      }),
      { numRuns: 25 },
    );
  });
});

test("state larger than memory: changes all over it bring a chunk back once for all of them", () => {
  const [keys, batches, rows] = [6000, 20, 300];
  const before = new Harness({ partitionCount: 2 });
  const write = (batchId: number, ids: readonly number[]): Uint8Array => {
    before.begin();
    for (const id of ids) before.upsert([null, BigInt(id), "n"], "some text of this row");
    const { bytes } = before.writeFile("changes", batchId);
    before.end("commit");
    return bytes;
  };
  const fill = write(
    0,
    Array.from({ length: keys }, (_, id) => id),
  );
  // A prime: all over the table.
  const spread = Array.from({ length: batches * rows }, (_, i) => (i * 4001) % keys);
  const changes = Array.from({ length: batches }, (_, batch) => write(batch + 1, spread.slice(batch * rows, (batch + 1) * rows)));
  const readsWith = (queueBytes: number | null): number => {
    const after = new Harness({ partitionCount: 2, memoryBytes: 300_000 });
    const target = queueBytes === null ? after.store : queueOf(after.store);
    const read = (bytes: Uint8Array, batchId: number): void => {
      const expected = { path: "f", kind: "changes", batchId, queryId: header("changes", batchId).queryId } as const;
      restoreStateFile(after.buffer, new MemoryFile(bytes), expected, new Map([[7, target]]));
    };
    const counted = after.cold.read.bind(after.cold);
    let reads = 0;
    after.kernels.coldChunks = {
      read: (...call) => (reads++, counted(...call)),
      write: (...call) => after.cold.write(...call),
      forget: (...call) => after.cold.forget(...call),
    };
    read(fill, 0);
    reads = 0;
    if (queueBytes !== null) after.store.beginRedo(queueBytes);
    changes.forEach((bytes, batch) => read(bytes, batch + 1));
    if (queueBytes !== null) after.store.endRedo();
    const redone = reads;
    expect(after.contents()).toEqual(before.model);
    return redone;
  };
  const { chunksInMemory } = before.store.metrics();
  expect(readsWith(1 << 20)).toBeLessThanOrEqual(chunksInMemory);
  expect(readsWith(null)).toBeGreaterThan(10 * chunksInMemory);
});
