/**
 * Where the queries of one `testStream` write: rows per batch, kept over restarts. Exactly-once: it knows which attempt committed a batch
 * and takes no batch twice. Main thread.
 */
import { decodeColumnBatch } from "../columnar/column-batch.ts";
import type { StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import type { SinkProvider, StreamSink } from "../connectors/sink.ts";

export const TEST_FORMAT = "millrace-test";

interface KeptBatch {
  readonly batchId: number;
  readonly attempt: string;
  readonly rows: readonly (readonly Value[])[];
}

export class TestSink {
  #schema: StructType | null = null;
  /** Ascending by id. In complete mode only the newest. */
  #batches: KeptBatch[] = [];

  /** Of the rows; null before the first start. */
  get schema(): StructType | null {
    return this.#schema;
  }

  get latestBatchId(): number {
    return this.#batches.at(-1)?.batchId ?? -1;
  }

  /** Rows of the batches after `batchId`. */
  rowsAfter(batchId: number): (readonly Value[])[] {
    return this.#batches.flatMap((batch) => (batch.batchId > batchId ? batch.rows : []));
  }

  latestRows(): readonly (readonly Value[])[] {
    return this.#batches.at(-1)?.rows ?? [];
  }

  /** Forgets all batches, as if somebody had removed the output. */
  clear(): void {
    this.#batches = [];
  }

  readonly provider: SinkProvider = {
    name: TEST_FORMAT,
    options: {},
    outputModes: ["append", "update", "complete"],
    allowsTemporaryCheckpoint: false,
    create: async ({ schema, outputMode }): Promise<StreamSink> => {
      this.#schema = schema;
      return {
        description: "TestSink",
        delivery: { kind: "main" },
        lookup: async (batchId) => this.#batches.find((batch) => batch.batchId === batchId)?.attempt ?? null,
        commit: async ({ batchId, attempt }, { batches }) => {
          if (batchId <= this.latestBatchId) return;
          if (outputMode === "complete") this.#batches = [];
          this.#batches.push({ batchId, attempt, rows: batches.flatMap((batch) => decodeColumnBatch(schema, batch)) });
        },
        async abort() {},
        async stop() {},
      };
    },
  };
}
