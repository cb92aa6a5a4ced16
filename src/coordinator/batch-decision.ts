/**
 * What a query does first after it opened its checkpoint: a pure function of what lies there. `query-recovery.ts` gathers the facts and
 * acts on the answer. Spark's rules (`populateStartOffsets`), and one of our own: a batch that the sink holds is adopted, never run again.
 */
import type { ErrorCondition, MessageParameters } from "../base/errors.ts";

export interface RecoveryFacts {
  readonly checkpointLocation: string;
  /** Batches with a record in `offsets/` and in `commits/`, ascending. */
  readonly offsetBatches: readonly number[];
  readonly commitBatches: readonly number[];
  readonly hasState: boolean;
  readonly hasCommitFiles: boolean;
  /** For state whose newest commit record is gone: whether the change files tell for sure what it consists of. */
  readonly isStateRebuildable: boolean;
  /** For a newest batch without a commit: the attempt that the sink says it holds. */
  readonly sinkAttempt: string | null;
  /** Whether that attempt's commit record and change files are there, whole. */
  readonly isAttemptAdoptable: boolean;
  /** The query logs some batches only, so the batch before the newest may have no record. */
  readonly hasGaps: boolean;
  /** Whether the sink holds a batch of this query after the newest one of `offsets/`: somebody took the checkpoint back, but not the output. */
  readonly isSinkAhead: boolean;
}

export type BatchDecision =
  /** A new query: batch 0, from the beginning. */
  | { readonly kind: "first" }
  /** Everything is committed: go on with `batchId`. */
  | { readonly kind: "next"; readonly batchId: number }
  /** Run `batchId` again, exactly as `offsets/` says, as a new attempt. */
  | { readonly kind: "rerun"; readonly batchId: number }
  /** The sink holds `batchId` by `attempt`: write its commit record, compute nothing. */
  | { readonly kind: "adopt"; readonly batchId: number; readonly attempt: string }
  | { readonly kind: "stop"; readonly condition: ErrorCondition; readonly parameters: MessageParameters };

export function decideBatch(facts: RecoveryFacts): BatchDecision {
  const {
    checkpointLocation,
    offsetBatches,
    commitBatches,
    hasState,
    hasCommitFiles,
    isStateRebuildable,
    sinkAttempt,
    isAttemptAdoptable,
    hasGaps,
    isSinkAhead,
  } = facts;
  const newest = offsetBatches.at(-1);
  const newestCommit = commitBatches.at(-1) ?? -1;
  if (newest === undefined && (hasState || hasCommitFiles))
    return { kind: "stop", condition: "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY", parameters: { checkpointLocation } };
  if (isSinkAhead) {
    const batchId = String((newest ?? -1) + 1);
    return { kind: "stop", condition: "SINK_AHEAD_OF_CHECKPOINT", parameters: { checkpointLocation, batchId } };
  }
  if (newest === undefined) return { kind: "first" };
  if (newestCommit > newest) return missing("offsets", newestCommit, newestCommit + 1);
  if (newest > 0 && offsetBatches.at(-2) !== newest - 1 && !hasGaps) return missing("offsets", newest - 1, newest);
  if (newestCommit === newest) return { kind: "next", batchId: newest + 1 };
  if (sinkAttempt !== null && isAttemptAdoptable) return { kind: "adopt", batchId: newest, attempt: sinkAttempt };
  // Without state a gap in the commits does no harm: only the newest batch runs again, as in Spark.
  if (hasState && newest > 0 && newestCommit !== newest - 1 && !isStateRebuildable) return missing("commits", newest - 1, newest);
  return { kind: "rerun", batchId: newest };

  function missing(log: string, batchId: number, nextBatchId: number): BatchDecision {
    const fileName = `${checkpointLocation}/${log}/${batchId}`;
    return {
      kind: "stop",
      condition: "CHECKPOINT_BATCH_MISSING",
      parameters: { batchId: String(batchId), fileName, nextBatchId: String(nextBatchId) },
    };
  }
}
