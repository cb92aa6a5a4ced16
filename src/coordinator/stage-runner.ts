/**
 * `BatchRunner` over the worker pool: runs the stages of a streaming query, gathers metrics, has change files written, commits and aborts state
 * in memory. Main thread; one per query.
 */
import { crc32c } from "../base/crc32c.ts";
import { MillraceError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { BatchAttempt } from "../connectors/sink.ts";
import type { StreamSource } from "../connectors/source.ts";
import type { StateOperatorMetrics } from "../metrics/query-progress.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { KeyedOperator, PhysicalProgram, StageSink } from "../plan/physical/program.ts";
import type { StateReply } from "../protocol/messages.ts";
import type { BackgroundSnapshots, SnapshotFile } from "./background-snapshots.ts";
import type { BatchInput, BatchOutput, BatchRunner, StateStart } from "./batch-runner.ts";
import type { LoadedQuery, SourceSplits } from "./loaded-query.ts";
import { type StageStatistics, statisticsText } from "./stage-statistics.ts";
import { observedResults } from "./observed-metrics.ts";
import { type TableBatches, runTail } from "./tail.ts";
import { isWorkerDeath } from "./worker-death.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface StageRunnerParts {
  readonly pool: WorkerPool;
  readonly query: LoadedQuery;
  readonly functions: FunctionRegistry;
  /** Distinct streaming sources of the query. */
  readonly sources: readonly StreamSource[];
  /** Per source of the program: index into `sources`, or the splits of a static one. */
  readonly bindings: readonly ({ readonly stream: number } | { readonly fixed: SourceSplits })[];
  /** The static join sides at the start. */
  readonly staticTables: readonly TableBatches[];
  /** Reads them again. */
  readonly readStaticTables: () => Promise<readonly TableBatches[]>;
  /** Null for queries without state. */
  readonly snapshots: BackgroundSnapshots | null;
}

/** Batches that `explain("analyze")` sums up. */
const EXPLAINED_BATCHES = 10;

export class StageRunner implements BatchRunner {
  readonly #parts: StageRunnerParts;
  #evictWatermarkMs = 0;
  /** Per batch of the last ones, newest last, and per stage. */
  #lastBatches: (readonly StageStatistics[])[] = [];
  #epoch = 0;
  #loaded = false;
  #staticVersions: readonly string[];

  constructor(parts: StageRunnerParts) {
    this.#parts = parts;
    this.#staticVersions = parts.staticTables.map(checksum);
  }

  /** What the operators of the last batches did; null before the first one. */
  explainBatches(): { readonly batches: number; readonly text: string } | null {
    const batches = this.#lastBatches.length;
    return batches === 0 ? null : { batches, text: statisticsText(this.#parts.query.program, this.#lastBatches) };
  }

  async restore(start: StateStart): Promise<void> {
    const { pool, query, staticTables, snapshots } = this.#parts;
    const chunksBatch = (await snapshots?.open(start)) ?? null;
    if (this.#loaded) await query.reload();
    else await query.load(staticTables);
    this.#loaded = true;
    if (!snapshots) return;
    try {
      await pool.all({ kind: "restore", query: query.number, start, chunksBatch });
      if (chunksBatch !== null) await snapshots.loaded();
    } catch (error) {
      const isDamaged = error instanceof MillraceError && error.condition === "STATE_CHUNK_STORE_DAMAGED";
      if (!isDamaged) throw error;
      await snapshots.discard();
      await query.reload();
      await pool.all({ kind: "restore", query: query.number, start, chunksBatch: null });
    }
  }

  async run(input: BatchInput, mayWriteState: Promise<void>): Promise<BatchOutput> {
    const { query, functions, sources, bindings } = this.#parts;
    const { program } = query;
    const splits = bindings.map((binding): SourceSplits => {
      if ("fixed" in binding) return binding.fixed;
      const streamSplits = input.splits[binding.stream]!;
      const attachments = sources[binding.stream]!.attachments?.(streamSplits);
      return { splits: streamSplits, ...(attachments && { attachments }) };
    });
    const { attempt, timestampMs, lateWatermarkMs, evictWatermarkMs } = input;
    this.#epoch = attempt.epoch;
    this.#parts.snapshots?.begun();
    const result = await query.run({ attempt, timestampMs, lateWatermarkMs, evictWatermarkMs }, splits, mayWriteState);
    this.#lastBatches.push(result.stages);
    if (this.#lastBatches.length > EXPLAINED_BATCHES) this.#lastBatches.shift();
    failpoint("after-change-files");
    const context = { batchTimestampMicros: BigInt(timestampMs) * 1000n, timeZone: program.timeZone };
    const copying = copyingMetrics(this.#parts.snapshots);
    const batches = runTail(result.sink.batches, program.output, program.tail, functions, context);
    this.#evictWatermarkMs = evictWatermarkMs;
    return {
      sink: { ...result.sink, batches },
      inputRows: sources.map((_source, stream) =>
        bindings.reduce(
          (rows, binding, index) => ("stream" in binding && binding.stream === stream ? Math.max(rows, result.inputRows[index]!) : rows),
          0,
        ),
      ),
      eventTime: result.eventTime,
      stateOperators: downstreamFirst(program).flatMap(
        (operator) => stateMetrics(operator, result.state.get(operator.index) ?? [], program.partitions, copying) ?? [],
      ),
      observedMetrics: observedResults(program.observed, result.observed, functions, context),
      changeFiles: result.changeFiles,
    };
  }

  async sync(output: BatchOutput): Promise<BatchOutput> {
    const commitTimeMs = Math.round(await this.#parts.query.sync());
    return { ...output, stateOperators: output.stateOperators.map((operator) => ({ ...operator, commitTimeMs })) };
  }

  async commit(batchId: number, next: BatchAttempt): Promise<void> {
    const sizes = await this.#parts.pool.all({ kind: "commit", query: this.#parts.query.number, next });
    this.#parts.snapshots?.committed(batchId, this.#epoch, sizes);
  }

  async abort(_batchId: number): Promise<void> {
    await this.#parts.pool.all({ kind: "abort", query: this.#parts.query.number }).finally(() => this.#parts.snapshots?.aborted());
  }

  takeSnapshot(): SnapshotFile | null {
    return this.#parts.snapshots?.take() ?? null;
  }

  /** As Spark: whenever the watermark has moved since the last batch of a query that evicts. */
  needsBatchWithoutData(evictWatermarkMs: number): boolean {
    return evictWatermarkMs > this.#evictWatermarkMs && this.#parts.query.program.operators.some(heedsWatermark);
  }

  async refreshStaticTables(): Promise<void> {
    const tables = await this.#parts.readStaticTables();
    const versions = tables.map(checksum);
    if (versions.every((version, index) => version === this.#staticVersions[index])) return;
    await this.#parts.query.loadTables(tables);
    this.#staticVersions = versions;
  }

  staticVersions(): readonly string[] {
    return this.#staticVersions;
  }

  waitingFor(): string | null {
    return this.#parts.pool.waitingFor(this.#parts.query.number);
  }

  async stop(): Promise<void> {
    await this.#parts.snapshots?.stop();
    // A worker that dies now has nothing left to give back.
    await this.#parts.query.unload().catch((error: unknown) => {
      if (!isWorkerDeath(error)) throw error;
    });
  }
}

const checksum = (batches: TableBatches): string =>
  batches
    .reduce((crc, batch) => crc32c(batch, crc), 0)
    .toString(16)
    .padStart(8, "0");

/** The operators as Spark lists them: from the output to the sources, the inputs of a union from left to right. */
function downstreamFirst({ stages, operators, sources }: PhysicalProgram): KeyedOperator[] {
  const sendingTo = (isTarget: (sink: StageSink) => boolean): KeyedOperator[] =>
    stages.flatMap(({ input, pipelines, sink }) => {
      if (!isTarget(sink)) return [];
      if (input.kind === "merge") return [operators[input.operator]!, ...sendingTo(toOperator(input.operator))];
      return pipelines.flatMap(({ source }) => {
        const { read } = sources[source]!;
        return read.kind === "session" ? sendingTo((other) => other.kind === "session" && other.step === read.step) : [];
      });
    });
  const toOperator = (index: number) => (sink: StageSink) => sink.kind === "shuffle" && sink.operator === index;
  return sendingTo((sink) => sink.kind === "output");
}

/** Whether a moved watermark changes what the operator does: deduplication without a time key evicts nothing, but more rows are late. */
const heedsWatermark = (operator: KeyedOperator): boolean =>
  operator.state?.watermarked === true || (operator.kind === "deduplicate" && operator.eventTime !== null);

function stateMetrics(
  { kind, state }: KeyedOperator,
  replies: readonly StateReply[],
  queryPartitions: number,
  copying: Readonly<Record<string, number>>,
): StateOperatorMetrics | null {
  if (!state) return null;
  const partitions = kind === "limit" ? 1 : queryPartitions;
  const sum = (pick: (reply: StateReply) => number): number => replies.reduce((total, reply) => total + pick(reply), 0);
  const custom = [...new Set(replies.flatMap((reply) => Object.keys(reply.customMetrics)))];
  const slowest = (pick: (reply: StateReply) => number): number => Math.round(Math.max(0, ...replies.map(pick)));
  return {
    operatorName: state.operatorName,
    numRowsTotal: sum((reply) => reply.rowsTotal),
    numRowsUpdated: sum((reply) => reply.rowsUpdated),
    allUpdatesTimeMs: slowest((reply) => reply.updatesMs),
    numRowsRemoved: sum((reply) => reply.rowsRemoved),
    allRemovalsTimeMs: slowest((reply) => reply.removalsMs),
    commitTimeMs: 0,
    memoryUsedBytes: sum((reply) => reply.memoryBytes),
    numRowsDroppedByWatermark: sum((reply) => reply.rowsDroppedByWatermark),
    numShufflePartitions: partitions,
    numStateStoreInstances: partitions,
    customMetrics: {
      stateOnCurrentVersionSizeBytes: sum((reply) => reply.memoryBytes),
      ...copying,
      ...Object.fromEntries(custom.map((name) => [name, sum((reply) => reply.customMetrics[name] ?? 0)])),
    },
  };
}

/** What the copies of state in the background have to say since the last batch. */
function copyingMetrics(snapshots: BackgroundSnapshots | null): Record<string, number> {
  const pauseMicros = Math.round((snapshots?.takePauseMs() ?? 0) * 1000);
  const failures = snapshots?.failures ?? 0;
  return { ...(pauseMicros > 0 && { chunkCopyPauseMicros: pauseMicros }), ...(failures > 0 && { numChunkStoreFailures: failures }) };
}
