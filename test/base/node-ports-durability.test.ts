/** What the real ports ask of the operating system, call by call: nobody can see from the files whether they are durable. */
import fs, { constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { FileSystem } from "../../src/base/ports.ts";

type Call = (...given: any[]) => any;
const functions = fs as unknown as Record<string, Call>;
const WATCHED = ["open", "write", "fdatasync", "fsync", "close", "link", "rename"];

let directory: string;
let files: FileSystem;
const calls: string[] = [];
const paths = new Map<number, string>();
/** The call that fails. */
let failing: string | null = null;
const originals = new Map<string, Call>();

/** `wx`: creates, and fails when it is there; `dsync`: a write returns when it is durable. */
function flagsOf(flags: unknown): string[] {
  if (typeof flags !== "number") return [String(flags)];
  const creates = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  return [...((flags & creates) === creates ? ["wx"] : []), ...((flags & constants.O_DSYNC) === constants.O_DSYNC ? ["dsync"] : [])];
}

/** Notes a call by the name of its file; writes do half of what they are asked for. */
function watch(name: string, original: Call, isSync: boolean): Call {
  const note = (given: any[]): any[] => {
    const [first, second] = given;
    const path = typeof first === "number" ? paths.get(first)! : String(first);
    calls.push([name, basename(path), ...(name === "open" ? flagsOf(second) : [])].join(" "));
    return name === "write"
      ? [first, second, given[2], Math.ceil(given[3] / 2), given[4]]
      : given.filter((each) => typeof each !== "function");
  };
  const opened = (given: any[], descriptor: number): number => {
    if (name === "open") paths.set(descriptor, String(given[0]));
    return descriptor;
  };
  const failure = (): Error => Object.assign(new Error(`EIO, ${name}`), { code: "EIO", syscall: name });
  const watched: Call = (...given) => {
    const passed = note(given);
    const hasFailed = name === failing;
    if (isSync) {
      if (hasFailed) throw failure();
      return opened(given, original(...passed));
    }
    const done = given.at(-1) as Call;
    if (hasFailed) return setImmediate(done, failure());
    return original(...passed, (error: Error | null, result: number, buffer: unknown) => done(error, opened(given, result), buffer));
  };
  return Object.defineProperties(watched, Object.getOwnPropertyDescriptors(original));
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-ports-"));
  for (const name of WATCHED) {
    for (const [key, isSync] of [
      [name, false],
      [`${name}Sync`, true],
    ] as const) {
      originals.set(key, functions[key]!);
      functions[key] = watch(name, functions[key]!, isSync);
    }
  }
  syncBuiltinESMExports();
  files = (await import("../../src/base/node-ports.ts")).nodePorts().files;
});
afterAll(() => {
  for (const [key, original] of originals) functions[key] = original;
  syncBuiltinESMExports();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  calls.length = 0;
  failing = null;
});

/** Whole, though the system took half of it at a time. */
const expectWhole = (name: string): void => expect(readFileSync(join(directory, name), "utf8")).toBe("content");
const threeWrites = (name: string): string[] => Array.from({ length: 3 }, () => `write ${name}`);

test("a new file is durable when it is written", async () => {
  await files.writeNew(join(directory, "new"), Buffer.from("content"));
  expect(calls).toEqual(["open new wx dsync", ...threeWrites("new"), "close new"]);
  expectWhole("new");
});

test("a file that a worker writes is durable when it is synced", () => {
  const file = files.createSync(join(directory, "file"));
  file.append(Buffer.from("content"));
  file.sync();
  file.close();
  file.close();
  expect(calls).toEqual(["open file wx", ...threeWrites("file"), "fdatasync file", "close file"]);
  expectWhole("file");
});

test("directories are synced", async () => {
  const name = basename(directory);
  const synced = [`open ${name}`, `fsync ${name}`, `close ${name}`];
  await files.syncDirectory(directory);
  expect(calls.splice(0)).toEqual(synced);
  files.syncDirectorySync(directory);
  expect(calls).toEqual(synced);
});

test("a second name comes by link, which replaces nothing", async () => {
  await files.writeNew(join(directory, "a"), Buffer.from("content"));
  calls.length = 0;
  await files.link(join(directory, "a"), join(directory, "b"));
  expect(calls).toEqual(["link a"]);
});

test("what fails is reported, and tried once", async () => {
  failing = "write";
  await expect(files.writeNew(join(directory, "c"), Buffer.from("x"))).rejects.toMatchObject({ code: "EIO" });
  expect(calls.splice(0)).toEqual(["open c wx dsync", "write c", "close c"]);
  failing = "fdatasync";
  const file = files.createSync(join(directory, "d"));
  expect(() => file.sync()).toThrow(/EIO/);
  failing = "fsync";
  await expect(files.syncDirectory(directory)).rejects.toMatchObject({ code: "EIO" });
  expect(() => files.syncDirectorySync(directory)).toThrow(/EIO/);
  expect(calls.filter((call) => /^f.*sync/.test(call))).toHaveLength(3);
  file.close();
});
