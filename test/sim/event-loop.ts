/**
 * The order of everything in a simulated world: whatever is under way (a call to the disk, a command for a worker, a timer) is a task, and the
 * dice say which task is next. Between two tasks all promises that can go on do. Time stands still while there are tasks and jumps to
 * the next timer when there are none.
 */
import { createHash } from "node:crypto";
import type { Dice } from "./dice.ts";

/** Whose task it is: those of a dead owner are dropped, those of a paused one wait. */
export interface Owner {
  isDead: boolean;
  isPaused: boolean;
}

interface Task {
  readonly owner: Owner;
  readonly label: string;
  readonly run: () => void;
}

interface Timer extends Task {
  readonly atMs: number;
}

export class EventLoop {
  nowMs = 1_700_000_000_000;
  monotonicMs = 0;
  readonly #dice: Dice;
  readonly #trace = createHash("sha256");
  /** Tasks with such labels wait until there are no others; those of the last pattern longest. */
  last: readonly RegExp[] = [];
  #tasks: Task[] = [];
  #timers: Timer[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** Adds a task; its label is what the trace shows of it. */
  add(owner: Owner, label: string, run: () => void): void {
    this.#tasks.push({ owner, label, run });
  }

  /** Adds a task for later. Returns what takes it back. */
  addTimer(owner: Owner, afterMs: number, run: () => void): () => void {
    const timer: Timer = { owner, label: "timer", run, atMs: this.monotonicMs + afterMs };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** A promise for what `work` gives when its turn has come. */
  request<T>(owner: Owner, label: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.add(owner, label, () => {
        // Nobody hears what became of the last call of a process.
        try {
          const value = work();
          if (!owner.isDead) resolve(value);
        } catch (error) {
          if (!owner.isDead) reject(error);
        }
      });
    });
  }

  note(text: string | Uint8Array): void {
    this.#trace.update(text);
  }

  /** Of everything that happened; equal for equal seeds. The loop cannot go on after this. */
  traceHash(): string {
    return this.#trace.digest("hex");
  }

  /** Does tasks until `promise` is settled. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => void (isSettled = true);
    promise.then(settled, settled);
    while (!isSettled) {
      const wasIdle = !(await this.step());
      if (wasIdle && !isSettled) throw new Error("it waits for something that is not going to happen");
    }
    return await promise;
  }

  /** Does one task. False: there is none, now or later. */
  async step(): Promise<boolean> {
    // All microtasks run before this goes on.
    await new Promise(setImmediate);
    this.#tasks = this.#tasks.filter(({ owner }) => !owner.isDead);
    this.#timers = this.#timers.filter(({ owner }) => !owner.isDead);
    const ready = this.#tasks.filter(({ owner }) => !owner.isPaused);
    if (ready.length === 0) return this.#wakeTimer();
    const waits = ready.map(({ label }) => this.last.findIndex((pattern) => pattern.test(label)));
    const least = Math.min(...waits);
    const task = this.#dice.pick(ready.filter((_, index) => waits[index] === least));
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    this.note(task.label);
    task.run();
    return true;
  }

  #wakeTimer(): boolean {
    const waiting = this.#timers.filter(({ owner }) => !owner.isPaused);
    if (waiting.length === 0) return false;
    const next = waiting.reduce((first, timer) => (timer.atMs < first.atMs ? timer : first));
    const passedMs = Math.max(0, next.atMs - this.monotonicMs);
    this.monotonicMs += passedMs;
    this.nowMs += passedMs;
    this.#timers.splice(this.#timers.indexOf(next), 1);
    this.note(next.label);
    next.run();
    return true;
  }
}
