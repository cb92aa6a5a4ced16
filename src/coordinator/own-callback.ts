/**
 * Knows whether code runs inside a callback of a query (`foreachBatch`, `foreach`): there, waiting for the query would wait for itself.
 * Main thread; the micro-batch loop runs each batch in here, `stop` and the waiting calls ask.
 */
import { AsyncLocalStorage } from "node:async_hooks";

interface Batch {
  readonly owner: object;
  /** The batch in whose callback this query was started. */
  readonly outer: Batch | undefined;
  isRunning: boolean;
}

const current = new AsyncLocalStorage<Batch>();

/** Runs a batch of `owner`. */
export async function asBatchOf<T>(owner: object, work: () => Promise<T>): Promise<T> {
  const batch: Batch = { owner, outer: current.getStore(), isRunning: true };
  try {
    return await current.run(batch, work);
  } finally {
    batch.isRunning = false;
  }
}

/** Whether the caller's caller, however far up, is a running batch of `owner` (default: of any query). */
export function isInsideBatch(owner?: object): boolean {
  for (let batch = current.getStore(); batch; batch = batch.outer)
    if (batch.isRunning && (owner === undefined || batch.owner === owner)) return true;
  return false;
}
