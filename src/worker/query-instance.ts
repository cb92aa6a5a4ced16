/**
 * A query in one worker: its own memory, kernels, stages, static tables and state. In a worker; commands come one at a time.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import { assert } from "../base/assert.ts";
import { MillraceError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import {
  ARENA_BATCH,
  ARENA_COUNT,
  ARENA_QUERY,
  ARENA_SPLIT,
  ARENA_TABLES,
  BATCH_EPOCH,
  BATCH_TIMESTAMP,
  EVENT_TIME_STATS,
  EVENT_TIME_STATS_BYTES,
  EVICT_WATERMARK,
  LATE_WATERMARK,
} from "../columnar/memory-layout.ts";
import { type RowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../columnar/row-layout.ts";
import { CONTEXT_JOIN_ROW, CONTEXT_LATE_ROWS, CONTEXT_POOL, CONTEXT_PROBE_ROW, staticTableSlot } from "../compile/stage-context.ts";
import { functionRegistry } from "../functions/registry.ts";
import type { BatchAttempt } from "../connectors/sink.ts";
import type { ChangeFile, StateStart } from "../coordinator/batch-runner.ts";
import type { Kernels } from "../kernels/load.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { KeyedOperator, PhysicalProgram, RowOperator, Stage } from "../plan/physical/program.ts";
import type {
  BatchParameters,
  Command,
  ExchangeBlock,
  MergeReply,
  ScanReply,
  ScanSplit,
  StateReply,
  StateSize,
  TaskResult,
} from "../protocol/messages.ts";
import type { PassBegin } from "../state/chunk-stager.ts";
import { Interpreter } from "./interpret.ts";
import { MergeTask } from "./merge-task.ts";
import { ObservedTables } from "./observed-metrics.ts";
import { PaneWindows } from "./pane-windows.ts";
import { QueryState } from "./query-state.ts";
import { RowTask } from "./row-task.ts";
import { ScanTask } from "./scan-task.ts";
import { groupsLog2Of } from "./shuffle/partial-aggregate.ts";
import { StageInstance } from "./stage-instance.ts";

/** What tasks need of the query they belong to. */
export interface TaskContext {
  readonly kernels: Kernels;
  readonly program: PhysicalProgram;
  readonly ports: Ports;
  readonly workerIndex: number;
  readonly workerCount: number;
  readonly output: Extract<Command, { kind: "load" }>["output"];
  readonly batch: BatchParameters;
  /** Address of the descriptor of the rows that are shuffled to an operator. */
  readonly layoutAddress: (operator: number) => number;
  /** What makes windows of the panes that an aggregate keeps; null: it keeps none. */
  readonly panes: (aggregate: number) => PaneWindows | null;
}

const shuffledLayout = (operator: KeyedOperator): RowLayout => (operator.kind === "aggregate" ? operator.layout : operator.shuffled);

const UNSET_WATERMARK = -(2n ** 63n);

export class QueryInstance {
  readonly #load: Extract<Command, { kind: "load" }>;
  readonly #kernels: Kernels;
  readonly #ports: Ports;
  readonly #workerIndex: number;
  readonly #workerCount: number;
  readonly #stages: readonly StageInstance[];
  readonly #layouts: readonly number[];
  /** Addresses of the static tables' row layouts. */
  readonly #tableLayouts: number[] = [];
  readonly #panes: readonly (PaneWindows | null)[];
  readonly #state: QueryState | null;
  readonly #observed: ObservedTables;
  #batch: BatchParameters | null = null;
  #epoch = 0;
  /** A stage of the running batch has failed. */
  #hasFailed = false;
  /** Per stage: rows do not reduce, so partial aggregation is skipped. */
  readonly #direct: boolean[];
  /** Per stage: rows for the exchange that a task of the last batch had. */
  readonly #rowsOut: number[];
  /** By the stages that they are of: tasks that have begun to take in rows of the running batch. */
  readonly #rowTasks = new Map<number, RowTask>();
  /** Per stage: bytes of rows that such a task of the last batch took in. */
  readonly #rowBytes: number[];

  constructor(load: Extract<Command, { kind: "load" }>, kernels: Kernels, workerIndex: number, workerCount: number, ports: Ports) {
    this.#load = load;
    this.#ports = ports;
    this.#workerIndex = workerIndex;
    this.#workerCount = workerCount;
    this.#kernels = kernels;
    const { program } = load;
    this.#layouts = program.operators.map((operator) => this.#writeLayout(shuffledLayout(operator)));
    this.#observed = new ObservedTables(
      this.#kernels,
      program,
      program.observed.map(({ aggregate }) => this.#writeLayout(aggregate.layout)),
    );
    const interpreter = new Interpreter(this.#kernels, functionRegistry, program.timeZone);
    this.#stages = load.stages.map((stage) => new StageInstance(this.#kernels, stage, interpreter));
    this.#direct = load.stages.map(() => false);
    this.#rowsOut = load.stages.map(() => 0);
    this.#rowBytes = load.stages.map(() => 0);
    const probeBytes = Math.max(
      64,
      ...[...program.operators, ...program.observed.map(({ aggregate }) => aggregate)].map((operator) => shuffledLayout(operator).rowBytes),
    );
    const joinBytes = Math.max(64, ...program.staticTables.map(({ layout }) => layout.rowBytes));
    for (const stage of this.#stages) {
      stage.setContext(CONTEXT_PROBE_ROW, this.#allocate(probeBytes));
      stage.setContext(CONTEXT_JOIN_ROW, this.#allocate(joinBytes));
    }
    this.#panes = program.operators.map((operator, index) =>
      operator.kind === "aggregate" && operator.layout.panes
        ? new PaneWindows(this.#kernels, operator, this.#layouts[index]!, program.partitions)
        : null,
    );
    this.#state = program.operators.some(({ state }) => state !== null)
      ? new QueryState(this.#kernels, program, load.checkpoint!, ports, workerIndex, workerCount, this.#panes)
      : null;
  }

  get memorySet(): number {
    return this.#load.memorySet;
  }

  /** Ends the query and empties its arenas; the kernels and their memory can serve another. Not for queries with state. */
  release(): Kernels {
    for (let arena = 0; arena < ARENA_COUNT; arena++) this.#kernels.exports["arena_reset"]!(arena);
    return this.#kernels;
  }

  /** The query ends here, or starts afresh in another instance. */
  close(): void {
    this.#state?.close();
  }

  /** Table 0 comes first and takes the place of all tables loaded before. */
  loadTable(index: number, batches: readonly Uint8Array[]): null {
    const kernels = this.#kernels;
    if (index === 0) {
      kernels.exports["arena_reset"]!(ARENA_TABLES);
      const pool = (kernels.exports["flat_new"]!(0, ARENA_TABLES) as number) >>> 0;
      if (pool === 0) throw outOfMemory(kernels);
      for (const each of this.#stages) each.setContext(CONTEXT_POOL, pool);
    }
    const probing = this.#load.stages.findIndex(({ tables }) => tables.some(({ table }) => table === index));
    if (probing < 0) return null;
    const stage = this.#stages[probing]!;
    const { layout } = this.#load.stages[probing]!.tables.find(({ table }) => table === index)!;
    const layoutAddress = (this.#tableLayouts[index] ??= stage.allocateLayout(layout));
    const address = (kernels.exports["flat_new"]!(layoutAddress, ARENA_TABLES) as number) >>> 0;
    if (address === 0) throw outOfMemory(kernels);
    for (const each of this.#stages) each.setContext(staticTableSlot(index), address);
    for (const batch of batches) {
      kernels.exports["arena_reset"]!(ARENA_SPLIT);
      const copy = (kernels.exports["arena_alloc"]!(ARENA_SPLIT, batch.length) as number) >>> 0;
      if (copy === 0) throw outOfMemory(kernels);
      copyBytes(kernels.bytes(), copy, batch);
      let row = 0;
      for (let block = kernels.exports["batch_block"]!(copy, row); block !== 0; block = kernels.exports["batch_block"]!(copy, row)) {
        stage.call(`build${index}`, block);
        row += kernels.view().getUint32(block, true);
      }
    }
    return null;
  }

  begin(batch: BatchParameters): null {
    const view = this.#kernels.view();
    this.#kernels.exports["arena_reset"]!(ARENA_BATCH);
    this.#batch = batch;
    this.#hasFailed = false;
    this.#epoch = this.#epoch === 0xffffffff ? 1 : this.#epoch + 1;
    view.setUint32(BATCH_EPOCH, this.#epoch, true);
    view.setBigInt64(BATCH_TIMESTAMP, BigInt(batch.timestampMs) * 1000n, true);
    const watermark = (ms: number): bigint => (ms === 0 ? UNSET_WATERMARK : BigInt(ms) * 1000n);
    view.setBigInt64(LATE_WATERMARK, watermark(batch.lateWatermarkMs), true);
    view.setBigInt64(EVICT_WATERMARK, watermark(batch.evictWatermarkMs), true);
    this.#load.program.watermarks.forEach((_watermark, index) => {
      const cell = EVENT_TIME_STATS + EVENT_TIME_STATS_BYTES * index;
      view.setBigInt64(cell, -(2n ** 63n), true);
      view.setBigInt64(cell + 8, 2n ** 63n - 1n, true);
      view.setFloat64(cell + 16, 0, true);
      view.setBigInt64(cell + 24, 0n, true);
    });
    for (const stage of this.#stages) stage.setContext(CONTEXT_LATE_ROWS, 0);
    this.#observed.begin(this.#stages);
    this.#state?.begin(batch, this.#epoch);
    return null;
  }

  scan(stage: number, splits: readonly ScanSplit[], next: Int32Array): ScanReply {
    const instance = this.#stages[stage]!;
    const plan = this.#load.program.stages[stage]!;
    try {
      const task = new ScanTask(
        this.#taskContext(),
        instance,
        plan,
        this.#direct[stage]!,
        this.#groupsLog2(plan),
        this.#taskOfEachBlock(plan),
      );
      const tasks = task.run(splits, next);
      this.#direct[stage] = task.direct;
      this.#rowsOut[stage] = task.rowsOutMax;
      return { tasks, ...this.#statistics() };
    } catch (error) {
      instance.discard();
      this.#hasFailed = true;
      throw error;
    }
  }

  /**
   * The task that takes in the rows of a scan block by block; null: they go through the exchange. The only worker need not wait for others, but has to see
   * all rows at once where their state does not fit into memory, and tables of partial aggregates do not outlive a split.
   */
  #taskOfEachBlock({ sink }: Stage): RowTask | null {
    if (this.#workerCount > 1 || sink.kind !== "shuffle") return null;
    const { program } = this.#load;
    const { kind, index } = program.operators[sink.operator]!;
    const next = program.stages.find(({ input }) => input.kind === "merge" && input.operator === index);
    if (kind === "aggregate" || !next || next.sink.kind === "shuffle") return null;
    this.#state!.touch();
    return this.#state!.beginUpdates(this.#rowBytes[next.index]!) ? null : this.#rowTask(next.index);
  }

  #rowTask(stage: number): RowTask {
    const { program, memories } = this.#load;
    const plan = program.stages[stage]!;
    const operator = program.operators[(plan.input as { operator: number }).operator] as RowOperator;
    const parts = { context: this.#taskContext(), instance: this.#stages[stage]!, stage: plan, operator, memories, state: this.#state! };
    const task = this.#rowTasks.get(stage) ?? new RowTask(parts);
    this.#rowTasks.set(stage, task);
    return task;
  }

  /** Only aggregates: each of their groups comes from one lane, and their order is that of their tables. */
  #groupsLog2({ index, sink }: Stage): number {
    const operator = sink.kind === "shuffle" ? this.#load.program.operators[sink.operator]! : null;
    if (operator?.kind !== "aggregate" || operator.state === null) return 0;
    return groupsLog2Of(this.#state!.memoryBytes(operator.index), this.#rowsOut[index]! / this.#workerCount);
  }

  merge(stage: number, blocks: readonly ExchangeBlock[]): MergeReply {
    const instance = this.#stages[stage]!;
    try {
      const { result, state } = this.#runMerge(stage, instance, blocks);
      return { tasks: [result], ...this.#statistics(), state };
    } catch (error) {
      instance.discard();
      this.#hasFailed = true;
      throw error;
    }
  }

  #runMerge(stage: number, instance: StageInstance, blocks: readonly ExchangeBlock[]): { result: TaskResult; state: StateReply | null } {
    const { program, memories } = this.#load;
    const { [stage]: plan } = program.stages;
    const operator = program.operators[(plan!.input as { operator: number }).operator]!;
    const context = this.#taskContext();
    this.#state?.touch();
    if (operator.kind === "aggregate") return new MergeTask(context, instance, plan!, operator, memories, this.#state).run(blocks);
    const task = this.#rowTask(stage);
    this.#rowTasks.delete(stage);
    const senders = program.stages.filter(({ sink }) => sink.kind === "shuffle" && sink.operator === operator.index);
    const lateRows = senders.reduce((sum, { index }) => sum + this.#stages[index]!.context(CONTEXT_LATE_ROWS), 0);
    const reply = task.finish(blocks, lateRows);
    this.#rowBytes[stage] = task.bytes;
    return reply;
  }

  restore(start: StateStart, chunksBatch: number | null): null {
    this.#state?.restore(start, chunksBatch);
    return null;
  }

  /** After a stage that failed nothing is written: the command was on its way already. */
  writeChanges(): readonly ChangeFile[] {
    if (this.#hasFailed) return [];
    return this.#state?.writeChanges(this.#batch!) ?? [];
  }

  sync(): number {
    return this.#state?.sync() ?? 0;
  }

  commit(next: BatchAttempt): StateSize {
    const size = this.#state?.commit(next) ?? { stateBytes: 0, changeBytes: 0 };
    this.#kernels.exports["arena_reset"]!(ARENA_BATCH);
    return size;
  }

  abort(): null {
    this.#state?.abort();
    for (const task of this.#rowTasks.values()) task.abort();
    this.#rowTasks.clear();
    for (const stage of this.#stages) stage.discard();
    this.#kernels.exports["arena_reset"]!(ARENA_BATCH);
    return null;
  }

  stage(buffer: Uint8Array, begins: PassBegin, forMs: number): ReturnType<QueryState["stage"]> {
    return this.#state?.stage(buffer, begins, forMs) ?? null;
  }

  #taskContext(): TaskContext {
    assert(this.#batch, "a batch is running");
    return {
      kernels: this.#kernels,
      program: this.#load.program,
      ports: this.#ports,
      workerIndex: this.#workerIndex,
      workerCount: this.#workerCount,
      output: this.#load.output,
      batch: this.#batch,
      layoutAddress: (operator) => this.#layouts[operator]!,
      panes: (aggregate) => this.#panes[aggregate]!,
    };
  }

  #statistics(): Omit<ScanReply, "tasks"> {
    return { eventTime: this.#eventTime(), observed: this.#observed.read() };
  }

  #eventTime(): ScanReply["eventTime"] {
    const view = this.#kernels.view();
    return this.#load.program.watermarks.map((_watermark, index) => {
      const cell = EVENT_TIME_STATS + EVENT_TIME_STATS_BYTES * index;
      const rows = Number(view.getBigInt64(cell + 24, true));
      if (rows === 0) return null;
      return {
        rows,
        maxMicros: view.getBigInt64(cell, true),
        minMicros: view.getBigInt64(cell + 8, true),
        sumMicros: view.getFloat64(cell + 16, true),
      };
    });
  }

  #writeLayout(layout: RowLayout): number {
    const address = this.#allocate(rowLayoutDescriptorBytes(layout));
    writeRowLayout(layout, this.#kernels.view(), address);
    return address;
  }

  #allocate(bytes: number): number {
    const address = (this.#kernels.exports["arena_alloc"]!(ARENA_QUERY, bytes) as number) >>> 0;
    if (address === 0) throw new MillraceError("WORKER_OUT_OF_MEMORY", { bytes: String(bytes) });
    // The memory may have served another query, and new groups begin as copies of the probe row.
    this.#kernels.bytes().fill(0, address, address + bytes);
    return address;
  }
}
