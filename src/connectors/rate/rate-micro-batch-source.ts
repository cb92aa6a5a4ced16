/**
 * `rate-micro-batch`: a fixed number of rows per micro-batch, all with one time; the same rows in every run. Mirrors Spark's
 * RatePerMicroBatchStream. An offset holds the next row and the time that the next batch's rows get. Main thread.
 */
import { IllegalArgumentError } from "../../base/errors.ts";
import { integerOption, type OptionSpecs } from "../options.ts";
import type { Offset, ReadLimit, SourceContext, SourceProvider, Split, StreamSource } from "../source.ts";
import { rateSchema, rateSplits } from "./rate-schema.ts";

const rateMicroBatchOptions: OptionSpecs = {
  rowsPerBatch: integerOption("Rows in each micro-batch; required", null, 1),
  numPartitions: integerOption("Readers the rows are dealt to; the default parallelism if not given", null, 1),
  startTimestamp: integerOption("Time of the first batch's rows, epoch milliseconds", 0),
  advanceMillisPerBatch: integerOption("How much later each batch's rows are than those before", 1000),
};

export const rateMicroBatchSource: SourceProvider = {
  name: "rate-micro-batch",
  options: rateMicroBatchOptions,
  async schema(context) {
    requireRows(context);
    return rateSchema;
  },
  createStream: async (context) => new RateMicroBatchStream(context),
};

function requireRows({ options }: SourceContext): number {
  const rows = options.get<number | null>("rowsPerBatch");
  if (rows === null)
    throw new IllegalArgumentError("DATA_SOURCE_OPTION_MISSING", {
      option: "rowsPerBatch",
      format: "rate-micro-batch",
      reason: "it is the number of rows in each micro-batch",
    });
  return rows;
}

interface Position {
  readonly offset: number;
  readonly timestamp: number;
}

class RateMicroBatchStream implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit;
  readonly supportsAvailableNow = true;
  readonly #rows: number;
  readonly #startMs: number;
  readonly #advanceMs: number;
  readonly #partitions: number;
  #isAvailableNow = false;
  #availableEnd: Position | null = null;

  constructor(context: SourceContext) {
    const { options, parallelism } = context;
    this.#rows = requireRows(context);
    this.#startMs = options.get("startTimestamp");
    this.#advanceMs = options.get("advanceMillisPerBatch");
    this.#partitions = options.get<number | null>("numPartitions") ?? parallelism;
    this.defaultLimit = { kind: "max_rows", rows: this.#rows };
    this.description =
      `RatePerMicroBatchStream[rowsPerBatch=${this.#rows}, numPartitions=${this.#partitions}, ` +
      `startTimestamp=${this.#startMs}, advanceMsPerBatch=${this.#advanceMs}]`;
  }

  async prepareAvailableNow(): Promise<void> {
    this.#isAvailableNow = true;
  }

  async latestOffset(start: Offset | null): Promise<Offset | null> {
    if (this.#availableEnd) return toOffset(this.#availableEnd);
    const from = this.#position(start);
    const next = { offset: from.offset + this.#rows, timestamp: from.timestamp + this.#advanceMs };
    if (this.#isAvailableNow) this.#availableEnd = next;
    return toOffset(next);
  }

  async reportLatest(): Promise<Offset | null> {
    return null;
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    const from = this.#position(start);
    return rateSplits(from.offset, this.#position(end).offset, this.#partitions, from.timestamp, 0);
  }

  async commit(): Promise<void> {}
  async stop(): Promise<void> {}

  #position(offset: Offset | null): Position {
    if (offset === null) return { offset: 0, timestamp: this.#startMs };
    const malformed = (part: "OFFSET" | "TIMESTAMP", value: unknown) =>
      new IllegalArgumentError(`MALFORMED_STATE_IN_RATE_PER_MICRO_BATCH_SOURCE.INVALID_${part}`, { value: JSON.stringify(value) });
    const position = typeof offset === "object" ? (offset as unknown as Partial<Position>) : {};
    if (!Number.isSafeInteger(position.offset) || position.offset! < 0) throw malformed("OFFSET", position.offset ?? offset);
    if (!Number.isSafeInteger(position.timestamp) || position.timestamp! < this.#startMs) throw malformed("TIMESTAMP", position.timestamp);
    return position as Position;
  }
}

const toOffset = ({ offset, timestamp }: Position): Offset => ({ offset, timestamp });
