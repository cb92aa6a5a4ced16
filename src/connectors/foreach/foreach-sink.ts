/**
 * `foreach`: a writer object of the program sees every row, on the main thread. Rules as Spark's ForeachWriter: `open` says whether
 * this part of the batch is wanted (it may have been written before a failure), `process` gets row after row, `close` is called
 * whenever `open` returned at all, with the error if there was one. At-least-once: told apart by (partitionId, epochId).
 */
import { ConnectorError } from "../../base/errors.ts";
import type { Scheduler } from "../../base/ports.ts";
import { AT_LEAST_ONCE, type SinkProvider, type StreamSink } from "../sink.ts";

/** What `foreach` calls. Methods may return a Promise: the next call waits for it; an error fails the query. */
export interface ForeachWriter<Row> {
  open?(partitionId: number, epochId: number): boolean | Promise<boolean>;
  process(row: Row): void | Promise<void>;
  close?(error: Error | null): void | Promise<void>;
}

/** Attachments: `foreach` is the writer; `toRows` turns an encoded batch into what `process` takes. */
interface ForeachAttachments {
  readonly foreach: ForeachWriter<unknown>;
  /** A slice at a time: between two of them the thread is the program's. */
  toRows(batch: Uint8Array): Iterable<readonly unknown[]>;
}

export const foreachSink: SinkProvider = {
  name: "foreach",
  options: {},
  outputModes: ["append", "update", "complete"],
  allowsTemporaryCheckpoint: true,
  async create({ attachments, ports }): Promise<StreamSink> {
    const { foreach, toRows } = attachments as unknown as ForeachAttachments;
    return {
      description: "ForeachWriterTable",
      delivery: { kind: "main" },
      remembersCommits: false,
      metrics: AT_LEAST_ONCE,
      lookup: async () => null,
      async commit({ batchId }, { batches }) {
        try {
          for (const [partitionId, batch] of batches.entries())
            await writePartition(foreach, toRows(batch), [partitionId, batchId], ports.scheduler);
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new ConnectorError("FOREACH_USER_FUNCTION_ERROR", { reason }, { cause });
        }
      },
      async abort() {},
      async stop() {},
    };
  },
};

async function writePartition(
  writer: ForeachWriter<unknown>,
  slices: Iterable<readonly unknown[]>,
  [partitionId, epochId]: readonly [number, number],
  scheduler: Scheduler,
): Promise<void> {
  const isWanted = (await writer.open?.(partitionId, epochId)) ?? true;
  try {
    if (isWanted) {
      for (const rows of slices) {
        for (const row of rows) {
          // Awaiting every row would cost more than most writers do.
          const pending = writer.process(row);
          if (pending instanceof Promise) await pending;
        }
        await scheduler.yield();
      }
    }
  } catch (error) {
    await writer.close?.(error as Error);
    throw error;
  }
  await writer.close?.(null);
}
