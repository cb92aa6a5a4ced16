/**
 * Kills a process that runs a real query, file to file, again and again: at every step of the commit protocol and at random moments, each time
 * going on with another number of workers. What readers of the sink see must be exact in the end and whole at any time.
 * MILLRACE_LONG=1: about 600 kills instead of 36, on a real disk. MILLRACE_SEED replays a run.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FAILPOINTS, type FailpointName } from "../../src/base/failpoint.ts";
import { EventStream, seededNumbers } from "./event-stream.ts";
import { byDuckDb, listedFiles, WatchingReader } from "./sink-directory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("window-query.mjs", import.meta.url));
const isLong = process.env["MILLRACE_LONG"] !== undefined;
const seed = Number(process.env["MILLRACE_SEED"] ?? (Math.random() * 2 ** 31) >>> 0);
const WORKERS = [1, 2, 4];
/** Enough for each step to come up twice in a start. */
const FILES_PER_START = 4;

/** Steps that a start may reach a single time: what happens in the background, and after a kill only. */
const ONCE = /chunk|snapshot|sweep/;

/** How often to go through all steps of the protocol, and how many kills at random moments. */
const plans = isLong
  ? [
      { format: "json", rounds: 10, random: 70 },
      { format: "parquet", rounds: 10, random: 70 },
    ]
  : [
      { format: "json", rounds: 1, random: 6 },
      { format: "parquet", rounds: 0, random: 8 },
    ];

interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** Runs the query until it ends, or is killed at a failpoint, or `killAfterMs` after it has started. */
async function run(directory: string, format: string, workers: number, kill: { failpoint?: string; killAfterMs?: number }): Promise<Ended> {
  const child = spawn(process.execPath, ["--unhandled-rejections=strict", program, directory, format, String(workers)], {
    env: { ...process.env, MILLRACE_FAILPOINT: kill.failpoint ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  let timer: NodeJS.Timeout | undefined;
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const { killAfterMs } = kill;
  if (killAfterMs !== undefined) child.stdout.once("data", () => (timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs)));
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(timer);
  return { status, signal, stderr };
}

/** Every step once, in random order. Only what an earlier kill left behind can be swept. */
function shuffledSteps(random: () => number): FailpointName[] {
  const order: FailpointName[] = FAILPOINTS.filter((name) => name !== "during-sweep")
    .map((name) => ({ name, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ name }) => name);
  order.splice(order.indexOf("after-change-files") + 1, 0, "during-sweep");
  return order;
}

test.each(plans)(
  "$format: killed at $rounds x every step and $random random moments, the output is exact",
  async ({ format, rounds, random: randomKills }) => {
    const directory = temporaryDirectory("kill-loop", isLong);
    const random = seededNumbers(seed);
    const stream = new EventStream(directory, random);
    const reader = new WatchingReader(join(directory, "out"));
    const hits = new Map<FailpointName, number>(rounds > 0 ? FAILPOINTS.map((name) => [name, 0]) : []);
    const succeeded = { status: 0, signal: null, stderr: "" };
    let starts = 0;
    const start = (kill: Parameters<typeof run>[3]) => run(directory, format, WORKERS[starts++ % WORKERS.length]!, kill);

    stream.add(FILES_PER_START);
    expect(await start({})).toEqual(succeeded);
    for (let round = 0; round < rounds; round++) {
      for (const name of shuffledSteps(random)) {
        stream.add(FILES_PER_START);
        const hit = ONCE.test(name) ? 1 : 1 + Math.floor(random() * 2);
        const ended = await start({ failpoint: `${name}:${hit}` });
        expect(ended.stderr, `seed ${seed}`).toBe("");
        if (ended.signal === "SIGKILL") hits.set(name, hits.get(name)! + 1);
      }
    }
    let killed = 0;
    // The whole run of a start with this many files takes about this long.
    for (let span = 150; killed < randomKills && starts < 4 * (randomKills + rounds * FAILPOINTS.length);) {
      stream.add(3 * FILES_PER_START);
      const { signal, stderr } = await start({ killAfterMs: random() * span });
      expect(stderr, `seed ${seed}`).toBe("");
      if (signal === "SIGKILL") killed++;
      else span *= 0.8;
    }
    stream.finish();
    expect(await start({}), `seed ${seed}`).toEqual(succeeded);
    reader.look();
    reader.close();

    const report = [...hits].map(([name, count]) => `${name} ${count}`).join(", ");
    console.log(`${format}, seed ${seed}: ${starts} starts, ${killed} kills at random moments${report && `, kills at ${report}`}`);
    expect([...hits].filter(([, count]) => count === 0)).toEqual([]);
    expect(killed).toBe(randomKills);
    expect(reader.violations).toEqual([]);
    expect(reader.batchesSeen).toBeGreaterThan(starts);

    const files = listedFiles(join(directory, "out"));
    const found = await byDuckDb(format, files, join(directory, "in/*.json"));
    expect(found.output, `seed ${seed}`).toEqual(stream.expected());
    expect(found.input).toEqual(stream.expected());
  },
  isLong ? 1_200_000 : 300_000,
);
