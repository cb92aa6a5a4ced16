/**
 * A short life of a query under control, for tests that go through all states there are: files that lie ready, a start that works through
 * them until it has ended or is killed at a chosen point, and starts after that.
 */
import type { StreamingQuery } from "../../src/index.ts";
import { TestSink } from "../../src/testing/test-sink.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { EventLoop } from "./event-loop.ts";
import { History, Violation } from "./history.ts";
import { Gone, Machine, type Process } from "./machine.ts";
import { startQuery } from "./query.ts";
import { randomRows, type Workload } from "./workloads.ts";

const STEPS_MAX = 20_000;
/** Small, so that logs are purged and old state is removed within a few batches. */
const BATCHES_KEPT = 2;
const PARTITIONS = 3;

interface Run {
  readonly process: Process;
  ended: { readonly error: unknown } | null;
}

export class Scenario {
  readonly dice: Dice;
  readonly disk = new Disk();
  readonly loop: EventLoop;
  readonly history: History;
  readonly #machine: Machine;
  readonly #workload: Workload;
  readonly #memoryLimit: string;
  readonly #store = new TestSink();
  #files = 0;
  /** Of the query that ended last without an error. */
  lastProgress: Awaited<ReturnType<StreamingQuery["lastProgress"]>> = null;

  constructor(workload: Workload, seed: number, memoryLimit = "4g") {
    this.dice = new Dice(seed);
    this.loop = new EventLoop(this.dice);
    this.history = new History(this.disk, workload);
    this.#workload = workload;
    this.#memoryLimit = memoryLimit;
    this.#machine = new Machine(this.disk, this.loop, this.dice);
  }

  /** Files whose rows depend on their number only. */
  addFiles(count: number): void {
    for (let i = 0; i < count; i++, this.#files++) this.history.addFile(this.#files, randomRows(new Dice(this.#files), this.#files));
  }

  /**
   * Starts the query over the files there are, one a batch, and works until it has ended: then the result is its error, or null. If
   * `prepare` has the process killed, the result is a `Gone`.
   */
  async run({ workers = 2, prepare }: { readonly workers?: number; readonly prepare?: (process: Process) => void } = {}): Promise<unknown> {
    const process = this.#machine.start("host");
    prepare?.(process);
    const [ended] = await this.#untilEnded([this.#start(process, workers)]);
    process.kill();
    return ended;
  }

  /** Starts the query on every host at once; how each of them has ended. */
  async race(hosts: readonly string[]): Promise<readonly unknown[]> {
    const runs = hosts.map((host) => this.#start(this.#machine.start(host), 1));
    const ended = await this.#untilEnded(runs);
    for (const { process } of runs) process.kill();
    return ended;
  }

  #start(process: Process, workers: number): Run {
    const run: Run = { process, ended: null };
    const query = startQuery(process, {
      workload: this.#workload,
      workers,
      partitions: PARTITIONS,
      filesPerTrigger: 1,
      batchesKept: BATCHES_KEPT,
      memoryLimit: this.#memoryLimit,
      trigger: { availableNow: true },
      store: this.#store,
      history: this.history,
    });
    query
      .then(async (started) => {
        await started.awaitTermination();
        this.lastProgress = await started.lastProgress();
      })
      .then(
        () => (run.ended = { error: null }),
        (error: unknown) => (run.ended = { error }),
      );
    return run;
  }

  async #untilEnded(runs: readonly Run[]): Promise<readonly unknown[]> {
    for (let step = 0; ; step++) {
      const isIdle = !(await this.loop.step());
      this.history.lookAt(this.#store);
      if (runs.every(({ process, ended }) => process.isDead || ended !== null)) break;
      if (isIdle || step > STEPS_MAX) throw new Violation("the query neither goes on nor ends");
    }
    return runs.map(({ process, ended }) => (process.isDead ? new Gone() : ended!.error));
  }

  /** Goes on with one file more; throws a `Violation` unless everything is exact in the end. */
  async expectExact(workers = 1): Promise<void> {
    this.addFiles(1);
    const error = await this.run({ workers });
    if (error !== null) throw new Violation(`the query cannot go on: ${String(error)}`, { cause: error });
    if (!this.history.isComplete) throw new Violation("the query has ended before all files were through");
    this.history.check();
  }
}
