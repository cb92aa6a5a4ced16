/**
 * The first thing a query's loop does: look at the checkpoint and the sink, decide (`batch-decision.ts`), and bring state and positions to
 * where the last committed batch left them. Main thread; can be cut off at any point and done again.
 */
import { CheckpointError, type ErrorCondition, MillraceError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { CommitRecord } from "../checkpoint/commit-log.ts";
import type { OffsetRecord } from "../checkpoint/offset-log.ts";
import type { StreamSink } from "../connectors/sink.ts";
import type { Offset, StreamSource } from "../connectors/source.ts";
import { decideBatch } from "./batch-decision.ts";
import type { AsyncProgress } from "./async-progress.ts";
import type { BatchRunner } from "./batch-runner.ts";
import { ATTEMPTS_MAX, isWorkerDeath } from "./worker-death.ts";

/** Where the loop goes on. */
export interface RecoveredPosition {
  readonly batchId: number;
  /** Offsets up to which everything is committed, per source. */
  readonly committedOffsets: readonly (Offset | null)[];
  /** Watermark of the next batch (of `rerun` itself, if there is one). */
  readonly watermarkMs: number;
  /** Watermark of the batch before. */
  readonly lateWatermarkMs: number;
  /** The uncommitted batch that has to run again first. */
  readonly rerun: OffsetRecord | null;
}

export interface RecoveryParts {
  readonly checkpoint: Checkpoint;
  readonly sources: readonly StreamSource[];
  readonly sink: StreamSink;
  readonly runner: BatchRunner;
  readonly asyncProgress?: AsyncProgress | null;
}

/** Throws a `CheckpointError` when the checkpoint cannot be continued. */
export async function recoverQuery({ checkpoint, sources, sink, runner, asyncProgress }: RecoveryParts): Promise<RecoveredPosition> {
  const { inventory } = checkpoint;
  const newest = inventory.offsetBatches.at(-1);
  const isUncommitted = newest !== undefined && !inventory.commitBatches.includes(newest);
  const sinkAttempt = isUncommitted ? await sink.lookup(newest) : null;
  const adoptable = sinkAttempt === null ? null : await checkpoint.adoptable(newest!, sinkAttempt);
  const isRecordGone = isUncommitted && newest > 0 && !inventory.commitBatches.includes(newest - 1);
  const rebuilt = isRecordGone ? await checkpoint.stateFromFiles(newest - 1) : null;
  const facts = {
    ...inventory,
    checkpointLocation: checkpoint.path,
    isStateRebuildable: rebuilt !== null,
    sinkAttempt,
    isAttemptAdoptable: adoptable !== null,
    hasGaps: Boolean(asyncProgress),
    isSinkAhead: (await sink.lookup((newest ?? -1) + 1)) !== null,
  };
  const decision = decideBatch(facts);
  switch (decision.kind) {
    case "stop":
      throw new CheckpointError(decision.condition, decision.parameters);
    case "first": {
      await restoreState(checkpoint, runner, -1);
      return { batchId: 0, committedOffsets: sources.map(() => null), watermarkMs: 0, lateWatermarkMs: 0, rerun: null };
    }
    case "adopt":
      await checkpoint.commit(adoptable!);
      return await continueAfter(decision.batchId, adoptable!);
    case "next": {
      const commit = await checkpoint.commits.get(decision.batchId - 1);
      return await continueAfter(decision.batchId - 1, commit!);
    }
    case "rerun": {
      const { batchId } = decision;
      const rerun = await readOffsets(batchId);
      const before = inventory.offsetBatches.at(-2);
      const previous = before === undefined ? null : await readOffsets(before);
      const commit = batchId === 0 ? null : await checkpoint.commits.get(batchId - 1);
      const state = commit ?? rebuilt;
      if (state) checkpoint.resumeFrom(state);
      await restoreState(checkpoint, runner, batchId - 1);
      return {
        batchId,
        committedOffsets: previous?.offsets ?? sources.map(() => null),
        watermarkMs: rerun.batchWatermarkMs,
        lateWatermarkMs: previous?.batchWatermarkMs ?? 0,
        rerun,
      };
    }
  }

  async function continueAfter(batchId: number, commit: CommitRecord): Promise<RecoveredPosition> {
    const offsets = await readOffsets(batchId);
    checkpoint.resumeFrom(commit);
    await restoreState(checkpoint, runner, batchId);
    return {
      batchId: batchId + 1,
      committedOffsets: offsets.offsets,
      watermarkMs: Math.max(offsets.batchWatermarkMs, commit.nextBatchWatermarkMs),
      lateWatermarkMs: offsets.batchWatermarkMs,
      rerun: null,
    };
  }

  async function readOffsets(batchId: number): Promise<OffsetRecord> {
    const record = await checkpoint.offsets.get(batchId);
    if (record === null) {
      const fileName = `${checkpoint.offsets.directory}/${batchId}`;
      const parameters = { batchId: String(batchId), fileName, nextBatchId: String(batchId + 1) };
      throw new CheckpointError("CHECKPOINT_BATCH_MISSING", parameters);
    }
    if (record.offsets.length !== sources.length) {
      throw new CheckpointError("STREAMING_SOURCE_COUNT_CHANGED", {
        expected: String(record.offsets.length),
        actual: String(sources.length),
      });
    }
    return record;
  }
}

const DAMAGED_SNAPSHOT: readonly ErrorCondition[] = ["STATE_SNAPSHOT_FILE_CORRUPT", "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED"];

/** Loads state; falls back to the older snapshot when the newest one turns out to be damaged, and starts again when a worker dies. */
export async function restoreState(checkpoint: Checkpoint, runner: BatchRunner, committedBatch: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await loadState(checkpoint, runner, committedBatch);
      return;
    } catch (error) {
      if (tries === ATTEMPTS_MAX || !isWorkerDeath(error)) throw error;
    }
  }
}

async function loadState(checkpoint: Checkpoint, runner: BatchRunner, committedBatch: number): Promise<void> {
  try {
    await runner.restore(await checkpoint.stateStart(committedBatch));
  } catch (error) {
    const isDamaged = error instanceof MillraceError && DAMAGED_SNAPSHOT.includes(error.condition);
    if (!isDamaged || !checkpoint.hasSnapshot) throw error;
    await runner.restore(await checkpoint.stateStart(committedBatch, true));
  }
}
