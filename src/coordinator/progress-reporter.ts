/**
 * Makes the progress of one query: times the phases of a trigger, turns what a batch returned into a `StreamingQueryProgress`, keeps the
 * recent ones, and tells the listeners (Spark's ProgressReporter). Owned by the micro-batch loop, main thread.
 */
import type { Clock } from "../base/ports.ts";
import type { Offset } from "../connectors/source.ts";
import type { ListenerBus } from "../metrics/listener-bus.ts";
import type { SinkProgress, StateOperatorMetrics, StreamingQueryProgress } from "../metrics/query-progress.ts";
import type { BatchOutput, EventTimeStats } from "./batch-runner.ts";
import type { OffsetRange } from "./offset-range.ts";
import { floorToMs } from "./watermark-tracker.ts";

/** Keys of `durationMs`. */
export type Phase = "addBatch" | "commitOffsets" | "getBatch" | "latestOffset" | "queryPlanning" | "triggerExecution" | "walCommit";

export interface ReporterSettings {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  readonly sources: readonly { readonly description: string; metrics?(): Readonly<Record<string, string>> }[];
  readonly sink: Pick<SinkProgress, "description" | "metrics">;
  readonly hasWatermark: boolean;
  /** How often an idle query says so, ms. */
  readonly idleIntervalMs: number;
  /** Progresses kept, plus one. */
  readonly retention: number;
}

/** What the loop knows at the end of a trigger. */
export interface TriggerOutcome {
  readonly batchId: number;
  /** Per source. */
  readonly ranges: readonly OffsetRange[];
  readonly latestOffsets: readonly (Offset | null)[];
  readonly watermarkMs: number;
  readonly hasNewData: boolean;
  /** Null when no batch ran. */
  readonly output: BatchOutput | null;
}

export class ProgressReporter {
  readonly #clock: Clock;
  readonly #listeners: ListenerBus;
  readonly #settings: ReporterSettings;
  readonly #recent: StreamingQueryProgress[] = [];
  #durations: Partial<Record<Phase, number>> = {};
  #triggerStartMs: number | null = null;
  #triggerStartMonotonicMs = 0;
  #previousTriggerStartMs: number | null = null;
  #lastIdleReportMs = Number.NEGATIVE_INFINITY;
  #stateOperators: readonly StateOperatorMetrics[] = [];
  /** Phases that run now, in the order of their starts. */
  #running: { readonly phase: Phase; readonly startMs: number }[] = [];

  constructor(clock: Clock, listeners: ListenerBus, settings: ReporterSettings) {
    this.#clock = clock;
    this.#listeners = listeners;
    this.#settings = settings;
  }

  get recent(): readonly StreamingQueryProgress[] {
    return [...this.#recent];
  }

  get last(): StreamingQueryProgress | null {
    return this.#recent.at(-1) ?? null;
  }

  startTrigger(): void {
    this.#previousTriggerStartMs = this.#triggerStartMs;
    this.#triggerStartMs = this.#clock.nowMs();
    this.#triggerStartMonotonicMs = this.#clock.monotonicMs();
    this.#durations = {};
  }

  /** Adds the time of `work` to a phase of the current trigger. */
  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    const running = { phase, startMs };
    this.#running.push(running);
    try {
      return await work();
    } finally {
      this.#running = this.#running.filter((other) => other !== running);
      this.#durations[phase] = (this.#durations[phase] ?? 0) + this.#clock.monotonicMs() - startMs;
    }
  }

  /** The phase that runs now, of several the one that began first, and for how long, ms. */
  get current(): { readonly phase: Phase; readonly elapsedMs: number } | null {
    const [first] = this.#running;
    return first ? { phase: first.phase, elapsedMs: this.#clock.monotonicMs() - first.startMs } : null;
  }

  /** Whether an idle trigger that ends now has to be reported. */
  get isIdleReportDue(): boolean {
    return this.#clock.nowMs() - this.#settings.idleIntervalMs >= this.#lastIdleReportMs;
  }

  /** After a trigger that ran a batch. */
  batchFinished(outcome: TriggerOutcome): void {
    this.#stateOperators = outcome.output?.stateOperators ?? [];
    const progress = this.#keep(outcome);
    this.#lastIdleReportMs = this.#clock.nowMs();
    this.#listeners.progress({ progress });
  }

  /** After a trigger that found nothing to do, when a report is due. */
  idle(outcome: TriggerOutcome): void {
    const { id, runId, timestamp } = this.#keep(outcome);
    this.#lastIdleReportMs = this.#clock.nowMs();
    this.#listeners.idle({ id, runId, timestamp });
  }

  #keep(outcome: TriggerOutcome): StreamingQueryProgress {
    const progress = this.#makeProgress(outcome);
    this.#recent.push(progress);
    while (this.#recent.length >= this.#settings.retention) this.#recent.shift();
    return progress;
  }

  #makeProgress({ batchId, ranges, latestOffsets, watermarkMs, hasNewData, output }: TriggerOutcome): StreamingQueryProgress {
    const { id, runId, name, hasWatermark, sink } = this.#settings;
    const triggerMs = this.#clock.monotonicMs() - this.#triggerStartMonotonicMs;
    const startMs = this.#triggerStartMs ?? this.#clock.nowMs();
    const sinceLastTriggerMs = this.#previousTriggerStartMs === null ? Infinity : startMs - this.#previousTriggerStartMs;
    const rates = (rows: number) => ({
      numInputRows: rows,
      inputRowsPerSecond: rows / (sinceLastTriggerMs / 1000),
      processedRowsPerSecond: rows / (Math.max(1, triggerMs) / 1000),
    });
    const rowsOf = (source: number) => output?.inputRows[source] ?? 0;
    const stats = hasNewData ? output?.eventTime.findLast((operator) => operator !== null && operator.rows > 0) : undefined;
    // The plan is made once per query, and a batch that runs again has its splits: both take no time here, but Spark's keys are there.
    const durations = { ...(output && { queryPlanning: 0, getBatch: 0 }), ...this.#durations, triggerExecution: triggerMs };
    return {
      id,
      runId,
      name,
      timestamp: isoTime(startMs),
      batchId,
      batchDuration: Math.floor(triggerMs),
      ...rates(ranges.reduce((sum, _, source) => sum + rowsOf(source), 0)),
      durationMs: Object.fromEntries(Object.entries(durations).map(([phase, ms]) => [phase, Math.floor(ms)])),
      eventTime: hasWatermark ? { ...eventTimes(stats ?? null), watermark: isoTime(watermarkMs) } : {},
      stateOperators: output ? this.#stateOperators : this.#stateOperators.map(withoutUpdates),
      sources: this.#settings.sources.map((source, i) => ({
        description: source.description,
        startOffset: ranges[i]?.start ?? null,
        endOffset: ranges[i]?.end ?? null,
        latestOffset: latestOffsets[i] ?? null,
        ...rates(rowsOf(i)),
        metrics: source.metrics?.() ?? {},
      })),
      sink: { ...sink, numOutputRows: output?.sink.rows ?? 0 },
      observedMetrics: output?.observedMetrics ?? {},
    };
  }
}

/** Spark repeats the last batch's operators in an idle progress, with nothing updated. */
function withoutUpdates(operator: StateOperatorMetrics): StateOperatorMetrics {
  return { ...operator, numRowsUpdated: 0, numRowsDroppedByWatermark: 0 };
}

function eventTimes(stats: EventTimeStats | null): Record<string, string> {
  if (stats === null) return {};
  return {
    avg: isoTime(Math.trunc(stats.averageMs)),
    max: isoTime(floorToMs(stats.maxMicros)),
    min: isoTime(floorToMs(stats.minMicros)),
  };
}

const DATE_LIMIT_MS = 8.64e15;

/** ISO 8601 in UTC with milliseconds; times beyond what a Date holds show its limit. */
export function isoTime(epochMs: number): string {
  return new Date(Math.max(-DATE_LIMIT_MS, Math.min(DATE_LIMIT_MS, epochMs))).toISOString();
}
