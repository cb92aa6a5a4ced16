/**
 * A stage behind deduplication or a limit, in a worker: looks up the rows of the exchange blocks in state, in split order, and runs those
 * that pass through the pipeline at once. Where there is one worker, the stage before hands over its rows block by block.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { ARENA_BATCH } from "../columnar/memory-layout.ts";
import { runtimeError } from "../compile/runtime-error.ts";
import type { RowOperator, Stage } from "../plan/physical/program.ts";
import type { ExchangeBlock, StateReply, TaskResult } from "../protocol/messages.ts";
import type { TaskContext } from "./query-instance.ts";
import { forEachGroupedRun } from "./grouped-rows.ts";
import type { QueryState } from "./query-state.ts";
import { PAIRS, type PartialAggregate, partialAggregate } from "./shuffle/partial-aggregate.ts";
import type { StageInstance } from "./stage-instance.ts";
import { TaskOutput } from "./task-output.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";

/** Cursor of the kernels that let rows pass: next row, end. */
const CURSOR_BYTES = 16;
const ROWS_FAILED = 0xffffffff;

export interface RowTaskParts {
  readonly context: TaskContext;
  readonly instance: StageInstance;
  readonly stage: Stage;
  readonly operator: RowOperator;
  readonly memories: readonly WebAssembly.Memory[];
  readonly state: QueryState;
}

/** Rows in the memory of this worker. */
type OwnBlocks = readonly Pick<ExchangeBlock, "address" | "bytes">[];

export class RowTask {
  readonly #parts: RowTaskParts;
  readonly #output: TaskOutput;
  readonly #partial: PartialAggregate | null;
  readonly #cursor: number;
  readonly #startedCalls: number;
  #passed = 0;
  #blocks = 0;
  #bytes = 0;
  #updatesMs = 0;

  constructor(parts: RowTaskParts) {
    const { context, instance, stage } = parts;
    const { sink } = stage;
    this.#parts = parts;
    this.#startedCalls = instance.calls;
    this.#output = new TaskOutput(context, stage, context.workerIndex);
    this.#partial = sink.kind === "shuffle" ? partialAggregate(context, instance, 0, sink.operator, false) : null;
    this.#cursor = this.#allocate(CURSOR_BYTES + 8 * PAIRS);
  }

  /** Bytes of rows so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in rows of which more may come; nothing refers to them when it returns. */
  add(blocks: OwnBlocks): void {
    this.#timed(blocks, () => {
      for (const { address, bytes } of blocks) this.#pass(address, address + bytes);
      this.#parts.instance.drain();
      this.#parts.state.reclaim();
    });
  }

  /** Takes in the rows that are left; `lateRows`: that the stage before dropped in this worker because they were late. */
  finish(blocks: readonly ExchangeBlock[], lateRows: number): { result: TaskResult; state: StateReply } {
    const { context, instance, operator, state } = this.#parts;
    const { kernels, workerIndex, ports } = context;
    try {
      this.#timed(blocks, () => this.#passAll(blocks));
      const lanes = this.#partial ? this.#partial.finish() : [];
      const updated = ports.clock.monotonicMs();
      const numbers = state.evict(kernels, operator.index, operator.state.watermarked, this.#updatesMs);
      const removalsMs = ports.clock.monotonicMs() - updated;
      return {
        state: {
          ...numbers,
          customMetrics: { ...numbers.customMetrics, ...customMetrics(this.#parts) },
          rowsDroppedByWatermark: lateRows,
          removalsMs,
        },
        result: {
          index: workerIndex,
          inputRows: this.#passed,
          malformedRows: 0,
          skippedRows: 0,
          outputRows: this.#output.rows,
          blocks: this.#blocks,
          calls: instance.calls - this.#startedCalls,
          lanes,
          ...this.#output.finish(),
          elapsedMs: this.#updatesMs + ports.clock.monotonicMs() - updated,
          inputBytes: this.#bytes,
          readMs: 0,
          stepRows: instance.takeStepRows(),
        },
      };
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** The rows that have passed are not wanted any more. */
  abort(): void {
    this.#output.abort();
  }

  #timed(blocks: OwnBlocks, work: () => void): void {
    const { clock } = this.#parts.context.ports;
    const startedMs = clock.monotonicMs();
    // Stages take turns at the outputs of their instances.
    this.#parts.instance.output = (block) => this.#output.write(block);
    work();
    this.#blocks += blocks.length;
    this.#bytes += blocks.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#updatesMs += clock.monotonicMs() - startedMs;
  }

  #passAll(blocks: readonly ExchangeBlock[]): void {
    if (blocks.length === 0) return;
    const { context, instance, operator, memories, state } = this.#parts;
    const { kernels, program, workerIndex } = context;
    if (state.beginUpdates(blocks.reduce((sum, { bytes }) => sum + bytes, 0)) && operator.kind !== "limit") {
      const { partitions } = program;
      const store = state.storeAddress(operator.index);
      const parts = { kernels, workerIndex, memories, arena: ARENA_BATCH, store, partitions, chunksMax: state.chunksMax };
      forEachGroupedRun(parts, blocks, (from, to) => {
        this.#pass(from, to);
        // Rows that wait in out-blocks refer to bytes whose place the next run takes.
        instance.drain();
        state.reclaim();
      });
      return;
    }
    let copy = { address: 0, bytes: 0 };
    for (const { worker, address, bytes } of blocks) {
      let start = address;
      if (worker !== workerIndex) {
        if (copy.bytes < bytes) copy = { address: this.#allocate(bytes), bytes };
        copyBytes(kernels.bytes(), copy.address, new Uint8Array(memories[worker]!.buffer, address, bytes));
        start = copy.address;
      }
      this.#pass(start, start + bytes);
      // Rows that wait in out-blocks refer to bytes of this block, whose place the next one takes.
      if (worker !== workerIndex) instance.drain();
    }
    instance.drain();
  }

  #pass(from: number, to: number): void {
    const { context, instance, operator, state } = this.#parts;
    const { kernels } = context;
    const cursor = this.#cursor;
    const pairs = cursor + CURSOR_BYTES;
    const [kernel, ...more] = operator.kind === "limit" ? (["store_pass_first", operator.limit] as const) : (["store_pass_new"] as const);
    const store = state.storeAddress(operator.index);
    const view = kernels.view();
    view.setUint32(cursor, from, true);
    view.setUint32(cursor + 4, to, true);
    while (kernels.view().getUint32(cursor, true) < to) {
      const count = (kernels.exports[kernel]!(store, cursor, pairs, PAIRS, ...more) as number) >>> 0;
      if (count === ROWS_FAILED) throw runtimeError(kernels, []);
      if (count > 0) instance.call("emit", pairs, count);
      this.#partial?.afterBlock(count);
      this.#passed += count;
    }
  }

  #allocate(bytes: number): number {
    const { kernels } = this.#parts.context;
    const address = (kernels.exports["arena_alloc"]!(ARENA_BATCH, bytes) as number) >>> 0;
    if (address === 0) throw outOfMemory(kernels);
    return address;
  }
}

function customMetrics({ context, operator, state }: RowTaskParts): StateReply["customMetrics"] {
  if (operator.kind === "limit") return {};
  const duplicates = context.kernels.exports["store_duplicates"]!(state.storeAddress(operator.index)) as number;
  return { numDroppedDuplicateRows: duplicates >>> 0 };
}
