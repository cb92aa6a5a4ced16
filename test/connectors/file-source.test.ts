import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { IntegerType, LongType, StringType, structField, structType, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { fileReaderOver } from "../../src/connectors/file/file-reader.ts";
import { fileSource } from "../../src/connectors/file/file-source.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import type { LogStore, Offset, SourceContext, StreamSource } from "../../src/connectors/source.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { lineFormat, lineReader } from "./line-format.ts";
import { MemoryLog, readSplits, sourceContext } from "./reading.ts";

const kernels = makeKernels();
const reader = fileReaderOver(new Map([["lines", lineReader]]));
const provider = fileSource(lineFormat);
const ports = nodePorts();
const base = mkdtempSync(join(tmpdir(), "millrace-files-"));
afterAll(() => rmSync(base, { recursive: true }));
let directory = "";
let serial = 0;
beforeEach(() => {
  directory = join(base, String(serial++));
  mkdirSync(directory);
});

const schema = structType([structField("n", LongType)]);

/** A file with rows {n}, modified at `seconds`. */
function put(name: string, seconds: number, ...numbers: number[]): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, numbers.map((n) => `${JSON.stringify({ n })}\n`).join(""));
  utimesSync(path, seconds, seconds);
  return path;
}

function context(entries: Record<string, string> = {}, rest: Partial<SourceContext> = {}): SourceContext {
  return sourceContext(new ConnectorOptions("lines", entries, provider.options), { ports, paths: [directory], schema, ...rest });
}

async function rowsOf(source: StreamSource, at: SourceContext, start: Offset | null, end: Offset, wanted?: StructType): Promise<Value[][]> {
  const reading = { kernels, schema: wanted ?? at.schema!, options: at.options, files: ports.files, reader };
  return readSplits(reading, await source.plan(start, end));
}

const numbersOf = async (source: StreamSource, at: SourceContext, start: Offset | null, end: Offset): Promise<number[]> =>
  (await rowsOf(source, at, start, end)).map((row) => Number(row[0]));

/** Values of each batch until nothing is new. */
async function batches(source: StreamSource, at: SourceContext, from: Offset | null = null): Promise<number[][]> {
  const result: number[][] = [];
  for (let start = from; ;) {
    const end = await source.latestOffset(start, source.defaultLimit);
    if (end === null || JSON.stringify(end) === JSON.stringify(start)) return result;
    result.push(await numbersOf(source, at, start, end));
    start = end;
  }
}

const open = (at: SourceContext): Promise<StreamSource> => provider.createStream!(at);

test("new files by modification time, each once; offsets count the log", async () => {
  const at = context();
  put("b", 100, 1);
  put("a", 200, 2, 3);
  put(".hidden", 100, 99);
  put("_SUCCESS", 100, 99);
  put("nested/c", 100, 99);
  const source = await open(at);
  expect(await source.latestOffset(null, source.defaultLimit)).toEqual({ logOffset: 0 });
  expect(await numbersOf(source, at, null, { logOffset: 0 })).toEqual([1, 2, 3]);
  expect(await source.latestOffset({ logOffset: 0 }, source.defaultLimit)).toEqual({ logOffset: 0 });
  put("d", 50, 4);
  expect(await batches(source, at, { logOffset: 0 })).toEqual([[4]]);
  const log = (at.log as MemoryLog).files;
  expect(log.get("0")!.split("\n")[0]).toBe("v1");
  expect(JSON.parse(log.get("0")!.split("\n")[1]!)).toMatchObject({ path: `file://${directory}/b`, timestamp: 100_000, batchId: 0 });
});

test("a restart goes on from the log; a batch that was planned before is the same again", async () => {
  const log = new MemoryLog();
  put("a", 1, 1);
  const first = context({}, { log });
  await batches(await open(first), first);
  put("b", 2, 2);
  const second = context({}, { log });
  const source = await open(second);
  expect(await numbersOf(source, second, null, { logOffset: 0 })).toEqual([1]);
  expect(await batches(source, second, { logOffset: 0 })).toEqual([[2]]);
});

test("twenty-five batches: every tenth entry is compacted, old files go, a restart still knows everything", async () => {
  const log = new MemoryLog();
  const at = context({ maxFilesPerTrigger: "1" }, { log });
  for (let i = 0; i < 25; i++) put(`f${String(i).padStart(2, "0")}`, 1000 + i, i);
  const source = await open(at);
  expect((await batches(source, at)).flat()).toEqual(Array.from({ length: 25 }, (_, i) => i));
  await source.stop();
  const names = [...log.files.keys()].sort();
  expect(names).toContain("19.compact");
  expect(names).toContain("9.compact");
  expect(names).not.toContain("8");
  expect(names).toContain("24");
  const again = await open(context({ maxFilesPerTrigger: "1" }, { log }));
  expect(await batches(again, at, { logOffset: 24 })).toEqual([]);
  expect(await numbersOf(again, at, { logOffset: 4 }, { logOffset: 6 })).toEqual([5, 6]);
});

test("maxFilesPerTrigger, latestFirst", async () => {
  for (let i = 0; i < 5; i++) put(`f${i}`, 100 + i, i);
  const oldest = context({ maxFilesPerTrigger: "2" });
  expect(await batches(await open(oldest), oldest)).toEqual([[0, 1], [2, 3], [4]]);
  const newest = context({ maxFilesPerTrigger: "2", latestFirst: "true" });
  expect(await batches(await open(newest), newest)).toEqual([[4, 3], [2, 1], [0]]);
});

test("without a limit of its own a batch takes as many bytes as millrace.maxBytesPerBatch says, one file at least", async () => {
  for (const seconds of [1, 2, 3, 4, 5]) put(String(seconds), seconds, seconds); // 8 bytes each
  const limited = (bytes: string, options: Record<string, string> = {}) =>
    context(options, { conf: new Map([["millrace.maxBytesPerBatch", bytes]]), log: new MemoryLog() });
  const cut = async (at: SourceContext) => batches(await open(at), at);
  expect(await cut(limited("16"))).toEqual([[1, 2], [3, 4], [5]]);
  expect(await cut(limited("1"))).toEqual([[1], [2], [3], [4], [5]]);
  expect(await cut(limited("16", { maxFilesPerTrigger: "4" }))).toEqual([[1, 2, 3, 4], [5]]);
  expect(await cut(context({}, { log: new MemoryLog() }))).toEqual([[1, 2, 3, 4, 5]]);
});

test("maxBytesPerTrigger takes at least one file; the limits exclude each other", async () => {
  put("big", 1, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  put("small1", 2, 10);
  put("small2", 3, 11);
  const at = context({ maxBytesPerTrigger: "20" });
  expect(await batches(await open(at), at)).toEqual([
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
    [10, 11],
  ]);
  await expect(open(context({ maxBytesPerTrigger: "20", maxFilesPerTrigger: "1" }))).rejects.toMatchObject({
    condition: "DATA_SOURCE_OPTIONS_EXCLUSIVE",
  });
});

test("maxCachedFiles and discardCachedInputRatio decide whether the next batch lists again", async () => {
  const listings = async (entries: Record<string, string>): Promise<number> => {
    let count = 0;
    const files = new Proxy(ports.files, {
      get(target, name) {
        if (name === "list") count++;
        const member = target[name as keyof typeof target] as unknown;
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const at = context({ maxFilesPerTrigger: "2", ...entries }, { ports: { ...ports, files } });
    const source = await open(at);
    count = 0;
    await source.latestOffset(null, source.defaultLimit);
    await source.latestOffset(null, source.defaultLimit);
    return count;
  };
  for (let i = 0; i < 5; i++) put(`f${i}`, 100 + i, i);
  expect(await listings({})).toBe(1);
  expect(await listings({ maxCachedFiles: "0" })).toBe(2);
  rmSync(join(directory, "f4"));
  rmSync(join(directory, "f3"));
  // One file is left over, half of a batch.
  expect(await listings({})).toBe(1);
  expect(await listings({ discardCachedInputRatio: "0.6" })).toBe(2);
});

test("maxFileAge counts from the newest file, equal age is kept, the first batch takes everything", async () => {
  const at = context({ maxFileAge: "10s" });
  put("old", 100, 1);
  put("new", 200, 2);
  const source = await open(at);
  expect(await batches(source, at)).toEqual([[1, 2]]);
  put("too-old", 189, 3);
  put("just-right", 190, 4);
  expect(await batches(source, at, { logOffset: 0 })).toEqual([[4]]);
});

test("fileNameOnly: a name is new once, whatever the directory", async () => {
  const at = context({ fileNameOnly: "true" }, { paths: [join(directory, "x"), join(directory, "y")] });
  put("x/f", 1, 1);
  put("y/f", 2, 2);
  put("y/g", 3, 3);
  expect((await batches(await open(at), at)).flat()).toEqual([1, 3]);
});

test("globs, pathGlobFilter, recursiveFileLookup", async () => {
  put("2024/a.lines", 1, 1);
  put("2025/a.lines", 2, 2);
  put("2025/b.txt", 3, 3);
  put("2025/deep/c.lines", 4, 4);
  const all = async (entries: Record<string, string>, path: string) => {
    const at = context(entries, { paths: [join(directory, path)] });
    return (await batches(await open(at), at)).flat();
  };
  expect(await all({}, "20{24,26}")).toEqual([1]);
  expect(await all({}, "202?/*.lines")).toEqual([1, 2]);
  expect(await all({}, "202[5-9]/[a-b].*")).toEqual([2, 3]);
  await expect(all({}, "202[9-5]/*")).rejects.toMatchObject({ condition: "DATA_SOURCE_GLOB_INVALID" });
  expect(await all({ pathGlobFilter: "*.lines" }, "2025")).toEqual([2]);
  expect(await all({ recursiveFileLookup: "true" }, "")).toEqual([1, 2, 3, 4]);
  expect(await all({ recursiveFileLookup: "true", pathGlobFilter: "[!ab]*" }, "")).toEqual([4]);
  put("day=2026-01-05 (1)/a-b.lines", 5, 5);
  expect(await all({}, "day=2026-01-* (1)/a-?.lines")).toEqual([5]);
  await expect(provider.schema(context({}, { paths: [join(directory, "nowhere")] }), true)).rejects.toMatchObject({
    condition: "PATH_NOT_FOUND",
  });
});

test("key=value directories become columns at the end; types are inferred, the user's win", async () => {
  put("day=2024-01-02/part=7/f", 1, 1);
  put("day=2024-01-03/part=__HIVE_DEFAULT_PARTITION__/f", 2, 2);
  put("day=2024-01-03/part=3000000000/a%3Ab=ignored/f", 3, 3);
  const at = context();
  const inferred = await provider.schema(at, true);
  expect(inferred.fields.map((field) => [field.name, field.dataType.kind])).toEqual([
    ["n", "long"],
    ["day", "date"],
    ["part", "long"],
    ["a:b", "string"],
  ]);
  const source = await open(at);
  const end = (await source.latestOffset(null, source.defaultLimit))!;
  const days = (text: string) => Date.parse(text) / 86_400_000;
  const wanted = structType(inferred.fields.slice(0, 3));
  expect(await rowsOf(source, at, null, end, wanted)).toEqual([
    [1n, days("2024-01-02"), 7n],
    [2n, days("2024-01-03"), null],
    [3n, days("2024-01-03"), 3_000_000_000n],
  ]);
  const given = context({}, { schema: structType([structField("part", StringType), structField("n", LongType)]) });
  const own = await provider.schema(given, true);
  expect(own.fields.map((field) => field.name)).toEqual(["n", "day", "part", "a:b"]);
  expect(own.fields[2]!.dataType).toEqual(StringType);
  expect((await rowsOf(source, at, null, end, structType([own.fields[2]!, own.fields[0]!])))[2]).toEqual(["3000000000", 3n]);
  const narrow = structType([structField("n", LongType), structField("part", IntegerType)]);
  await expect(rowsOf(source, at, null, end, narrow)).rejects.toMatchObject({ condition: "CAST_INVALID_INPUT" });
});

test("a file that is gone or has changed since it was planned is an error that names it", async () => {
  const gone = put("gone", 1, 1);
  const changed = put("changed", 2, 2);
  for (const ignoreMissingFiles of ["false", "true"]) {
    const at = context({ ignoreMissingFiles });
    put("gone", 1, 1);
    put("changed", 2, 2);
    const source = await open(at);
    const end = (await source.latestOffset(null, source.defaultLimit))!;
    rmSync(gone);
    if (ignoreMissingFiles === "true") expect(await numbersOf(source, at, null, end)).toEqual([2]);
    else await expect(numbersOf(source, at, null, end)).rejects.toMatchObject({ condition: "FAILED_READ_FILE.FILE_NOT_EXIST" });
    put("gone", 1, 1);
    writeFileSync(changed, '{"n":2}\n{"n":3}\n');
    await expect(numbersOf(source, at, null, end)).rejects.toThrow(/changed.*8 bytes.*16 now/);
  }
});

test("cleanSource deletes or archives what the committed batch has read", async () => {
  const file = put("a", 1, 1);
  const deleting = context({ cleanSource: "delete" });
  const source = await open(deleting);
  const end = (await source.latestOffset(null, source.defaultLimit))!;
  expect(existsSync(file)).toBe(true);
  await source.commit(end);
  expect(existsSync(file)).toBe(false);
  await source.commit(end);

  put("b", 2, 2);
  const archive = `${directory}-archive`;
  const archiving = context({ cleanSource: "archive", sourceArchiveDir: archive });
  const second = await open(archiving);
  await second.commit((await second.latestOffset(null, second.defaultLimit))!);
  expect(readdirSync(join(archive, directory))).toEqual(["b"]);
  expect(readdirSync(directory)).toEqual([]);

  await expect(open(context({ cleanSource: "archive" }))).rejects.toThrow(/sourceArchiveDir/);
  await expect(open(context({ cleanSource: "archive", sourceArchiveDir: join(directory, "in") }))).rejects.toThrow(/lies inside/);
});

test("Trigger.AvailableNow reads what was there when it began, within the limits", async () => {
  for (let i = 0; i < 3; i++) put(`f${i}`, 100 + i, i);
  const at = context({ maxFilesPerTrigger: "2" });
  const source = await open(at);
  await source.prepareAvailableNow!();
  put("later", 500, 9);
  expect(await batches(source, at)).toEqual([[0, 1], [2]]);
});

test("options that have no meaning in a stream are refused, a schema is required", async () => {
  await expect(provider.schema(context({ modifiedBefore: "2024-01-01" }), true)).rejects.toThrow(
    "option 'modifiedBefore' is not allowed in file stream sources",
  );
  await expect(provider.schema(context({}, { schema: null }), true)).rejects.toMatchObject({
    condition: "STREAMING_SOURCE_SCHEMA_MISSING",
  });
  await expect(provider.schema(context({}, { paths: [] }), true)).rejects.toMatchObject({ condition: "DATA_SOURCE_OPTION_MISSING" });
  expect(() => context({ maxFilePerTrigger: "1" })).toThrow(/maxFilesPerTrigger/);
  put("a", 1, 1);
  const byOption = context({ path: directory }, { paths: [] });
  expect(await batches(await open(byOption), byOption)).toEqual([[1]]);
  const conf = new Map([["spark.sql.streaming.schemaInference", "true"]]);
  expect(await provider.schema(context({}, { schema: null, conf }), true)).toEqual(schema);
});

test("batch reads: inferred schema, modifiedBefore and modifiedAfter, splits of a large file meet at lines", async () => {
  put("a", Date.parse("2024-01-01T00:00:00Z") / 1000, 1);
  put("b", Date.parse("2024-06-01T00:00:00Z") / 1000, 2);
  const read = async (entries: Record<string, string>) => {
    const at = context(entries, { log: null, schema: null });
    const reading = { kernels, schema: await provider.schema(at, false), options: at.options, files: ports.files, reader };
    return readSplits(reading, await provider.planBatch!(at)).map((row) => Number(row[0]));
  };
  expect(await read({})).toEqual([1, 2]);
  expect(await read({ modifiedAfter: "2024-03-01T00:00:00" })).toEqual([2]);
  expect(await read({ modifiedBefore: "2024-03-01T00:00:00" })).toEqual([1]);
  const many = Array.from({ length: 300_000 }, (_, i) => i);
  writeFileSync(join(directory, "a"), many.map((n) => `{"n":${n}}\n`).join(""));
  const at = context({ pathGlobFilter: "a" }, { log: null });
  const splits = await provider.planBatch!(at);
  expect(splits.length).toBeGreaterThan(2);
  const rows = readSplits({ kernels, schema, options: at.options, files: ports.files, reader }, splits);
  expect(rows.map((row) => Number(row[0]))).toEqual(many);
});

test("two queries on one log: the second to write is told", async () => {
  const store = new MemoryLog();
  const log: LogStore = {
    directory: "/log",
    read: (n) => store.read(n),
    list: () => store.list(),
    remove: (n) => store.remove(n),
    putIfAbsent: async () => false,
  };
  put("a", 1, 1);
  const source = await open(context({}, { log }));
  await expect(source.latestOffset(null, source.defaultLimit)).rejects.toMatchObject({ condition: "CONCURRENT_STREAM_LOG_UPDATE" });
});
