/**
 * A chunk store that its owner has lost and goes on writing to: a process that was paused, in another container, beside its successor. Nothing
 * keeps the two apart there, so what each of them finds must be right or refused.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ports } from "../../src/base/ports.ts";
import { loadChunks } from "../../src/state/chunk-loader.ts";
import type { ChunkWriter } from "../../src/state/chunk-writer.ts";
import { restoreStateFile } from "../../src/state/state-file.ts";
import { MemoryChunks } from "../support/memory-chunks.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { newKernels, type TestValue } from "./row-codec.ts";
import { BUCKET_MICROS, Harness, header, MemoryFile, newChunkWriter } from "./store-harness.ts";

const PARTITIONS = 3;
const CHUNKS = "/checkpoint/state/chunks";
const DAMAGED = expect.objectContaining({ condition: "STATE_CHUNK_STORE_DAMAGED" });

type Contents = Map<string, TestValue[]>;
interface ChangesFile {
  readonly batchId: number;
  readonly bytes: Uint8Array;
}

/** One process: state in memory, and the writer of its chunks. */
class Owner {
  readonly #ports: Ports;
  readonly writer: ChunkWriter;
  harness: Harness;
  batchId: number;
  /** The store is gone, or given up. */
  #isAnew = false;

  constructor(ports: Ports, memoryBytes: number | undefined, batchId: number) {
    this.#ports = ports;
    this.writer = newChunkWriter(ports, newKernels(), PARTITIONS);
    this.harness = new Harness({ partitionCount: PARTITIONS, ...(memoryBytes !== undefined && { memoryBytes }) }, ports);
    this.batchId = batchId;
  }

  /** As a start does, with `meanwhile` between the writer's look at the store and the loading. */
  start(changes: readonly ChangesFile[], meanwhile: () => void): void {
    let from = this.writer.open(this.batchId, -1);
    meanwhile();
    if (from !== null) {
      const environment = this.#ports.chunks.open(CHUNKS);
      this.harness.cold.useChunkStore(environment);
      try {
        const { kernels, store, stager, memoryBytes } = this.harness;
        loadChunks(kernels, environment, CHUNKS, [store], (name) => stager.loaded(name), from, memoryBytes);
        store.endLoading();
        this.writer.loaded();
      } catch (error) {
        expect(error).toEqual(DAMAGED);
        this.writer.discard();
        this.harness = new Harness({ partitionCount: PARTITIONS }, this.#ports);
        from = null;
      }
    }
    for (const { batchId, bytes } of changes) {
      const expected = { path: "changes", kind: "changes", batchId, queryId: header("changes", batchId).queryId } as const;
      if (batchId > (from ?? -1))
        restoreStateFile(this.harness.buffer, new MemoryFile(bytes), expected, new Map([[7, this.harness.store]]));
    }
  }

  batch(ids: readonly number[], model: Contents): ChangesFile {
    this.harness.model = model;
    this.harness.begin();
    for (const id of ids) this.harness.upsert([BigInt(id % 3) * BUCKET_MICROS, BigInt(id), "n"], `text ${id}`);
    const { bytes } = this.harness.writeFile("changes", ++this.batchId);
    this.harness.end("commit");
    return { batchId: this.batchId, bytes };
  }

  /** What it does in the background with what it has committed; an error of the store makes it give the store up. */
  act(kind: "pass" | "discard" | "close" | "snapshot", model: Contents): void {
    try {
      if (kind === "pass" || kind === "snapshot") {
        this.harness.pass(this.writer, this.batchId, 20_000, undefined, this.#isAnew ? "all" : "changed");
        this.#isAnew = false;
      } else {
        this.#isAnew = true;
        this.writer[kind]();
      }
      if (kind === "snapshot") {
        const file = new MemoryFile();
        this.writer.snapshot(file, header("snapshot", this.batchId));
        const fresh = new Harness({ partitionCount: PARTITIONS }, this.#ports);
        const expected = { path: "s", kind: "snapshot", batchId: this.batchId, queryId: header("snapshot", 0).queryId } as const;
        restoreStateFile(fresh.buffer, file, expected, new Map([[7, fresh.store]]));
        fresh.store.endLoading();
        expect(fresh.contents()).toEqual(model);
      }
    } catch (error) {
      expect(error).toEqual(DAMAGED);
      this.#isAnew = true;
      this.writer.discard();
    }
  }
}

const ids = fc.array(fc.nat(600), { minLength: 1, maxLength: 200, size: "max" });
const action = fc.constantFrom("pass", "pass", "snapshot", "close", "discard" as const);

test.each([undefined, 20_000])("of two owners neither is led astray by the other, in %s bytes", (memoryBytes) => {
  const step = fc.record({ who: fc.constantFrom("zombie", "successor"), action, ids: fc.option(ids) });
  fc.assert(
    fc.property(
      fc.array(ids, { minLength: 1, maxLength: 4 }),
      action,
      fc.option(action),
      fc.array(step, { maxLength: 8 }),
      (before, first, between, steps) => {
        const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
        const changes: ChangesFile[] = [];
        const copyOf = (contents: Contents): Contents => new Map([...contents].map(([key, values]) => [key, [...values]]));
        const zombie = new Owner(ports, memoryBytes, -1);
        let model: Contents = new Map();
        for (const each of before) changes.push(zombie.batch(each, model));
        zombie.act(first, model);
        const atTakeover = copyOf(model);

        const successor = new Owner(ports, memoryBytes, zombie.batchId);
        successor.start(changes, () => between && zombie.act(between, atTakeover));
        expect(successor.harness.contents()).toEqual(model);
        model = copyOf(model);
        for (const { who, action: kind, ids: more } of steps) {
          if (who === "zombie") zombie.act(kind, atTakeover);
          else {
            if (more) {
              try {
                changes.push(successor.batch(more, model));
              } catch (error) {
                // A chunk that it had left in the store: the batch runs again, which is the end of this life.
                expect(error).toEqual(DAMAGED);
                break;
              }
            }
            successor.act(kind, model);
          }
        }
        const last = new Owner(ports, memoryBytes, changes.length - 1);
        last.start(changes, () => undefined);
        const plain = new Owner({ ...ports, chunks: new MemoryChunks() }, undefined, changes.length - 1);
        plain.start(changes, () => undefined);
        expect(last.harness.contents()).toEqual(plain.harness.contents());
      },
    ),
    { numRuns: 30 },
  );
});
