/**
 * One compiled stage in one worker: the module's instance, its context in memory, its out-blocks. In a worker; one per stage and query.
 */
import { assert } from "../base/assert.ts";
import {
  ARENA_BLOCK,
  ARENA_QUERY,
  BLOCK_COLUMN_BYTES,
  BLOCK_COLUMN_COUNT,
  BLOCK_COLUMNS,
  BLOCK_NEXT,
  BLOCK_ROW_COUNT,
  BLOCK_ROWS_MAX,
  ERROR_CODE,
  PADDING_BYTES,
} from "../columnar/memory-layout.ts";
import { type RowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../columnar/row-layout.ts";
import { leavesOf, physicalWidthBytes } from "../columnar/types.ts";
import type { OutBlock } from "../compile/pipeline.ts";
import { hostHelpers } from "../compile/host-helpers.ts";
import { runtimeError } from "../compile/runtime-error.ts";
import { CONTEXT_ALL_VALID, CONTEXT_BYTES, outBlockSlot, stepRowsSlot } from "../compile/stage-context.ts";
import { blockRowCount, getColumn, newBlock, setColumn } from "../connectors/block-memory.ts";
import type { RowSelection } from "../connectors/source.ts";
import type { Kernels } from "../kernels/load.ts";
import { schemaOf } from "../plan/expr/expression.ts";
import type { LoadedStage } from "../protocol/messages.ts";
import { beat } from "./heartbeat.ts";
import type { Interpreter } from "./interpret.ts";

/** Temporary strings above this many bytes make the worker take the rows out of the out-blocks early. */
const BLOCK_ARENA_BYTES_MAX = 16 * 1024 * 1024;

/** Smaller blocks are put together, as what takes them has costs for each. */
const FORWARD_ROWS_MIN = 1024;

export class StageInstance {
  readonly #kernels: Kernels;
  readonly #stage: LoadedStage;
  readonly #interpreter: Interpreter;
  readonly #context: number;
  readonly #blocks: number[];
  /** Per pipeline the header of blocks that are not copied. */
  readonly #forwarded: readonly number[];
  readonly #groupLayouts: readonly number[];
  readonly #exports: Readonly<Record<string, (...args: number[]) => number>>;
  /** Takes the rows of an out-block that leave the stage. Set per task. */
  output: (block: number) => void = () => assert(false, "no output is set");

  constructor(kernels: Kernels, stage: LoadedStage, interpreter: Interpreter) {
    this.#kernels = kernels;
    this.#stage = stage;
    this.#interpreter = interpreter;
    this.#context = this.#allocate(CONTEXT_BYTES);
    const allValid = this.#allocate(BLOCK_ROWS_MAX);
    kernels.bytes().fill(1, allValid, allValid + BLOCK_ROWS_MAX);
    this.setContext(CONTEXT_ALL_VALID, allValid);
    const literals = this.#allocate(stage.literalBytes.length + PADDING_BYTES);
    kernels.bytes().set(stage.literalBytes, literals);
    this.#blocks = stage.outBlocks.map((block, index) => {
      const address = this.#allocateBlock(block);
      this.setContext(outBlockSlot(index), address);
      return address;
    });
    this.#forwarded = stage.forwards.map((forward) => (forward ? newBlock(kernels, forward.leaves.length, 0, ARENA_QUERY) : 0));
    this.#groupLayouts = stage.groups.map((layout) => (layout ? this.allocateLayout(layout) : 0));
    const instance = new WebAssembly.Instance(stage.module, {
      env: { memory: kernels.memory, context: this.#context, literals },
      kernels: kernels.exports as Record<string, unknown>,
      host: { ...hostHelpers(kernels), flush: (index: number) => this.#flush(index) },
    });
    this.#exports = instance.exports as Record<string, (...args: number[]) => number>;
  }

  /** Descriptor of the groups that the partial aggregate of a pipeline keeps. */
  groupLayout(pipeline: number): number {
    return this.#groupLayouts[pipeline]!;
  }

  /** Writes a descriptor that lives as long as the query. */
  allocateLayout(layout: RowLayout): number {
    const address = this.#allocate(rowLayoutDescriptorBytes(layout));
    writeRowLayout(layout, this.#kernels.view(), address);
    return address;
  }

  setContext(offset: number, value: number): void {
    this.#kernels.view().setUint32(this.#context + offset, value, true);
  }

  context(offset: number): number {
    return this.#kernels.view().getUint32(this.#context + offset, true);
  }

  setContextMicros(offset: number, value: bigint): void {
    this.#kernels.view().setBigInt64(this.#context + offset, value, true);
  }

  /** Calls between JavaScript and generated code so far, both ways. */
  calls = 0;

  /** Runs an exported function; raises the typed error that it reports. */
  call(name: string, ...args: number[]): void {
    this.calls++;
    beat();
    const status = this.#exports[name]!(...args);
    if (status !== 0 || this.#kernels.view().getUint32(ERROR_CODE, true) !== 0) throw this.#error();
  }

  /** What the reader of a pipeline's source asks of its filter; null: the pipeline filters its rows itself. */
  selection(pipeline: number): RowSelection | null {
    const selection = this.#stage.selections[pipeline];
    if (!selection) return null;
    const { tested, kept, isSafe, counter } = selection;
    const count = (rows: number): void => {
      if (counter === null) return;
      const at = this.#context + counter;
      const view = this.#kernels.view();
      view.setBigInt64(at, view.getBigInt64(at, true) + BigInt(rows), true);
    };
    const tests = tested.map((leaves, test) => ({
      tested: leaves,
      select: (block: number, flags: number) => this.call(`select${pipeline}_${test}`, block, flags),
    }));
    return { tests, kept, isSafe, count };
  }

  /** Runs a block through the first segment of a pipeline. */
  runBlock(pipeline: number, block: number): void {
    if (this.#forward(pipeline, block)) return;
    this.call(`pipeline${pipeline}_0`, block);
    if (this.#kernels.exports["arena_bytes"]!(ARENA_BLOCK) > BLOCK_ARENA_BYTES_MAX) this.drain();
  }

  /**
   * Hands over all rows that wait in out-blocks and frees the temporary strings. Blocks with a segment behind them come first: pipelines
   * share the block of rows that leave the stage, whichever of them made it.
   */
  drain(): void {
    const { outBlocks } = this.#stage;
    outBlocks.forEach(({ next }, index) => next && this.#take(index));
    outBlocks.forEach(({ next }, index) => next ?? this.#take(index));
    this.#kernels.exports["arena_reset"]!(ARENA_BLOCK);
  }

  /** Hands a block over as it is, with computed columns beside those that it has; false where its rows have to be copied. */
  #forward(pipeline: number, block: number): boolean {
    const forward = this.#stage.forwards[pipeline];
    const kernels = this.#kernels;
    const rows = blockRowCount(kernels, block);
    if (!forward || rows < FORWARD_ROWS_MIN || forward.structs.some((struct) => getColumn(kernels, block, struct).validity !== 0))
      return false;
    // Rows that came before go first.
    this.drain();
    if (forward.leaves.includes(null)) this.call(`compute${pipeline}`, block);
    const columns = this.#blocks[forward.outBlock]!;
    const out = this.#forwarded[pipeline]!;
    forward.leaves.forEach((leaf, index) => {
      const { values, validity } = leaf === null ? getColumn(kernels, columns, index) : getColumn(kernels, block, leaf);
      setColumn(kernels, out, index, values, validity);
    });
    kernels.view().setUint32(out + BLOCK_ROW_COUNT, rows, true);
    this.output(out);
    kernels.exports["arena_reset"]!(ARENA_BLOCK);
    return true;
  }

  /** Rows behind each counted step since the last call. */
  takeStepRows(): number[] {
    const view = this.#kernels.view();
    return Array.from({ length: this.#stage.countedSteps }, (_, index) => {
      const slot = stepRowsSlot(index);
      if (slot === null) return 0;
      const rows = Number(view.getBigInt64(this.#context + slot, true));
      view.setBigInt64(this.#context + slot, 0n, true);
      return rows;
    });
  }

  /** Forgets rows in out-blocks, after a failed task. */
  discard(): void {
    this.takeStepRows();
    this.#blocks.forEach((_block, index) => this.setContext(outBlockSlot(index) + 4, 0));
    this.#kernels.exports["arena_reset"]!(ARENA_BLOCK);
    this.#kernels.view().setUint32(ERROR_CODE, 0, true);
  }

  #thrown: unknown = null;

  /** Called by generated code: an exception must not cross it. */
  #flush(index: number): number {
    this.calls++;
    try {
      this.#take(index);
      return 0;
    } catch (error) {
      this.#thrown = error;
      return 1;
    }
  }

  #take(index: number): void {
    const counter = this.#context + outBlockSlot(index) + 4;
    const view = this.#kernels.view();
    const rows = view.getUint32(counter, true);
    if (rows === 0) return;
    const block = this.#blocks[index]!;
    view.setUint32(block + BLOCK_ROW_COUNT, rows, true);
    const { next } = this.#stage.outBlocks[index]!;
    if (next === null) this.output(block);
    else
      this.call(
        `pipeline${next.pipeline}_${next.segment}`,
        this.#interpreter.extend(block, this.#stage.outBlocks[index]!.attributes, next.interpret),
      );
    this.#kernels.view().setUint32(counter, 0, true);
  }

  #error(): unknown {
    const thrown = this.#thrown;
    this.#thrown = null;
    const error = thrown ?? runtimeError(this.#kernels, this.#stage.sites);
    this.#kernels.view().setUint32(ERROR_CODE, 0, true);
    return error;
  }

  #allocate(bytes: number): number {
    const address = (this.#kernels.exports["arena_alloc"]!(ARENA_QUERY, bytes) as number) >>> 0;
    if (address === 0) throw runtimeError(this.#kernels, []);
    this.#kernels.bytes().fill(0, address, address + bytes);
    return address;
  }

  #allocateBlock({ attributes }: OutBlock): number {
    const leaves = leavesOf(schemaOf(attributes));
    const block = this.#allocate(BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaves.length);
    const columns = leaves.map((leaf) => ({
      values: leaf.physical === "struct" ? 0 : this.#allocate(BLOCK_ROWS_MAX * physicalWidthBytes[leaf.physical]),
      validity: leaf.nullable ? this.#allocate(BLOCK_ROWS_MAX) : 0,
    }));
    const view = this.#kernels.view();
    view.setUint32(block + BLOCK_COLUMN_COUNT, leaves.length, true);
    view.setUint32(block + BLOCK_NEXT, 0, true);
    columns.forEach(({ values, validity }, i) => {
      view.setUint32(block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * i, values, true);
      view.setUint32(block + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * i + 4, validity, true);
    });
    return block;
  }
}
