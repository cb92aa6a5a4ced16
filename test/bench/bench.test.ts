/** Every suite of the benchmark, tiny: that it runs, and that its answers are checked and right. Numbers are not looked at. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Session } from "../../src/index.ts";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const data = mkdtempSync(join(tmpdir(), "millrace-bench-test-"));
const isLong = process.env["MILLRACE_LONG"] !== undefined;
afterAll(() => rmSync(data, { recursive: true, force: true }));

interface Report {
  readonly machine: { readonly cpu: string; readonly node: string; readonly commit: string };
  readonly results: readonly {
    readonly suite: string;
    readonly waitsFor?: string;
    readonly workers: number;
    readonly answersChecked: number;
    readonly native?: object;
  }[];
}

async function bench(...args: readonly string[]): Promise<Report> {
  const all = [join(root, "bench/main.mjs"), ...args, "--runs", "1", "--json", "--data", data];
  return JSON.parse((await promisify(execFile)(process.execPath, all, { maxBuffer: 1 << 24 })).stdout) as Report;
}

describe("npm run bench", () => {
  test.each([
    ["ysb", 20_000],
    ["state", 20_000],
    ["nexmark", 5000],
    ["nexmark-files", 5000],
    ["consistency", 20_000],
    ["stations", 20_000],
    ["micro", 20_000],
    ["latency", 1000],
    ["start", 1],
    ["memory", 20_000],
  ] as const)("suites of %s give the right answers, %d events", async (group, events) => {
    const { machine, results } = await bench(group, "--events", String(events), "--no-native", "--in-process");
    expect(results.length).toBeGreaterThan(0);
    for (const { suite, waitsFor, answersChecked } of results) expect([suite, waitsFor ?? answersChecked]).not.toEqual([suite, 0]);
    expect(machine.node).toBe(process.version);
  });

  // When this fails, what the suite waits for has landed: give it an `expected` and take its `waitsFor` away.
  test("what waits for an operator is refused by the engine today", async () => {
    const { suites } = await import(join(root, "bench/query/suites.mjs"));
    const { withSession } = await import(join(root, "bench/harness/engine.mjs"));
    const started: string[] = [];
    await withSession(1, async (spark: Session, directory: string) => {
      for (const { name, frame } of suites.filter((suite: { waitsFor?: string; frame?: unknown }) => suite.waitsFor && suite.frame)) {
        const start = async () => await frame(spark).writeStream.format("noop").option("checkpointLocation", join(directory, name)).start();
        const refusal = await start().then(
          () => "nothing",
          (error: { condition: string }) => error.condition,
        );
        if (!["UNSUPPORTED_FEATURE.NOT_YET", "DATA_SOURCE_NOT_FOUND"].includes(refusal)) started.push(`${name}: ${refusal}`);
      }
    });
    expect(started).toEqual([]);
  });

  test("each run has a process of its own, and two workers give the same answer as one", async () => {
    const { results } = await bench("ysb-columns", "--events", "20000", "--workers", "1,2", "--no-native");
    expect(results.map(({ workers, answersChecked }) => [workers, answersChecked])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test("fails on a wrong answer", async () => {
    await bench("filter-json", "--events", "8000", "--no-native", "--in-process");
    const answer = readdirSync(data).find((name) => name.includes("-8000-") && name.endsWith("filter-json.answer"))!;
    writeFileSync(join(data, answer), "0");
    await expect(bench("filter-json", "--events", "8000", "--no-native", "--in-process")).rejects.toThrow(/wrong answer of filter-json/);
  });

  test("fails when the answer differs from the committed one", async () => {
    await bench("nexmark-q2", "--events", "5000", "--no-native", "--in-process");
    const answer = readdirSync(data).find((name) => name.includes("-5000-") && name.includes("-q2-"))!;
    writeFileSync(join(data, answer), "0");
    await expect(bench("nexmark-q2", "--events", "5000", "--no-native", "--in-process")).rejects.toThrow(/but data\/digests.json says/);
  });

  test.each([
    [["ysb-columnz"], /there is no suite ysb-columnz; did you mean ysb-columns\? There are ysb-columns, ysb-json/],
    [["--events", "many"], /--events must be a positive whole number, not many/],
    [["compare"], /compare takes a commit/],
  ])("refuses %j", async (args, message) => {
    await expect(bench(...args)).rejects.toThrow(message);
  });

  test("native programs that are older than their sources are not run", async () => {
    const { hasNative } = await import(join(root, "bench/harness/processes.mjs"));
    const programs = mkdtempSync(join(data, "programs-"));
    mkdirSync(join(programs, "src/deeper"), { recursive: true });
    const [built, lock, source] = ["built", "Cargo.lock", "src/deeper/mod.rs"].map((name) => join(programs, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [lock, source]) writeFileSync(path, "");
    expect(hasNative(programs, built)).toBe(false);
    writeFileSync(built, "");
    for (const path of [lock, source]) utimesSync(path, 1000, 1000);
    expect(hasNative(programs, built)).toBe(true);
    utimesSync(built, 999, 999);
    expect(() => hasNative(programs, built)).toThrow(/is newer than the native programs: npm run bench:native/);
  });

  // Building the native programs takes a compiler and its time.
  test.skipIf(!isLong)("the native programs give the same answers (MILLRACE_LONG)", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "native-bench/build.mjs")]);
    if (stdout.includes("skipped")) return;
    const { suites } = await import(join(root, "bench/query/suites.mjs"));
    const withTwin = suites.filter((suite: { native?: unknown; waitsFor?: string }) => suite.native && !suite.waitsFor);
    const names: string[] = withTwin.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(["ysb-columns", "ysb-json", "count-by-key", "nexmark-q0", "nexmark-q5", "nexmark-q7"]));
    const { results } = await bench(...names, "--events", "20000");
    expect(results.map(({ suite, answersChecked }) => [suite, answersChecked])).toEqual(names.map((name) => [name, 2]));
  });

  test("the Parquet reader beside DuckDB and parquet-wasm gives DuckDB's answers", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "bench/parquet-scan.mjs"), "3000"]);
    expect(stdout.match(/DuckDB, 1 thread .* M rows per CPU second/g)).toHaveLength(3);
  });
});
