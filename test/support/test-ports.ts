/** Ports for tests: a manual clock, seeded randomness, and whichever file system the test brings. */
import { manualClock, type ManualClock } from "../../src/base/manual-clock.ts";
import { MemoryChunks } from "./memory-chunks.ts";
import type { FileSystem, Network, Ports, Random } from "../../src/base/ports.ts";

export interface TestPorts extends Ports {
  readonly time: ManualClock;
}

export function testPorts(files: FileSystem, startMs = 1_700_000_000_000): TestPorts {
  const time = manualClock(startMs);
  return {
    time,
    clock: time.clock,
    scheduler: time.scheduler,
    random: seededRandom(1),
    files,
    chunks: new MemoryChunks(),
    network: noNetwork,
  };
}

/** Distinct, reproducible names: uuids count upwards from `seed`. */
export function seededRandom(seed: number): Random {
  let state = seed;
  let count = 0;
  return {
    next: () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    },
    uuid: () => `${seed.toString(16).padStart(8, "0")}-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`,
  };
}

const noNetwork: Network = { connect: () => Promise.reject(new Error("no network in tests")) };
