/** The session settings that the micro-batch loop itself looks at, parsed once per query. */
import { IllegalArgumentError } from "../base/errors.ts";
import type { SnapshotSettings } from "./background-snapshots.ts";
import { WATERMARK_POLICY_KEY, type WatermarkPolicy } from "./watermark-tracker.ts";

export interface StreamingConf {
  readonly watermarkPolicy: WatermarkPolicy;
  readonly noDataBatches: boolean;
  /** Pause after a trigger that found nothing, ms. */
  readonly pollingDelayMs: number;
  readonly idleIntervalMs: number;
  readonly progressRetention: number;
  readonly minBatchesToRetain: number;
  /** How old the rows of static join sides may get, ms; 0: they stay as they were at the start. */
  readonly staticRefreshIntervalMs: number;
  readonly snapshots: SnapshotSettings;
}

const PREFIX = "spark.sql.streaming.";

/** Throws `INVALID_CONF_VALUE` for a value that does not parse. */
export function readStreamingConf(conf: ReadonlyMap<string, string>): StreamingConf {
  const read = <T>(key: string, fallback: T, parse: (text: string) => T | undefined): T => {
    const text = conf.get(key);
    if (text === undefined) return fallback;
    const value = parse(text.trim().toLowerCase());
    if (value === undefined) throw new IllegalArgumentError("INVALID_CONF_VALUE", { confName: key, confValue: text });
    return value;
  };
  return {
    watermarkPolicy: read<WatermarkPolicy>(WATERMARK_POLICY_KEY, "min", (text) => (text === "min" || text === "max" ? text : undefined)),
    noDataBatches: read(`${PREFIX}noDataMicroBatches.enabled`, true, toBoolean),
    pollingDelayMs: read(`${PREFIX}pollingDelay`, 10, toMilliseconds),
    idleIntervalMs: read(`${PREFIX}noDataProgressEventInterval`, 10_000, toMilliseconds),
    progressRetention: read(`${PREFIX}numRecentProgressUpdates`, 100, toCount),
    minBatchesToRetain: read(`${PREFIX}minBatchesToRetain`, 100, toCount),
    staticRefreshIntervalMs: read("millrace.staticRefreshInterval", 0, toMilliseconds),
    snapshots: {
      intervalMs: read(`${PREFIX}stateStore.maintenanceInterval`, 60_000, toMilliseconds),
      minDeltas: read(`${PREFIX}stateStore.minDeltasForSnapshot`, 10, toCount),
    },
  };
}

function toBoolean(text: string): boolean | undefined {
  return text === "true" ? true : text === "false" ? false : undefined;
}

function toCount(text: string): number | undefined {
  return /^\d+$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Spark's time settings: a number of milliseconds, or with a unit: `10ms`, `2s`. */
export function toMilliseconds(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)\s*([a-z]*)$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit ?? "?"];
  return digits === undefined || unitMs === undefined ? undefined : Number(digits) * unitMs;
}
