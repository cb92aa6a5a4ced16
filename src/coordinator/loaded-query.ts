/**
 * A physical program loaded in all workers of a pool: compiled once, its stages run in order over the splits of a batch. Batch queries
 * and streaming queries alike go through it. Main thread.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import type { TableBatches } from "./tail.ts";
import { failpoint } from "../base/failpoint.ts";
import { compileStage } from "../compile/pipeline.ts";
import { loadModule } from "../compile/module-cache.ts";
import { batchSplits } from "../connectors/memory/memory-stream.ts";
import type { SinkOutput } from "../connectors/sink.ts";
import type { JsonValue, Split } from "../connectors/source.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import type { PhysicalProgram, Stage, StageSink } from "../plan/physical/program.ts";
import type {
  BatchParameters,
  CheckpointTarget,
  ExchangeBlock,
  LoadedStage,
  MergeReply,
  OutputTarget,
  QueryNumber,
  ScanReply,
  ScanSplit,
  StateReply,
  TaskResult,
} from "../protocol/messages.ts";
import type { ChangeFile, EventTimeStats } from "./batch-runner.ts";
import { runSessionStep } from "./session-step.ts";
import { type StageStatistics, stageStatistics } from "./stage-statistics.ts";
import { type MemorySet, settle, type WorkerPool } from "./worker-pool.ts";

/** Splits of one source of the program, with the rows of sources that live here. */
export interface SourceSplits {
  readonly splits: readonly Split[];
  readonly attachments?: readonly Uint8Array[];
}

export interface StagesResult {
  readonly sink: SinkOutput;
  /** Per source of the program. */
  readonly inputRows: readonly number[];
  readonly eventTime: readonly (EventTimeStats | null)[];
  readonly stages: readonly StageStatistics[];
  /** Buffers of observed metrics, per worker. */
  readonly observed: readonly ScanReply["observed"][];
  /** Per stateful operator, in program order: the replies of all workers. */
  readonly state: ReadonlyMap<number, readonly StateReply[]>;
  /** Written, and not durable before `sync`; none of a query without state. */
  readonly changeFiles: readonly ChangeFile[];
}

const DONE = Promise.resolve();
const NO_FILES: Promise<readonly ChangeFile[]> = Promise.resolve([]);
const NOTHING_TO_SYNC: Promise<readonly number[]> = Promise.resolve([0]);

let nextQueryNumber = 0;

export class LoadedQuery {
  readonly program: PhysicalProgram;
  readonly number: QueryNumber = nextQueryNumber++;
  readonly #pool: WorkerPool;
  readonly #stages: readonly LoadedStage[];
  readonly #output: OutputTarget;
  readonly #checkpoint: CheckpointTarget | null;
  readonly #functions: FunctionRegistry;
  #memories: readonly WebAssembly.Memory[] = [];
  #memorySet: MemorySet | null = null;
  #tables: readonly TableBatches[] = [];
  /** Per worker the milliseconds that its change file took, once it is durable. */
  #synced: Promise<readonly number[]> = NOTHING_TO_SYNC;

  constructor(
    pool: WorkerPool,
    program: PhysicalProgram,
    functions: FunctionRegistry,
    output: OutputTarget,
    checkpoint: CheckpointTarget | null,
  ) {
    this.#pool = pool;
    this.program = program;
    this.#output = output;
    this.#checkpoint = checkpoint;
    this.#functions = functions;
    this.#stages = program.stages.map((stage) => {
      const { bytes, ...compiled } = compileStage(program, stage, functions);
      return { ...compiled, module: loadModule(bytes) };
    });
  }

  /** Loads program and static tables into every worker; called again after a worker died: then all start afresh. */
  async load(tables: readonly TableBatches[]): Promise<void> {
    this.#memorySet = this.#pool.takeMemories();
    this.#memories = this.#memorySet.memories;
    await this.#pool.all({
      kind: "load",
      query: this.number,
      program: withoutClosures(this.program),
      stages: this.#stages,
      kernels: this.#pool.kernels,
      memories: this.#memories,
      memorySet: this.#memorySet.id,
      output: this.#output,
      checkpoint: this.#checkpoint,
    });
    await this.loadTables(tables);
  }

  /** Loads the static tables, in place of those that are there. */
  async loadTables(tables: readonly TableBatches[]): Promise<void> {
    this.#tables = tables;
    for (const [table, batches] of tables.entries()) await this.#pool.all({ kind: "table", query: this.number, table, batches });
  }

  async reload(): Promise<void> {
    await this.load(this.#tables);
  }

  /**
   * Runs all stages over `sources` (one entry per source of the program) and, once `mayWriteState` has resolved, has the changes of state written
   * and made durable, which only `sync` waits for. Workers take commands in order, so `begin` travels with the first stage, `changes` and `sync`
   * with the last: a command that nothing waits for costs no time of its own.
   */
  async run(batch: BatchParameters, sources: readonly SourceSplits[], mayWriteState: Promise<void> = DONE): Promise<StagesResult> {
    this.#synced = NOTHING_TO_SYNC;
    try {
      return await this.#runStages(batch, sources, mayWriteState);
    } catch (error) {
      await settle([Promise.reject(error), this.#synced]);
      throw error;
    }
  }

  async #runStages(batch: BatchParameters, sources: readonly SourceSplits[], mayWriteState: Promise<void>): Promise<StagesResult> {
    const begun = this.#pool.all({ kind: "begin", query: this.number, batch });
    const inputRows = this.program.sources.map(() => 0);
    const state = new Map<number, readonly StateReply[]>();
    /** What the stages so far have sent to each operator, and out. */
    const sent = new Map<number | string, readonly TaskOfWorker[]>();
    let statistics: readonly ScanReply[] = [];
    const stages: StageStatistics[] = [];
    const made = [...sources];
    let changeFiles: readonly ChangeFile[] = [];
    const lastMerge = this.program.stages.findLast(({ input }) => input.kind === "merge");
    for (const stage of this.program.stages) {
      let tasks: readonly TaskOfWorker[];
      if (stage.input.kind === "scan") {
        await this.#runSessionSteps(stage, sent, batch, made);
        const [, scanned] = await settle([begun, this.#scan(stage, made)]);
        scanned.tasks.forEach(({ task, source }) => (inputRows[source] = inputRows[source]! + task.inputRows));
        tasks = scanned.tasks;
        statistics = scanned.replies;
      } else {
        const { operator } = stage.input;
        const merged = this.#merge(stage, sent.get(operator) ?? []);
        const [replies, written] = await settle([merged, stage === lastMerge ? this.#writeChanges(mayWriteState) : NO_FILES]);
        statistics = replies;
        changeFiles = written;
        const stateReplies = replies.flatMap((reply) => (reply.state ? [reply.state] : []));
        if (stateReplies.length > 0) state.set(operator, stateReplies);
        tasks = replies.flatMap((reply, worker) => reply.tasks.map((task) => ({ task, worker, source: -1 })));
      }
      const sink = sinkKey(stage.sink);
      sent.set(sink, [...(sent.get(sink) ?? []), ...tasks]);
      stages.push(stageStatistics(tasks, this.#pool.size));
    }
    const observed = statistics.map((reply) => reply.observed);
    return {
      sink: this.#sinkOutput(sent.get("output") ?? []),
      inputRows,
      eventTime: mergeEventTime(statistics),
      observed,
      state,
      stages,
      changeFiles,
    };
  }

  /** Puts what the session steps that `stage` scans make of their rows into `sources`. */
  async #runSessionSteps(
    stage: Stage,
    sent: ReadonlyMap<number | string, readonly TaskOfWorker[]>,
    batch: BatchParameters,
    sources: SourceSplits[],
  ): Promise<void> {
    const context = { batchTimestampMicros: BigInt(batch.timestampMs) * 1000n, timeZone: this.program.timeZone };
    for (const { source } of stage.pipelines) {
      const { read } = this.program.sources[source]!;
      if (read.kind !== "session") continue;
      const step = this.program.sessionSteps[read.step]!;
      const tasks = sent.get(sinkKey({ kind: "session", step: read.step, rows: step.input })) ?? [];
      const batches = await runSessionStep(step, this.#batchesOf(tasks), this.#functions, context, () => this.#pool.yieldThread());
      const perBatch = batches.map((made) => batchSplits(made, {}));
      sources[source] = { splits: perBatch.flat(), attachments: perBatch.flatMap((splits, i) => splits.map(() => batches[i]!)) };
    }
  }

  async unload(): Promise<void> {
    // State lives in the heap, not in arenas: its memory goes with the query.
    const keepMemory = !this.#hasState;
    await this.#pool.all({ kind: "unload", query: this.number, keepMemory });
    if (keepMemory && this.#memorySet) this.#pool.returnMemories(this.#memorySet);
    this.#memories = [];
    this.#memorySet = null;
  }

  /** Waits until the change files of the batch are durable. Resolves to the milliseconds that the slowest worker took for its own. */
  async sync(): Promise<number> {
    return Math.max(...(await this.#synced));
  }

  get #hasState(): boolean {
    return this.program.operators.some(({ state }) => state);
  }

  async #writeChanges(mayWriteState: Promise<void>): Promise<readonly ChangeFile[]> {
    if (!this.#hasState) return [];
    await mayWriteState;
    failpoint("before-change-files");
    const written = this.#pool.all({ kind: "changes", query: this.number });
    this.#synced = this.#pool.all({ kind: "sync", query: this.number });
    this.#synced.catch(() => undefined);
    return (await written).flat();
  }

  async #scan(stage: Stage, sources: readonly SourceSplits[]): Promise<{ tasks: TaskOfWorker[]; replies: readonly ScanReply[] }> {
    const splits: (ScanSplit & { readonly source: number })[] = stage.pipelines.flatMap(({ source }, pipeline) =>
      sources[source]!.splits.map((split, index) => {
        const attachment = sources[source]!.attachments?.[index];
        return { source, pipeline, split, ...(attachment && { attachment }) };
      }),
    );
    const next = new Int32Array(new SharedArrayBuffer(4));
    const replies = await this.#pool.all({ kind: "scan", query: this.number, stage: stage.index, splits, next });
    const tasks = replies
      .flatMap((reply, worker) => reply.tasks.map((task) => ({ task, worker, source: splits[task.index]!.source })))
      .sort((a, b) => a.task.index - b.task.index);
    return { tasks, replies };
  }

  /** Every worker merges what the tasks wrote for it, in task order; where all have grouped their rows alike, group by group. */
  async #merge(stage: Stage, tasks: readonly TaskOfWorker[]): Promise<readonly MergeReply[]> {
    return this.#pool.each((destination) => ({
      kind: "merge" as const,
      query: this.number,
      stage: stage.index,
      blocks: byGroup(
        tasks.flatMap(({ task, worker }): ExchangeBlock[] => (task.lanes[destination] ?? []).map((block) => ({ worker, ...block }))),
      ),
    }));
  }

  #sinkOutput(tasks: readonly TaskOfWorker[]): SinkOutput {
    return {
      rows: tasks.reduce((sum, { task }) => sum + task.outputRows, 0),
      messages: tasks.flatMap(({ task }): JsonValue[] => (task.message === null ? [] : [task.message])),
      batches: this.#batchesOf(tasks),
    };
  }

  #batchesOf(tasks: readonly TaskOfWorker[]): Uint8Array[] {
    return tasks.flatMap(({ task, worker }) =>
      task.batches.map(({ address, bytes }) => shareCopy(new Uint8Array(this.#memories[worker]!.buffer, address, bytes))),
    );
  }
}

/** Names where a stage sends its rows: an operator by its number. */
function sinkKey(sink: StageSink): number | string {
  return sink.kind === "shuffle" ? sink.operator : sink.kind === "session" ? `session ${sink.step}` : "output";
}

/** What workers need of a program: nothing in it is a function, which could not be sent. */
function withoutClosures(program: PhysicalProgram): PhysicalProgram {
  return {
    ...program,
    sessionSteps: [],
    tail: [],
    observed: program.observed.map((metric) => ({ ...metric, results: [] })),
    staticTables: program.staticTables.map((table) => ({ ...table, plan: NO_PLAN })),
  };
}

const NO_PLAN: LogicalPlan = Object.freeze({ kind: "range", start: 0n, end: 0n, step: 1n, output: [] });

interface TaskOfWorker {
  readonly task: TaskResult;
  readonly worker: number;
  readonly source: number;
}

/** A copy in shared memory of its own: the batch may go back to workers as the rows of a frame. */
function shareCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copyBytes(copy, 0, bytes);
  return copy;
}

function mergeEventTime(replies: readonly ScanReply[]): (EventTimeStats | null)[] {
  const count = replies[0]?.eventTime.length ?? 0;
  return Array.from({ length: count }, (_, index) => {
    const seen = replies.flatMap((reply) => reply.eventTime[index] ?? []);
    if (seen.length === 0) return null;
    const rows = seen.reduce((sum, stats) => sum + stats.rows, 0);
    return {
      rows,
      maxMicros: seen.reduce((max, stats) => (stats.maxMicros > max ? stats.maxMicros : max), seen[0]!.maxMicros),
      minMicros: seen.reduce((min, stats) => (stats.minMicros < min ? stats.minMicros : min), seen[0]!.minMicros),
      averageMs: seen.reduce((sum, stats) => sum + stats.sumMicros, 0) / rows / 1000,
    };
  });
}

/** Rows of one key stay in their order: all of them are in blocks of one group. */
function byGroup(blocks: ExchangeBlock[]): readonly ExchangeBlock[] {
  return blocks.every(({ groupsLog2 }) => groupsLog2 === blocks[0]!.groupsLog2) ? blocks.sort((a, b) => a.group - b.group) : blocks;
}
