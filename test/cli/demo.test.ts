/** `millrace demo`: bounded, honest about what it did, goes on where it stopped. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

interface DemoJson {
  readonly rowsIn: number;
  readonly stoppedBy: string | null;
  readonly queries: readonly { readonly name: string; readonly batches: number; readonly lastBatchId: number; readonly rowsOut: number }[];
  readonly orders: { readonly lines: number; readonly malformed: number };
  readonly check: { readonly compared: number; readonly different: number };
}

// A million events in two batches of 500,000, of which 46 in 50 are bids, and two files of 400 orders.
const BIDS = 920_000;
const LINES = 800;

test("runs, then goes on from its checkpoints with new events", async () => {
  const directory = join(temporaryDirectory(), "demo");
  const run = async (): Promise<DemoJson> => {
    const { code, stdout, stderr } = await millrace(["demo", "--dir", directory, "--events", "1000000", "--seconds", "50", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout) as DemoJson;
  };
  const rounds = [await run(), await run()];
  for (const { rowsIn, stoppedBy, queries, orders, check } of rounds) {
    expect(stoppedBy).toBe(null);
    // Each query reads everything.
    expect(rowsIn).toBe(2 * (BIDS + LINES));
    expect(queries.map(({ name }) => name)).toEqual(["live", "archive"]);
    expect(orders.lines).toBe(LINES);
    // A hundred seconds of event time: ten windows, of which the last stays open, the watermark being five seconds behind.
    expect(check).toEqual({ compared: 9, different: 0 });
  }
  // Every 97th line is cut off.
  expect(rounds[0]!.orders.malformed + rounds[1]!.orders.malformed).toBe(Math.floor((2 * LINES) / 97));
  expect(rounds[1]!.queries[0]!.lastBatchId).toBeGreaterThan(rounds[0]!.queries[0]!.lastBatchId);
  for (const query of ["live", "archive"]) {
    const verified = await millrace(["checkpoint", "verify", join(directory, "checkpoint", query)]);
    expect(verified.code, verified.stdout).toBe(0);
  }
  expect(readdirSync(join(directory, "output")).some((name) => name.endsWith(".parquet"))).toBe(true);
});

test("prints plain lines when piped, and what to do next", async () => {
  const directory = temporaryDirectory();
  const { code, stdout } = await millrace(["demo", "--events", "500000"], { cwd: directory });
  expect(code).toBe(0);
  // No colours, no moving cursor.
  expect(stdout).not.toContain("\x1b");
  expect(stdout).toMatch(/events\/s per core: [\d,]+ events/);
  expect(stdout).toContain("npx millrace checkpoint verify millrace-demo/checkpoint/archive");
  expect(existsSync(join(directory, "millrace-demo/demo.json"))).toBe(true);
});

test.each(["exactly once", "archive  batch"])("a signal after %j stops it in good order", async (shown) => {
  const directory = join(temporaryDirectory(), "demo");
  let sent = false;
  const { code, stdout } = await millrace(["demo", "--dir", directory, "--seconds", "60", "--events", "60000000"], {
    onOutput: (printed, child) => {
      if (!sent && printed.includes(shown)) sent = child.kill("SIGINT");
    },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("Stopped by signal; the checkpoints are whole.");
  expect((await millrace(["checkpoint", "verify", join(directory, "checkpoint/archive")])).code).toBe(0);
});

test("it leaves directories of others alone", async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "mine"));
  writeFileSync(join(directory, "mine/file"), "x");
  const { code, stderr } = await millrace(["demo", "--dir", join(directory, "mine")]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[DEMO_DIRECTORY_NOT_EMPTY\]/);
  expect(readdirSync(join(directory, "mine"))).toEqual(["file"]);
});
