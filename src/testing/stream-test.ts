/**
 * Performs the steps of a streaming test, in order. Every step first waits for the progress it needs; nothing sleeps. One test has
 * one checkpoint directory and one sink, over all its starts. Session's thread.
 */
import { AssertionError } from "node:assert";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DataFrame } from "../api/dataframe.ts";
import { DataStreamWriter } from "../api/data-stream-writer.ts";
import type { LocalExecutor } from "../api/local-executor.ts";
import { rowToEngine } from "../columnar/row.ts";
import { RuntimeConf } from "../api/runtime-conf.ts";
import type { StreamingQuery } from "../api/streaming-query.ts";
import { assert } from "../base/assert.ts";
import { MillraceError } from "../base/errors.ts";
import type { ManualClock } from "../base/manual-clock.ts";
import type { Ports } from "../base/ports.ts";
import type { Value } from "../columnar/values.ts";
import type { OutputMode } from "../connectors/sink.ts";
import { isSameMultiset, printRow, printRows } from "./rows.ts";
import type { ExpectedFailure, StartOptions, Step, TestSurroundings } from "./steps.ts";
import { TEST_FORMAT, TestSink } from "./test-sink.ts";

/** Options of `testStream`: those of every start, and the output mode. */
export interface StreamTestOptions extends StartOptions {
  readonly outputMode?: OutputMode;
  /** How long one step may take, ms; 60 seconds by default. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
/** As in Spark's own tests; many small state partitions would only cost time. */
const PARTITIONS = "5";

/** Steps that need a running query: a test that has one of them before its first start is started at the beginning. */
const NEEDS_QUERY: ReadonlySet<Step["kind"]> = new Set([
  "check",
  "stop",
  "advance_clock",
  "process_all_available",
  "expect_failure",
  "assert_on_query",
  "execute",
]);

export class StreamTest {
  readonly #frame: DataFrame<any>;
  readonly #executor: LocalExecutor;
  readonly #options: StreamTestOptions;
  readonly #steps: readonly Step[];
  readonly #sink = new TestSink();
  readonly #ownCheckpoint: string;
  #checkpoint: string;
  #query: StreamingQuery | null = null;
  #clock: ManualClock | null = null;
  #startError: unknown = null;
  /** The query whose failure a step has expected. */
  #failed: StreamingQuery | null = null;
  #lastCheckedBatch = -1;

  constructor(frame: DataFrame<any>, executor: LocalExecutor, options: StreamTestOptions, steps: readonly Step[]) {
    this.#frame = frame;
    this.#executor = executor;
    this.#options = options;
    this.#steps = startsItself(steps) ? steps : [{ kind: "start", options: {} }, ...steps];
    this.#ownCheckpoint = join(tmpdir(), `millrace-test-${executor.ports.random.uuid()}`);
    this.#checkpoint = this.#ownCheckpoint;
  }

  /** Throws an `AssertionError` that shows the steps, with a mark at the one that failed. */
  async run(): Promise<void> {
    let current = 0;
    try {
      for (const [index, step] of this.#steps.entries()) {
        current = index;
        if (step.kind === "add_data") step.input.addData(...step.rows);
        else await this.#within(this.#perform(step, this.#steps.slice(index + 1)));
      }
      current = this.#steps.length;
      await this.#within(this.#stop());
    } catch (error) {
      throw this.#explain(error, current);
    } finally {
      await this.#query?.stop();
      await this.#executor.ports.files.remove(this.#ownCheckpoint);
    }
  }

  async #perform(step: Exclude<Step, { kind: "add_data" }>, later: readonly Step[]): Promise<void> {
    switch (step.kind) {
      case "multi_add_data":
        for (const { input, rows } of step.adds) input.addData(...rows);
        return;
      case "start":
        return this.#start(step.options, later.find(({ kind }) => NEEDS_QUERY.has(kind))?.kind === "expect_failure");
      case "stop":
        return this.#stop();
      case "check":
        await this.#settle();
        return this.#check(step.scope, step.expected);
      case "advance_clock":
        assert(this.#clock, "advanceManualClock needs a query that was started with a clock");
        await this.#settle();
        await this.#clock.advance(step.ms);
        return this.#settle();
      case "process_all_available":
        return this.#running().processAllAvailable();
      case "expect_failure":
        return this.#expectFailure(step.failure);
      case "assert_on_query":
        if (await this.#running().isActive()) await this.#settle();
        if ((await step.assertion(this.#running(), this.#surroundings())) === false) throw new Error("the assertion returned false");
        return;
      case "execute":
        await step.action(this.#running(), this.#surroundings());
        return;
    }
  }

  async #start(step: StartOptions, mayFail: boolean): Promise<void> {
    assert(!(await this.#query?.isActive()), "the query runs already");
    const options = { ...this.#options, ...step, conf: { ...this.#options.conf, ...step.conf } };
    this.#clock = options.clock ?? null;
    this.#checkpoint = options.checkpointLocation ?? this.#ownCheckpoint;
    const executor = this.#executorFor(options);
    const writer = new DataStreamWriter({ ...this.#frame.session, executor }, this.#frame.plan)
      .format(TEST_FORMAT)
      .outputMode(options.outputMode ?? "append")
      .option("checkpointLocation", this.#checkpoint);
    if (options.trigger) writer.trigger(options.trigger);
    this.#startError = null;
    try {
      this.#query = await writer.start();
      // The trigger at the start is over; the next one comes when the test moves the clock.
      if (this.#clock) await this.#settle().catch(() => {});
    } catch (error) {
      if (!mayFail) throw error;
      this.#startError = error;
    }
  }

  #executorFor({ conf, workers, clock }: StartOptions): LocalExecutor {
    const { settings, ports } = this.#executor;
    const merged = new RuntimeConf();
    for (const [key, value] of settings.conf.entries()) merged.set(key, value);
    if (merged.get("spark.sql.shuffle.partitions") === undefined) merged.set("spark.sql.shuffle.partitions", PARTITIONS);
    for (const [key, value] of Object.entries(conf ?? {})) merged.set(key, String(value));
    const own: Ports = clock ? { ...ports, clock: clock.clock, scheduler: clock.scheduler } : ports;
    const executor = this.#executor.beside({ ...settings, workers: workers ?? settings.workers, conf: merged }, own);
    executor.connectors.addSink(this.#sink.provider);
    return executor;
  }

  async #stop(): Promise<void> {
    await this.#query?.stop();
    if (this.#query === this.#failed) return;
    const error = await this.#query?.exception();
    if (error) throw error;
  }

  /** Waits until the query has nothing to do: for more input, or for its clock to move. */
  async #settle(): Promise<void> {
    const query = this.#running();
    if (!this.#clock) return query.processAllAvailable();
    await Promise.race([this.#clock.whenSleeping(), query.awaitTermination()]);
  }

  async #expectFailure({ condition, message }: ExpectedFailure): Promise<void> {
    const error = this.#startError ?? (await this.#failure());
    this.#startError = null;
    const chain = [error, error instanceof Error ? error.cause : undefined];
    const conditions = chain.flatMap((link) => (link instanceof MillraceError ? [link.condition] : []));
    if (condition !== undefined && !conditions.includes(condition))
      throw new Error(`expected the condition ${condition}, got ${conditions.join(" caused by ") || "none"}`, { cause: error });
    const text = error instanceof Error ? error.message : String(error);
    const matches = typeof message === "string" ? text.includes(message) : (message?.test(text) ?? true);
    if (!matches) throw new Error(`expected a message with ${String(message)}, got: ${text}`, { cause: error });
  }

  async #failure(): Promise<unknown> {
    const query = this.#running();
    this.#failed = query;
    const ended = query.awaitTermination().then(
      () => null,
      (error: unknown) => error,
    );
    // One with a clock may wait for it to move.
    const isIdle = this.#clock ? ended : query.processAllAvailable().catch(() => ended);
    await Promise.race([ended, isIdle]);
    if (await query.isActive()) throw new Error("expected a failure, but the query has processed everything and goes on");
    const failed = await ended;
    if (failed === null) throw new Error("expected a failure, but the query ended normally");
    return failed;
  }

  #check(scope: "all" | "new" | "last", expected: readonly unknown[]): void {
    const sink = this.#sink;
    const { schema } = sink;
    assert(schema, "a started query has told its sink the schema");
    const wanted = expected.map((row) => rowToEngine(row, schema));
    const got = scope === "last" ? sink.latestRows() : sink.rowsAfter(scope === "all" ? -1 : this.#lastCheckedBatch);
    this.#lastCheckedBatch = sink.latestBatchId;
    if (isSameMultiset(wanted, got)) return;
    const show = (rows: readonly (readonly Value[])[]): string => printRows(rows, schema);
    throw new AssertionError({
      message: `expected rows:\n${show(wanted)}\n  got:\n${show(got)}`,
      expected: show(wanted),
      actual: show(got),
      operator: "testStream",
    });
  }

  #running(): StreamingQuery {
    assert(this.#query, "no query has been started");
    return this.#query;
  }

  #surroundings(): TestSurroundings {
    return {
      checkpointLocation: this.#checkpoint,
      clearSink: () => {
        this.#sink.clear();
        this.#lastCheckedBatch = -1;
      },
    };
  }

  async #within(work: Promise<void>): Promise<void> {
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    if (!(await this.#executor.settledWithin(work, timeoutMs))) throw new Error(`nothing came of it within ${timeoutMs} ms`);
    await work;
  }

  #explain(error: unknown, failedStep: number): Error {
    const lines = [...this.#steps.map(printStep), "(end)"].map((line, index) => `${index === failedStep ? "=> " : "   "}${line}`);
    const message = `${error instanceof Error ? error.message : String(error)}\n  steps:\n${lines.map((line) => `  ${line}`).join("\n")}`;
    if (error instanceof AssertionError) {
      const { actual, expected, operator } = error;
      return new AssertionError({ message, actual, expected, operator });
    }
    return new Error(message, { cause: error });
  }
}

function startsItself(steps: readonly Step[]): boolean {
  const firstNeed = steps.findIndex(({ kind }) => NEEDS_QUERY.has(kind));
  return (firstNeed < 0 ? steps : steps.slice(0, firstNeed)).some(({ kind }) => kind === "start");
}

function printStep(step: Step): string {
  const list = (values: readonly unknown[]): string => values.map(printRow).join(", ");
  switch (step.kind) {
    case "add_data":
      return `addData(${list(step.rows)})`;
    case "multi_add_data":
      return `multiAddData(${step.adds.map(printStep).join(", ")})`;
    case "check":
      return `${{ all: "checkAnswer", new: "checkNewAnswer", last: "checkLastBatch" }[step.scope]}(${list(step.expected)})`;
    case "start": {
      const { clock, ...rest } = step.options;
      const shown = clock ? { ...rest, clock: "manual" } : rest;
      return `startStream(${list(Object.keys(shown).length === 0 ? [] : [shown])})`;
    }
    case "stop":
      return "stopStream()";
    case "advance_clock":
      return `advanceManualClock(${step.ms})`;
    case "process_all_available":
      return "processAllAvailable()";
    case "expect_failure":
      return `expectFailure(${list(Object.keys(step.failure).length === 0 ? [] : [step.failure])})`;
    case "assert_on_query":
      return `assertOnQuery(${step.name})`;
    case "execute":
      return `execute(${step.name})`;
  }
}
