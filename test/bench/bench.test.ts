/** Every suite of the benchmark, tiny: that it runs, and that its answers are checked and right. Numbers are not looked at. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const data = mkdtempSync(join(tmpdir(), "millrace-bench-test-"));
const isLong = process.env["MILLRACE_LONG"] !== undefined;
afterAll(() => rmSync(data, { recursive: true, force: true }));

interface Report {
  readonly machine: { readonly cpu: string; readonly node: string; readonly commit: string };
  readonly results: readonly {
    readonly suite: string;
    readonly workers: number;
    readonly answersChecked: number;
    readonly native?: object;
  }[];
}

async function bench(...args: readonly string[]): Promise<Report> {
  const all = [join(root, "bench/main.mjs"), ...args, "--runs", "1", "--json", "--data", data];
  return JSON.parse((await promisify(execFile)(process.execPath, all)).stdout) as Report;
}

const SUITES = ["ysb-columns", "ysb-json", "count-by-key", "deduplicate", "small-batch", "event-loop", "cold-start", "memory"];

describe("npm run bench", () => {
  test.each(SUITES)("%s gives the right answer", async (suite) => {
    const { machine, results } = await bench(suite, "--events", suite === "small-batch" ? "1000" : "20000", "--no-native");
    expect(results.map((result) => [result.suite, result.workers, result.answersChecked])).toEqual([[suite, 1, 1]]);
    expect(machine.node).toBe(process.version);
  });

  test("two workers give the same answer as one", async () => {
    const { results } = await bench("ysb-columns", "--events", "20000", "--workers", "1,2", "--no-native");
    expect(results.map(({ workers, answersChecked }) => [workers, answersChecked])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test("fails on a wrong answer", async () => {
    await bench("ysb-json", "--events", "8000", "--no-native");
    const answer = readdirSync(data).find((name) => name === "ysb-json-1000.answer")!;
    writeFileSync(join(data, answer), "0");
    await expect(bench("ysb-json", "--events", "8000", "--no-native")).rejects.toThrow(/wrong answer of ysb-json/);
  });

  test.each([
    [["no-such-suite"], /there is no suite no-such-suite; there are ysb-columns/],
    [["--events", "many"], /--events must be a positive whole number, not many/],
  ])("refuses %j", async (args, message) => {
    await expect(bench(...args)).rejects.toThrow(message);
  });

  // Building the native programs takes a compiler and its time.
  test.skipIf(!isLong)("the native programs give the same answers (MILLRACE_LONG)", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "native-bench/build.mjs")]);
    if (stdout.includes("skipped")) return;
    const { results } = await bench("ysb-columns", "ysb-json", "count-by-key", "--events", "20000");
    expect(results.map(({ answersChecked, native }) => [answersChecked, native !== undefined])).toEqual([
      [2, true],
      [2, true],
      [2, true],
    ]);
  });
});
