/** The options of asynchronous progress tracking, which every streaming sink takes, and where they are allowed. Called by `start()`. */
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import type { SinkProvider } from "../connectors/sink.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { StartRequest } from "./executor.ts";

const ENABLED = "asyncProgressTrackingEnabled";
const INTERVAL = "asyncProgressTrackingCheckpointIntervalMs";
const DEFAULT_INTERVAL_MS = 1000;

export const asyncProgressOptions: readonly string[] = [ENABLED, INTERVAL];

/**
 * Milliseconds between two logged batches, or null: every batch is logged before the next. Throws `DATA_SOURCE_OPTION_INVALID`, and
 * `ASYNC_PROGRESS_TRACKING_UNSUPPORTED` for triggers and sinks that Spark does not allow.
 */
export function asyncProgressIntervalMs({ options, format, trigger }: StartRequest, provider: SinkProvider): number | null {
  const valueOf = (name: string): string | undefined =>
    Object.entries(options).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  const invalid = (option: string, value: string, reason: string): Error =>
    new AnalysisError("DATA_SOURCE_OPTION_INVALID", { option, format, value, reason });
  const enabled = valueOf(ENABLED)?.toLowerCase();
  const interval = valueOf(INTERVAL);
  if (enabled !== undefined && enabled !== "true" && enabled !== "false") throw invalid(ENABLED, enabled, "it must be true or false");
  if (interval !== undefined && !/^\d+$/.test(interval)) throw invalid(INTERVAL, interval, "it must be a number of milliseconds");
  if (interval !== undefined && enabled === undefined) throw invalid(INTERVAL, interval, `it needs the option ${ENABLED}`);
  if (enabled !== "true") return null;
  if (trigger.kind === "once") throw unsupported("Async progress tracking cannot be used with Once trigger");
  if (trigger.kind === "available_now") throw unsupported("Async progress tracking cannot be used with AvailableNow trigger");
  if (!provider.allowsAsyncProgress) throw unsupported(`Sink ${provider.name} does not support async progress tracking`);
  return interval === undefined ? DEFAULT_INTERVAL_MS : Number(interval);
}

/** Throws `ASYNC_PROGRESS_TRACKING_UNSUPPORTED` if the query keeps state: it could not be read again from where the log says. */
export function refuseState({ operators }: PhysicalProgram): void {
  if (operators.some(({ state }) => state !== null))
    throw unsupported("Stateful streaming queries does not support async progress tracking at this moment");
}

const unsupported = (reason: string): Error => new IllegalArgumentError("ASYNC_PROGRESS_TRACKING_UNSUPPORTED", { reason });
