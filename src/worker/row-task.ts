/**
 * A stage behind deduplication or a limit, in a worker: looks up the rows of the exchange blocks in state, in split order, and runs those
 * that pass through the pipeline at once.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { ARENA_BATCH } from "../columnar/memory-layout.ts";
import { runtimeError } from "../compile/runtime-error.ts";
import type { RowOperator, Stage } from "../plan/physical/program.ts";
import type { ExchangeBlock, StateReply, TaskResult } from "../protocol/messages.ts";
import type { TaskContext } from "./query-instance.ts";
import { forEachGroupedRun } from "./grouped-rows.ts";
import type { QueryState } from "./query-state.ts";
import { PAIRS, partialAggregate } from "./shuffle/partial-aggregate.ts";
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
  /** Rows that the stage before dropped in this worker because they were late. */
  readonly lateRows: number;
}

export function runRowTask(parts: RowTaskParts, blocks: readonly ExchangeBlock[]): { result: TaskResult; state: StateReply } {
  const { context, instance, stage, operator, state, lateRows } = parts;
  const { kernels, workerIndex, ports } = context;
  const started = ports.clock.monotonicMs();
  const startedCalls = instance.calls;
  const output = new TaskOutput(context, stage, workerIndex);
  instance.output = (block) => output.write(block);
  const { sink } = stage;
  const partial = sink.kind === "shuffle" ? partialAggregate(context, instance, 0, sink.operator, false) : null;
  try {
    const passed = passRows(parts, blocks, (rows) => partial?.afterBlock(rows));
    const lanes = partial ? partial.finish() : [];
    const updated = ports.clock.monotonicMs();
    const numbers = state.evict(kernels, operator.index, operator.state.watermarked, updated - started);
    return {
      state: {
        ...numbers,
        customMetrics: { ...numbers.customMetrics, ...customMetrics(parts) },
        rowsDroppedByWatermark: lateRows,
        removalsMs: ports.clock.monotonicMs() - updated,
      },
      result: {
        index: workerIndex,
        inputRows: passed,
        malformedRows: 0,
        skippedRows: 0,
        outputRows: output.rows,
        blocks: blocks.length,
        calls: instance.calls - startedCalls,
        lanes,
        ...output.finish(),
        elapsedMs: ports.clock.monotonicMs() - started,
        inputBytes: blocks.reduce((sum, { bytes }) => sum + bytes, 0),
        readMs: 0,
        stepRows: instance.takeStepRows(),
      },
    };
  } catch (error) {
    output.abort();
    throw error;
  }
}

function customMetrics({ context, operator, state }: RowTaskParts): StateReply["customMetrics"] {
  if (operator.kind === "limit") return {};
  const duplicates = context.kernels.exports["store_duplicates"]!(state.storeAddress(operator.index)) as number;
  return { numDroppedDuplicateRows: duplicates >>> 0 };
}

/** Returns how many rows passed. */
function passRows(
  { context, instance, operator, memories, state }: RowTaskParts,
  blocks: readonly ExchangeBlock[],
  after: (rows: number) => void,
): number {
  const { kernels, program, workerIndex } = context;
  const store = state.storeAddress(operator.index);
  const cursor = allocate(CURSOR_BYTES + 8 * PAIRS);
  const pairs = cursor + CURSOR_BYTES;
  let copy = { address: 0, bytes: 0 };
  let passed = 0;
  if (state.beginUpdates(blocks.reduce((sum, { bytes }) => sum + bytes, 0)) && operator.kind !== "limit") {
    const { partitions } = program;
    const parts = { kernels, workerIndex, memories, arena: ARENA_BATCH, store, partitions, chunksMax: state.chunksMax };
    forEachGroupedRun(parts, blocks, (from, to) => {
      passRun(from, to);
      // Rows that wait in out-blocks refer to bytes whose place the next run takes.
      instance.drain();
      state.reclaim();
    });
    return passed;
  }
  for (const { worker, address, bytes } of blocks) {
    const start = worker === workerIndex ? address : copyOf(worker, address, bytes);
    passRun(start, start + bytes);
    // Rows that wait in out-blocks refer to bytes of this block, whose place the next one takes.
    if (worker !== workerIndex) instance.drain();
  }
  instance.drain();
  return passed;

  function passRun(from: number, to: number): void {
    const view = kernels.view();
    view.setUint32(cursor, from, true);
    view.setUint32(cursor + 4, to, true);
    while (kernels.view().getUint32(cursor, true) < to) {
      const count = (operator.kind === "limit" ? pass("store_pass_first", operator.limit) : pass("store_pass_new")) >>> 0;
      if (count === ROWS_FAILED) throw runtimeError(kernels, []);
      if (count > 0) instance.call("emit", pairs, count);
      after(count);
      passed += count;
    }
  }

  function pass(kernel: string, ...more: number[]): number {
    return kernels.exports[kernel]!(store, cursor, pairs, PAIRS, ...more) as number;
  }

  function copyOf(worker: number, address: number, bytes: number): number {
    if (copy.bytes < bytes) copy = { address: allocate(bytes), bytes };
    copyBytes(kernels.bytes(), copy.address, new Uint8Array(memories[worker]!.buffer, address, bytes));
    return copy.address;
  }

  function allocate(bytes: number): number {
    const address = (kernels.exports["arena_alloc"]!(ARENA_BATCH, bytes) as number) >>> 0;
    if (address === 0) throw outOfMemory(kernels);
    return address;
  }
}
