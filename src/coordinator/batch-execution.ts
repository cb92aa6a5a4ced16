/**
 * One batch, from its durable offsets to its commit record: steps S2 to S5 of the commit protocol (`docs/on-disk-format.md`).
 * Called by the micro-batch loop on the main thread, one batch at a time.
 */
import { MillraceError } from "../base/errors.ts";
import { failpoint } from "../base/failpoint.ts";
import type { Random } from "../base/ports.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { BatchAttempt, StreamSink } from "../connectors/sink.ts";
import type { BatchInput, BatchOutput, BatchRunner } from "./batch-runner.ts";
import type { ProgressReporter } from "./progress-reporter.ts";
import { restoreState } from "./query-recovery.ts";
import { ATTEMPTS_MAX, isWorkerDeath } from "./worker-death.ts";
import { settle } from "./worker-pool.ts";

export interface BatchParts {
  readonly attempts: AttemptIds;
  readonly checkpoint: Checkpoint;
  readonly sink: StreamSink;
  readonly runner: BatchRunner;
  readonly reporter: ProgressReporter;
}

const DONE = Promise.resolve();

/** Ids of attempts; that of the next one can be known before. */
export class AttemptIds {
  readonly #random: Random;
  #next: string | null = null;

  constructor(random: Random) {
    this.#random = random;
  }

  get next(): string {
    return (this.#next ??= this.#random.uuid());
  }

  take(): string {
    const id = this.next;
    this.#next = null;
    return id;
  }
}

/**
 * Runs and commits a batch, whose offsets are durable when `isPlanned` resolves. `nextWatermarkMs` turns what the batch saw into the watermark
 * that the commit record carries. Rejects when the query has to end; the batch is then undone, or, when the sink may hold it, left for recovery to
 * decide.
 */
export async function executeBatch(
  parts: BatchParts,
  batchId: number,
  input: Omit<BatchInput, "attempt">,
  isPlanned: Promise<void>,
  nextWatermarkMs: (output: BatchOutput) => number,
): Promise<BatchOutput> {
  const { checkpoint, runner, reporter, sink } = parts;
  const { record, output } = await reporter.time("addBatch", async () => {
    const prepare = async (attempt: BatchAttempt, ran: BatchOutput) => {
      const fields = { batchId, attempt: attempt.attempt, nextBatchWatermarkMs: nextWatermarkMs(ran), receipt: { rows: ran.sink.rows } };
      const prepared = await checkpoint.commitRecord(fields, ran.changeFiles);
      // Beside each other: neither counts before the sink has published.
      const [synced] = await settle([runner.sync(ran), checkpoint.prepareCommit(prepared, sink.remembersCommits ?? true)]);
      return { attempt, record: prepared, output: synced };
    };
    const { attempt, ...prepared } = await runAttempts(parts, batchId, input, isPlanned, prepare);
    await publish(parts, attempt, prepared.output);
    return prepared;
  });
  await reporter.time("commitOffsets", () => checkpoint.commit(record));
  await commitState(parts, batchId);
  checkpoint.makeReady({ batchId: batchId + 1, attempt: parts.attempts.next });
  return output;
}

/**
 * Runs a batch and publishes it at once, whether or not its offsets are durable: after a crash it may run again, together with others. For
 * asynchronous progress tracking; the caller logs the commit, if at all.
 */
export async function executeUnlogged(
  parts: BatchParts,
  batchId: number,
  input: Omit<BatchInput, "attempt">,
): Promise<{ readonly attempt: BatchAttempt; readonly output: BatchOutput }> {
  const { checkpoint, reporter, sink } = parts;
  return await reporter.time("addBatch", async () => {
    const ran = await runAttempts(parts, batchId, input, Promise.resolve(), async (attempt, output) => ({ attempt, output }));
    try {
      await checkpoint.checkOwner();
      await sink.commit(ran.attempt, ran.output.sink);
    } catch (error) {
      await undo(parts, ran.attempt);
      throw error;
    }
    await commitState(parts, batchId);
    return ran;
  });
}

async function commitState(parts: BatchParts, batchId: number): Promise<void> {
  const { attempts, checkpoint, runner } = parts;
  const next: BatchAttempt = { batchId: batchId + 1, attempt: attempts.next, epoch: checkpoint.epoch };
  await surviveWorkerDeath(parts, batchId, () => runner.commit(batchId, next));
}

/**
 * Does `work` between two batches. When a worker dies in it, its state comes back from the checkpoint, as of `committedBatch`, and the
 * result is null.
 */
export async function surviveWorkerDeath<T>(
  { checkpoint, runner }: Pick<BatchParts, "checkpoint" | "runner">,
  committedBatch: number,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isWorkerDeath(error)) throw error;
    await restoreState(checkpoint, runner, committedBatch);
    return null;
  }
}

/**
 * S2 and, as `prepare`, S3. A batch whose worker died, or that found the chunk store damaged (which goes away then), starts again from the
 * committed state, as a new attempt.
 */
async function runAttempts<Prepared>(
  parts: BatchParts,
  batchId: number,
  input: Omit<BatchInput, "attempt">,
  isPlanned: Promise<void>,
  prepare: (attempt: BatchAttempt, output: BatchOutput) => Promise<Prepared>,
): Promise<Prepared> {
  const { attempts, checkpoint, runner } = parts;
  // State in a checkpoint without any offsets is taken for that of a query whose logs are gone.
  const mayWriteState = batchId === 0 ? isPlanned : DONE;
  for (let tries = 1; ; tries++) {
    const attempt: BatchAttempt = { batchId, attempt: attempts.take(), epoch: checkpoint.epoch };
    try {
      if (tries > 1) await restoreState(checkpoint, runner, batchId - 1);
      const output = await runner.run({ ...input, attempt }, mayWriteState);
      const prepared = await prepare(attempt, output);
      await isPlanned;
      return prepared;
    } catch (error) {
      await Promise.allSettled([isPlanned]);
      await undo(parts, attempt);
      if (tries === ATTEMPTS_MAX || !(isWorkerDeath(error) || isDamagedCopy(error))) throw error;
    }
  }
}

/** S4: the sink publishes. From here until `commits/N` exists, its `lookup` decides what became of the batch. */
async function publish(parts: BatchParts, attempt: BatchAttempt, output: BatchOutput): Promise<void> {
  const { checkpoint, sink } = parts;
  try {
    await checkpoint.checkOwner();
  } catch (error) {
    await undo(parts, attempt);
    throw error;
  }
  failpoint("before-sink-commit");
  try {
    await sink.commit(attempt, output.sink);
  } catch (error) {
    // The error may hide a commit that went through, so nothing is tried again blindly, and nothing undone without knowing.
    const held = await sink.lookup(attempt.batchId).catch(() => undefined);
    if (held === null) await undo(parts, attempt);
    if (held !== attempt.attempt || isNotDurable(error)) throw error;
  }
  failpoint("after-sink-commit");
}

/** Of state that is durable elsewhere. */
function isDamagedCopy(error: unknown): boolean {
  return error instanceof MillraceError && (error.condition === "STATE_CHUNK_STORE_DAMAGED" || error.condition === "STATE_SPILL_DAMAGED");
}

/** After a failed fsync what the sink says it holds may be gone with the next power loss. */
function isNotDurable(error: unknown): boolean {
  return error instanceof MillraceError && error.condition === "CHECKPOINT_POISONED";
}

/** Takes back what an attempt did that nobody has seen. The error that made this necessary matters more than one in here. */
async function undo({ checkpoint, sink, runner }: BatchParts, attempt: BatchAttempt): Promise<void> {
  await Promise.allSettled([runner.abort(attempt.batchId), sink.abort(attempt)]);
  await Promise.allSettled([checkpoint.attemptFailed(attempt.batchId, attempt.attempt)]);
}
