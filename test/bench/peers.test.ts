/** The comparison with other systems, tiny and with those that need no installation: that answers are compared, and that a bad command line is refused. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const main = fileURLToPath(new URL("../../bench/peers/main.mjs", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "millrace-peers-test-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Report {
  readonly results: readonly {
    readonly query: string;
    readonly events: number;
    readonly systems: readonly {
      readonly system: string;
      readonly isWrong: boolean;
      readonly error?: string;
      readonly rows: readonly { readonly events: number; readonly seconds: number; readonly digest: string }[];
    }[];
  }[];
}

const peers = async (...args: readonly string[]) => (await promisify(execFile)(process.execPath, [main, "--home", home, ...args])).stdout;

test("Millrace and a plain Node program give one answer, and both are measured", async () => {
  const queries = ["ysb-json", "project-json"];
  const report = JSON.parse(await peers(...queries, "--systems", "millrace,node", "--events", "4000", "--rounds", "1", "--json")) as Report;
  expect(report.results.map(({ query, events }) => [query, events])).toEqual(queries.map((query) => [query, 4000]));
  for (const { systems } of report.results) {
    expect(systems.map(({ system, isWrong, error }) => [system, isWrong, error])).toEqual([
      ["millrace", false, undefined],
      ["node", false, undefined],
    ]);
    const [own, other] = systems.map(({ rows }) => rows[0]!);
    expect(own!.digest).toBe(other!.digest);
    expect(own!.seconds).toBeGreaterThan(0);
  }
}, 120_000);

test.each([
  [["no-such-query"], /there is no query no-such-query; there are ysb-json/],
  [["--systems", "storm"], /there is no system storm; there are millrace, spark/],
  [["--events", "many"], /--events must be a positive whole number, not many/],
])("refuses %j", async (args, message) => {
  await expect(peers(...args)).rejects.toThrow(message);
});
