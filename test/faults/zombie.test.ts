/**
 * A process is stopped (SIGSTOP) in the middle of a batch, another start takes the checkpoint over and works on, the process continues (SIGCONT):
 * it must find out and change nothing. The kernel's lock keeps a second start out as long as both see it; the other one is therefore in
 * a network namespace of its own, like another container over the same directory. MILLRACE_LONG=1: every step, several times.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { EventStream, seededNumbers } from "./event-stream.ts";
import { byDuckDb, listedFiles } from "./sink-directory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("window-query.mjs", import.meta.url));
const preload = new URL("paused-at-failpoint.mjs", import.meta.url).href;
const isLong = process.env["MILLRACE_LONG"] !== undefined;

/** Steps of the main thread between the plan of a batch and its end. */
const STEPS = [
  "before-offsets-log",
  "after-offsets-log",
  "after-change-files",
  "before-commit-prepared",
  "after-commit-prepared",
  "before-sink-commit",
  "after-sink-commit",
  "before-commits-log",
  "during-log-write",
  "after-log-link",
  "before-source-commit",
];
const hits = isLong ? [2, 3, 4, 5, 6] : [3];
/** The first two logs that a start writes are not a batch's. */
const firstHit = (step: string): number => (/log-(?:write|link)/.test(step) ? 1 : 0);
const cases = (isLong ? STEPS : ["before-sink-commit", "before-commits-log"]).flatMap((step) =>
  hits.map((hit) => ({ step, hit: hit + firstHit(step) })),
);

/** Of util-linux: runs a program in a namespace of its own. */
const UNSHARE = "unshare";
const unshare = spawnSync(UNSHARE, ["--net", "true"]).status === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
const isApart = spawnSync(UNSHARE, [...unshare, "true"]).status === 0;
if (!isApart) console.log("skipped: this system gives no network namespaces, so that nobody can take over from a living process");

const args = (directory: string): string[] => ["--unhandled-rejections=strict", program, directory, "json", "2"];

/** A start that is stopped at the step. */
async function stoppedAt(directory: string, step: string): Promise<ChildProcess> {
  const env = { ...process.env, MILLRACE_TEST_PAUSE: step };
  const child = spawn(process.execPath, ["--import", preload, ...args(directory)], { env, stdio: ["pipe", "pipe", "pipe"] });
  for await (const [text] of forEach(child)) if (text.includes("paused")) break;
  child.kill("SIGSTOP");
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8"))) await setImmediate();
  return child;
}

async function* forEach(child: ChildProcess): AsyncGenerator<[string]> {
  while (child.exitCode === null && child.signalCode === null) yield [String((await once(child.stdout!, "data"))[0])];
}

/** Ends it, too. */
async function resumed(child: ChildProcess): Promise<{ readonly status: number | null; readonly said: string }> {
  let said = "";
  child.stdout!.on("data", (text: Buffer) => (said += text.toString()));
  child.stderr!.on("data", (text: Buffer) => (said += text.toString()));
  const closed = once(child, "close");
  child.kill("SIGCONT");
  child.stdin!.end("\n");
  const [status] = (await closed) as [number | null];
  return { status, said };
}

const successor = (directory: string) => spawnSync(UNSHARE, [...unshare, process.execPath, ...args(directory)], { encoding: "utf8" });

/** What has its final name in checkpoint and manifest, LMDB's files aside, and the output that counts; with the content. */
function filesOf(directory: string): Map<string, string> {
  const logs = ["checkpoint", "out/_spark_metadata"].flatMap((folder) =>
    readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith(".") && !entry.parentPath.endsWith("/chunks"))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return new Map([...logs, ...listedFiles(join(directory, "out"))].sort().map((path) => [path, readFileSync(path, "base64")]));
}

/** The newest number in each log: what a start goes by. An older one that comes back after it was purged counts for nobody. */
function newest(files: ReadonlyMap<string, string>): Record<string, number> {
  const logs = ["epoch", "offsets", "commits", "sources/0", "_spark_metadata"];
  const numbers = (log: string): number[] =>
    [...files.keys()].filter((path) => dirname(path).endsWith(`/${log}`)).map((path) => Number.parseInt(basename(path)));
  return Object.fromEntries(logs.map((log) => [log, Math.max(...numbers(log))]));
}

test.runIf(isApart).each(cases)(
  "stopped at $step:$hit, it changes nothing after a takeover",
  { timeout: 120_000 },
  async ({ step, hit }) => {
    const directory = temporaryDirectory("zombie");
    const stream = new EventStream(directory, seededNumbers(hit));
    stream.add(8);
    const zombie = await stoppedAt(directory, `${step}:${hit}`);

    const refused = spawnSync(process.execPath, args(directory), { encoding: "utf8" });
    expect(refused).toMatchObject({ status: 3, stderr: "" });
    expect(JSON.parse(refused.stdout.trim())).toMatchObject({ condition: "CONCURRENT_CHECKPOINT_USE" });

    stream.add(20);
    stream.finish();
    expect(successor(directory)).toMatchObject({ status: 0, stderr: "" });
    const before = filesOf(directory);

    const { status, said } = await resumed(zombie);
    expect({ status, said }).toEqual({
      status: 3,
      said: expect.stringMatching(/"cause":"CONCURRENT_(?:CHECKPOINT_USE|STREAM_LOG_UPDATE)"/),
    });
    const after = filesOf(directory);
    expect([...before.keys()].filter((path) => after.get(path) !== before.get(path))).toEqual([]);
    expect(newest(after)).toEqual(newest(before));
    stream.finish();
    expect(successor(directory)).toMatchObject({ status: 0, stderr: "" });
    const { output } = await byDuckDb("json", listedFiles(join(directory, "out")), join(directory, "in/*.json"));
    expect(output).toEqual(stream.expected());
  },
);
