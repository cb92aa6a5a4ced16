/**
 * One streaming query: the micro-batch loop (Spark's MicroBatchExecution). Decides what the next batch is, makes that durable, has it run and
 * committed, reports. Made and owned by `Session`; runs on the main thread and does little there: the rows are with the workers.
 *
 *     sources: latest offsets → offsets/N, sources: commit N-1, purge ┐
 *                             → runner.run (its first stages) ────────┴→ change files, commit record prepared → sink.commit → commits/N → progress
 */
import { assert } from "../base/assert.ts";
import { MillraceError, StreamingQueryError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { Ports } from "../base/ports.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { loggedConf, type OffsetRecord } from "../checkpoint/offset-log.ts";
import { AT_LEAST_ONCE, type StreamSink } from "../connectors/sink.ts";
import type { Offset, ReadLimit, StreamSource } from "../connectors/source.ts";
import type { ListenerBus } from "../metrics/listener-bus.ts";
import type { StreamingQueryProgress } from "../metrics/query-progress.ts";
import type { AsyncProgress } from "./async-progress.ts";
import { AttemptIds, executeBatch, surviveWorkerDeath } from "./batch-execution.ts";
import type { BatchOutput, BatchRunner } from "./batch-runner.ts";
import { describeOffsets, hasNewData, type OffsetRange } from "./offset-range.ts";
import { asBatchOf, isInsideBatch } from "./own-callback.ts";
import { isoTime, type Phase, ProgressReporter } from "./progress-reporter.ts";
import { recoverQuery } from "./query-recovery.ts";
import { statusMessages, type StreamingQueryStatus } from "./query-status.ts";
import { readStreamingConf, type StreamingConf } from "./streaming-conf.ts";
import { runTrigger, type Trigger } from "./trigger.ts";
import { WatermarkTracker } from "./watermark-tracker.ts";

export interface MicroBatchParts {
  readonly ports: Ports;
  readonly checkpoint: Checkpoint;
  /** Distinct streaming sources, in the plan's order. The query stops them, like the sink and the runner. */
  readonly sources: readonly StreamSource[];
  readonly sink: StreamSink;
  readonly runner: BatchRunner;
  readonly trigger: Trigger;
  /** The session's settings under those of the checkpoint (`effectiveConf`). */
  readonly conf: ReadonlyMap<string, string>;
  readonly name: string | null;
  /** Delay per watermark operator, ms, in the order of `BatchOutput.eventTime`. */
  readonly watermarkDelaysMs: readonly number[];
  readonly listeners: ListenerBus;
  /** Absent: every batch is logged, and waits for it. */
  readonly asyncProgress?: AsyncProgress | null;
}

interface PlannedBatch {
  readonly record: OffsetRecord;
  readonly ranges: readonly OffsetRange[];
  /** Resolves when the offsets are durable. Until then the batch is at most in memory. */
  readonly isPlanned: Promise<void>;
  /** Always true but with asynchronous progress tracking. */
  readonly isLogged: boolean;
}

interface ProcessAllWaiter {
  /** The first trigger whose finding nothing counts. */
  readonly fromTrigger: number;
  readonly resolve: () => void;
}

/** Phases that take less are not worth a word. */
const WAIT_SHOWN_MS = 1000;
const waitedFor: Partial<Record<Phase, string>> = {
  latestOffset: "the source",
  getBatch: "the source",
  walCommit: "the offset log",
  commitOffsets: "the commit log",
};

/** A reason that is there already: making an exception for each costs more than the rest of a wake-up. */
const SOMETHING_TO_DO = "something to do";

const everything: ReadLimit = { kind: "all_available" };

export class MicroBatchExecution {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  readonly #parts: MicroBatchParts;
  readonly #conf: StreamingConf;
  readonly #trigger: Trigger;
  readonly #isSingleBatch: boolean;
  readonly #reporter: ProgressReporter;
  readonly #attempts: AttemptIds;
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #status: StreamingQueryStatus = { message: statusMessages.initializing, isDataAvailable: false, isTriggerActive: false };
  #state: "created" | "active" | "ended" = "created";
  #exception: StreamingQueryError | null = null;
  #ended: Promise<void> = Promise.resolve();
  #processAllWaiters: ProcessAllWaiter[] = [];
  #triggerCount = 0;

  #batchId = 0;
  #committed: readonly (Offset | null)[] = [];
  #tracker: WatermarkTracker;
  #lateWatermarkMs = 0;
  /** A batch from before the restart, to be run before anything else. */
  #rerun: OffsetRecord | null = null;
  /** When the static join sides were read; monotonic ms. */
  #staticTablesMs: number;
  /** Only a batch of this run can ask for a batch without data. */
  #hasRunBatch = false;
  /** What the current or last batch reads; for progress and errors. */
  #ranges: readonly OffsetRange[] = [];

  constructor(parts: MicroBatchParts) {
    const { ports, checkpoint, sources, sink, trigger, watermarkDelaysMs } = parts;
    this.#parts = parts;
    this.id = checkpoint.queryId;
    this.runId = ports.random.uuid();
    this.#attempts = new AttemptIds(ports.random);
    this.name = parts.name;
    this.#conf = readStreamingConf(parts.conf);
    this.#trigger = trigger;
    this.#staticTablesMs = ports.clock.monotonicMs();
    this.#isSingleBatch =
      trigger.kind === "once" || (trigger.kind === "available_now" && sources.some((source) => !source.supportsAvailableNow));
    this.#tracker = new WatermarkTracker(this.#conf.watermarkPolicy, watermarkDelaysMs, 0);
    this.#reporter = new ProgressReporter(ports.clock, parts.listeners, {
      id: this.id,
      runId: this.runId,
      name: parts.name,
      sources,
      sink: { description: sink.description, metrics: parts.asyncProgress ? AT_LEAST_ONCE : (sink.metrics ?? {}) },
      hasWatermark: watermarkDelaysMs.length > 0,
      idleIntervalMs: this.#conf.idleIntervalMs,
      retention: this.#conf.progressRetention,
    });
  }

  /** Tells the listeners and starts the loop in the background. */
  start(): void {
    assert(this.#state === "created", "a query is started once");
    this.#state = "active";
    const timestamp = isoTime(this.#parts.ports.clock.nowMs());
    this.#parts.listeners.started({ id: this.id, runId: this.runId, name: this.name, timestamp, jobTags: [] });
    this.#ended = this.#run();
  }

  get isActive(): boolean {
    return this.#state === "active";
  }

  /** In a phase that takes a while the message also says what it waits for. */
  status(): StreamingQueryStatus {
    const current = this.#reporter.current;
    if (this.#state !== "active" || !current || current.elapsedMs < WAIT_SHOWN_MS) return this.#status;
    const { runner, sink } = this.#parts;
    const subject = current.phase === "addBatch" ? sink.description : waitedFor[current.phase];
    const waiting = runner.waitingFor?.() ?? (subject && `${Math.floor(current.elapsedMs / 1000)} s for ${subject}`);
    return waiting ? { ...this.#status, message: `${this.#status.message} (waiting ${waiting})` } : this.#status;
  }

  /** The newest progress, or null before the first trigger ended. */
  lastProgress(): StreamingQueryProgress | null {
    return this.#reporter.last;
  }

  /** The newest progresses, oldest first. */
  recentProgress(): readonly StreamingQueryProgress[] {
    return this.#reporter.recent;
  }

  /** Why the query ended, or null. */
  exception(): StreamingQueryError | null {
    return this.#exception;
  }

  /** Resolves when a trigger that started after this call found nothing to do, or the query was stopped. Rejects when it failed. */
  async processAllAvailable(): Promise<void> {
    this.assertCanBeAwaited();
    if (this.#state === "active") {
      const fromTrigger = this.#triggerCount + 1;
      const nothingLeft = new Promise<void>((resolve) => this.#processAllWaiters.push({ fromTrigger, resolve }));
      this.#wake.abort(SOMETHING_TO_DO);
      await Promise.race([nothingLeft, this.#ended]);
    }
    if (this.#exception) throw this.#exception;
  }

  /** Waits for the end; with `timeoutMs` at most that long. Resolves to whether the query has ended; rejects when it failed. */
  async awaitTermination(timeoutMs?: number): Promise<boolean> {
    this.assertCanBeAwaited();
    if (timeoutMs === undefined) {
      await this.#ended;
    } else {
      const timer = new AbortController();
      await Promise.race([this.#ended, this.#parts.ports.scheduler.sleep(timeoutMs, timer.signal)]);
      timer.abort();
    }
    if (this.#exception) throw this.#exception;
    return this.#state === "ended";
  }

  /**
   * Ends the query after the batch that is running; resolves when everything is released. Called by a function of that very batch
   * (`foreachBatch`), it resolves at once: the batch ends after the function.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort(SOMETHING_TO_DO);
    if (!isInsideBatch(this)) await this.#ended;
  }

  /** Throws `STREAMING_QUERY_AWAITS_ITSELF` in a function of the running batch: the query cannot end before the function does. */
  assertCanBeAwaited(): void {
    if (isInsideBatch(this)) throw new StreamingQueryError("STREAMING_QUERY_AWAITS_ITSELF", { id: this.id });
  }

  async #run(): Promise<void> {
    try {
      await this.#initialize();
      const trigger: Trigger = this.#isSingleBatch ? { kind: "once" } : this.#trigger;
      if (!this.#stopping.signal.aborted) await runTrigger(trigger, this.#parts.ports, this.#stopping.signal, () => this.#fire());
    } catch (error) {
      this.#exception = this.#explain(error);
    }
    const { sources, sink, runner, checkpoint, listeners, asyncProgress } = this.#parts;
    await asyncProgress?.settle().catch((error: unknown) => (this.#exception ??= this.#explain(error)));
    const releases = await Promise.allSettled([...sources.map((source) => source.stop()), sink.stop(), runner.stop(), checkpoint.close()]);
    const failed = releases.find((release) => release.status === "rejected");
    if (failed) this.#exception ??= this.#explain(failed.reason);
    const message = this.#exception ? statusMessages.failed(this.#exception.message) : statusMessages.stopped;
    this.#status = { message, isDataAvailable: false, isTriggerActive: false };
    this.#state = "ended";
    const cause = this.#exception?.cause;
    listeners.terminated({
      id: this.id,
      runId: this.runId,
      exception: this.#exception?.message ?? null,
      errorClassOnException: cause instanceof MillraceError ? cause.condition : null,
    });
  }

  async #initialize(): Promise<void> {
    const { sources, watermarkDelaysMs } = this.#parts;
    const position = await recoverQuery(this.#parts);
    this.#batchId = position.batchId;
    this.#committed = position.committedOffsets;
    this.#lateWatermarkMs = position.lateWatermarkMs;
    this.#rerun = position.rerun;
    this.#tracker = new WatermarkTracker(this.#conf.watermarkPolicy, watermarkDelaysMs, position.watermarkMs);
    if (this.#trigger.kind === "available_now" && !this.#isSingleBatch) {
      for (const source of sources) await source.prepareAvailableNow?.();
    }
  }

  /** One trigger. Returns whether the trigger should go on. */
  async #fire(): Promise<boolean> {
    const trigger = ++this.#triggerCount;
    this.#wake = new AbortController();
    this.#reporter.startTrigger();
    this.#status = { ...this.#status, isTriggerActive: true };
    const planned = this.#rerun ? this.#planRerun(this.#rerun) : await this.#planNext();
    if (planned) {
      const { batchId } = planned.record;
      const output = await this.#execute(planned);
      await this.#report(batchId, planned.record.batchWatermarkMs, output);
      const snapshot = this.#parts.runner.takeSnapshot();
      if (snapshot) this.#parts.checkpoint.addSnapshot(snapshot);
    } else {
      this.#status = { message: statusMessages.waitingForData, isDataAvailable: false, isTriggerActive: false };
      if (this.#reporter.isIdleReportDue) await this.#report(this.#batchId, this.#tracker.globalMs, null);
      this.#nothingLeft(trigger);
      if (this.#trigger.kind === "available_now") return false;
      await this.#parts.ports.scheduler.sleep(this.#conf.pollingDelayMs, this.#wake.signal);
    }
    this.#status = { message: statusMessages.waitingForTrigger, isDataAvailable: this.#status.isDataAvailable, isTriggerActive: false };
    return !this.#stopping.signal.aborted;
  }

  #planRerun(record: OffsetRecord): PlannedBatch {
    this.#rerun = null;
    this.#ranges = record.offsets.map((end, i) => ({ start: this.#committed[i] ?? null, end }));
    return { record, ranges: this.#ranges, isPlanned: Promise.resolve(), isLogged: true };
  }

  /** Asks the sources, and begins to write the offsets of the next batch. Null when there is nothing to do. */
  async #planNext(): Promise<PlannedBatch | null> {
    const { ports, checkpoint, sources, runner, conf } = this.#parts;
    this.#ranges = await this.#reporter.time("latestOffset", () => this.#latestRanges());
    const batchWatermarkMs = this.#tracker.globalMs;
    const hasData = this.#ranges.some(hasNewData);
    const isNeededWithoutData = () => this.#conf.noDataBatches && this.#hasRunBatch && runner.needsBatchWithoutData(batchWatermarkMs);
    if (!hasData && !isNeededWithoutData()) return null;
    const splits = await this.#reporter.time("getBatch", () =>
      Promise.all(this.#ranges.map((range, i) => (hasNewData(range) ? sources[i]!.plan(range.start, range.end!) : []))),
    );
    await this.#refreshStaticTables();
    const record: OffsetRecord = {
      batchId: this.#batchId,
      epoch: checkpoint.epoch,
      batchWatermarkMs,
      batchTimestampMs: ports.clock.nowMs(),
      conf: loggedConf(conf),
      offsets: this.#ranges.map(({ end }) => end),
      splits,
      staticVersions: runner.staticVersions?.() ?? [],
    };
    this.#say(statusMessages.writingOffsets);
    const { asyncProgress } = this.#parts;
    const isLogged = asyncProgress?.isDue() ?? true;
    const committed = this.#committed;
    const isPlanned = this.#reporter.time("walCommit", async () => {
      if (asyncProgress) return isLogged ? asyncProgress.write(() => checkpoint.addOffsets(record)) : undefined;
      await checkpoint.addOffsets(record);
      await this.#forgetBefore(record.batchId, committed);
    });
    // The batch waits for it, but only in a while.
    isPlanned.catch(() => undefined);
    return { record, ranges: this.#ranges, isPlanned, isLogged };
  }

  /** Tells the sources that what lies before `offsets` is not asked for again, and purges the logs. */
  async #forgetBefore(batchId: number, offsets: readonly (Offset | null)[]): Promise<void> {
    failpoint("before-source-commit");
    for (const [i, committed] of offsets.entries()) if (committed !== null) await this.#parts.sources[i]!.commit(committed);
    failpoint("after-source-commit");
    this.#parts.checkpoint.retain(this.#conf.minBatchesToRetain, batchId);
  }

  async #refreshStaticTables(): Promise<void> {
    const { ports, runner } = this.#parts;
    const { staticRefreshIntervalMs } = this.#conf;
    const nowMs = ports.clock.monotonicMs();
    if (staticRefreshIntervalMs === 0 || nowMs - this.#staticTablesMs < staticRefreshIntervalMs) return;
    await surviveWorkerDeath(this.#parts, this.#batchId - 1, async () => runner.refreshStaticTables?.());
    this.#staticTablesMs = nowMs;
  }

  async #latestRanges(): Promise<readonly OffsetRange[]> {
    const ranges: OffsetRange[] = [];
    for (const [i, source] of this.#parts.sources.entries()) {
      this.#say(statusMessages.gettingOffsets(source.description));
      const start = this.#committed[i] ?? null;
      const limit = this.#isSingleBatch ? everything : source.defaultLimit;
      ranges.push({ start, end: (await source.latestOffset(start, limit)) ?? start });
    }
    return ranges;
  }

  async #execute({ record, ranges, isPlanned, isLogged }: PlannedBatch): Promise<BatchOutput> {
    const { checkpoint, sink, runner } = this.#parts;
    const isDataAvailable = ranges.some(hasNewData);
    const message = isDataAvailable ? statusMessages.processing : statusMessages.cleaningUp;
    this.#status = { message, isDataAvailable, isTriggerActive: true };
    const input = {
      timestampMs: record.batchTimestampMs,
      lateWatermarkMs: this.#lateWatermarkMs,
      evictWatermarkMs: record.batchWatermarkMs,
      splits: record.splits,
    };
    const parts = { attempts: this.#attempts, checkpoint, sink, runner, reporter: this.#reporter };
    const nextWatermarkMs = ({ eventTime }: BatchOutput): number => {
      this.#tracker.update(eventTime);
      return this.#tracker.globalMs;
    };
    const { asyncProgress } = this.#parts;
    const committed = isLogged ? () => this.#forgetBefore(record.batchId, record.offsets) : null;
    const output = await asBatchOf(this, () =>
      asyncProgress
        ? asyncProgress.execute(parts, record.batchId, input, nextWatermarkMs, committed)
        : executeBatch(parts, record.batchId, input, isPlanned, nextWatermarkMs),
    );
    this.#hasRunBatch = true;
    this.#committed = record.offsets;
    this.#lateWatermarkMs = record.batchWatermarkMs;
    this.#batchId = record.batchId + 1;
    return output;
  }

  async #report(batchId: number, watermarkMs: number, output: BatchOutput | null): Promise<void> {
    const latestOffsets = await Promise.all(this.#parts.sources.map((source) => source.reportLatest()));
    const outcome = { batchId, ranges: this.#ranges, latestOffsets, watermarkMs, hasNewData: this.#ranges.some(hasNewData), output };
    if (output) this.#reporter.batchFinished(outcome);
    else this.#reporter.idle(outcome);
  }

  #nothingLeft(trigger: number): void {
    const isDone = ({ fromTrigger }: ProcessAllWaiter) => fromTrigger <= trigger;
    for (const waiter of this.#processAllWaiters.filter(isDone)) waiter.resolve();
    this.#processAllWaiters = this.#processAllWaiters.filter((waiter) => !isDone(waiter));
  }

  #say(message: string): void {
    this.#status = { ...this.#status, message };
  }

  #explain(error: unknown): StreamingQueryError {
    const { sources } = this.#parts;
    const starts = this.#ranges.length > 0 ? this.#ranges.map(({ start }) => start) : this.#committed;
    const ends = this.#ranges.map(({ end }) => end);
    const parameters = {
      id: this.id,
      runId: this.runId,
      message: error instanceof Error ? error.message : String(error),
      startOffset: describeOffsets(sources, starts),
      endOffset: describeOffsets(sources, ends),
    };
    return new StreamingQueryError("STREAM_FAILED", parameters, { cause: error });
  }
}
