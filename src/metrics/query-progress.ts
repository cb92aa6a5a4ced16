/**
 * StreamingQueryProgress and its parts, in Spark's JSON shape. Key order and omissions are normative (`progressJson`). Made by
 * `coordinator/progress-reporter.ts` once per batch; read by users, listeners and the daemon.
 */
import { JsonDouble, jsonText, type JsonTree } from "./json-text.ts";

/** Per stateful operator; all numbers are measured in the batch. */
export interface StateOperatorMetrics {
  /** Spark's name: `stateStoreSave`, `dedupe`, … */
  readonly operatorName: string;
  readonly numRowsTotal: number;
  readonly numRowsUpdated: number;
  readonly allUpdatesTimeMs: number;
  readonly numRowsRemoved: number;
  readonly allRemovalsTimeMs: number;
  readonly commitTimeMs: number;
  readonly memoryUsedBytes: number;
  readonly numRowsDroppedByWatermark: number;
  readonly numShufflePartitions: number;
  readonly numStateStoreInstances: number;
  readonly customMetrics: Readonly<Record<string, number>>;
}

/** One source over one batch. Offsets are null before the first batch or where a source cannot tell. */
export interface SourceProgress {
  readonly description: string;
  readonly startOffset: JsonTree;
  readonly endOffset: JsonTree;
  readonly latestOffset: JsonTree;
  readonly numInputRows: number;
  /** May be NaN or infinite when two triggers start in the same millisecond; printed only when finite. */
  readonly inputRowsPerSecond: number;
  readonly processedRowsPerSecond: number;
  readonly metrics: Readonly<Record<string, string>>;
}

export interface SinkProgress {
  readonly description: string;
  /** -1 when the sink does not count. */
  readonly numOutputRows: number;
  /** `guarantee`: `at-least-once` where a batch may come again. */
  readonly metrics: Readonly<Record<string, string>>;
}

/** One batch, or one idle trigger. Durations are milliseconds. */
export interface StreamingQueryProgress {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;
  /** Start of the trigger, ISO 8601 in UTC with milliseconds. */
  readonly timestamp: string;
  readonly batchId: number;
  readonly batchDuration: number;
  readonly numInputRows: number;
  readonly inputRowsPerSecond: number;
  readonly processedRowsPerSecond: number;
  /** `addBatch`, `commitOffsets`, `getBatch`, `latestOffset`, `queryPlanning`, `triggerExecution`, `walCommit`. */
  readonly durationMs: Readonly<Record<string, number>>;
  /** `avg`, `max`, `min` of the batch's event times and `watermark`, as ISO 8601; empty without a watermark. */
  readonly eventTime: Readonly<Record<string, string>>;
  readonly stateOperators: readonly StateOperatorMetrics[];
  readonly sources: readonly SourceProgress[];
  readonly sink: SinkProgress;
  readonly observedMetrics: Readonly<Record<string, JsonTree>>;
}

/** Spark's `json` of a progress; with `isPretty` its `prettyJson`. */
export function progressJson(progress: StreamingQueryProgress, isPretty = false): string {
  return jsonText(
    {
      id: progress.id,
      runId: progress.runId,
      name: progress.name,
      timestamp: progress.timestamp,
      batchId: progress.batchId,
      batchDuration: progress.batchDuration,
      numInputRows: progress.numInputRows,
      inputRowsPerSecond: rate(progress.inputRowsPerSecond),
      processedRowsPerSecond: rate(progress.processedRowsPerSecond),
      durationMs: sorted(progress.durationMs),
      eventTime: sorted(progress.eventTime),
      stateOperators: progress.stateOperators.map((operator) => ({ ...operator, customMetrics: sorted(operator.customMetrics) })),
      sources: progress.sources.map((source) => ({
        description: source.description,
        startOffset: source.startOffset,
        endOffset: source.endOffset,
        latestOffset: source.latestOffset,
        numInputRows: source.numInputRows,
        inputRowsPerSecond: rate(source.inputRowsPerSecond),
        processedRowsPerSecond: rate(source.processedRowsPerSecond),
        metrics: sorted(source.metrics),
      })),
      sink: {
        description: progress.sink.description,
        numOutputRows: progress.sink.numOutputRows,
        metrics: sorted(progress.sink.metrics),
      },
      observedMetrics: sorted(progress.observedMetrics),
    },
    isPretty,
  );
}

/** Rounded half up to one decimal, as Spark's BigDecimal does it; left out when it is no number. */
function rate(perSecond: number): JsonTree {
  if (!Number.isFinite(perSecond)) return undefined;
  const shifted = String(perSecond).includes("e") ? perSecond * 10 : Number(`${perSecond}e1`);
  return new JsonDouble(Math.round(shifted) / 10);
}

/** Keys in order; an empty map is left out. */
function sorted(map: Readonly<Record<string, JsonTree>>): JsonTree {
  const keys = Object.keys(map).sort();
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, map[key]]));
}
