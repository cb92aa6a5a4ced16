/**
 * `memory`: keeps the result in the program, as a table under the query's name. Mirrors Spark's MemorySink: append and update add
 * rows, complete replaces them, a batch that is already there is not added again. Main thread.
 */
import { AnalysisError } from "../../base/errors.ts";
import { decodeColumnBatch } from "../../columnar/column-batch.ts";
import type { StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { BatchAttempt, OutputMode, SinkOutput, SinkProvider, StreamSink } from "../sink.ts";

/** The result so far; a session reads it as a local relation over `batches`. */
export class MemoryTable {
  readonly schema: StructType;
  #added: { readonly batchId: number; readonly attempt: string; readonly batches: readonly Uint8Array[] }[] = [];

  constructor(schema: StructType) {
    this.schema = schema;
  }

  /** Encoded column batches, in output order. */
  get batches(): readonly Uint8Array[] {
    return this.#added.flatMap(({ batches }) => batches);
  }

  /** Every row. */
  rows(): Value[][] {
    return this.batches.flatMap((batch) => decodeColumnBatch(this.schema, batch));
  }

  /** The rows of the newest batch. */
  latestRows(): Value[][] {
    return (this.#added.at(-1)?.batches ?? []).flatMap((batch) => decodeColumnBatch(this.schema, batch));
  }

  get latestBatchId(): number {
    return this.#added.at(-1)?.batchId ?? -1;
  }

  attemptOf(batchId: number): string | null {
    return this.#added.find((added) => added.batchId === batchId)?.attempt ?? null;
  }

  add({ batchId, attempt }: BatchAttempt, mode: OutputMode, batches: readonly Uint8Array[]): void {
    if (batchId <= this.latestBatchId) return;
    if (mode === "complete") this.#added = [];
    this.#added.push({ batchId, attempt, batches });
  }

  clear(): void {
    this.#added = [];
  }
}

/** Where the tables of a session's memory sinks are; the session's catalog looks here. Passed as the attachment `memoryTables`. */
export type MemoryTables = Map<string, MemoryTable>;

export const memorySink: SinkProvider = {
  name: "memory",
  options: {},
  outputModes: ["append", "update", "complete"],
  allowsTemporaryCheckpoint: true,
  allowsAsyncProgress: true,
  async create({ queryName, schema, outputMode, attachments }): Promise<StreamSink> {
    if (queryName === null) throw new AnalysisError("MEMORY_SINK_QUERY_NAME_MISSING");
    const table = new MemoryTable(schema);
    (attachments["memoryTables"] as MemoryTables).set(queryName, table);
    return {
      description: "MemorySink",
      delivery: { kind: "main" },
      remembersCommits: false,
      lookup: async (batchId) => table.attemptOf(batchId),
      commit: async (batch: BatchAttempt, output: SinkOutput) => table.add(batch, outputMode, output.batches),
      async abort() {},
      async stop() {},
    };
  },
};
