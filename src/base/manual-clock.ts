/**
 * Time that stands still until a test moves it: a clock and a scheduler whose sleeps end only through `advance`.
 * Used by the test kit (`testing.ts`) and by the loop's own tests.
 */
import type { Clock, Scheduler } from "./ports.ts";

/** A manual clock that shows `startMs` (epoch milliseconds). Hand `clock` and `scheduler` to whatever is under test. */
export function manualClock(startMs = 0): ManualClock {
  return new ManualClock(startMs);
}

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** A clock and its sleepers; both stand still until `advance`. Milliseconds. */
export class ManualClock {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  #nowMs: number;
  readonly #startMs: number;
  readonly #sleepers = new Set<Sleeper>();
  #watchers: (() => void)[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
    this.clock = { nowMs: () => this.#nowMs, monotonicMs: () => this.#nowMs - this.#startMs };
    this.scheduler = {
      sleep: (ms, signal) => this.#sleep(ms, signal),
      yield: () => new Promise((resolve) => setImmediate(resolve)),
    };
  }

  /** Moves time forward and wakes every sleep that ends by then, earliest first. Resolves after the woken code has had a turn. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = [...this.#sleepers].filter((sleeper) => sleeper.wakeAtMs <= this.#nowMs).sort((a, b) => a.wakeAtMs - b.wakeAtMs);
    for (const sleeper of due) sleeper.wake();
    await this.scheduler.yield();
  }

  /** When the earliest sleep ends (epoch ms), or null if nothing sleeps. */
  earliestWakeMs(): number | null {
    if (this.#sleepers.size === 0) return null;
    return Math.min(...[...this.#sleepers].map((sleeper) => sleeper.wakeAtMs));
  }

  /** Resolves as soon as something sleeps on this clock: the code under test waits for time to move. */
  async whenSleeping(): Promise<void> {
    if (this.#sleepers.size === 0) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || ms <= 0) return this.scheduler.yield();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { wakeAtMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
      for (const watcher of this.#watchers.splice(0)) watcher();
    });
  }
}
