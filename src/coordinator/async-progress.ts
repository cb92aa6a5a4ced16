/**
 * Asynchronous progress tracking: offsets and commits are logged beside the batches instead of between them, and not for every batch. After a
 * crash more is read again, in exchange a small batch does not wait for the disk. For queries without state, and sinks that promise at
 * least once. Main thread; one per run of a query that asks for it.
 */
import type { Clock } from "../base/ports.ts";
import { type BatchParts, executeUnlogged } from "./batch-execution.ts";
import type { BatchInput, BatchOutput } from "./batch-runner.ts";

export class AsyncProgress {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #lastLoggedMs: number | null = null;
  #writes: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Whether the batch that begins now is logged: the first of a run, and then one when the interval has passed. */
  isDue(): boolean {
    const now = this.#clock.nowMs();
    if (this.#lastLoggedMs !== null && now - this.#lastLoggedMs < this.#intervalMs) return false;
    this.#lastLoggedMs = now;
    return true;
  }

  /** Does `work` after all earlier writes; nothing more is written once one has failed. */
  write(work: () => Promise<void>): void {
    this.#writes = this.#writes
      .then(() => (this.#failure ? undefined : work()))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      });
  }

  /**
   * `executeBatch` without waiting for a log. `committed`, of a batch that is logged, is called once its commit is durable. Rejects, too,
   * when an earlier write failed.
   */
  async execute(
    parts: BatchParts,
    batchId: number,
    input: Omit<BatchInput, "attempt">,
    nextWatermarkMs: (output: BatchOutput) => number,
    committed: (() => Promise<void>) | null,
  ): Promise<BatchOutput> {
    this.#throwIfFailed();
    const { checkpoint } = parts;
    const { attempt, output } = await executeUnlogged(parts, batchId, input);
    const nextBatchWatermarkMs = nextWatermarkMs(output);
    if (committed === null) return output;
    this.write(async () => {
      const fields = { batchId, attempt: attempt.attempt, nextBatchWatermarkMs, receipt: { rows: output.sink.rows } };
      const record = await checkpoint.commitRecord(fields, output.changeFiles);
      await checkpoint.prepareCommit(record, false);
      await checkpoint.commit(record);
      await committed();
    });
    return output;
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Resolves when everything is written; rejects if something could not be. */
  async settle(): Promise<void> {
    await this.#writes;
    this.#throwIfFailed();
  }
}
