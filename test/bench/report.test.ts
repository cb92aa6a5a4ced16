/** `docs/performance.md` is what the saved results say. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("docs/performance.md is generated from bench/results", async () => {
  const { stderr } = await promisify(execFile)(process.execPath, [join(root, "bench/report.mjs"), "--check"]);
  expect(stderr).toBe("");
});

test("a page names what is measured, what waits, and which goals are reached", async () => {
  const { performancePage } = await import(join(root, "bench/harness/performance-page.mjs"));
  const spread = (median: number) => ({ median, min: median, max: median });
  const machine = { cpu: "A", cores: 2, memoryGb: 8, node: "v20", commit: "abc", date: "2020-01-01T00:00:00Z", load: 1 };
  const about = { source: "s", sink: "n", checkpoint: "c", rate: "r" };
  const rates = { millionPerSecond: spread(9), millionPerCpuSecond: spread(9), peakMb: spread(100), events: 1e6, generatorSeconds: 1 };
  const native = { millionPerSecond: spread(18), millionPerCpuSecond: spread(18), slowerByCpu: spread(2), slowerByWall: spread(2) };
  const suite = { suite: "ysb-json", title: "YSB from NDJSON files", kind: "throughput", workers: 1, runs: 5, about, machine };
  const profile = [
    { part: "reading text", percent: 40, functions: ["json_next"] },
    { part: "garbage collection", percent: 3, functions: [] },
  ];
  const system = (name: string, rate: number) => ({
    system: name,
    millionPerSecond: spread(rate),
    millionPerCpuSecond: spread(rate),
    peakMb: spread(1),
    rows: [{}],
  });
  const peers = [
    { query: "ysb-json", title: "YSB, JSON files", events: 1e6, machine, systems: [system("millrace", 8), system("spark", 2)] },
  ];
  const page: string = performancePage([{ ...suite, ...rates, native, profile }], peers);
  expect(page).toContain("| YSB, NDJSON files | 9.00 | 18.0 | 2.00 | 2.00 | 4.00x | – | – | – | 3 / 8 | goal |");
  expect(page).toContain("**YSB from NDJSON files.** 40 % reading text (`json_next`); 3 % garbage collection.");
  expect(page).toMatch(/YSB, Kafka to Kafka \| waiting for kafka/);
  expect(page).not.toContain("times as fast in");
  const far = { ...native, slowerByCpu: spread(4) };
  expect(performancePage([{ ...suite, ...rates, native: far, profile }], peers)).toContain(
    "Native programs are more than 3 times as fast in YSB from NDJSON files (4.00x): [why](",
  );
});
