/**
 * The Nexmark benchmark's auction site as a source: an unbounded or bounded run of events, each a pure function of the seed and
 * its number. Offsets are event numbers (the next one to be read), so any range can be read again, on any worker. Main thread.
 *
 * Event n belongs to a person (n mod 50 = 0), an auction (1 to 3) or a bid (4 to 49). With `table` other than `all`, offsets and
 * limits still count events of all kinds. Events are there as fast as they are asked for; `eventsPerSecond` is the rate of event
 * time, not of production.
 */
import { IllegalArgumentError } from "../../base/errors.ts";
import type { JsonValue, Offset, ReadLimit, SourceContext, SourceProvider, Split, StreamSource } from "../source.ts";
import type { ConnectorOptions } from "../options.ts";
import { NEXMARK_SCHEMAS, type NexmarkTable, nexmarkOptions } from "./nexmark-schema.ts";

/** Events in one split: about 10 MB of rows when all columns are read. */
const SPLIT_EVENTS_MAX = 65_536;

export const nexmarkSource: SourceProvider = {
  name: "nexmark",
  options: nexmarkOptions,
  schema: async (context) => NEXMARK_SCHEMAS[context.options.get<NexmarkTable>("table")],
  createStream: async (context) => new NexmarkStream(context),
  async planBatch(context) {
    const { first, end } = range(context.options);
    if (end === null) throw missingEvents();
    return nexmarkSplits(first, end, context.parallelism);
  },
};

/** Event numbers: `first` is the first, `end` follows the last, null when there is none. */
function range(options: ConnectorOptions): { first: number; end: number | null } {
  const first = options.get<number>("firstEvent");
  const events = options.get<number | null>("events");
  return { first, end: events === null ? null : first + events };
}

const missingEvents = () =>
  new IllegalArgumentError("DATA_SOURCE_OPTION_MISSING", {
    option: "events",
    format: "nexmark",
    reason: "a batch read has an end",
  });

function nexmarkSplits(first: number, end: number, parallelism: number): Split[] {
  // Each worker gets several splits of equal length even when the batch is small.
  const length = Math.min(SPLIT_EVENTS_MAX, Math.max(1024, Math.ceil((end - first) / (4 * parallelism))));
  const splits: Split[] = [];
  for (let at = first; at < end; at += length) splits.push({ reader: "nexmark", first: at, count: Math.min(length, end - at) });
  return splits;
}

class NexmarkStream implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit;
  readonly supportsAvailableNow = true;
  readonly #first: number;
  readonly #end: number;
  readonly #parallelism: number;

  constructor({ options, parallelism }: SourceContext) {
    this.description = `Nexmark[table=${options.get<string>("table")}, seed=${options.get<number>("seed")}]`;
    this.defaultLimit = { kind: "max_rows", rows: options.get<number>("rowsPerBatch") };
    const { first, end } = range(options);
    this.#first = first;
    this.#end = end ?? Number.MAX_SAFE_INTEGER;
    this.#parallelism = parallelism;
  }

  /** An unlimited run has no end to stop at: one batch, as the rate source does. */
  #availableEnd: number | null = null;
  #isAvailableNow = false;
  async prepareAvailableNow(): Promise<void> {
    this.#isAvailableNow = true;
  }

  async latestOffset(start: Offset | null, limit: ReadLimit): Promise<Offset | null> {
    const from = this.#position(start);
    const rows = limit.kind === "max_rows" ? limit.rows : (this.defaultLimit as { rows: number }).rows;
    const isBounded = this.#end !== Number.MAX_SAFE_INTEGER;
    if (this.#isAvailableNow && !isBounded) this.#availableEnd ??= from + rows;
    const end = limit.kind === "all_available" && isBounded ? this.#end : from + rows;
    const latest = Math.max(from, Math.min(this.#end, this.#availableEnd ?? end, end));
    return latest === from ? start : latest;
  }

  async reportLatest(): Promise<Offset | null> {
    return this.#end === Number.MAX_SAFE_INTEGER ? null : this.#end;
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    return nexmarkSplits(this.#position(start), this.#position(end), this.#parallelism);
  }

  async commit(): Promise<void> {}
  async stop(): Promise<void> {}

  #position(offset: JsonValue): number {
    return offset === null ? this.#first : Number(offset);
  }
}
