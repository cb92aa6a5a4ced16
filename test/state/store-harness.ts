/** A state store with a plain model beside it, and files in memory. */
import type { Ports, SyncFile } from "../../src/base/ports.ts";
import { EVICT_WATERMARK, LATE_WATERMARK, ROW_NEXT, TABLE_INSERTED } from "../../src/columnar/memory-layout.ts";
import { rowLayout, type RowLayout } from "../../src/columnar/row-layout.ts";
import { LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { ColdChunks } from "../../src/state/cold-chunks.ts";
import { ChunkStager } from "../../src/state/chunk-stager.ts";
import { ChunkWriter } from "../../src/state/chunk-writer.ts";
import {
  type FinishedStateFile,
  StateBuffer,
  StateFileWriter,
  type StateFileHeader,
  type StateFileSeal,
} from "../../src/state/state-file.ts";
import { StateStore } from "../../src/state/state-store.ts";
import { MemoryFileSystem, overwritten } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { keyText, newKernels, RowCodec, type TestRow, type TestValue } from "./row-codec.ts";

export const NO_WATERMARK = -(2n ** 63n);
export const BUCKET_MICROS = 60_000_000n;

/** Keys: event time, id, name; values: a sum, a text, a list. */
export const timedLayout = rowLayout(
  [
    { name: "time", dataType: TimestampType },
    { name: "id", dataType: LongType },
    { name: "name", dataType: StringType },
  ],
  [
    { name: "sum", dataType: LongType },
    { name: "text", dataType: StringType },
    { name: "list", dataType: StringType },
  ],
  { keyIndex: 0, widthMicros: BUCKET_MICROS },
);

export class MemoryFile implements SyncFile {
  bytes: Uint8Array = new Uint8Array(0);
  constructor(bytes?: Uint8Array) {
    if (bytes) this.bytes = bytes;
  }
  read(into: Uint8Array, position: number): number {
    const part = this.bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  }
  append(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.bytes.length + bytes.length);
    joined.set(this.bytes);
    joined.set(bytes, this.bytes.length);
    this.bytes = joined;
  }
  write(bytes: Uint8Array, position: number): void {
    this.bytes = overwritten(this.bytes, bytes, position);
  }
  sync(): void {}
  sizeBytes(): number {
    return this.bytes.length;
  }
  close(): void {}
}

export const header = (kind: StateFileHeader["kind"], batchId: number): StateFileHeader => ({
  kind,
  queryId: "0d3c3d0a-8b9c-4a55-9b3e-6a1a8f7a0001",
  epoch: 1,
  batchId,
  attempt: "a-1",
});

let epochs = 0;

interface HarnessOptions {
  readonly partitionCount: number;
  readonly workerIndex?: number;
  readonly workerCount?: number;
  readonly dropsLateRows?: boolean;
  /** Memory for chunks; what is beyond it leaves before every operation. */
  readonly memoryBytes?: number;
  readonly checkpointPath?: string;
  /** `timedLayout`, perhaps with its null bits elsewhere. */
  readonly layout?: RowLayout;
}

export function newChunkWriter(ports: Ports, kernels: Kernels, partitionCount: number, { rowBytes } = timedLayout): ChunkWriter {
  const operators = [{ operatorId: 7, partitionCount, rowBytes, widthMicros: BUCKET_MICROS }];
  const target = { path: "/checkpoint", queryId: header("changes", 0).queryId, inode: 1, bootId: "boot", operators, schema: 0 };
  return new ChunkWriter(ports, new StateBuffer(kernels), target);
}

export class Harness {
  readonly kernels = newKernels();
  readonly codec: RowCodec;
  readonly store: StateStore;
  readonly buffer: StateBuffer;
  readonly stager: ChunkStager;
  /** Of a chunk store of its own. */
  readonly chunkWriter: ChunkWriter;
  readonly cold: ColdChunks;
  readonly memoryBytes: number | undefined;
  readonly #layout: RowLayout;
  /** By key text; what the store should hold. */
  model = new Map<string, TestValue[]>();
  /** Event time by key text; null = none. */
  times = new Map<string, bigint | null>();

  constructor(options: HarnessOptions, ports: Ports = testPorts(new MemoryFileSystem())) {
    this.#layout = options.layout ?? timedLayout;
    this.codec = new RowCodec(this.kernels, this.#layout);
    this.store = new StateStore(this.kernels, {
      operatorId: 7,
      layout: this.#layout,
      workerIndex: 0,
      workerCount: 1,
      dropsLateRows: true,
      ...options,
    });
    this.buffer = new StateBuffer(this.kernels);
    this.stager = new ChunkStager(this.kernels, [this.store]);
    this.chunkWriter = newChunkWriter(ports, this.kernels, options.partitionCount, this.#layout);
    this.setWatermarks(NO_WATERMARK, NO_WATERMARK);
    this.cold = new ColdChunks(this.kernels, ports, options.checkpointPath ?? "/checkpoint", [this.store]);
    this.memoryBytes = options.memoryBytes;
    if (options.memoryBytes !== undefined) this.kernels.exports["state_set_limit"]!(options.memoryBytes);
  }

  /** Lets chunks leave memory if they have to. */
  reclaim(): void {
    this.kernels.exports["state_reclaim"]!();
  }

  setWatermarks(late: bigint, evict: bigint): void {
    this.kernels.view().setBigInt64(LATE_WATERMARK, late, true);
    this.kernels.view().setBigInt64(EVICT_WATERMARK, evict, true);
  }

  begin(epoch = ++epochs): void {
    this.store.begin(epoch);
  }

  end(how: "commit" | "abort"): void {
    this.store[how]();
    this.kernels.exports["arena_reset"]!(1);
  }

  /** Adds 1 to the row's sum, creating it with `text`; returns its address, 0 if it was dropped. */
  upsert(keys: TestRow, text: string): number {
    this.reclaim();
    const row = this.kernels.exports["store_upsert"]!(this.store.handle, this.codec.write(keys, [1n, text, ""]), 0) as number;
    if (row === 0) return 0;
    const key = keyText(keys);
    const known = this.model.get(key);
    if ((this.codec.cell(TABLE_INSERTED) === 1) === (known !== undefined)) throw new Error(`TABLE_INSERTED is wrong for ${key}`);
    if (known) {
      const at = row + this.#layout.values[0]!.offset;
      this.kernels.view().setBigInt64(at, this.kernels.view().getBigInt64(at, true) + 1n, true);
      this.model.set(key, [(known[0] as bigint) + 1n, known[1]!, known[2]!]);
    } else {
      this.model.set(key, [1n, text, ""]);
      this.times.set(key, keys[0] as bigint | null);
    }
    return row;
  }

  /** Has the row looked up as an upsert may need it later, which will find other keys at the same place. */
  touch(keys: TestRow): void {
    this.reclaim();
    const row = this.codec.write(keys, []);
    this.kernels.view().setUint32(row + ROW_NEXT, this.#layout.rowBytes, true);
    this.kernels.exports["store_touch"]!(this.store.handle, row, row + this.#layout.rowBytes);
  }

  setText(keys: TestRow, text: string): void {
    this.variable("store_set_variable", 1, keys, text);
  }

  appendList(keys: TestRow, text: string): void {
    this.variable("store_append_variable", 2, keys, text);
  }

  remove(keys: TestRow): void {
    this.reclaim();
    const row = this.kernels.exports["store_find"]!(this.store.handle, this.codec.write(keys, [0n, "", ""]), 0) as number;
    if ((row !== 0) !== this.model.has(keyText(keys))) throw new Error(`store_find is wrong for ${keyText(keys)}`);
    if (row === 0) return;
    this.kernels.exports["store_remove"]!(this.store.handle, row);
    this.model.delete(keyText(keys));
  }

  evict(watermark: bigint): number {
    for (const key of this.evictableKeys(watermark)) this.model.delete(key);
    return this.kernels.exports["store_evict"]!(this.store.handle) as number;
  }

  evictableKeys(watermark: bigint): string[] {
    return [...this.model.keys()].filter((key) => this.times.get(key) !== null && this.times.get(key)! <= watermark);
  }

  contents(scan = "store_scan_all"): Map<string, TestValue[]> {
    const read = (row: number, base: number) => [keyText(this.codec.keysOf(row, base)), this.codec.valuesOf(row, base)] as const;
    const rows = this.codec.scan(scan, this.store.handle, 7, read);
    const found = new Map(rows);
    if (found.size !== rows.length) throw new Error("a scan returned a row twice");
    return found;
  }

  writeFile(kind: StateFileHeader["kind"], batchId: number): { bytes: Uint8Array; seal: StateFileSeal; fileCrc32c: number } {
    const file = new MemoryFile();
    const { fileCrc32c, ...seal } = kind === "changes" ? this.writeChanges(file, batchId) : this.writeSnapshot(file, batchId);
    return { bytes: file.bytes, seal, fileCrc32c };
  }

  private writeChanges(file: MemoryFile, batchId: number): FinishedStateFile {
    const writer = new StateFileWriter(this.buffer, file, header("changes", batchId));
    this.store.writeChanges(writer, batchId);
    return writer.finish();
  }

  private writeSnapshot(file: MemoryFile, batchId: number): FinishedStateFile {
    this.pass(this.chunkWriter, batchId);
    return this.chunkWriter.snapshot(file, header("snapshot", batchId));
  }

  /** A pass over all chunks that have changed, in slices of `sliceBytes`, into `writer`; `between` slices batches may run. */
  pass(
    writer: ChunkWriter,
    batchId: number,
    sliceBytes = 1 << 20,
    between: () => number = () => batchId,
    first: "changed" | "all" = "changed",
  ): void {
    const buffer = new Uint8Array(sliceBytes);
    for (let begins: "changed" | "all" | "no" = first; ; begins = "no") {
      const newest = between();
      const { chunks, removed, retired, isDone } = this.stager.slice(buffer, begins, () => false);
      writer.write([{ chunks, removed, buffer, batchId: newest }], newest);
      if (!isDone) continue;
      writer.endPass(batchId, retired);
      return;
    }
  }

  private variable(kernel: string, field: number, keys: TestRow, text: string): void {
    const row = this.upsert(keys, "");
    if (row === 0) return;
    const { address, length } = this.codec.writeText(text);
    const moved = this.kernels.exports[kernel]!(this.store.handle, row, this.#layout.values[field]!.offset, address, length) as number;
    const known = this.model.get(keyText(keys))!;
    known[field] = kernel === "store_set_variable" ? text : (known[field] as string) + text;
    const stored = this.codec.valuesOf(moved, this.codec.base());
    if (keyText(stored) !== keyText(known)) throw new Error(`${kernel} stored ${keyText(stored)}, not ${keyText(known)}`);
  }
}
