/**
 * StreamingQueryProgress and its parts, in Spark's JSON shape. Key order and omissions are normative (`toJson`).
 */

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
