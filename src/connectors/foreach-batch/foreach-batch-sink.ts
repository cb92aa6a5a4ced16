/**
 * `foreachBatch`: a function of the program gets each micro-batch as a frame and its id, on the main thread. At-least-once; the
 * program makes it exactly-once with the batch id.
 */
import { ConnectorError } from "../../base/errors.ts";
import { AT_LEAST_ONCE, type SinkProvider, type StreamSink } from "../sink.ts";

/** The attachment `foreachBatch`: the session wraps the user's function so that it makes a frame from the encoded batches. */
export type ForeachBatchFunction = (batches: readonly Uint8Array[], batchId: number) => Promise<void>;

export const foreachBatchSink: SinkProvider = {
  name: "foreachBatch",
  options: {},
  outputModes: ["append", "update", "complete"],
  allowsTemporaryCheckpoint: true,
  async create({ attachments }): Promise<StreamSink> {
    const write = attachments["foreachBatch"] as ForeachBatchFunction;
    return {
      description: "ForeachBatchSink",
      delivery: { kind: "main" },
      remembersCommits: false,
      metrics: AT_LEAST_ONCE,
      lookup: async () => null,
      async commit({ batchId }, { batches }) {
        try {
          await write(batches, batchId);
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message : String(cause);
          throw new ConnectorError("FOREACH_BATCH_USER_FUNCTION_ERROR", { reason }, { cause });
        }
      },
      async abort() {},
      async stop() {},
    };
  },
};
