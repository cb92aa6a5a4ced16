/**
 * Runs a streaming case in every way that must give the same answers: whole; stopped and restarted before every further data step; and with
 * other numbers of workers at each of these restarts.
 */
import { test } from "vitest";
import type { DataFrame } from "../../src/index.ts";
import { startStream, stopStream, testStream, type StartOptions, type Step, type StreamTestOptions } from "../../src/testing.ts";

export interface StreamCase {
  readonly frame: DataFrame<any>;
  readonly options?: StreamTestOptions;
  readonly steps: readonly Step[];
}

const WORKER_COUNTS = [1, 2, 4, 1, 4, 2];

/** `make` is called once for each way: the inputs of a case belong to it alone. */
export function everyWay(name: string, make: () => StreamCase): void {
  const whole = (workers: number) => async () => {
    const { frame, options, steps } = make();
    await testStream(frame, { workers, ...options }, ...steps);
  };
  const restarted = (workersOf: (start: number) => number) => async () => {
    const { frame, options = {}, steps } = make();
    await testStream(frame, { ...options, workers: workersOf(0) }, ...withRestarts(steps, workersOf));
  };
  test(`${name}: whole`, whole(2));
  test.each([1, 4])(`${name}: %i workers`, (workers) => whole(workers)());
  test(
    `${name}: restarted`,
    restarted(() => 2),
  );
  test(
    `${name}: restarted with other workers`,
    restarted((start) => WORKER_COUNTS[start % WORKER_COUNTS.length]!),
  );
}

/**
 * For cases whose text says where they restart: with 1, 2 and 4 workers, and with other workers at every start. `run` asks for the workers
 * of each start in turn.
 */
export function onWorkers(name: string, run: (nextWorkers: () => number) => Promise<void>): void {
  test.each([[1], [2], [4], WORKER_COUNTS].map((counts) => ({ counts })))(`${name}: workers $counts`, async ({ counts }) => {
    let starts = 0;
    await run(() => counts[starts++ % counts.length]!);
  });
}

/** The steps with a stop and a start before every data step that follows a check, and other workers at every start. */
function withRestarts(steps: readonly Step[], workersOf: (start: number) => number): Step[] {
  let starts = 0;
  let options: StartOptions = {};
  return steps.flatMap((step, index): Step[] => {
    if (step.kind === "start") {
      options = step.options;
      return [startStream({ ...options, workers: workersOf(starts++) })];
    }
    const isData = step.kind === "add_data" || step.kind === "multi_add_data";
    const isAfterData = index === 0 || ["add_data", "multi_add_data", "start", "stop", "execute"].includes(steps[index - 1]!.kind);
    if (!isData || isAfterData) return [step];
    return [stopStream(), startStream({ ...options, workers: workersOf(++starts) }), step];
  });
}
