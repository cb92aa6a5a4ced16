/**
 * Every start is of a changed program, and each dies at a step of the protocol: the state goes from one form to the next, and every batch is
 * exact whoever ran it, with memory for all of the state and with most of it on disk. MILLRACE_LONG=1: all cases; otherwise every 29th.
 */
import { afterEach, expect, test } from "vitest";
import { FAILPOINTS, type FailpointName, observeFailpoints } from "../../src/base/failpoint.ts";
import type { Column, DataFrame } from "../../src/index.ts";
import { functions as F } from "../../src/index.ts";
import { killAt } from "./kill-at.ts";
import { Gone } from "./machine.ts";
import { Scenario } from "./scenario.ts";
import { WORKLOADS, type Workload } from "./workloads.ts";

const { col, count, expr, lit, sum, window } = F;

const STRIDE = process.env["MILLRACE_LONG"] === undefined ? 29 : 1;
const FILES = 10;
const MEMORY_LIMITS = ["4g", "20k"];

const n = count("*").as("n");
/** Aggregates of the program of each start; the last two take turns. What counts is `n` and `total`, which all of them have. */
const programs = (total: Column): readonly (readonly Column[])[] => [
  [n, total],
  [total, n],
  [total, expr("max(key)").as("most"), n, expr("min(value)").as("least")],
  [n, expr("min(CAST(value AS DECIMAL(25,2)))").as("least"), total],
  [expr("min(CAST(value AS DECIMAL(25,2)))").as("least"), total, n, expr("avg(value)").as("average")],
  [n, total, expr("min(CAST(value AS DECIMAL(25,2)))").as("least")],
];

const seconds = col("window").getField("start").cast("long").as("start");

/** The query, grouped by `keys`, with the aggregates of a program; they are all looked at, so that none is left out. */
function grouped(
  frame: DataFrame<any>,
  start: number,
  keys: readonly (Column | string)[],
  total = sum("value").as("total"),
): DataFrame<any> {
  const all = programs(total);
  const aggregates = all[start < all.length ? start : all.length - 1 - (start % 2)]!;
  const [first, ...rest] = aggregates;
  const others = ["most", "least", "average"].filter((name) => aggregates.some((column) => JSON.stringify(column).includes(`"${name}"`)));
  const isAny = others.map((name) => col(name).isNull()).reduce((a, b) => a.or(b), col("n").geq(lit(0)));
  return frame
    .groupBy(...(keys as [Column]))
    .agg(first!, ...rest)
    .filter(isAny);
}

const QUERIES: Readonly<Record<string, (input: DataFrame<any>, start: number) => DataFrame<any>>> = {
  "tumbling windows": (input, start) =>
    grouped(input.withWatermark("ts", "5 seconds"), start, [window("ts", "10 seconds"), "key"]).select(seconds, "key", "n", "total"),
  "sliding windows": (input, start) =>
    grouped(input.withWatermark("ts", "5 seconds"), start, [window("ts", "10 seconds", "5 seconds"), "key"]).select(
      seconds,
      "key",
      "n",
      "total",
    ),
  "windows, update mode": (input, start) =>
    grouped(input.withWatermark("ts", "5 seconds"), start, [window("ts", "10 seconds"), "key"]).select(seconds, "key", "n", "total"),
  "unbounded count and sum, update mode": (input, start) => grouped(input, start, ["key"]).select("key", "n", "total"),
  "unbounded count and sum, complete mode": (input, start) => grouped(input, start, ["key"]).select("key", "n", "total"),
  "windows of windows": (input, start) =>
    grouped(input.withWatermark("ts", "5 seconds"), start, [window("ts", "5 seconds"), "key"])
      .groupBy(window(col("window"), "20 seconds"))
      .agg(sum("n").as("n"), sum("total").as("total"))
      .select(seconds, lit("all").as("key"), "n", "total"),
};

/** The workload of this name, its query changed at every start. */
function changing(name: string): Workload {
  let starts = 0;
  return { ...WORKLOADS.find((workload) => workload.name === name)!, query: (input) => QUERIES[name]!(input, starts++) };
}

interface Case {
  readonly workload: string;
  readonly point: FailpointName;
  readonly loses: "process" | "power";
  readonly hit: number;
  readonly secondAfter: number;
  readonly memoryLimit: string;
}

const cases: readonly Case[] = Object.keys(QUERIES).flatMap((workload) =>
  FAILPOINTS.flatMap((point) =>
    (["process", "power"] as const).flatMap((loses) =>
      [1, 3].flatMap((hit) =>
        [2, 9, 25].flatMap((secondAfter) =>
          MEMORY_LIMITS.map((memoryLimit) => ({ workload, point, loses, hit, secondAfter, memoryLimit })),
        ),
      ),
    ),
  ),
);

afterEach(() => observeFailpoints(null));

async function run({ workload, point, loses, hit, secondAfter, memoryLimit }: Case, seed: number): Promise<number> {
  const scenario = new Scenario(changing(workload), seed, memoryLimit);
  let deaths = 0;
  const died = (ended: unknown): void => {
    observeFailpoints(null);
    if (ended instanceof Gone) deaths++;
    else expect(ended).toBeNull();
    if (loses === "power") scenario.disk.losePower(scenario.dice, { blockBytes: 512, blocks: 0.5, names: 0.5 });
  };
  scenario.addFiles(FILES);
  // The program of before has come as far as this; then each change dies once while it begins, and once later.
  died(await scenario.run({ prepare: killAt("after-commits-log", 4) }));
  died(await scenario.run({ workers: 3, prepare: (process) => (process.diskFault = { kind: "kill", after: secondAfter }) }));
  died(await scenario.run({ workers: 1, prepare: killAt(point, hit) }));
  died(await scenario.run({ prepare: killAt(point, hit) }));
  await scenario.expectExact(3);
  await scenario.expectExact();
  return deaths;
}

test("exact, however the programs die that follow each other", { timeout: 3_600_000 }, async () => {
  let [ran, deaths] = [0, 0];
  for (const [index, each] of cases.entries()) {
    if (index % STRIDE !== 0) continue;
    ran++;
    deaths += await run(each, index).catch((error: unknown) => {
      const { workload, point, hit, loses, secondAfter } = each;
      throw new Error(`${workload}, ${loses} lost at ${point}:${hit}, before after ${secondAfter} calls (case ${index})`, { cause: error });
    });
  }
  console.log(`${ran} of ${cases.length} cases, ${deaths} deaths`);
  expect(deaths).toBeGreaterThan(2 * ran);
});
