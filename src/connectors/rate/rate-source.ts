/**
 * `rate`: rows made at a steady pace, for trying things out. Mirrors Spark's RateStreamMicroBatchStream: the offset is the number of
 * seconds since the source was created, the moment of creation is kept in the source's log. Main thread.
 */
import { ConnectorError, IllegalArgumentError } from "../../base/errors.ts";
import type { Clock } from "../../base/ports.ts";
import { sealText, unsealText } from "../../base/sealed-text.ts";
import { durationOption, integerOption, type OptionSpecs } from "../options.ts";
import type { LogStore, Offset, ReadLimit, SourceContext, SourceProvider, Split, StreamSource } from "../source.ts";
import { rateSchema, rateSplits } from "./rate-schema.ts";

const rateOptions: OptionSpecs = {
  rowsPerSecond: integerOption("Rows made in one second", 1, 1),
  rampUpTime: durationOption("How long the pace rises before it reaches rowsPerSecond", "0s", "s"),
  numPartitions: integerOption("Readers the rows are dealt to; the default parallelism if not given", null, 1),
};

export const rateSource: SourceProvider = {
  name: "rate",
  options: rateOptions,
  schema: async () => rateSchema,
  async createStream(context) {
    const creationMs = await creationTime(context.log!, context.ports.clock);
    return new RateStream(context, creationMs);
  },
};

/** Total rows after `seconds`. During the ramp of `rampUpSeconds` each second brings `rowsPerSecond / (ramp + 1)` more than the one before. */
export function valueAtSecond(seconds: number, rowsPerSecond: number, rampUpSeconds: number): number {
  if (rampUpSeconds === 0) return seconds * rowsPerSecond;
  const speedDelta = Math.floor(rowsPerSecond / (rampUpSeconds + 1));
  if (seconds <= rampUpSeconds) return (speedDelta * (seconds * (seconds + 1))) / 2;
  return valueAtSecond(rampUpSeconds, rowsPerSecond, rampUpSeconds) + (seconds - rampUpSeconds) * rowsPerSecond;
}

/** The source's log holds one file, `0`: `v1`, the epoch milliseconds of creation, and a line with a checksum. */
async function creationTime(log: LogStore, clock: Clock): Promise<number> {
  const text = (await log.read("0")) ?? (await createTime(log, clock.nowMs()));
  const unsealed = unsealText(text);
  // Version 0.1.0 wrote no checksum; it did not run before 2001.
  const match = (unsealed?.isSealed ? /^v1\n(\d+)\n/ : /^v1\n(\d{13})$/).exec(unsealed?.text ?? "");
  if (!match) throw new ConnectorError("DATA_SOURCE_LOG_MALFORMED", { file: `${log.directory}/0`, content: text.slice(0, 80) });
  return Number(match[1]);
}

async function createTime(log: LogStore, nowMs: number): Promise<string> {
  const text = sealText(`v1\n${Math.floor(nowMs)}\n{"millrace":{}}`);
  await log.putIfAbsent("0", text);
  return (await log.read("0")) ?? text;
}

class RateStream implements StreamSource {
  readonly description: string;
  readonly defaultLimit: ReadLimit = { kind: "all_available" };
  readonly supportsAvailableNow = true;
  readonly #clock: Clock;
  readonly #creationMs: number;
  readonly #rowsPerSecond: number;
  readonly #rampUpSeconds: number;
  readonly #partitions: number;
  #lastMs: number;
  #isFixed = false;

  constructor({ ports, options, parallelism }: SourceContext, creationMs: number) {
    this.#clock = ports.clock;
    this.#creationMs = creationMs;
    this.#lastMs = creationMs;
    this.#rowsPerSecond = options.get("rowsPerSecond");
    this.#rampUpSeconds = Math.floor(options.get<number>("rampUpTime") / 1000);
    this.#partitions = options.get<number | null>("numPartitions") ?? parallelism;
    this.description = `RateStreamV2[rowsPerSecond=${this.#rowsPerSecond}, rampUpTimeSeconds=${this.#rampUpSeconds}, numPartitions=${
      options.get<number | null>("numPartitions") ?? "default"
    }]`;
    const maxSeconds = Math.floor(Number.MAX_SAFE_INTEGER / this.#rowsPerSecond);
    if (this.#rampUpSeconds > maxSeconds)
      throw new IllegalArgumentError("INCORRECT_RAMP_UP_RATE", {
        rowsPerSecond: String(this.#rowsPerSecond),
        maxSeconds: String(maxSeconds),
        rampUpTimeSeconds: String(this.#rampUpSeconds),
      });
  }

  async prepareAvailableNow(): Promise<void> {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.nowMs());
    this.#isFixed = true;
  }

  async latestOffset(start: Offset | null): Promise<Offset | null> {
    const seconds = Math.max(this.#nowSeconds(), Number(start ?? 0));
    return seconds === Number(start ?? 0) ? start : seconds;
  }

  async reportLatest(): Promise<Offset | null> {
    return this.#nowSeconds();
  }

  /** A clock that goes back stands still instead. */
  #nowSeconds(): number {
    if (!this.#isFixed) this.#lastMs = Math.max(this.#lastMs, this.#clock.nowMs());
    return Math.floor((this.#lastMs - this.#creationMs) / 1000);
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    const from = Number(start ?? 0);
    const to = Number(end);
    const first = valueAtSecond(from, this.#rowsPerSecond, this.#rampUpSeconds);
    const last = valueAtSecond(to, this.#rowsPerSecond, this.#rampUpSeconds);
    if (first === last) return [];
    return rateSplits(first, last, this.#partitions, this.#creationMs + from * 1000, ((to - from) * 1000) / (last - first));
  }

  async commit(): Promise<void> {}
  async stop(): Promise<void> {}
}
