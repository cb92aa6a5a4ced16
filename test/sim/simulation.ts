/**
 * One simulated life of a query, from a seed: files arrive, batches run, and faults of the kinds that the seed allows strike: processes are
 * killed, power is lost, workers die, disks fail, a paused process comes back when another has taken over. Everything above the ports is
 * the real thing: session, planner, coordinator, worker, state, checkpoint, sinks. `history.ts` says whether the outcome is right.
 */
import type { StreamingQuery } from "../../src/index.ts";
import { TestSink } from "../../src/testing/test-sink.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { EventLoop } from "./event-loop.ts";
import { conditionOf, History, Violation } from "./history.ts";
import { Machine, type Process } from "./machine.ts";
import { startQuery } from "./query.ts";
import { randomRows, WORKLOADS, type Workload } from "./workloads.ts";

const FAULT_KINDS = ["kill", "kill in a call", "power loss", "worker death", "ENOSPC", "EIO", "zombie", "clock", "stop"] as const;
type FaultKind = (typeof FAULT_KINDS)[number];

export interface SimulationOptions {
  /** Files that arrive. */
  readonly files?: number;
  /** Faults to strike. */
  readonly faults?: number;
  readonly workload?: Workload;
}

export interface SimulationResult {
  readonly seed: number;
  readonly workload: string;
  readonly batches: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly starts: number;
  readonly traceHash: string;
}

/** Conditions that a disk, a worker or another owner can bring about. */
const EXCUSED: ReadonlySet<string> = new Set([
  "CHECKPOINT_WRITE_FAILED",
  "CHECKPOINT_POISONED",
  "TASK_WRITE_FAILED",
  "STATE_CHUNK_STORE_FAILED",
  "STATE_SPILL_FAILED",
  "WORKER_DIED",
  "CONCURRENT_CHECKPOINT_USE",
  "CONCURRENT_STREAM_LOG_UPDATE",
]);
const STEPS_MAX = 400_000;
const WORKER_COUNTS = [1, 2, 3];

/** Runs the life of `seed`; throws a `Violation` when the query gets something wrong. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  return await new Simulation(seed, options).run();
}

/** A process and the query in it. */
class Life {
  readonly process: Process;
  /** Set when the query has ended; null: in good order. */
  ended: { readonly error: unknown } | null = null;
  query: StreamingQuery | null = null;

  constructor(process: Process) {
    this.process = process;
  }
}

class Simulation {
  readonly #seed: number;
  readonly #dice: Dice;
  readonly #disk = new Disk();
  readonly #loop: EventLoop;
  readonly #machine: Machine;
  readonly #workload: Workload;
  readonly #history: History;
  readonly #kinds: readonly FaultKind[];
  readonly #faults: Partial<Record<FaultKind, number>> = {};
  readonly #store = new TestSink();
  readonly #partitions: number;
  readonly #filesPerTrigger: number;
  readonly #batchesKept: number;
  /** For the state, over all workers. */
  readonly #memoryLimit: string;
  #filesLeft: number;
  #faultsLeft: number;
  #filesAdded = 0;
  #starts = 0;
  #hosts = 0;
  #life: Life | null = null;
  /** One that was paused, and is going to come back. */
  #zombie: Life | null = null;

  constructor(seed: number, { files, faults, workload }: SimulationOptions) {
    const dice = new Dice(seed);
    this.#seed = seed;
    this.#dice = dice;
    this.#loop = new EventLoop(dice);
    this.#machine = new Machine(this.#disk, this.#loop, dice);
    this.#workload = workload ?? dice.pick(WORKLOADS);
    this.#history = new History(this.#disk, this.#workload);
    const allowed = FAULT_KINDS.filter(() => dice.chance(0.6));
    this.#kinds = allowed.length > 0 ? allowed : FAULT_KINDS;
    this.#partitions = dice.between(1, 7);
    this.#filesPerTrigger = dice.between(1, 2);
    this.#batchesKept = dice.between(1, 6);
    this.#memoryLimit = dice.chance(0.4) ? dice.pick(["160k", "400k"]) : "4g";
    this.#filesLeft = files ?? 55 * this.#filesPerTrigger;
    this.#faultsLeft = faults ?? 12;
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#live();
      this.#history.check();
    } catch (error) {
      const hint = `seed ${this.#seed}, ${this.#workload.name}: ${error instanceof Error ? error.message : String(error)}`;
      throw new Violation(hint, { cause: error });
    }
    return {
      seed: this.#seed,
      workload: this.#workload.name,
      batches: this.#history.batches,
      faults: this.#faults,
      starts: this.#starts,
      traceHash: this.#loop.traceHash(),
    };
  }

  /** Until all files are in the sink and the query has been stopped in good order. */
  async #live(): Promise<void> {
    // Faults come about as often as files; a batch takes about this many steps.
    const stepsPerFile = 40 / this.#filesPerTrigger;
    for (let step = 0; ; step++) {
      if (step > STEPS_MAX) throw new Violation(`no end after ${step} steps; ${this.#history.batches} batches`);
      if (this.#life === null) this.#start();
      if (this.#filesLeft > 0 && this.#dice.chance(1 / stepsPerFile)) this.#addFile();
      if (this.#faultsLeft > 0 && this.#filesAdded > 2 && this.#dice.chance(1 / (4 * stepsPerFile)))
        this.#strike(this.#dice.pick(this.#kinds));
      const isIdle = !(await this.#loop.step());
      if (this.#workload.sink === "store") this.#history.lookAt(this.#store);
      if (this.#zombie && (isIdle || this.#dice.chance(0.004))) this.#resumeZombie();
      this.#bury();
      const isQuiet = this.#filesLeft === 0 && this.#faultsLeft === 0 && this.#zombie === null;
      if (isQuiet && this.#history.isComplete && this.#life?.query) return await this.#end();
      if (isIdle && this.#life !== null && this.#zombie === null) throw new Violation("nothing goes on any more");
    }
  }

  async #end(): Promise<void> {
    const life = this.#life!;
    life.process.diskFault = null;
    life.process.workerFault = null;
    void life.query?.stop();
    for (let step = 0; life.ended === null; step++) {
      const isIdle = !(await this.#loop.step());
      if (life.ended === null && (isIdle || step > STEPS_MAX)) throw new Violation("the query does not stop");
    }
    this.#checkEnd(life);
  }

  #start(): void {
    const process = this.#machine.start(`host ${this.#hosts}`);
    const life = new Life(process);
    this.#life = life;
    this.#starts++;
    this.#run(life).then(
      () => (life.ended = { error: null }),
      (error: unknown) => (life.ended = { error }),
    );
  }

  async #run(life: Life): Promise<void> {
    life.query = await startQuery(life.process, {
      workload: this.#workload,
      workers: this.#dice.pick(WORKER_COUNTS),
      partitions: this.#partitions,
      filesPerTrigger: this.#filesPerTrigger,
      batchesKept: this.#batchesKept,
      memoryLimit: this.#memoryLimit,
      store: this.#store,
      history: this.#history,
      trigger: { processingTime: 0 },
    });
    await life.query.awaitTermination();
  }

  /** Takes away what has ended, and says whether it was allowed to. */
  #bury(): void {
    const life = this.#life;
    if (life === null) return;
    if (life.process.isDead) {
      this.#life = null;
    } else if (life.ended) {
      this.#checkEnd(life);
      life.process.kill();
      this.#life = null;
    }
  }

  #checkEnd({ ended, process }: Life): void {
    const { error } = ended!;
    if (error === null) return;
    if (error instanceof Violation) throw error;
    const violation = findViolation(error);
    if (violation) throw violation;
    const condition = conditionOf(error);
    if (!EXCUSED.has(condition)) throw new Violation(`the query ended with ${String(error)}`, { cause: error });
    // Three deaths in one batch end a query.
    if (condition === "WORKER_DIED" && process.faultsSuffered < 3)
      throw new Violation(`it did not get over the death of a worker: ${String(error)}`, { cause: error });
    const isZombieAbout = this.#faults.zombie !== undefined && condition.startsWith("CONCURRENT");
    if (process.faultsSuffered === 0 && !isZombieAbout) throw new Violation(`without a fault the query ended with ${String(error)}`);
  }

  #addFile(): void {
    const number = this.#filesAdded++;
    this.#filesLeft--;
    const path = this.#history.addFile(number, randomRows(this.#dice, number));
    this.#loop.note(path);
  }

  #strike(kind: FaultKind): void {
    const life = this.#life;
    if (life === null || life.process.isDead) return;
    const { process } = life;
    const dice = this.#dice;
    this.#loop.note(`fault ${kind}`);
    switch (kind) {
      case "kill":
        process.kill();
        break;
      case "kill in a call":
        process.diskFault = { after: dice.below(25), kind: "kill" };
        break;
      case "power loss":
        process.kill();
        this.#zombie?.process.kill();
        this.#zombie = null;
        this.#disk.losePower(dice, {
          blockBytes: dice.pick([512, 4096]),
          blocks: dice.pick([0, 0.5, 0.9]),
          names: dice.pick([0, 0.5, 0.9]),
        });
        break;
      case "ENOSPC":
      case "EIO":
        process.diskFault = { after: dice.below(25), kind };
        break;
      case "worker death":
        process.workerFault = { worker: dice.below(2), when: dice.pick(["before", "within", "after"]), after: dice.below(6) };
        break;
      case "zombie":
        if (this.#zombie !== null) return;
        process.isPaused = true;
        this.#zombie = life;
        this.#life = null;
        this.#hosts++;
        break;
      case "clock":
        this.#loop.nowMs += dice.pick([-86_400_000, -1000, 1000, 86_400_000]);
        break;
      case "stop":
        if (life.query === null) return;
        void life.query.stop();
    }
    this.#faults[kind] = (this.#faults[kind] ?? 0) + 1;
    this.#faultsLeft--;
  }

  /** It goes on for a while beside its successor, and must find out. */
  #resumeZombie(): void {
    const zombie = this.#zombie!;
    if (zombie.process.isPaused) {
      zombie.process.isPaused = false;
      return;
    }
    if (zombie.ended) this.#checkEnd(zombie);
    else if (!this.#dice.chance(0.2)) return;
    zombie.process.kill();
    this.#zombie = null;
  }
}

function findViolation(error: unknown): Violation | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof Violation) return cause;
  return null;
}
