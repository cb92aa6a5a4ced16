/**
 * Configuration of a session. Keys that begin with `spark.sql.` or `millrace.` must be known and their values are checked at once:
 * nothing is accepted and ignored. Other keys are the program's own.
 */
import { IllegalArgumentError, suggest } from "../base/errors.ts";
import { findTimeZone } from "../columnar/time-zone.ts";
import { parseByteSize } from "../connectors/options.ts";

interface ConfKey {
  readonly description: string;
  /** Null: not set. */
  readonly default: string | null;
  /** Says what is wrong with a value, or nothing. */
  readonly check?: (value: string) => string | undefined;
}

const isBoolean = (value: string): string | undefined => (/^(true|false)$/i.test(value.trim()) ? undefined : "It must be true or false.");
const isOnly =
  (only: string) =>
  (value: string): string | undefined =>
    value.trim().toLowerCase() === only ? undefined : `This version of Millrace supports ${only} only.`;
const isOneOf =
  (...choices: readonly string[]) =>
  (value: string): string | undefined =>
    choices.includes(value.trim().toLowerCase()) ? undefined : `It must be one of ${choices.join(", ")}.`;
const isCount = (value: string): string | undefined =>
  /^[1-9]\d{0,8}$/.test(value.trim()) ? undefined : "It must be a positive whole number.";
const isDuration = (value: string): string | undefined =>
  /^\d+\s*(ms|s|m|min|h|d)?$/i.test(value.trim()) ? undefined : "It must be a number of milliseconds, or a number with ms, s, m, h or d.";
const isByteSize = (value: string): string | undefined =>
  parseByteSize(value) ? undefined : "It must be a positive number of bytes, or a number with k, m, g or t.";
const isTimeZone = (value: string): string | undefined =>
  findTimeZone(value) === undefined ? "Cannot resolve the given timezone." : undefined;

/** Every key of ours, by its exact name. */
const confKeys: Readonly<Record<string, ConfKey>> = {
  "spark.sql.ansi.enabled": { description: "ANSI semantics of casts and arithmetic.", default: "true", check: isOnly("true") },
  "spark.sql.caseSensitive": { description: "Whether column names differ by case.", default: "false", check: isBoolean },
  "spark.sql.session.timeZone": {
    description: "Time zone of dates, and of times without a zone. Default: that of the machine.",
    // Asked when it is needed: loading the zones takes a tenth of a start.
    get default() {
      return Intl.DateTimeFormat().resolvedOptions().timeZone;
    },
    check: isTimeZone,
  },
  "spark.sql.shuffle.partitions": {
    description: "State partitions of a new query. Default: the power of two at or above four times the workers, at least 16.",
    default: null,
    check: isCount,
  },
  "spark.sql.streaming.checkpointLocation": {
    description: "Directory under which queries without one of their own keep checkpoints.",
    default: null,
  },
  "spark.sql.streaming.schemaInference": {
    description: "Whether file streams may infer their schema.",
    default: "false",
    check: isBoolean,
  },
  "spark.sql.streaming.fileStreamSink.ignoreMetadata": {
    description: "Whether file sources read all files of a directory that a file sink wrote, not only committed ones.",
    default: "false",
    check: isBoolean,
  },
  "spark.sql.streaming.minBatchesToRetain": {
    description: "Batches whose logs and state are kept, at least.",
    default: "100",
    check: isCount,
  },
  "spark.sql.streaming.multipleWatermarkPolicy": {
    description: "Whether the slowest or the fastest input sets the watermark.",
    default: "min",
    check: isOneOf("min", "max"),
  },
  "spark.sql.streaming.noDataMicroBatches.enabled": {
    description: "Whether batches without data run to emit and clean up state.",
    default: "true",
    check: isBoolean,
  },
  "spark.sql.streaming.statefulOperator.checkCorrectness.enabled": {
    description: "Whether queries whose chained stateful operators could drop rows are refused.",
    default: "true",
    check: isBoolean,
  },
  "spark.sql.streaming.stateStore.maintenanceInterval": {
    description:
      "Longest time between two background copies of changed state; what is younger is redone at a restart. Copies come sooner where redo would take half a second.",
    default: "60s",
    check: isDuration,
  },
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": {
    description:
      "Batches that change a small state before it is written to a snapshot file. Large state gets one when as many bytes have changed.",
    default: "10",
    check: isCount,
  },
  "spark.sql.streaming.pollingDelay": { description: "Pause after a trigger that found nothing.", default: "10ms", check: isDuration },
  "spark.sql.streaming.noDataProgressEventInterval": {
    description: "Time between events of an idle query.",
    default: "10s",
    check: isDuration,
  },
  "millrace.staticRefreshInterval": {
    description:
      "Static join sides older than this are read again before the next batch with data. 0: they stay as they were at the start.",
    default: "0s",
    check: isDuration,
  },
  "millrace.maxBytesPerBatch": {
    description:
      "Bytes of files in a batch of a file source without maxFilesPerTrigger and maxBytesPerTrigger; the trigger once takes all.",
    default: "1g",
    check: isByteSize,
  },
  "millrace.memory.limit": {
    description:
      "Memory for the state of a query and what else it has in its workers, over all of them, such as 2g; every query has as much of its own. State beyond it waits on disk. Default: half of the memory of the machine or of its control group.",
    default: null,
    check: isByteSize,
  },
  "millrace.workerTimeout": {
    description: "A worker that works for so long without a sign of life counts as dead and is replaced. 0: never.",
    default: "120s",
    check: isDuration,
  },
  "millrace.state.migrate": {
    description:
      "Whether a changed program may start where that makes an aggregate begin empty in groups that exist, or loses the state of one that is gone.",
    default: "false",
    check: isBoolean,
  },
  "millrace.windowPanes.enabled": {
    description: "Whether overlapping windows share partial aggregates (panes). A checkpoint keeps to what it was started with.",
    default: "true",
    check: isBoolean,
  },
  "spark.sql.streaming.numRecentProgressUpdates": { description: "Progress reports that a query keeps.", default: "100", check: isCount },
};

/** The session's settings. Synchronous: what the API hands out is `RuntimeConfig`. */
export class RuntimeConf {
  readonly #values = new Map<string, string>();

  get timeZone(): string {
    return this.get("spark.sql.session.timeZone")!;
  }

  /** The value or the default; undefined where there is neither. */
  get(key: string): string | undefined {
    return this.#values.get(key) ?? (Object.hasOwn(confKeys, key) ? (confKeys[key]!.default ?? undefined) : undefined);
  }

  /** Throws `SQL_CONF_NOT_FOUND`, `INVALID_CONF_VALUE.REQUIREMENT`. */
  set(key: string, value: string): void {
    checkKey(key);
    const problem = Object.hasOwn(confKeys, key) ? confKeys[key]!.check?.(value) : undefined;
    if (problem !== undefined) {
      throw new IllegalArgumentError("INVALID_CONF_VALUE.REQUIREMENT", { confName: key, confValue: value, confRequirement: problem });
    }
    this.#values.set(key, value);
  }

  unset(key: string): void {
    checkKey(key);
    this.#values.delete(key);
  }

  /** What has been set, and the defaults of everything else. */
  entries(): ReadonlyMap<string, string> {
    const entries = new Map<string, string>();
    for (const key of [...Object.keys(confKeys), ...this.#values.keys()]) {
      const value = this.get(key);
      if (value !== undefined) entries.set(key, value);
    }
    return entries;
  }
}

/** `session.conf`, as Spark's RuntimeConfig. A change is in force when the call returns. */
export class RuntimeConfig {
  readonly #conf: RuntimeConf;

  constructor(conf: RuntimeConf) {
    this.#conf = conf;
  }

  /** Throws `SQL_CONF_NOT_FOUND` for a key that is not set, has no default, and no `fallback` is given. */
  async get(key: string, fallback?: string): Promise<string> {
    const value = this.#conf.get(key) ?? fallback;
    if (value === undefined) throw notFound(key);
    return value;
  }
  async getAll(): Promise<Record<string, string>> {
    return Object.fromEntries(this.#conf.entries());
  }
  async set(key: string, value: string | number | boolean | bigint): Promise<void> {
    this.#conf.set(key, String(value));
  }
  async unset(key: string): Promise<void> {
    this.#conf.unset(key);
  }
  async isModifiable(key: string): Promise<boolean> {
    return Object.hasOwn(confKeys, key);
  }
}

function checkKey(key: string): void {
  if (/^(spark\.sql|millrace)\./.test(key) && !Object.hasOwn(confKeys, key)) throw notFound(key);
}

function notFound(key: string): Error {
  return new IllegalArgumentError("SQL_CONF_NOT_FOUND", {
    sqlConf: `"${key}"`,
    suggestion: suggest(key, Object.keys(confKeys), 3)
      .map((known) => `"${known}"`)
      .join(", "),
  });
}
