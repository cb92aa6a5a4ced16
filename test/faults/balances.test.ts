/**
 * Money moves between accounts, so that all balances together are 0 after every batch, in complete mode and in what update mode adds up to: also
 * when the process is killed at any step of the protocol, workers die, and starts have other numbers of workers. MILLRACE_LONG=1: 60 starts
 * instead of 9. MILLRACE_SEED replays a run. (Ten million transfers without faults: `bench/query/consistency.mjs`.)
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FAILPOINTS } from "../../src/base/failpoint.ts";
import { seededNumbers } from "./event-stream.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("balances-query.mjs", import.meta.url));
const preload = new URL("worker-faults.mjs", import.meta.url).href;
const isLong = process.env["MILLRACE_LONG"] !== undefined;
const starts = isLong ? 60 : 9;
const seed = Number(process.env["MILLRACE_SEED"] ?? (Math.random() * 2 ** 31) >>> 0);
const ACCOUNTS = 10;
const FILES_PER_START = 4;
const COMMANDS = ["load", "restore", "begin", "scan", "merge", "changes", "commit"];

const succeeded = { status: 0, signal: null, stdout: "", stderr: "" };

type Balances = Map<number, bigint>;

const sumOf = (balances: Balances): bigint => [...balances.values()].reduce((sum, balance) => sum + balance, 0n);

/** Balances after each batch that a query has put out. */
function outputs(directory: string, mode: "complete" | "update"): Balances[] {
  const names = readdirSync(join(directory, mode)).filter((name) => /^\d+\.json$/.test(name));
  const balances: Balances = new Map();
  return names.map((_, batch) => {
    const rows = JSON.parse(readFileSync(join(directory, mode, `${batch}.json`), "utf8")) as [number, string][];
    if (mode === "complete") balances.clear();
    for (const [account, balance] of rows) balances.set(account, BigInt(balance));
    return new Map(balances);
  });
}

test("the sum of all balances is 0 after every batch, whatever dies", { timeout: isLong ? 1_200_000 : 120_000 }, () => {
  const directory = temporaryDirectory("balances");
  mkdirSync(join(directory, "in"));
  const random = seededNumbers(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const expected: Balances = new Map();
  const change = (account: number, amount: number): void => void expected.set(account, (expected.get(account) ?? 0n) + BigInt(amount));
  let files = 0;
  const addFile = (): void => {
    const number = files++;
    const lines = Array.from({ length: 1 + below(200) }, (_, id) => {
      const [from, to, amount] = [below(ACCOUNTS), below(ACCOUNTS), below(1000)];
      change(from, -amount);
      change(to, amount);
      return JSON.stringify({ id, from_account: from, to_account: to, amount });
    });
    const path = join(directory, "in", `${String(number).padStart(5, "0")}.json`);
    writeFileSync(`${directory}/next`, `${lines.join("\n")}\n`);
    utimesSync(`${directory}/next`, 1_700_000_000 + number, 1_700_000_000 + number);
    renameSync(`${directory}/next`, path);
  };
  const run = (env: Record<string, string>, hasFaults: boolean) => {
    const args = ["--unhandled-rejections=strict", ...(hasFaults ? ["--import", preload] : []), program, directory, String(1 + below(3))];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: "utf8" });
    return { status, signal, stdout, stderr };
  };

  const killed: string[] = [];
  let deaths = 0;
  for (let start = 0; start < starts; start++) {
    for (let file = 0; file < FILES_PER_START; file++) addFile();
    if (start % 3 === 2) {
      const counted = mkdtempSync(join(directory, "deaths-"));
      const fault = { how: "exit", command: COMMANDS[below(COMMANDS.length)]!, at: 1 + below(3), deaths: 1 + below(2), directory: counted };
      expect(run({ MILLRACE_TEST_WORKER_FAULT: JSON.stringify(fault) }, true), `seed ${seed}, ${JSON.stringify(fault)}`).toEqual(succeeded);
      deaths += readdirSync(counted).length;
    } else {
      const failpoint = `${FAILPOINTS[below(FAILPOINTS.length)]}:${1 + below(4)}`;
      const { signal, stderr } = run({ MILLRACE_FAILPOINT: failpoint }, false);
      expect(stderr, `seed ${seed}, ${failpoint}`).toBe("");
      if (signal === "SIGKILL") killed.push(failpoint);
    }
  }
  expect(run({}, false), `seed ${seed}`).toEqual(succeeded);

  const byAccount = (balances: Balances | undefined) => [...(balances ?? [])].sort(([a], [b]) => a - b);
  for (const mode of ["complete", "update"] as const) {
    const batches = outputs(directory, mode);
    // A file that was noted just before a kill comes together with the next one.
    expect(batches.length, `seed ${seed}`).toBeGreaterThan(files / 2);
    for (const [batch, balances] of batches.entries()) expect(sumOf(balances), `seed ${seed}, ${mode}, batch ${batch}`).toBe(0n);
    expect(byAccount(batches.at(-1)), `seed ${seed}`).toEqual(byAccount(expected));
  }
  console.log(`seed ${seed}: ${files} batches, killed at ${killed.join(", ")}; ${deaths} workers died`);
  expect(killed.length, `seed ${seed}`).toBeGreaterThan(0);
  expect(deaths, `seed ${seed}`).toBeGreaterThan(0);
});
