/** `df.writeStream`: where, when and how the results of a streaming query go. Session's thread; `start` hands over to the executor. */
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import { columnBatchSlices } from "../columnar/column-batch.ts";
import type { StructType } from "../columnar/types.ts";
import type { ForeachBatchFunction } from "../connectors/foreach-batch/foreach-batch-sink.ts";
import type { ForeachWriter } from "../connectors/foreach/foreach-sink.ts";
import type { OutputMode } from "../connectors/sink.ts";
import type { Trigger } from "../coordinator/trigger.ts";
import { schemaOf } from "../plan/expr/expression.ts";
import { intervalMicros, parseInterval } from "../plan/expr/interval.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import { notYet } from "./column.ts";
import { DataFrame } from "./dataframe.ts";
import { OptionMap, type OptionValue } from "./option-map.ts";
import { rowDecoder } from "../columnar/row.ts";
import type { SessionState } from "./session-state.ts";
import { StreamingQuery } from "./streaming-query.ts";
import type { Row } from "./typed.ts";

/** When batches start; exactly one of the keys. Times are interval texts, or milliseconds. */
export type TriggerOptions =
  | { readonly processingTime: string | number }
  | { readonly availableNow: true }
  | { readonly once: true }
  | { readonly continuous: string }
  | { readonly realTime: string };

const OUTPUT_MODES: readonly string[] = ["append", "update", "complete"];

/**
 * Starts a streaming query: format, output mode, trigger, options, then `start`. Option `checkpointLocation` makes it survive the process.
 * Queries without state into console, memory or noop can log their progress beside the batches: `asyncProgressTrackingEnabled`, at most every
 * `asyncProgressTrackingCheckpointIntervalMs` (default 1000); after a crash more is read again.
 */
export class DataStreamWriter<R = Row> {
  readonly #session: SessionState;
  readonly #plan: LogicalPlan;
  readonly #options = new OptionMap();
  #format = "parquet";
  #outputMode: OutputMode = "append";
  #trigger: Trigger = { kind: "processing_time", intervalMs: 0 };
  #name: string | null = null;
  #partitionBy: readonly string[] = [];
  #attach: (schema: StructType) => Readonly<Record<string, unknown>> = () => ({});

  constructor(session: SessionState, plan: LogicalPlan) {
    this.#session = session;
    this.#plan = plan;
  }

  format(name: string): this {
    this.#format = name;
    return this;
  }
  /** `append` (default), `update` or `complete`. Throws `STREAMING_OUTPUT_MODE.INVALID`. */
  outputMode(mode: OutputMode): this {
    const lower = mode.toLowerCase();
    if (!OUTPUT_MODES.includes(lower)) throw new IllegalArgumentError("STREAMING_OUTPUT_MODE.INVALID", { outputMode: mode });
    this.#outputMode = lower as OutputMode;
    return this;
  }
  option(key: string, value: OptionValue): this {
    this.#options.set(key, value);
    return this;
  }
  options(options: Readonly<Record<string, OptionValue>>): this {
    this.#options.setAll(options);
    return this;
  }
  partitionBy(...columns: readonly string[]): this {
    this.#partitionBy = columns;
    return this;
  }
  /** A name that no other running query of the session has. */
  queryName(name: string): this {
    this.#name = name;
    return this;
  }
  /** Throws `CANNOT_PARSE_INTERVAL`, `INVALID_TRIGGER`. */
  trigger(trigger: TriggerOptions): this {
    this.#trigger = parseTrigger(trigger);
    return this;
  }
  /** Every row goes to the function, or to the writer's `process`. At least once after a failure. */
  foreach(writer: ForeachWriter<R> | ((row: R) => void | Promise<void>)): this {
    const foreach = typeof writer === "function" ? { process: writer } : writer;
    requireFunction("foreach", foreach?.process);
    this.#format = "foreach";
    this.#attach = (schema) => {
      const decode = rowDecoder(schema);
      function* toRows(batch: Uint8Array): Generator<unknown[]> {
        for (const rows of columnBatchSlices(schema, batch)) yield rows.map(decode);
      }
      return { foreach, toRows };
    };
    return this;
  }
  /** Every micro-batch goes to the function as a frame, with its number. At least once after a failure: the number tells. */
  foreachBatch(write: (batch: DataFrame<R>, batchId: number) => void | Promise<void>): this {
    requireFunction("foreachBatch", write);
    this.#format = "foreachBatch";
    this.#attach = (schema) => {
      const foreachBatch: ForeachBatchFunction = async (batches, batchId) => {
        await write(new DataFrame<R>(this.#session, { kind: "local_relation", schema, output: [], batches }), batchId);
      };
      return { foreachBatch };
    };
    return this;
  }
  /** Starts the query; `path` may also be an option. Resolves when it is running. */
  async start(path?: string): Promise<StreamingQuery> {
    const isCallback = this.#format === "foreach" || this.#format === "foreachBatch";
    if (isCallback && this.#partitionBy.length > 0)
      throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
        feature: `partitionBy with ${this.#format}`,
        remedy: "Write to partitions inside the function.",
      });
    const attachments = isCallback ? this.#attach(schemaOf((await this.#session.executor.analyze(this.#plan)).output)) : {};
    const handle = await this.#session.executor.start(this.#plan, {
      name: this.#name,
      format: this.#format,
      outputMode: this.#outputMode,
      trigger: this.#trigger,
      options: this.#options.toRecord("path"),
      path: path ?? this.#options.get("path") ?? null,
      partitionBy: this.#partitionBy,
      attachments,
    });
    return new StreamingQuery(this.#session.executor, handle);
  }
  toTable(_name: string): Promise<never> {
    return Promise.reject(notYet("DataStreamWriter.toTable", "Use start(path)."));
  }
  toPySpark(): never {
    throw notYet("DataStreamWriter.toPySpark", "Write the query in PySpark.");
  }
}

/** Types are not all that keeps programs from giving something else. */
function requireFunction(method: string, given: unknown): void {
  if (typeof given === "function") return;
  const externalType = given === null ? "null" : typeof given;
  throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", { externalType, type: "a function", expr: method });
}

function parseTrigger(options: TriggerOptions): Trigger {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  const [key, value] = entries[0] ?? [];
  const invalid = (reason: string): Error => new IllegalArgumentError("INVALID_TRIGGER", { trigger: JSON.stringify(options), reason });
  if (entries.length !== 1) throw invalid("exactly one of processingTime, availableNow and once must be given");
  switch (key) {
    case "processingTime": {
      const intervalMs = typeof value === "number" ? value : milliseconds(String(value));
      if (!Number.isFinite(intervalMs) || intervalMs < 0) throw invalid("the interval must not be negative");
      return { kind: "processing_time", intervalMs };
    }
    case "availableNow":
    case "once":
      if (value !== true) throw invalid("the value must be true");
      return { kind: key === "once" ? "once" : "available_now" };
    case "continuous":
    case "realTime":
      throw notYet(`The trigger ${key}`, "Use processingTime.");
    default:
      throw invalid("exactly one of processingTime, availableNow and once must be given");
  }
}

function milliseconds(text: string): number {
  const interval = parseInterval(text);
  if (interval.months !== 0) throw new IllegalArgumentError("CANNOT_PARSE_INTERVAL", { intervalString: text });
  return Number(intervalMicros(interval) / 1000n);
}
