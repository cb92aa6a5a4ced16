/** The spill file of cold chunks: what comes back is what went, or `STATE_SPILL_DAMAGED` says that it is not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ports, SyncFile } from "../../src/base/ports.ts";
import { loadChunks } from "../../src/state/chunk-loader.ts";
import { MemoryChunks } from "../support/memory-chunks.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { newKernels } from "./row-codec.ts";
import { BUCKET_MICROS, Harness } from "./store-harness.ts";

const kernels = newKernels();
const address = (kernels.exports["heap_alloc"]!(65536) as number) >>> 0;

function checksum(bytes: Uint8Array): number {
  kernels.bytes().set(bytes, address);
  return (kernels.exports["image_checksum"]!(address, bytes.length) as number) >>> 0;
}

/** The same, a word at a time. */
function plainChecksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const step = (sum: number, data: number): number => {
    const mixed = sum ^ data;
    return Math.imul((mixed << 13) | (mixed >>> 19), 0x9e3779b1);
  };
  const lanes = Array.from({ length: 16 }, (_, lane) => 1 + (lane >> 2));
  for (let at = 0; at < bytes.length; at += 4) lanes[(at >> 2) % 16] = step(lanes[(at >> 2) % 16]!, view.getInt32(at, true));
  const all = [0, 1, 2, 3].map((lane) => step(step(step(lanes[lane]!, lanes[lane + 4]!), lanes[lane + 8]!), lanes[lane + 12]!));
  return all.reduce(step, bytes.length) >>> 0;
}

const anyImage = fc.integer({ min: 1, max: 40 }).chain((blocks) => fc.uint8Array({ minLength: 64 * blocks, maxLength: 64 * blocks }));

test("the checksum of an image is that of the plain formula, and another one for every flipped bit", () => {
  fc.assert(
    fc.property(anyImage, fc.nat(), (bytes, bit) => {
      const before = checksum(bytes);
      expect(before).toBe(plainChecksum(bytes));
      const at = bit % (8 * bytes.length);
      bytes[at >> 3]! ^= 1 << (at & 7);
      expect(checksum(bytes)).not.toBe(before);
    }),
  );
  // The highest bits, twice in one lane.
  const zeros = new Uint8Array(1024);
  const before = checksum(zeros);
  for (const at of [3, 67]) zeros[at]! ^= 128;
  expect(checksum(zeros)).not.toBe(before);
});

/** State whose chunks are on disk but for one, and that disk: `changed` may change what is read from it. */
function spilled(changed: (into: Uint8Array, position: number) => void, lengthOf = (length: number): number => length): Harness {
  const ports = testPorts(new MemoryFileSystem());
  const reading = (file: SyncFile): SyncFile => ({
    ...file,
    read: (into, position) => {
      const length = file.read(into, position);
      changed(into.subarray(0, length), position);
      return lengthOf(length);
    },
  });
  const openReadSync = ports.files.openReadSync.bind(ports.files);
  const files: Ports["files"] = Object.assign(ports.files, { openReadSync: (path: string) => reading(openReadSync(path)) });
  const harness = new Harness({ partitionCount: 4, memoryBytes: 20_000 }, { ...ports, files });
  fill(harness);
  return harness;
}

function fill(harness: Harness): void {
  harness.begin();
  for (let i = 0; i < 600; i++) harness.upsert([BUCKET_MICROS, BigInt(i), "n"], `text ${i}`);
  harness.end("commit");
  harness.reclaim();
}

test("a spill file that has become shorter is an error, and not read for ever", () => {
  let reads = 0;
  const counted = (): void => {
    if (reads++ > 50) throw new Error("it is asked again and again");
  };
  expect(() => spilled(counted, () => 0).contents()).toThrow(/STATE_SPILL_FAILED.*it is too short/);
});

const DAMAGED = expect.objectContaining({ condition: "STATE_SPILL_DAMAGED" });

test("a flipped bit at any place of a chunk is found when it comes back", () => {
  let flips: number | null = null;
  const harness = spilled((into) => {
    if (flips !== null) into[flips % into.length]! ^= 1 << (flips & 7);
  });
  expect(harness.contents()).toEqual(harness.model);
  for (flips = 0; flips < 40_000; flips += 997) expect(() => harness.contents()).toThrow(DAMAGED);
});

test("an older image of a chunk in its place is found, too", () => {
  const images = new Map<number, Uint8Array>();
  let how: "keep" | "give" | "leave" = "keep";
  const harness = spilled((into, position) => {
    if (how === "keep") images.set(position, into.slice());
    const old = images.get(position);
    if (how === "give" && old?.length === into.length) into.set(old);
  });
  expect(harness.contents()).toEqual(harness.model);
  how = "leave";
  fill(harness);
  expect(harness.contents()).toEqual(harness.model);
  how = "give";
  expect(() => harness.contents()).toThrow(DAMAGED);
});

test("no memory for a chunk is not damage", () => {
  const exhausted = expect.objectContaining({ condition: "STATE_MEMORY_EXHAUSTED" });
  const ports = { ...testPorts(new MemoryFileSystem()), chunks: new MemoryChunks() };
  const harness = new Harness({ partitionCount: 4 }, ports);
  fill(harness);
  const name = { store: harness.store.handle, partition: 0, bucket: 0n, code: 1, checksum: 0 };
  expect(() => harness.cold.read(0, 1024, 1, name)).toThrow(exhausted);

  harness.pass(harness.chunkWriter, 0);
  const other = new Harness({ partitionCount: 4 }, ports);
  const full = { ...other.kernels, exports: { ...other.kernels.exports, heap_alloc: () => 0 } };
  const chunks = "/checkpoint/state/chunks";
  const load = (with_: typeof full) => loadChunks(with_, ports.chunks.open(chunks), chunks, [other.store], () => undefined, 0);
  expect(() => load(full)).toThrow(exhausted);
});
