/**
 * Checkpoints of every released version are continued exactly, also with another number of workers; those of a version to come are refused with a
 * typed error, and left as they are. (The files of a version are written anew, by `write-released.mjs`, until it is released.)
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";
import { goOn, type OutputRow, queries } from "./released-queries.mjs";

const released = fileURLToPath(new URL("released", import.meta.url));
/** The newest batch of the checkpoints, and how far they are continued: past all windows that are open. */
const [NEWEST, LAST] = [19, 29];

const base = mkdtempSync(join(tmpdir(), "millrace-released-"));
afterAll(() => rmSync(base, { recursive: true }));
let copies = 0;

function copyOf(version: string, query: string): string {
  const copy = join(base, String(copies++));
  cpSync(join(released, version, query), copy, { recursive: true });
  return copy;
}

const sorted = (rows: readonly OutputRow[] | undefined): string[] | undefined => rows?.map((row) => JSON.stringify(row)).sort();
const versions = readdirSync(released);
const cases = versions.flatMap((version) =>
  Object.keys(queries).flatMap((query) => [1, 3].map((workers) => ({ version, query, workers }))),
);

test.each(cases)("$version: $query goes on with $workers workers", async ({ version, query, workers }) => {
  const checkpoint = copyOf(version, query);
  const commit = readFileSync(join(checkpoint, "commits", String(NEWEST)), "utf8");
  // Both kinds of state files have to be read.
  expect(commit).toMatch(/"snapshots":\[\[\d+,.*"changes":\[\[\d+,/);
  const output = await goOn(query, checkpoint, workers, LAST);
  expect([...output.keys()]).toEqual(Array.from({ length: LAST - NEWEST }, (_, index) => NEWEST + 1 + index));
  for (const [batch, rows] of output) expect(sorted(rows), `batch ${batch}`).toEqual(sorted(queries[query]!.expected(batch)));
});

/** The text with other content, and the checksum that belongs to it. */
function sealed(text: string): string {
  const blank = text.replace(/"checksum":"[0-9a-f]{8}"\}\}/, '"checksum":"00000000"}}');
  return blank.replace('"00000000"', `"${crc32c(Buffer.from(blank)).toString(16).padStart(8, "0")}"`);
}

const newer = (path: (checkpoint: string) => string, change: (bytes: Buffer) => Buffer) => (checkpoint: string) =>
  writeFileSync(path(checkpoint), change(readFileSync(path(checkpoint))));
const log = (name: string) => (checkpoint: string) => join(checkpoint, name, String(NEWEST));
function nextStateFile(bytes: Buffer): Buffer {
  const crcAt = 16 + bytes.readUInt32LE(12);
  bytes.writeUInt32LE(2, 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}
const text = (from: string, to: string) => (bytes: Buffer) => Buffer.from(sealed(bytes.toString().replace(from, to)));

test.each<[string, (checkpoint: string) => void]>([
  ["an offset log of the next version of Spark's form", newer(log("offsets"), text("v1", "v2"))],
  ["an offset log of the next version", newer(log("offsets"), text('"formatVersion":1', '"formatVersion":2'))],
  [
    "a snapshot of the next version",
    (checkpoint) => {
      const folder = join(checkpoint, "state/snapshots");
      for (const name of readdirSync(folder)) newer(() => join(folder, name), nextStateFile)(checkpoint);
    },
  ],
  ["a commit log of the next version", newer(log("commits"), text('"formatVersion":1', '"formatVersion":2'))],
])("%s is refused", async (_name, change) => {
  const checkpoint = copyOf(versions.at(-1)!, "totals");
  change(checkpoint);
  const before = readFileSync(log("offsets")(checkpoint));
  const cause = { condition: "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION" };
  const failed = await goOn("totals", checkpoint, 1, LAST).then(
    () => null,
    (error: { condition: string; cause?: unknown }) => (error.condition === "STREAM_FAILED" ? error.cause : error),
  );
  expect(failed).toMatchObject(cause);
  expect(readFileSync(log("offsets")(checkpoint))).toEqual(before);
});
