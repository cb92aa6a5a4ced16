/** Runs every example as a user would, and checks what it prints. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, runNode } from "./support/run-process.ts";
import { temporaryDirectory } from "./support/temporary-directory.ts";

const folder = join(root, "examples");
const run = async (name: string, cwd = temporaryDirectory()): Promise<string> => {
  const { code, stdout, stderr } = await runNode([join(folder, name)], { cwd });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
};

/** What must be in the output. The numbers are worked out by hand from the data that the example makes. */
const expected: Readonly<Record<string, (output: string) => void>> = {
  "batch-query.mjs": (output) => {
    expect(output).toBe(
      [
        "+-------+------+-------+-----+",
        "|country|orders|average|large|",
        "+-------+------+-------+-----+",
        "|     NL|     3|  55.92|    1|",
        "|     DE|     2|  72.05|    0|",
        "|     FR|     1| 210.00|    1|",
        "+-------+------+-------+-----+",
        "",
        "The largest order is 4 over 210.00.",
        "",
      ].join("\n"),
    );
  },
  "files-to-parquet.mjs": (output) => {
    for (const minute of ["12:00:00", "12:01:00"]) {
      expect(output).toContain(`|2026-01-01 ${minute}|/docs   |400  |`);
      expect(output).toContain(`|2026-01-01 ${minute}|/pricing|200  |`);
    }
    expect(output).not.toContain("12:02:00");
  },
  "foreach-batch.mjs": (output) => {
    expect(output).toMatch(/batch 0: 4 rows changed\nbatch 1: 4 rows changed\nbatch 2: 4 rows changed\n/);
    // Half of the bids come by one of the four named channels.
    const counts = [...output.matchAll(/(\d+)n/g)].map(([, count]) => Number(count));
    expect(counts).toHaveLength(4);
    expect(Math.abs(counts.reduce((sum, count) => sum + count, 0) - 13_800)).toBeLessThan(400);
  },
  "join-static.mjs": (output) => {
    const last = output.slice(output.lastIndexOf("Batch: 1"));
    expect(last).toMatch(/NULL\|\d+\|[\d.]+\|\n\|app store\|\d+\|[\d.]+\|\n\| +search\|\d+\|[\d.]+\|\n\| +social\|\d+\|/);
    const bids = [...last.matchAll(/\|(\d+)\|/g)].map(([, count]) => Number(count));
    // 46 of 50 events are bids, and a left outer join loses none.
    expect(bids.reduce((sum, count) => sum + count, 0)).toBe(184_000);
  },
  "listener-and-progress.mjs": (output) => {
    expect(output).toMatch(/^bids started\nbatch 0: 92000 rows in \d+ ms \{ bids: 92000, highest: \d+ \}\n/);
    expect(output).toContain("ended in good order\n");
    expect(output).toContain("watermark 2015-07-15T00:00:24.999Z");
  },
  "test-kit.mjs": (output) => expect(output).toBe("The query does what it should.\n"),
  "windowed-counts.mjs": (output) => {
    expect(output).toContain("|window ");
    expect(output).toMatch(/\|\{[\d -]+:[\d:]+, [\d -]+:[\d:]+\}\|\d+ +\|\d+ +\|/);
  },
};

test("every example is run here, is short and says how to run it", () => {
  const names = readdirSync(folder).sort();
  expect(names).toEqual(Object.keys(expected).sort());
  for (const name of names) {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text.split("\n").length, `${name} has more than 60 lines`).toBeLessThanOrEqual(60);
    expect(text).toContain(`node examples/${name}`);
  }
});

test.each(Object.entries(expected))("%s", async (name, check) => {
  check(await run(name));
});

test("files-to-parquet counts nothing twice when it runs again", async () => {
  const directory = temporaryDirectory();
  const first = await run("files-to-parquet.mjs", directory);
  expect(await run("files-to-parquet.mjs", directory)).toBe(first);
});
