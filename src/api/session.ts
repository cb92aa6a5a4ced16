/**
 * `Session`: where programs begin. Wires configuration, views and executor together, and hands out readers, frames and the
 * manager of queries. One per program as a rule; all calls on the thread that made it.
 */
import { createRequire } from "node:module";
import type { Table } from "apache-arrow";
import { availableParallelism } from "node:os";
import { IllegalArgumentError } from "../base/errors.ts";
import { encodeColumnBatch } from "../columnar/column-batch.ts";
import { structField, structType, type StructType } from "../columnar/types.ts";
import { parseIdentifier, parseSchema } from "../sql/parser.ts";
import { Catalog } from "./catalog.ts";
import { notYet } from "./column.ts";
import { DataFrame } from "./dataframe.ts";
import { DataFrameReader } from "./data-frame-reader.ts";
import { DataStreamReader } from "./data-stream-reader.ts";
import type { Executor, ExecutorFactory } from "./executor.ts";
import { isArrowTable, readArrowTable } from "./from-arrow.ts";
import type { OptionValue } from "./option-map.ts";
import { inferCommonType, rowToEngine } from "../columnar/row.ts";
import { currentLauncher } from "./launcher.ts";
import { RuntimeConf, RuntimeConfig } from "./runtime-conf.ts";
import type { SessionState } from "./session-state.ts";
import { StreamingQueryManager } from "./streaming-query.ts";
import { UserFunctions } from "./user-functions.ts";
import type { Row, RowOf } from "./typed.ts";

/** The session that `getOrCreate` returns again. */
let current: { readonly session: Promise<Session>; readonly master: string } | undefined;

/**
 * The way in (Spark's SparkSession): frames, SQL, settings, queries. Made by `Session.builder`; its workers run until `stop`, or until the
 * end of an `await using` block.
 */
export class Session implements AsyncDisposable {
  readonly executor: Executor;
  readonly conf: RuntimeConfig;
  readonly streams: StreamingQueryManager;
  readonly catalog: Catalog;
  readonly #state: SessionState;
  #stopped: Promise<void> | undefined;

  static builder(): SessionBuilder {
    return new SessionBuilder(async (settings) => (await import("./local-start.ts")).localExecutor(settings));
  }

  /** Made by the builder. */
  constructor(executor: Executor, conf: RuntimeConf) {
    let planIds = 0;
    this.executor = executor;
    this.conf = new RuntimeConfig(conf);
    this.streams = new StreamingQueryManager(executor);
    this.catalog = new Catalog(executor);
    this.#state = { executor, conf, nextPlanId: () => planIds++ };
  }

  /** The version of Millrace. */
  get version(): string {
    return (createRequire(import.meta.url)("../../package.json") as { version: string }).version;
  }
  get read(): DataFrameReader {
    return new DataFrameReader(this.#state);
  }
  get readStream(): DataStreamReader {
    return new DataStreamReader(this.#state);
  }
  /** A temporary view by name. */
  table(name: string): DataFrame {
    return new DataFrame(this.#state, { kind: "unresolved_relation", nameParts: parseIdentifier(name), isStreaming: false });
  }
  /** Column `id`: whole numbers from `start` (default 0) to before `end`. Throws `INVALID_EXTERNAL_TYPE`, `INVALID_PARAMETER_VALUE.ZERO_STEP`. */
  range(end: number | bigint): DataFrame<{ id: bigint }>;
  range(start: number | bigint, end: number | bigint, step?: number | bigint): DataFrame<{ id: bigint }>;
  range(first: number | bigint, second?: number | bigint, step: number | bigint = 1n): DataFrame<{ id: bigint }> {
    const [start, end, by] = second === undefined ? [0n, long(first), 1n] : [long(first), long(second), long(step)];
    if (by === 0n) throw new IllegalArgumentError("INVALID_PARAMETER_VALUE.ZERO_STEP", { functionName: "`range`", parameter: "`step`" });
    return new DataFrame(this.#state, { kind: "range", start, end, step: by, output: [] });
  }
  /**
   * A frame over rows of the program: objects by column name, arrays by position, or single values for one column. Without a schema
   * the types are those of the values. Or over a table of the `apache-arrow` package: names and types are the table's, or a schema's with the same
   * types. Throws `INVALID_EXTERNAL_TYPE`, `NOT_NULL_ASSERT_VIOLATION`, `UNSUPPORTED_ARROWTYPE`, `ParseError`.
   */
  createDataFrame<const S extends string>(rows: Table | Iterable<unknown>, schema: S): DataFrame<RowOf<S>>;
  createDataFrame(rows: Table | Iterable<unknown>, schema?: StructType): DataFrame;
  createDataFrame(rows: Table | Iterable<unknown>, schema?: StructType | string): DataFrame<any> {
    const wanted = typeof schema === "string" ? parseSchema(schema) : (schema ?? null);
    if (isArrowTable(rows)) {
      return new DataFrame(this.#state, { kind: "local_relation", output: [], ...readArrowTable(rows, wanted) });
    }
    const given = [...rows];
    const structure = wanted ?? inferSchema(given);
    const values = given.map((row) => rowToEngine(row, structure));
    const batches = values.length === 0 ? [] : [encodeColumnBatch(structure, values)];
    return new DataFrame(this.#state, { kind: "local_relation", schema: structure, output: [], batches });
  }
  sql(_text: string, _args?: unknown): never {
    throw notYet("Session.sql", "Use the methods of DataFrame, and expr(...) for SQL expressions.");
  }
  /** Functions of the program, by names that SQL text can use. */
  get udf(): UserFunctions {
    return new UserFunctions(this.executor);
  }
  /** Stops all queries and the workers. More calls return the same promise. */
  stop(): Promise<void> {
    this.#stopped ??= this.executor.stop();
    return this.#stopped;
  }
  get isStopped(): boolean {
    return this.#stopped !== undefined;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Settings of a session to be: `Session.builder().master("local[4]").config(key, value).getOrCreate()`. */
export class SessionBuilder {
  readonly #open: ExecutorFactory;
  readonly #settings = new Map<string, string>();

  /** `Session.builder()` is the way; tests bring their own executor. */
  constructor(open: ExecutorFactory) {
    this.#open = open;
  }

  appName(name: string): this {
    return this.config("spark.app.name", name);
  }
  /** `local[4]`: worker threads; `local[*]`, the default: one per core. */
  master(master: string): this {
    return this.config("spark.master", master);
  }
  config(key: string, value: OptionValue): this;
  config(settings: Readonly<Record<string, OptionValue>>): this;
  config(keyOrSettings: string | Readonly<Record<string, OptionValue>>, value?: OptionValue): this {
    const settings = typeof keyOrSettings === "string" ? { [keyOrSettings]: value! } : keyOrSettings;
    for (const [key, setting] of Object.entries(settings)) this.#settings.set(key, String(setting));
    return this;
  }
  remote(_url: string): never {
    throw notYet("A remote session", 'Use master("local[*]").');
  }
  /**
   * The running session of this process, with these settings added, or a new one. Throws `SQL_CONF_NOT_FOUND`,
   * `INVALID_CONF_VALUE.REQUIREMENT`, and `CANNOT_MODIFY_CONFIG` for another master than the running session's.
   */
  async getOrCreate(): Promise<Session> {
    const master = this.#settings.get("spark.master");
    const running = current && (await current.session.catch(() => undefined));
    if (current === undefined || running === undefined || running.isStopped) {
      current = { session: this.create(), master: master ?? currentLauncher()?.conf["spark.master"] ?? "local[*]" };
      return current.session;
    }
    if (master !== undefined && master !== current.master)
      throw new IllegalArgumentError("CANNOT_MODIFY_CONFIG", { key: '"spark.master"' });
    for (const [key, value] of this.#settings) await running.conf.set(key, value);
    return running;
  }
  /** A session of its own, beside any other. */
  async create(): Promise<Session> {
    const conf = new RuntimeConf();
    for (const [key, value] of Object.entries(currentLauncher()?.conf ?? {})) conf.set(key, value);
    for (const [key, value] of this.#settings) conf.set(key, value);
    const executor = await this.#open({
      appName: conf.get("spark.app.name") ?? "millrace",
      workers: workerCount(conf.get("spark.master") ?? "local[*]"),
      conf,
    });
    const session = new Session(executor, conf);
    currentLauncher()?.opened(session);
    return session;
  }
}

function workerCount(master: string): number {
  const [, count] = /^local(?:\[\s*(\*|[1-9]\d{0,2})\s*(?:,\s*\d+\s*)?\])?$/.exec(master.trim()) ?? invalidMaster(master);
  return count === "*" ? availableParallelism() : Number(count ?? 1);
}

function invalidMaster(master: string): never {
  throw new IllegalArgumentError("INVALID_CONF_VALUE.REQUIREMENT", {
    confName: "spark.master",
    confValue: master,
    confRequirement: "It must be local, local[n] or local[*].",
  });
}

/** An argument of `range`. Throws `INVALID_EXTERNAL_TYPE`. */
function long(value: number | bigint): bigint {
  const whole = typeof value === "bigint" || Number.isInteger(value) ? BigInt(value) : null;
  if (whole !== null && BigInt.asIntN(64, whole) === whole) return whole;
  throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", { externalType: `${typeof value} ${value}`, type: '"BIGINT"', expr: "range" });
}

/** Columns of rows that are objects, arrays (`_1`, `_2`, …) or single values (`value`). */
function inferSchema(rows: readonly unknown[]): StructType {
  const isRecord = (row: unknown): row is Row => typeof row === "object" && row !== null && Object.getPrototypeOf(row) === Object.prototype;
  if (rows.length > 0 && rows.every(isRecord)) {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return structType(
      names.map((name) => structField(name, inferCommonType(rows.map((row) => (Object.hasOwn(row, name) ? row[name] : null))))),
    );
  }
  if (rows.length > 0 && rows.every((row) => Array.isArray(row))) {
    const width = Math.max(...rows.map((row) => row.length));
    return structType(
      Array.from({ length: width }, (_, index) => structField(`_${index + 1}`, inferCommonType(rows.map((row) => row[index])))),
    );
  }
  return structType(rows.length === 0 ? [] : [structField("value", inferCommonType(rows))]);
}
