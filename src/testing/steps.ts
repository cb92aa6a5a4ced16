/** The steps of a streaming test, as plain values (Spark's StreamTest actions). `stream-test.ts` performs them. */
import type { TriggerOptions } from "../api/data-stream-writer.ts";
import type { OptionValue } from "../api/option-map.ts";
import type { StreamingQuery } from "../api/streaming-query.ts";
import type { ErrorCondition } from "../base/errors.ts";
import type { ManualClock } from "../base/manual-clock.ts";
import type { MemoryInput } from "./memory-input.ts";

/** How a query of a test is started; a later start can differ from the first. */
export interface StartOptions {
  readonly trigger?: TriggerOptions;
  /** Time as the query sees it; without one, the machine's. Triggers then happen only when `advanceManualClock` moves it. */
  readonly clock?: ManualClock;
  /** Settings of this run, over those of `testStream` and of the session. */
  readonly conf?: Readonly<Record<string, OptionValue>>;
  /** Another checkpoint than the test's own. It is not removed. */
  readonly checkpointLocation?: string;
  /** Worker threads of this run. */
  readonly workers?: number;
}

/** What an error must look like; all that is given must hold. */
export interface ExpectedFailure {
  /** Of the query's error or of its cause. */
  readonly condition?: ErrorCondition;
  readonly message?: string | RegExp;
}

/** What `execute` and `assertOnQuery` can look at besides the query. */
export interface TestSurroundings {
  /** Directory of the newest start. */
  readonly checkpointLocation: string;
  /** Forgets what the sink holds. */
  clearSink(): void;
}

export type AddData = { readonly kind: "add_data"; readonly input: MemoryInput<any>; readonly rows: readonly unknown[] };

export type Step =
  | AddData
  | { readonly kind: "multi_add_data"; readonly adds: readonly AddData[] }
  | { readonly kind: "check"; readonly scope: "all" | "new" | "last"; readonly expected: readonly unknown[] }
  | { readonly kind: "start"; readonly options: StartOptions }
  | { readonly kind: "stop" }
  | { readonly kind: "advance_clock"; readonly ms: number }
  | { readonly kind: "process_all_available" }
  | { readonly kind: "expect_failure"; readonly failure: ExpectedFailure }
  | {
      readonly kind: "assert_on_query";
      readonly name: string;
      readonly assertion: (query: StreamingQuery, test: TestSurroundings) => unknown;
    }
  | { readonly kind: "execute"; readonly name: string; readonly action: (query: StreamingQuery, test: TestSurroundings) => unknown };

/** Adds rows to an input, at one offset. Adds that follow each other directly are one batch if the query was idle. */
export function addData(input: MemoryInput<any>, ...rows: readonly unknown[]): AddData {
  return { kind: "add_data", input, rows };
}

/** Several adds with nothing in between: no batch sees some of them only. */
export function multiAddData(...adds: readonly AddData[]): Step {
  return { kind: "multi_add_data", adds };
}

/** The sink holds exactly these rows, all batches together (in complete mode: the newest). */
export function checkAnswer(...expected: readonly unknown[]): Step {
  return { kind: "check", scope: "all", expected };
}

/** The batches since the last check, those without data included, brought exactly these rows. */
export function checkNewAnswer(...expected: readonly unknown[]): Step {
  return { kind: "check", scope: "new", expected };
}

/** The newest batch brought exactly these rows. It may be one without data. */
export function checkLastBatch(...expected: readonly unknown[]): Step {
  return { kind: "check", scope: "last", expected };
}

/** Starts the query, or starts it again. A test that does not begin with it starts with the options of `testStream`. */
export function startStream(options: StartOptions = {}): Step {
  return { kind: "start", options };
}

/** Stops the query after the batch that is running. */
export function stopStream(): Step {
  return { kind: "stop" };
}

/** Moves the clock of the newest start and waits until the query waits for it again. */
export function advanceManualClock(ms: number): Step {
  return { kind: "advance_clock", ms };
}

/** Waits until a trigger has found nothing to do. */
export function processAllAvailable(): Step {
  return { kind: "process_all_available" };
}

/** The query fails over what is there, or failed to start. After it the query can be started again. */
export function expectFailure(failure: ExpectedFailure = {}): Step {
  return { kind: "expect_failure", failure };
}

/** Fails the test if `assertion` throws or returns false (a promise counts as what it resolves to). The query has processed everything. */
export function assertOnQuery(assertion: (query: StreamingQuery, test: TestSurroundings) => unknown, name = assertion.name): Step {
  return { kind: "assert_on_query", name, assertion };
}

/** Does anything, with the newest query, which may have been stopped. Nothing is waited for before. */
export function execute(action: (query: StreamingQuery, test: TestSurroundings) => unknown, name = action.name): Step {
  return { kind: "execute", name, action };
}
