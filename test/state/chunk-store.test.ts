/** The chunk store against a plain model: slices, crashes between transactions, restarts on other numbers of workers, damage. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { nodePorts } from "../../src/base/node-ports.ts";
import type { Ports } from "../../src/base/ports.ts";
import { spaceRange, VERSION_KEY } from "../../src/state/chunk-key.ts";
import { loadChunks } from "../../src/state/chunk-loader.ts";
import { type ChunkStoreTarget, ChunkWriter } from "../../src/state/chunk-writer.ts";
import { restoreStateFile, StateBuffer } from "../../src/state/state-file.ts";
import { queueOf } from "../../src/state/state-store.ts";
import { MemoryChunks } from "../support/memory-chunks.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { newKernels, type TestRow, type TestValue } from "./row-codec.ts";
import { BUCKET_MICROS, Harness, header, MemoryFile, newChunkWriter, NO_WATERMARK } from "./store-harness.ts";

const PARTITIONS = 6;
const minute = (n: number): bigint => BigInt(n) * BUCKET_MICROS;
const copyOf = (model: Map<string, TestValue[]>): Map<string, TestValue[]> =>
  new Map([...model].map(([key, values]) => [key, [...values]]));

interface ChangesFile {
  readonly batchId: number;
  readonly bytes: Uint8Array;
}

class Killed extends Error {}

/** Workers that load the chunk store and redo the changes after it. */
function restart(
  ports: Ports,
  directory: string,
  count: number,
  batchId: number,
  changes: readonly ChangesFile[],
  limit: { readonly memoryBytes?: number } = {},
): Harness[] {
  return Array.from({ length: count }, (_, workerIndex) => {
    const harness = new Harness(
      { partitionCount: PARTITIONS, workerIndex, workerCount: count, checkpointPath: dirname(dirname(directory)), ...limit },
      ports,
    );
    const environment = ports.chunks.open(directory);
    harness.cold.useChunkStore(environment);
    const { memoryBytes } = harness;
    loadChunks(harness.kernels, environment, directory, [harness.store], (name) => harness.stager.loaded(name), batchId, memoryBytes);
    if (memoryBytes === undefined) environment.close();
    harness.store.endLoading();
    redo(
      harness,
      changes.filter((file) => file.batchId > batchId),
    );
    return harness;
  });
}

/** One frame after the other, or in queues of different sizes: the next way each time. */
function redo(harness: Harness, changes: readonly ChangesFile[]): void {
  const queueBytes = QUEUES[redone++ % QUEUES.length]!;
  const target = queueBytes === null ? harness.store : queueOf(harness.store);
  if (queueBytes !== null) harness.store.beginRedo(queueBytes);
  for (const { batchId, bytes } of changes) {
    const expected = { path: "changes", kind: "changes", batchId, queryId: header("changes", batchId).queryId } as const;
    restoreStateFile(harness.buffer, new MemoryFile(bytes), expected, new Map([[7, target]]));
  }
  if (queueBytes !== null) harness.store.endRedo();
}

const QUEUES = [null, 0, 5000, 1 << 20];
let redone = 0;

function contentsOf(workers: readonly Harness[]): Map<string, TestValue[]> {
  const rows = new Map<string, TestValue[]>();
  for (const harness of workers) {
    const contents = harness.contents();
    expect(harness.store.metrics().rows).toBe(contents.size);
    for (const [key, values] of contents) {
      expect(rows.has(key)).toBe(false);
      rows.set(key, values);
    }
  }
  return rows;
}

describe("chunk store", () => {
  test.each([undefined, 20_000, 1])(
    "whenever the process dies, chunks and the changes after them are the committed state, in %s bytes",
    (memoryBytes) => {
      const limit = { partitionCount: PARTITIONS, ...(memoryBytes !== undefined && { memoryBytes }) };
      const key = fc.record({ minute: fc.nat(5), id: fc.nat(400) });
      const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constant("y".repeat(700)), fc.constant("z".repeat(9000)));
      const operation = fc.record({ kind: fc.constantFrom("upsert", "upsert", "set", "append", "remove"), key, text });
      const batch = fc.record({
        operations: fc.array(operation, { maxLength: 300, size: "max" }),
        /** Minutes by which the watermark moves on. */
        evict: fc.option(fc.nat(3), { freq: 2 }),
        abort: fc.boolean(),
      });
      const pass = fc.record({
        sliceBytes: fc.constantFrom(1024, 20_000, 1 << 20),
        diesAt: fc.option(fc.nat(9)),
        workers: fc.constantFrom(1, 2, 3),
      });
      fc.assert(
        fc.property(fc.array(fc.tuple(fc.array(batch, { minLength: 1, maxLength: 3 }), pass), { minLength: 2, maxLength: 5 }), (rounds) => {
          const chunks = new MemoryChunks();
          const ports = { ...testPorts(new MemoryFileSystem()), chunks };
          let writer = newChunkWriter(ports, newKernels(), PARTITIONS);
          let harness = new Harness(limit, ports);
          let [batchId, watermark, base] = [-1, NO_WATERMARK, 0];
          const changes: ChangesFile[] = [];
          const run = ({ operations, evict, abort }: (typeof rounds)[number][0][number]): number => {
            const before = copyOf(harness.model);
            harness.begin();
            harness.setWatermarks(watermark, watermark);
            for (const { kind, key: k, text: value } of operations) {
              const keys: TestRow = [minute(base + k.minute) + 1n, BigInt(k.id), "n"];
              if (kind === "remove") harness.remove(keys);
              else if (minute(base + k.minute) + 1n <= watermark) expect(harness.upsert(keys, value)).toBe(0);
              else if (kind === "upsert") harness.upsert(keys, value);
              else if (kind === "set") harness.setText(keys, value);
              else harness.appendList(keys, value);
            }
            const next = evict === null ? watermark : minute(base + evict);
            if (evict !== null && next > watermark) {
              harness.setWatermarks(watermark, next);
              harness.evict(next);
            }
            const { bytes } = harness.writeFile("changes", batchId + 1);
            harness.end(abort ? "abort" : "commit");
            if (abort) harness.model = before;
            else {
              changes.push({ batchId: ++batchId, bytes });
              if (evict !== null && next > watermark) [watermark, base] = [next, base + evict];
            }
            return batchId;
          };
          for (const [batches, { sliceBytes, diesAt, workers }] of rounds) {
            run(batches[0]!);
            if (batchId < 0) continue;
            const rest = batches.slice(1);
            let transactions = 0;
            chunks.beforeWrite = () => {
              if (transactions++ === diesAt) throw new Killed();
            };
            try {
              harness.pass(writer, batchId, sliceBytes, () => {
                // The first slice follows the commit at once.
                const next = transactions === 0 ? undefined : rest.shift();
                return next ? run(next) : batchId;
              });
            } catch (error) {
              expect((error as Error).cause).toBeInstanceOf(Killed);
            }
            chunks.beforeWrite = () => undefined;

            writer = newChunkWriter(ports, newKernels(), PARTITIONS);
            const model = harness.model;
            const loaded = writer.open(batchId, -1);
            if (loaded === null) {
              // Nothing was written yet.
              const fresh = new Harness(limit, ports);
              redo(fresh, changes);
              expect(fresh.contents()).toEqual(model);
              harness = fresh;
            } else {
              expect(contentsOf(restart(ports, "/checkpoint/state/chunks", workers, loaded, changes, limit))).toEqual(model);
              [harness] = restart(ports, "/checkpoint/state/chunks", 1, loaded, changes, limit) as [Harness];
              expect(contentsOf([harness])).toEqual(model);
              writer.loaded();
            }
            const times = [...model.keys()].map((row): [string, bigint] => [row, BigInt((JSON.parse(row) as string[])[0]!.slice(0, -1))]);
            harness.model = copyOf(model);
            harness.times = new Map(times);
          }
        }),
        { numRuns: 15 },
      );
    },
  );
});

const QUERY = header("changes", 0).queryId;

test("a store that was lost is made anew from all chunks, also from those that have not changed since", () => {
  const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
  const harness = new Harness({ partitionCount: PARTITIONS }, ports);
  const batch = (keys: number): void => {
    harness.begin();
    for (let i = 0; i < keys; i++) harness.upsert([minute(i % 4), BigInt(i), "name"], `text ${i} of ${keys}`);
    harness.end("commit");
  };
  batch(3000);
  harness.pass(newChunkWriter(ports, harness.kernels, PARTITIONS), 0);
  batch(3);
  // It knows nothing of the store of the first, as after the death of the thread that wrote it.
  harness.pass(newChunkWriter(ports, newKernels(), PARTITIONS), 1, 1 << 20, undefined, "all");
  const reopened = newChunkWriter(ports, newKernels(), PARTITIONS);
  expect(reopened.open(1, -1)).toBe(1);
  expect(contentsOf(restart(ports, "/checkpoint/state/chunks", 2, 1, []))).toEqual(harness.model);
});

describe("the record of what a store is worth", () => {
  /** A store in memory with some state in it, and what its environment was asked for at the end. */
  function closed() {
    const calls: string[] = [];
    const memory = new MemoryChunks();
    const chunks: Ports["chunks"] = {
      remove: (directory) => memory.remove(directory),
      open: (directory) => {
        const environment = memory.open(directory);
        return {
          ...environment,
          write: (removed, put) => {
            environment.write(removed, put);
            calls.push(Buffer.from(put.at(-1)!.value).includes('"isClean":true') ? "write that it is clean" : "write");
          },
          sync: () => void calls.push("sync"),
        };
      },
    };
    const ports = { ...testPorts(new MemoryFileSystem()), chunks };
    const harness = new Harness({ partitionCount: PARTITIONS }, ports);
    harness.begin();
    for (let i = 0; i < 100; i++) harness.upsert([minute(i % 4), BigInt(i), "name"], `text ${i}`);
    harness.end("commit");
    const writer = newChunkWriter(ports, harness.kernels, PARTITIONS);
    harness.pass(writer, 4);
    calls.length = 0;
    writer.close();
    const entries = memory.entries.get("/checkpoint/state/chunks")!;
    return { calls, entries, open: () => newChunkWriter(ports, newKernels(), PARTITIONS).open(4, -1) };
  }

  test("it is called clean when all is on the disk, and so is that", () => {
    expect(closed().calls).toEqual(["sync", "write that it is clean", "sync"]);
  });

  const version = Buffer.from(VERSION_KEY).toString("hex");
  const checksums = (entries: Map<string, Uint8Array>): string[] => {
    const [from, to] = spaceRange("checksum").map((key) => Buffer.from(key).toString("hex")) as [string, string];
    return [...entries.keys()].filter((key) => key >= from && key < to);
  };
  const changes: [string, (entries: Map<string, Uint8Array>) => void][] = [
    [
      "of a newer format",
      (entries) => {
        const text = Buffer.from(entries.get(version)!).toString();
        expect(text).toContain('"format":2');
        entries.set(version, Buffer.from(text.replace('"format":2', '"format":3')));
      },
    ],
    ["without one of its chunks", (entries) => void entries.delete(checksums(entries)[0]!)],
    ["with another chunk's checksum", (entries) => void entries.set(checksums(entries)[0]!, Buffer.from([1, 2, 3, 4]))],
  ];
  test.each(changes)("a store is thrown away that is %s", (_name, change) => {
    const { entries, open } = closed();
    change(entries);
    expect(open()).toBe(null);
  });

  test("as it is, it is loaded", () => expect(closed().open()).toBe(4));
});

test("a bucket that goes while a pass copies it is in the snapshot file in part, and redo takes it out", () => {
  const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
  const harness = new Harness({ partitionCount: 1 }, ports);
  harness.begin();
  for (let i = 0; i < 2000; i++) harness.upsert([minute(i % 2) + 1n, BigInt(i), "n"], "text ".repeat(40));
  harness.end("commit");
  const writer = newChunkWriter(ports, newKernels(), 1);
  const changes: ChangesFile[] = [];
  let slices = 0;
  harness.pass(writer, 0, 100_000, () => {
    if (slices++ !== 1) return changes.length;
    harness.begin();
    harness.setWatermarks(NO_WATERMARK, minute(1));
    expect(harness.evict(minute(1))).toBe(1000);
    changes.push({ batchId: 1, bytes: harness.writeFile("changes", 1).bytes });
    harness.end("commit");
    return 1;
  });
  expect(slices).toBeGreaterThan(3);
  const file = new MemoryFile();
  writer.snapshot(file, header("snapshot", 0));
  const restored = new Harness({ partitionCount: 1 });
  const { queryId } = header("snapshot", 0);
  restoreStateFile(
    restored.buffer,
    new MemoryFile(file.bytes),
    { path: "file", kind: "snapshot", batchId: 0, queryId },
    new Map([[7, restored.store]]),
  );
  restored.store.endLoading();
  expect(restored.contents().size).toBeGreaterThan(1000);
  expect(restored.contents().size).toBeLessThan(2000);
  redo(restored, changes);
  expect(contentsOf([restored])).toEqual(harness.model);
});

describe("chunk store on LMDB", () => {
  let directory: string;
  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), "millrace-chunks-"))));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  let cases = 0;

  /** A store with some state in it, closed or left as a dying process leaves it. */
  function stored(closes: boolean) {
    const ports = nodePorts();
    const path = join(directory, String(cases++));
    ports.files.makeDirectorySync(path);
    const operators = [{ operatorId: 7, partitionCount: PARTITIONS, rowBytes: 0, widthMicros: BUCKET_MICROS }];
    const target: ChunkStoreTarget = { path, queryId: QUERY, inode: 5, bootId: "boot", operators, schema: 0 };
    const harness = new Harness({ partitionCount: PARTITIONS }, ports);
    harness.begin();
    for (let i = 0; i < 3000; i++) harness.upsert([minute(i % 4), BigInt(i), "name"], `text ${i}`);
    harness.end("commit");
    const writer = new ChunkWriter(ports, new StateBuffer(harness.kernels), target);
    harness.pass(writer, 4);
    if (closes) writer.close();
    const open = (changes: Partial<ChunkStoreTarget> = {}, committed = 4, oldest = -1) => {
      const reopened = new ChunkWriter(ports, new StateBuffer(newKernels()), { ...target, ...changes });
      return { writer: reopened, batchId: reopened.open(committed, oldest) };
    };
    return { ports, path, chunks: `${path}/state/chunks`, harness, writer, open };
  }

  test("comes back as it was, after a clean end and after a crash", () => {
    for (const closes of [true, false]) {
      const { ports, chunks, harness, open, writer } = stored(closes);
      const reopened = open();
      expect(reopened.batchId).toBe(4);
      expect(contentsOf(restart(ports, chunks, 2, 4, []))).toEqual(harness.model);
      reopened.writer.loaded();
      if (!closes) writer.close();
      reopened.writer.close();
    }
  });

  const unusable: [string, (store: ReturnType<typeof stored>) => { batchId: number | null }][] = [
    ["another query's", ({ open }) => open({ queryId: "another" })],
    ["copied with its directory", ({ open }) => open({ inode: 6 })],
    [
      "of another row layout",
      ({ open }) => open({ operators: [{ operatorId: 7, partitionCount: PARTITIONS, rowBytes: 8, widthMicros: 1n }] }),
    ],
    ["newer than the commit", ({ open }) => open({}, 3)],
    ["older than the oldest change file", ({ open }) => open({}, 9, 5)],
    [
      "one that a start died of",
      ({ open }) => {
        open();
        return open();
      },
    ],
  ];
  test.each(unusable)("is thrown away when it is %s", (_name, reopen) => {
    const store = stored(true);
    expect(reopen(store).batchId).toBe(null);
    // And stays away.
    expect(store.open().batchId).toBe(null);
  });

  test("is thrown away after an unclean end when the machine has been started anew, and kept after a clean one", () => {
    expect(stored(true).open({ bootId: "next" }).batchId).toBe(4);
    expect(stored(false).open({ bootId: "next" }).batchId).toBe(null);
  });

  test("a file that was cut is thrown away at any length, before anything beyond its end is read", () => {
    const size = readFileSync(join(stored(true).chunks, "data.mdb")).length;
    for (const part of [0, 0.1, 0.5, 0.9, 0.999]) {
      const { chunks, open } = stored(true);
      truncateSync(join(chunks, "data.mdb"), Math.floor(size * part));
      expect(open().batchId, `${part} of the file`).toBe(null);
    }
  });

  test("no flipped byte of a chunk goes unnoticed", () => {
    const { ports, chunks, harness, open, writer } = stored(true);
    writer.close();
    const file = join(chunks, "data.mdb");
    const bytes = readFileSync(file);
    // Texts lie in chunks only; every other one is tried.
    let found = 0;
    for (let at = bytes.indexOf("text 2"); at >= 0; at = bytes.indexOf("text 2", at + 40_000)) {
      const damaged = Buffer.from(bytes);
      damaged[at + 3]! ^= 16;
      ports.files.makeDirectorySync(chunks);
      writeFileSync(file, damaged);
      rmSync(join(chunks, "loading"), { force: true });
      const reopened = open();
      expect(reopened.batchId).toBe(4);
      expect(() => restart(ports, chunks, 1, 4, [])).toThrow(/STATE_CHUNK_STORE_DAMAGED.*its checksum is wrong/);
      reopened.writer.discard();
      found++;
    }
    expect(found).toBeGreaterThan(3);
    expect(harness.model.size).toBe(3000);
  });

  test("chunks that stay behind at a start are checked when they are needed; the next start does without a damaged store", () => {
    const { ports, chunks, harness, open, writer } = stored(true);
    writer.close();
    const file = join(chunks, "data.mdb");
    const bytes = readFileSync(file);
    expect(bytes.indexOf("text 2")).toBeGreaterThan(0);
    const isGood = open();
    const [whole] = restart(ports, chunks, 1, 4, [], { memoryBytes: 1 });
    isGood.writer.loaded();
    expect(whole!.store.metrics()).toMatchObject({ chunksInMemory: 0, rows: 3000 });
    expect(whole!.contents()).toEqual(harness.model);
    whole!.cold.close();
    isGood.writer.close();

    bytes[bytes.indexOf("text 2") + 3]! ^= 16;
    writeFileSync(file, bytes);
    const damaged = open();
    expect(damaged.batchId).toBe(4);
    const [later] = restart(ports, chunks, 1, 4, [], { memoryBytes: 1 });
    damaged.writer.loaded();
    expect(() => later!.contents()).toThrow(/STATE_CHUNK_STORE_DAMAGED.*its checksum is wrong/);
    later!.cold.close();
    expect(open().batchId).toBeNull();
  });
});

test("a snapshot file whose sync fails is not finished", () => {
  class UnsyncedFile extends MemoryFile {
    override sync(): void {
      throw new Error("EIO");
    }
  }
  const harness = new Harness({ partitionCount: PARTITIONS });
  harness.pass(harness.chunkWriter, 0);
  expect(() => harness.chunkWriter.snapshot(new UnsyncedFile(), header("snapshot", 0))).toThrow("EIO");
});

test("changes that the chunks hold already are left out, however many there are", () => {
  const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
  const harness = new Harness({ partitionCount: PARTITIONS }, ports);
  const changes: ChangesFile[] = [];
  const batch = (): number => {
    harness.begin();
    for (let i = 0; i < 40; i++) harness.upsert([minute(i % 2), BigInt((i * 7 + changes.length) % 200), "name"], `text ${i}`);
    const batchId = changes.length;
    changes.push({ batchId, bytes: harness.writeFile("changes", batchId).bytes });
    harness.end("commit");
    return batchId;
  };
  for (let i = 0; i < 30; i++) batch();
  const writer = newChunkWriter(ports, newKernels(), PARTITIONS);
  // A pass that began long ago: all of its chunks are newer.
  harness.pass(writer, 0, 1 << 20, () => 29);
  batch();
  expect(newChunkWriter(ports, newKernels(), PARTITIONS).open(30, -1)).toBe(0);
  for (const queueBytes of QUEUES) {
    const before = QUEUES.indexOf(queueBytes);
    redone = before;
    const workers = restart(ports, "/checkpoint/state/chunks", 2, 0, changes);
    expect(contentsOf(workers)).toEqual(harness.model);
    if (!queueBytes) continue;
    redone = before;
    // Without the last batch nothing is left to do, so all chunks are still as they are in the store.
    const unchanged = restart(ports, "/checkpoint/state/chunks", 1, 0, changes.slice(0, 30))[0]!;
    expect(unchanged.stager.slice(new Uint8Array(1 << 20), "changed", () => false).chunks).toEqual([]);
  }
});

test("a pass copies the chunks that have changed since the one before, and no others", () => {
  const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
  const harness = new Harness({ partitionCount: PARTITIONS }, ports);
  const batch = (ids: readonly number[]): void => {
    harness.begin();
    for (const id of ids) harness.upsert([minute(0), BigInt(id), "name"], "a text that makes this row somewhat longer");
    harness.end("commit");
  };
  batch(Array.from({ length: 20_000 }, (_, id) => id));
  const writer = newChunkWriter(ports, newKernels(), PARTITIONS);
  harness.pass(writer, 0);
  const chunks = harness.store.metrics().chunksInMemory;
  expect(chunks).toBeGreaterThan(20);
  batch([3, 4711, 19_999]);
  const entries = new Map((ports.chunks as MemoryChunks).entries.get("/checkpoint/state/chunks"));
  harness.pass(writer, 1);
  const after = (ports.chunks as MemoryChunks).entries.get("/checkpoint/state/chunks")!;
  const changed = [...after].filter(([key, value]) => entries.get(key) !== value && key.startsWith("01"));
  expect(changed.length).toBeGreaterThan(0);
  expect(changed.length).toBeLessThanOrEqual(3);
});

describe("a chunk that was split", () => {
  const ROWS = 6000;
  const TEXT = "a text that makes this row somewhat longer";
  const setup = () => {
    const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
    const harness = new Harness({ partitionCount: PARTITIONS }, ports);
    const changes: ChangesFile[] = [];
    const batch = (work: () => void): number => {
      harness.begin();
      work();
      const batchId = changes.length;
      changes.push({ batchId, bytes: harness.writeFile("changes", batchId).bytes });
      harness.end("commit");
      return batchId;
    };
    const add = (count: number): void => {
      for (let id = 0; id < count; id++) harness.upsert([minute(0) + 1n, BigInt(id), "name"], TEXT);
    };
    const evict = (): void => {
      harness.setWatermarks(NO_WATERMARK, minute(1));
      harness.evict(minute(1));
    };
    const writer = newChunkWriter(ports, newKernels(), PARTITIONS);
    /** What a start finds that has the chunks and the changes after them. */
    const restarted = (): Map<string, TestValue[]> => {
      const batchId = newChunkWriter(ports, newKernels(), PARTITIONS).open(changes.length - 1, -1);
      return contentsOf(restart(ports, "/checkpoint/state/chunks", 1, batchId!, changes));
    };
    return { harness, batch, add, evict, writer, restarted };
  };

  test("goes from the store, so that its rows do not come back when their bucket has gone", () => {
    const { harness, batch, add, evict, writer, restarted } = setup();
    harness.pass(
      writer,
      batch(() => add(10)),
    );
    harness.pass(
      writer,
      batch(() => add(ROWS)),
    );
    harness.pass(
      writer,
      batch(() => {
        evict();
        harness.upsert([minute(7) + 1n, 1n, "later"], TEXT);
      }),
    );
    expect(harness.model.size).toBe(1);
    expect(restarted()).toEqual(harness.model);
  });

  test("stays when its bucket has come anew while the pass went on", () => {
    for (let at = 1; at <= 8; at++) {
      const { harness, batch, add, evict, writer, restarted } = setup();
      harness.pass(
        writer,
        batch(() => add(10)),
      );
      const begun = batch(() => add(ROWS));
      let [slice, newest] = [0, begun];
      harness.pass(writer, begun, 66_000, () => {
        if (slice++ === at) {
          newest = batch(() => {
            evict();
            add(10);
          });
        }
        return newest;
      });
      expect(newest).toBeGreaterThan(begun);
      // Nothing of it changes any more, so that it is not copied again.
      harness.pass(
        writer,
        batch(() => harness.upsert([minute(7) + 1n, 1n, "later"], TEXT)),
      );
      expect(restarted(), `slice ${at}`).toEqual(harness.model);
    }
  });
});
