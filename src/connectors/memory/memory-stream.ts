/**
 * A stream whose rows a program adds itself: tests, examples, benchmarks. Mirrors Spark's MemoryStream: each `addData` is one
 * offset, the first is 0, and -1 stands for nothing yet. Batches are kept, so that any query can read them again. Main thread; rows reach the workers
 * as encoded column batches in shared memory.
 */
import { columnBatchRowCount, encodeColumnBatch } from "../../columnar/column-batch.ts";
import type { StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { IllegalArgumentError } from "../../base/errors.ts";
import { stringOption } from "../options.ts";
import type { Offset, ReadLimit, SourceProvider, Split, StreamSource } from "../source.ts";

export class MemoryStream {
  readonly schema: StructType;
  readonly #batches: Uint8Array[] = [];

  constructor(schema: StructType) {
    this.schema = schema;
  }

  /** Adds rows (top-level fields by position) as one batch. Returns its offset. */
  addData(rows: readonly (readonly Value[])[]): number {
    return this.addBatch(encodeColumnBatch(this.schema, rows));
  }

  /** Adds an encoded column batch of this schema, on a SharedArrayBuffer. Returns its offset. */
  addBatch(batch: Uint8Array): number {
    return this.#batches.push(batch) - 1;
  }

  /** Offset of the newest batch; -1 if there is none. */
  get latest(): number {
    return this.#batches.length - 1;
  }

  batch(offset: number): Uint8Array {
    return this.#batches[offset]!;
  }
}

/** Rows in one split at most; a larger batch is dealt to several workers. */
const SPLIT_ROWS_MAX = 1 << 17;

/** Splits that read rows of one encoded batch each; `fields` go into every split. */
export function batchSplits(batch: Uint8Array, fields: Readonly<Record<string, string | number>>): Split[] {
  const rows = columnBatchRowCount(batch);
  const splits: Split[] = [];
  for (let row = 0; row < rows; row += SPLIT_ROWS_MAX)
    splits.push({ ...fields, reader: "memory", firstRow: row, rows: Math.min(SPLIT_ROWS_MAX, rows - row) });
  return splits;
}

/** The provider over a session's streams; option `stream` names one. */
export function memorySource(streams: ReadonlyMap<string, MemoryStream>): SourceProvider {
  const find = (name: string): MemoryStream => {
    const stream = streams.get(name);
    if (!stream)
      throw new IllegalArgumentError("DATA_SOURCE_NOT_FOUND", {
        provider: `memory stream ${name}`,
        suggestion: [...streams.keys()].join(", "),
      });
    return stream;
  };
  return {
    name: "memory",
    options: { stream: stringOption("Name under which the session knows the stream", "") },
    schema: async ({ options }) => find(options.get("stream")).schema,
    createStream: async ({ options }) => new MemoryStreamSource(options.get("stream"), find(options.get("stream"))),
  };
}

class MemoryStreamSource implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit = { kind: "all_available" };
  readonly supportsAvailableNow = true;
  readonly #name: string;
  readonly #stream: MemoryStream;
  #availableEnd: number | null = null;

  constructor(name: string, stream: MemoryStream) {
    this.description = `MemoryStream[${stream.schema.fields.map((field) => field.name).join(",")}]`;
    this.#name = name;
    this.#stream = stream;
  }

  async prepareAvailableNow(): Promise<void> {
    this.#availableEnd = this.#stream.latest;
  }

  async latestOffset(start: Offset | null): Promise<Offset | null> {
    const latest = this.#availableEnd ?? this.#stream.latest;
    return latest > Number(start ?? -1) ? latest : start;
  }

  async reportLatest(): Promise<Offset | null> {
    return this.#stream.latest < 0 ? null : this.#stream.latest;
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    const splits: Split[] = [];
    for (let offset = Number(start ?? -1) + 1; offset <= Number(end); offset++)
      splits.push(...batchSplits(this.#stream.batch(offset), { stream: this.#name, batch: offset }));
    return splits;
  }

  attachments(splits: readonly Split[]): readonly Uint8Array[] {
    return splits.map((split) => this.#stream.batch(split["batch"] as number));
  }

  async commit(): Promise<void> {}
  async stop(): Promise<void> {}
}
