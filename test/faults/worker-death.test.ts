/**
 * Workers die in the middle of a real query: before every command of a batch, in every way a thread can end. The batch runs again on new
 * workers and the output stays exact; when workers keep dying the query ends with a typed error, and a start without the fault goes on.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, test } from "vitest";
import { EventStream, seededNumbers } from "./event-stream.ts";
import { byDuckDb, listedFiles } from "./sink-directory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const program = fileURLToPath(new URL("window-query.mjs", import.meta.url));
const preload = new URL("worker-faults.mjs", import.meta.url).href;

interface Fault {
  readonly how: "exit" | "throw" | "terminate" | "out-of-memory" | "loop";
  readonly command: string;
  readonly at: number;
  readonly deaths: number;
}

let directory: string;
let stream: EventStream;
beforeEach(() => {
  directory = temporaryDirectory("worker-death");
  stream = new EventStream(directory, seededNumbers(7));
  // Enough batches for a snapshot of the state.
  stream.add(13);
  stream.finish();
});

function run(fault: Fault | null, directories = directory) {
  const deaths = mkdtempSync(join(directory, "deaths-"));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--unhandled-rejections=strict", ...(fault ? ["--import", preload] : []), program, directories, "json", "2"],
    {
      env: {
        ...process.env,
        MILLRACE_TEST_WORKER_FAULT: JSON.stringify({ ...fault, directory: deaths }),
        // Short where a worker hangs; long elsewhere, so that a busy machine looks like no fault.
        MILLRACE_TEST_WORKER_TIMEOUT: fault?.how === "loop" ? "4s" : "120s",
      },
      encoding: "utf8",
    },
  );
  return { status, stderr, said: stdout.trimEnd().split("\n").at(-1)!, deaths: readdirSync(deaths).length };
}

async function expectExactOutput(of = directory): Promise<void> {
  const { output } = await byDuckDb("json", listedFiles(join(of, "out")), join(of, "in/*.json"));
  expect(output).toEqual(stream.expected());
}

const everyCommand = ["load", "restore", "begin", "scan", "merge", "changes", "sync", "commit", "stage", "chunks"].map((command): Fault => {
  const isRare = ["load", "restore", "stage", "chunks"].includes(command);
  return { how: "exit", command, at: isRare ? 1 : 5, deaths: 1 };
});
const everyWay: readonly Fault[] = [
  { how: "throw", command: "scan", at: 5, deaths: 1 },
  { how: "terminate", command: "merge", at: 5, deaths: 1 },
  { how: "out-of-memory", command: "scan", at: 5, deaths: 1 },
  { how: "loop", command: "scan", at: 5, deaths: 1 },
  { how: "loop", command: "merge", at: 3, deaths: 2 },
  { how: "exit", command: "merge", at: 3, deaths: 8 },
];

test.each([...everyCommand, ...everyWay])("$how before $command number $at, $deaths times: the output is exact", async (fault) => {
  expect(run(fault)).toEqual({ status: 0, stderr: "", said: "running", deaths: fault.deaths });
  await expectExactOutput();
});

test("a worker that dies under one query is replaced for the others of the session, too", async () => {
  const other = temporaryDirectory("worker-death");
  cpSync(join(directory, "in"), join(other, "in"), { recursive: true, preserveTimestamps: true });
  const fault: Fault = { how: "exit", command: "merge", at: 7, deaths: 3 };
  expect(run(fault, `${directory},${other}`)).toEqual({ status: 0, stderr: "", said: "running", deaths: 3 });
  await expectExactOutput();
  await expectExactOutput(other);
});

const always = 99;
test.each([
  { fault: { how: "exit", command: "merge", at: 1, deaths: always }, condition: "WORKER_DIED" },
  { fault: { how: "loop", command: "changes", at: 1, deaths: always }, condition: "WORKER_DIED" },
  { fault: { how: "out-of-memory", command: "scan", at: 1, deaths: always }, condition: "WORKER_OUT_OF_MEMORY" },
] as const)("$fault.how in every attempt ends the query with $condition, and a restart goes on", async ({ fault, condition }) => {
  const { status, stderr, said } = run(fault);
  expect({ status, stderr }).toEqual({ status: 3, stderr: "" });
  expect(JSON.parse(said)).toMatchObject({ condition: "STREAM_FAILED", cause: condition });
  if (condition === "WORKER_OUT_OF_MEMORY") expect(said).toMatch(/A worker could not get [1-9]\d* bytes/);
  expect(run(null)).toMatchObject({ status: 0, stderr: "" });
  await expectExactOutput();
});
