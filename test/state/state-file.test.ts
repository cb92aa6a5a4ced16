import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { CheckpointError, type ErrorCondition } from "../../src/base/errors.ts";
import { ARENA_BATCH, TABLE_INSERTED } from "../../src/columnar/memory-layout.ts";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { LongType } from "../../src/columnar/types.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { restoreStateFile, StateBuffer, type StateFileExpectation, StateFileWriter } from "../../src/state/state-file.ts";
import { StateStore } from "../../src/state/state-store.ts";
import { newKernels, RowCodec } from "./row-codec.ts";
import { BUCKET_MICROS, Harness, header, MemoryFile, NO_WATERMARK } from "./store-harness.ts";

const expectation = (kind: "changes" | "snapshot"): StateFileExpectation => ({
  path: "/checkpoint/state/file",
  kind,
  batchId: 3,
  queryId: header(kind, 3).queryId,
});

function smallFiles() {
  const harness = new Harness({ partitionCount: 4 });
  harness.begin();
  for (let i = 0; i < 6; i++) harness.upsert([BigInt(i % 2) * BUCKET_MICROS, BigInt(i), `name ${i}`], `text ${i}`);
  harness.end("commit");
  harness.begin();
  harness.upsert([BUCKET_MICROS, 1n, "name 1"], "");
  harness.setWatermarks(NO_WATERMARK, 1n);
  harness.evict(1n);
  const changes = harness.writeFile("changes", 3);
  harness.end("commit");
  return { changes, snapshot: harness.writeFile("snapshot", 3) };
}

function conditionOf(action: () => unknown): ErrorCondition | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof CheckpointError) return error.condition;
    throw error;
  }
}

describe("state files", () => {
  test.each(["changes", "snapshot"] as const)("a %s file cut at any length, or with any bit flipped, is refused", (kind) => {
    const { bytes } = smallFiles()[kind];
    const corrupt = kind === "changes" ? "STATE_CHANGE_FILE_CORRUPT" : "STATE_SNAPSHOT_FILE_CORRUPT";
    const target = new Harness({ partitionCount: 4 });
    const read = (damaged: Uint8Array): ErrorCondition | null => {
      return conditionOf(() => restoreStateFile(target.buffer, new MemoryFile(damaged), expectation(kind), new Map([[7, target.store]])));
    };
    const step = kind === "changes" ? 1 : 61;
    for (let length = 0; length < bytes.length; length += step) expect(read(bytes.slice(0, length)), `cut at ${length}`).toBe(corrupt);
    expect(read(Buffer.concat([bytes, Buffer.alloc(8)]))).toBe(corrupt);
    for (let at = 0; at < bytes.length; at += step) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(read(damaged), `bit flipped in byte ${at}`).toBe(corrupt);
    }
  });

  test("damage in partitions of another worker is that worker's to find, damage of their headers everyone's", () => {
    const { bytes } = smallFiles().changes;
    const frameAt = Buffer.from(bytes).indexOf("MRSF");
    const partition = Buffer.from(bytes).readUInt32LE(frameAt + 12);
    const read = (worker: number, damaged: Uint8Array): ErrorCondition | null => {
      const target = new Harness({ partitionCount: 4, workerIndex: worker, workerCount: 4 });
      return conditionOf(() =>
        restoreStateFile(target.buffer, new MemoryFile(damaged), expectation("changes"), new Map([[7, target.store]])),
      );
    };
    const payload = bytes.slice();
    payload[frameAt + 60]! ^= 4;
    expect(read(partition, payload)).toBe("STATE_CHANGE_FILE_CORRUPT");
    expect(read((partition + 1) % 4, payload)).toBe(null);
    const frameHeader = bytes.slice();
    frameHeader[frameAt + 41]! ^= 4;
    expect(read((partition + 1) % 4, frameHeader)).toBe("STATE_CHANGE_FILE_CORRUPT");
  });

  test("a file of another batch or query, or not the one of the commit record, is refused", () => {
    const { bytes, seal } = smallFiles().changes;
    const target = new Harness({ partitionCount: 4 });
    const read = (expected: Partial<StateFileExpectation>): ErrorCondition | null =>
      conditionOf(() =>
        restoreStateFile(target.buffer, new MemoryFile(bytes), { ...expectation("changes"), ...expected }, new Map([[7, target.store]])),
      );
    expect(read({ batchId: 4 })).toBe("STATE_FILE_FOREIGN");
    expect(read({ queryId: "another" })).toBe("STATE_FILE_FOREIGN");
    expect(read({ kind: "snapshot" })).toBe("STATE_FILE_FOREIGN");
    expect(read({ seal: { ...seal, crc32c: seal.crc32c ^ 1 } })).toBe("STATE_CHANGE_FILE_CORRUPT");
    expect(read({ seal })).toBe(null);
  });

  test("the message names file, offset and reason", () => {
    const { bytes } = smallFiles().changes;
    const target = new Harness({ partitionCount: 4 });
    expect(() =>
      restoreStateFile(target.buffer, new MemoryFile(bytes.slice(0, 300)), expectation("changes"), new Map([[7, target.store]])),
    ).toThrow("The state change file /checkpoint/state/file is damaged at byte 276: the footer is missing.");
  });

  test("a store of another number of partitions refuses the frames", () => {
    const { bytes } = smallFiles().changes;
    const target = new Harness({ partitionCount: 8 });
    expect(() => restoreStateFile(target.buffer, new MemoryFile(bytes), expectation("changes"), new Map([[7, target.store]]))).toThrow(
      "the frame is of another row layout",
    );
  });

  test("CRC-32C is the one of RFC 3720, in pieces too", () => {
    const { buffer } = new Harness({ partitionCount: 1 });
    buffer.view(9).set(Buffer.from("123456789"));
    expect(buffer.crc(0, 9, 0)).toBe(0xe3069283);
    expect(buffer.crc(4, 5, buffer.crc(0, 4, 0))).toBe(0xe3069283);
    buffer.view(32).fill(0xff);
    expect(buffer.crc(0, 32, 0)).toBe(0x62a8ab43);
    buffer.view(32).fill(0);
    expect(buffer.crc(0, 32, 0)).toBe(0x8a9136aa);
  });

  test("the checksum over the whole file is put together from those of the frames, as parts of any length are", () => {
    const { buffer } = new Harness({ partitionCount: 1 });
    for (const { bytes, fileCrc32c } of Object.values(smallFiles())) expect(fileCrc32c).toBe(crc32c(bytes));
    const long = Uint8Array.from({ length: 100_003 }, (_, i) => (i * i) >> 5);
    buffer.view(long.length).set(long);
    for (const length of [32_767, 32_768, 32_783, 100_003]) expect(buffer.crc(0, length, 5)).toBe(crc32c(long.subarray(0, length), 5));
    buffer.view(1000).set(Array.from({ length: 1000 }, (_, i) => (i * 7) & 255));
    const shift = (crc: number, length: number): number => (buffer.kernels.exports["crc32c_shift"]!(crc, length) as number) >>> 0;
    for (const at of [0, 1, 333, 999, 1000]) {
      expect((shift(buffer.crc(0, at, 0), 1000 - at) ^ buffer.crc(at, 1000 - at, 0)) >>> 0).toBe(buffer.crc(0, 1000, 0));
    }
  });

  describe("a count by a BIGINT key", () => {
    const layout = rowLayout([{ name: "key", dataType: LongType }], [{ name: "count", dataType: LongType }]);
    const newStore = (kernels: Kernels): StateStore =>
      new StateStore(kernels, { operatorId: 7, layout, partitionCount: 16, workerIndex: 0, workerCount: 1, dropsLateRows: true });
    const upsertAll = (store: StateStore, codec: RowCodec, rows: Iterable<[bigint | null, bigint | null]>): void => {
      for (const [key, count] of rows) {
        const row = codec.kernels.exports["store_upsert"]!(store.handle, codec.write([key], [count]), 0) as number;
        if (codec.cell(TABLE_INSERTED) === 1) continue;
        const at = row + layout.values[0]!.offset;
        codec.kernels.view().setBigInt64(at, codec.kernels.view().getBigInt64(at, true) + 1n, true);
      }
    };
    const write = (store: StateStore, buffer: StateBuffer): Uint8Array => {
      const file = new MemoryFile();
      const writer = new StateFileWriter(buffer, file, header("changes", 3));
      store.writeChanges(writer, 3);
      writer.finish();
      return file.bytes;
    };

    test("takes 20 bytes in a change file; null keys and values come back too", () => {
      const kernels = newKernels();
      const store = newStore(kernels);
      const rows = Array.from({ length: 5000 }, (_, i): [bigint | null, bigint | null] => [
        i === 77 ? null : BigInt(i),
        i % 1000 === 3 ? null : BigInt(7 * i),
      ]);
      store.begin(1);
      upsertAll(store, new RowCodec(kernels, layout), rows);
      const bytes = write(store, new StateBuffer(kernels));
      // 16 frames, six rows with nulls: each splits a record in two and is one itself.
      expect(bytes.length).toBeLessThan(20 * 5000 + 300 + 16 * (48 + 16 + 7) + 6 * (2 * (16 + 7) + 16));

      const target = newKernels();
      const restored = newStore(target);
      const buffer = new StateBuffer(target);
      // Twice: redo is idempotent.
      for (let i = 0; i < 2; i++) restoreStateFile(buffer, new MemoryFile(bytes), expectation("changes"), new Map([[7, restored]]));
      const codec = new RowCodec(target, layout);
      const found = codec
        .scan("store_scan_all", restored.handle, 100)
        .map(({ row, base }) => [...codec.keysOf(row, base), ...codec.valuesOf(row, base)]);
      const text = (row: readonly unknown[]): string => row.map(String).join();
      expect(found.map(text).toSorted()).toEqual(rows.map(text).toSorted());
    });

    test("a batch that changes few rows saves, scans and writes only these, however many there are", () => {
      const cost = (live: number) => {
        const kernels = newKernels();
        const store = newStore(kernels);
        const codec = new RowCodec(kernels, layout);
        const arenaBytes = (): number => kernels.exports["arena_bytes"]!(ARENA_BATCH) as number;
        const keys = function* (count: number): Iterable<[bigint, bigint]> {
          for (let i = 0; i < count; i++) yield [BigInt(i), 1n];
        };
        store.begin(1);
        upsertAll(store, codec, keys(live));
        store.commit();
        kernels.exports["arena_reset"]!(ARENA_BATCH);
        store.begin(2);
        upsertAll(store, codec, keys(1000));
        const undoBytes = arenaBytes();
        const scanned = codec.scan("store_scan_dirty", store.handle, 100).length;
        return { undoBytes, scanned, changeBytes: write(store, new StateBuffer(kernels)).length };
      };
      expect(cost(100_000)).toEqual(cost(10_000));
      expect(cost(10_000).scanned).toBe(1000);
    });
  });

  test("rows larger than the buffer make it grow", () => {
    const harness = new Harness({ partitionCount: 4 });
    harness.begin();
    for (let i = 0; i < 3; i++) harness.upsert([0n, BigInt(i), "n"], "x".repeat(1_500_000 + i));
    for (let i = 0; i < 4000; i++) harness.upsert([0n, BigInt(i), "m"], "y".repeat(700));
    const { bytes } = harness.writeFile("changes", 3);
    harness.end("commit");
    const snapshot = harness.writeFile("snapshot", 3).bytes;
    for (const [kind, file] of [
      ["changes", bytes],
      ["snapshot", snapshot],
    ] as const) {
      const target = new Harness({ partitionCount: 4 });
      restoreStateFile(target.buffer, new MemoryFile(file), expectation(kind), new Map([[7, target.store]]));
      target.store.endLoading();
      expect(target.contents()).toEqual(harness.model);
    }
  });
});
