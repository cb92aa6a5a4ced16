/**
 * Reads one partition of an operator's state: loads it from snapshot and change files as a restart would, into this worker's memory, and hands its
 * rows out as columns. In workers.
 */
import { CheckpointError } from "../../base/errors.ts";
import type { SyncFile } from "../../base/ports.ts";
import { BLOCK_ROWS_MAX, PADDING_BYTES } from "../../columnar/memory-layout.ts";
import type { RowPanes } from "../../columnar/row-layout.ts";
import { physicalWidthBytes } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import { outOfMemory } from "../../kernels/out-of-memory.ts";
import { checkStateFile } from "../../state/state-file-check.ts";
import { parseStateSchema } from "../../state/state-metadata.ts";
import { migratingTargets } from "../../state/frame-migration.ts";
import { type FrameTarget, restoreStateFile, StateBuffer } from "../../state/state-file.ts";
import { StateStore } from "../../state/state-store.ts";
import { allocate, copyIn, newBlock, setColumn } from "../block-memory.ts";
import type { ReaderContext, SplitCursor, SplitReader } from "../source.ts";
import { keyPart, type LeafSource, type RowPart, valuePart } from "./state-schema.ts";
import type { StateSplit, StateSplitFile } from "./state-source.ts";

export const stateReader: SplitReader = {
  name: "statestore",
  open(split, context) {
    const plan = split as StateSplit;
    return plan.feedFrom === null ? stateCursor(plan, context) : feedCursor(plan, plan.feedFrom, context);
  },
};

function stateCursor(plan: StateSplit, context: ReaderContext): SplitCursor {
  const state = new PartitionState(plan, context);
  state.load(plan.changes);
  return state.cursor(() => state.scan());
}

/** The state before the first batch, then file by file: what it changes, then the change itself. */
function feedCursor(plan: StateSplit, first: number, context: ReaderContext): SplitCursor {
  const state = new PartitionState(plan, context);
  state.load(plan.changes.filter(({ batchId }) => batchId < first));
  const files = plan.changes.filter(({ batchId }) => batchId >= first);
  let waiting: number[] = [];
  return state.cursor(() => {
    while (waiting.length === 0 && files.length > 0) waiting = state.changesOf(files.shift()!);
    return waiting.shift() ?? 0;
  });
}

/** Of a removed row the value is null. */
interface Change {
  readonly batchId: number;
  readonly isRemoved: boolean;
}

/** One partition, in the worker's memory until the split is closed. */
class PartitionState {
  readonly #plan: StateSplit;
  readonly #context: ReaderContext;
  readonly #store: StateStore;
  readonly #buffer: StateBuffer;
  readonly #parts: { readonly key: RowPart; readonly value: RowPart };
  readonly #panes: RowPanes | undefined;
  readonly #targets: ReadonlyMap<number, FrameTarget>;
  readonly #schemas: readonly number[];
  readonly #metrics = { rows: 0, bytes: 0, malformed: 0 };
  /** Cursor of a scan, then pairs of row and base. */
  readonly #scan: number;
  /** Set while a file is read for the feed: takes each frame before it is applied. */
  #onFrame: (address: number) => void = () => {};

  constructor(plan: StateSplit, context: ReaderContext) {
    const { kernels } = context;
    this.#plan = plan;
    this.#context = context;
    const schemas = plan.schemas.map((text) => parseStateSchema(text, "operators/state"));
    const { operators } = schemas.at(-1)!;
    const { operatorId, layout, partitionCount } = operators.find((operator) => operator.operatorId === plan.operatorId)!;
    const [workerIndex, workerCount] = [plan.partition, partitionCount];
    this.#store = new StateStore(kernels, { operatorId, layout, partitionCount, workerIndex, workerCount, dropsLateRows: false });
    this.#buffer = new StateBuffer(kernels);
    this.#panes = layout.panes;
    this.#parts = { key: keyPart(layout), value: valuePart(layout) };
    const other: FrameTarget = { ownsPartition: () => false, applyFrame: () => 0 };
    const own: FrameTarget = {
      ownsPartition: (partition) => partition === plan.partition,
      applyFrame: (address, length) => {
        this.#onFrame(address);
        return this.#store.applyFrame(address, length);
      },
    };
    const targets = new Map(operators.map((operator) => [operator.operatorId, operator.operatorId === operatorId ? own : other]));
    this.#schemas = schemas.map(({ schema }) => schema);
    this.#targets = migratingTargets(kernels, schemas, targets);
    this.#scan = allocate(kernels, 16 + 8 * BLOCK_ROWS_MAX);
    kernels.bytes().fill(0, this.#scan, this.#scan + 16);
  }

  cursor(next: () => number): SplitCursor {
    return {
      metrics: this.#metrics,
      next,
      close: () => this.#close(),
    };
  }

  /** The snapshot and the changes after it. */
  load(changes: readonly StateSplitFile[]): void {
    try {
      for (const file of this.#plan.snapshot) this.#read("snapshot", file);
      if (this.#plan.snapshot.length > 0) this.#store.endLoading();
      for (const file of changes) this.#read("changes", file);
    } catch (error) {
      // There is no cursor yet that somebody would close.
      this.#close();
      throw error;
    }
  }

  #close(): void {
    this.#store.close();
    this.#buffer.free();
  }

  /** The next block of all rows. */
  scan(): number {
    const pairs = this.#scan + 16;
    const count = this.#call("store_scan_all", this.#store.handle, this.#scan, pairs, BLOCK_ROWS_MAX);
    return count === 0 ? 0 : this.#block(pairs, count, null);
  }

  /** Blocks of what a file changes; afterwards the state has the changes. */
  changesOf(file: StateSplitFile): number[] {
    const blocks: number[] = [];
    const found = allocate(this.#context.kernels, 16);
    this.#onFrame = (frame) => {
      for (let record = 0; ; record++) {
        const result = this.#call("change_rows", this.#store.handle, frame, record, found);
        if (result < 0) throw outOfMemory(this.#context.kernels);
        if (result === 0) return;
        const view = this.#context.kernels.view();
        const [rows, kind, pairs] = [0, 4, 8].map((offset) => view.getUint32(found + offset, true)) as [number, number, number];
        for (let at = 0; at < rows; at += BLOCK_ROWS_MAX) {
          const count = Math.min(BLOCK_ROWS_MAX, rows - at);
          blocks.push(this.#block(pairs + 8 * at, count, { batchId: file.batchId, isRemoved: kind === 1 }));
        }
      }
    };
    this.#read("changes", file);
    this.#onFrame = () => {};
    return blocks;
  }

  #read(kind: "changes" | "snapshot", { path, batchId }: StateSplitFile): void {
    const file = this.#open(path);
    const expected = { path, kind, queryId: this.#plan.queryId, batchId, schemas: this.#schemas };
    try {
      // The feed looks into frames before they are applied, so their checksums come first.
      if (this.#plan.feedFrom !== null && batchId >= this.#plan.feedFrom) checkStateFile(file, path, expected);
      restoreStateFile(this.#buffer, file, expected, this.#targets);
      this.#metrics.bytes += file.sizeBytes();
    } finally {
      file.close();
    }
  }

  #open(path: string): SyncFile {
    try {
      return this.#context.files.openReadSync(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw new CheckpointError("STATE_FILE_PURGED", { path }, { cause });
      throw cause;
    }
  }

  #block(pairs: number, count: number, change: Change | null): number {
    const { kernels, leaves, needed } = this.#context;
    const block = newBlock(kernels, leaves.length, count);
    let leaf = 0;
    const constant = (value: number | bigint | string): void => {
      if (needed[leaf]) setColumn(kernels, block, leaf, constantColumn(kernels, count, value), 0);
      leaf++;
    };
    if (change) {
      constant(BigInt(change.batchId));
      constant(change.isRemoved ? "delete" : "update");
    }
    for (const source of this.#parts.key.leaves) this.#column(block, leaf++, source, pairs, count);
    for (const source of this.#parts.value.leaves) {
      if (change?.isRemoved) setColumn(kernels, block, leaf, zeroColumn(kernels, count), zeroColumn(kernels, count));
      else this.#column(block, leaf, source, pairs, count);
      leaf++;
    }
    constant(this.#plan.partition);
    this.#metrics.rows += count;
    return block;
  }

  #column(block: number, leaf: number, source: LeafSource, pairs: number, count: number): void {
    const { kernels, needed } = this.#context;
    if (source.kind === "struct") {
      if (!source.nullFlag) return;
      const validity = allocate(kernels, count);
      this.#call("gather_struct_validity", pairs, count, source.nullFlag.offset, validity);
      setColumn(kernels, block, leaf, 0, validity);
      return;
    }
    if (!needed[leaf]) return;
    const { field, inlineBytes } = source;
    const width = physicalWidthBytes[field.physical];
    const values = allocate(kernels, width * count);
    const validity = allocate(kernels, count);
    if (field.isVariable || inlineBytes > 0) {
      const isDone = this.#call("gather_views", pairs, count, field.offset, inlineBytes, values);
      if (!isDone) throw outOfMemory(kernels);
    } else if (field.offset === this.#panes?.endOffset) this.#paneEnds(this.#panes, pairs, count, values);
    else this.#call("gather_values", pairs, count, field.offset, width, values);
    const nulls = this.#call("gather_validity", pairs, count, field.nullsOffset, field.nullBit, validity);
    setColumn(kernels, block, leaf, values, nulls === 0 ? 0 : validity);
  }

  /** The row of a pane has the end of a window, and values of the pane alone: it is shown as long as it is. */
  #paneEnds({ startOffset, paneMicros }: RowPanes, pairs: number, count: number, values: number): void {
    this.#call("gather_values", pairs, count, startOffset, 8, values);
    const ends = new BigInt64Array(this.#context.kernels.bytes().buffer, values, count);
    for (let row = 0; row < count; row++) ends[row]! += paneMicros;
  }

  #call(name: string, ...args: number[]): number {
    return this.#context.kernels.exports[name]!(...args) as number;
  }
}

/** Eight zero bytes per row: no value, or not valid. */
function zeroColumn(kernels: Kernels, count: number): number {
  const address = allocate(kernels, 8 * count);
  kernels.bytes().fill(0, address, address + 8 * count);
  return address;
}

function constantColumn(kernels: Kernels, count: number, value: number | bigint | string): number {
  const bytes = typeof value === "string" ? Buffer.from(value) : null;
  const text = bytes && copyIn(kernels, bytes, PADDING_BYTES);
  const word = bytes ? BigInt(text!) | (BigInt(bytes.length) << 32n) : BigInt(value);
  const width = typeof value === "number" ? 4 : 8;
  const address = allocate(kernels, width * count);
  const view = kernels.view();
  for (let row = 0; row < count; row++) {
    if (width === 4) view.setInt32(address + 4 * row, Number(word), true);
    else view.setBigInt64(address + 8 * row, word, true);
  }
  return address;
}
