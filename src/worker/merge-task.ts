/**
 * A merge stage in a worker: takes in the exchange blocks of the partitions it owns, in split order, then emits what is due and runs it
 * through the rest of the pipeline.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { ARENA_BATCH, ARENA_SPLIT } from "../columnar/memory-layout.ts";
import { CONTEXT_STORE } from "../compile/stage-context.ts";
import type { AggregateOperator, Stage } from "../plan/physical/program.ts";
import type { ExchangeBlock, StateReply, TaskResult } from "../protocol/messages.ts";
import type { TaskContext } from "./query-instance.ts";
import { forEachGroupedRun } from "./grouped-rows.ts";
import type { QueryState } from "./query-state.ts";
import { forEachPairs, partialAggregate } from "./shuffle/partial-aggregate.ts";
import type { StageInstance } from "./stage-instance.ts";
import { TaskOutput } from "./task-output.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";

/** Partition of an aggregate without keys: its hash is the seed. */
const KEYLESS_HASH = 42;

export class MergeTask {
  readonly #context: TaskContext;
  readonly #instance: StageInstance;
  readonly #stage: Stage;
  readonly #operator: AggregateOperator;
  readonly #memories: readonly WebAssembly.Memory[];
  readonly #state: QueryState | null;

  constructor(
    context: TaskContext,
    instance: StageInstance,
    stage: Stage,
    operator: AggregateOperator,
    memories: readonly WebAssembly.Memory[],
    state: QueryState | null,
  ) {
    this.#context = context;
    this.#instance = instance;
    this.#stage = stage;
    this.#operator = operator;
    this.#memories = memories;
    this.#state = state;
  }

  run(blocks: readonly ExchangeBlock[]): { result: TaskResult; state: StateReply | null } {
    const { kernels, program, workerIndex, workerCount, layoutAddress, ports } = this.#context;
    const operator = this.#operator;
    const stateful = operator.state !== null;
    const store = stateful
      ? this.#state!.storeAddress(operator.index)
      : (kernels.exports["table_new"]!(layoutAddress(operator.index), ARENA_BATCH + 1) as number) >>> 0;
    if (store === 0) throw outOfMemory(kernels);
    this.#instance.setContext(CONTEXT_STORE, store);

    const started = ports.clock.monotonicMs();
    const startedCalls = this.#instance.calls;
    let emittedRows = 0;
    const inBytes = blocks.reduce((sum, { bytes }) => sum + bytes, 0);
    const isTight = stateful && this.#state!.beginUpdates(inBytes);
    if (isTight) this.#mergeGrouped(store, blocks);
    else this.#mergeInOrder(store, blocks);
    if (operator.layout.keys.length === 0 && (KEYLESS_HASH % program.partitions) % workerCount === workerIndex)
      this.#instance.call("initial");
    const merged = ports.clock.monotonicMs();
    const isPartlyCold = stateful && this.#state!.endUpdates();

    const output = new TaskOutput(this.#context, this.#stage, workerIndex);
    try {
      this.#instance.output = (block) => output.write(block);
      const { sink } = this.#stage;
      const partial = sink.kind === "shuffle" ? partialAggregate(this.#context, this.#instance, 0, sink.operator, false) : null;
      const emit = (pairs: number, count: number): void => {
        this.#instance.call("emit", pairs, count);
        emittedRows += count;
        partial?.afterBlock(count);
      };
      const panes = this.#context.panes(operator.index);
      if (panes) panes.emit(this.#instance, store, emit);
      else {
        const scan = scanKernel(operator);
        forEachPairs(kernels, ARENA_BATCH, (cursor, pairs, max) => {
          const count = kernels.exports[scan]!(store, cursor, pairs, max) as number;
          if (count === 0) return 0;
          emit(pairs, count);
          // Text of rows that wait in out-blocks lies in chunks, which may make room for the next ones.
          if (isPartlyCold) this.#instance.drain();
          return count;
        });
      }
      this.#instance.drain();
      const emissionEnd = ports.clock.monotonicMs();
      const state = stateful ? this.#state!.evict(kernels, operator.index, operator.state!.watermarked, merged - started) : null;
      const removalsMs = ports.clock.monotonicMs() - emissionEnd;
      const lanes = partial ? partial.finish() : [];
      return {
        state: state && { ...state, removalsMs },
        result: {
          index: workerIndex,
          inputRows: emittedRows,
          malformedRows: 0,
          skippedRows: 0,
          outputRows: output.rows,
          blocks: blocks.length,
          calls: this.#instance.calls - startedCalls,
          lanes,
          ...output.finish(),
          elapsedMs: ports.clock.monotonicMs() - started,
          inputBytes: inBytes,
          readMs: 0,
          stepRows: this.#instance.takeStepRows(),
        },
      };
    } catch (error) {
      output.abort();
      throw error;
    } finally {
      kernels.exports["arena_reset"]!(ARENA_SPLIT);
    }
  }

  #mergeGrouped(store: number, blocks: readonly ExchangeBlock[]): void {
    const { kernels, program, workerIndex } = this.#context;
    const state = this.#state!;
    kernels.exports["arena_reset"]!(ARENA_SPLIT);
    const { partitions } = program;
    const { chunksMax } = state;
    const parts = { kernels, workerIndex, memories: this.#memories, arena: ARENA_SPLIT, store, partitions, chunksMax };
    forEachGroupedRun(parts, blocks, (from, to) => {
      this.#instance.call("merge", from, to);
      state.reclaim();
    });
    kernels.exports["arena_reset"]!(ARENA_SPLIT);
  }

  #mergeInOrder(store: number, blocks: readonly ExchangeBlock[]): void {
    let group = -1;
    blocks.forEach((block, index) => {
      if (this.#state && block.groupsLog2 > 0 && block.group !== group) this.#warm(store, blocks, index);
      group = block.group;
      this.#merge(block);
    });
  }

  /** Has what the rows of the group that begins at `index` will read loaded. */
  #warm(store: number, blocks: readonly ExchangeBlock[], index: number): void {
    const { group, groupsLog2 } = blocks[index]!;
    let bytes = 0;
    for (let i = index; i < blocks.length && blocks[i]!.group === group; i++) bytes += blocks[i]!.bytes;
    this.#context.kernels.exports["store_warm"]!(store, group, groupsLog2, bytes);
  }

  #merge({ worker, address, bytes }: ExchangeBlock): void {
    if (worker === this.#context.workerIndex) return this.#instance.call("merge", address, address + bytes);
    const { kernels } = this.#context;
    kernels.exports["arena_reset"]!(ARENA_SPLIT);
    const copy = (kernels.exports["arena_alloc"]!(ARENA_SPLIT, bytes) as number) >>> 0;
    if (copy === 0) throw outOfMemory(kernels);
    copyBytes(kernels.bytes(), copy, new Uint8Array(this.#memories[worker]!.buffer, address, bytes));
    this.#instance.call("merge", copy, copy + bytes);
  }
}

/** Which rows leave the operator in this batch. */
function scanKernel(operator: AggregateOperator): string {
  if (!operator.state) return "table_scan";
  switch (operator.state.emit) {
    case "append":
      return "store_scan_evictable";
    case "update":
      return "store_scan_dirty";
    case "complete":
      return "store_scan_all";
  }
}
