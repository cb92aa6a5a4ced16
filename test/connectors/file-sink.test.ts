import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { DateType, LongType, StringType, structField, structType, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { fileReaderOver } from "../../src/connectors/file/file-reader.ts";
import { fileSink } from "../../src/connectors/file/file-sink.ts";
import { fileSource } from "../../src/connectors/file/file-source.ts";
import { fileWriterOver } from "../../src/connectors/file/file-writer.ts";
import { manifestRollback } from "../../src/connectors/file/sink-manifest.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import type { SinkContext, StreamSink } from "../../src/connectors/sink.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { lineEncoder, lineFormat, lineReader } from "./line-format.ts";
import { readSplits, sourceContext } from "./reading.ts";
import { DirectoryLog, runTasks } from "./writing.ts";

const kernels = makeKernels();
const provider = fileSink(lineFormat);
const source = fileSource(lineFormat);
const writer = fileWriterOver(new Map([["lines", { name: "lines", writeOptions: provider.options, encoder: lineEncoder }]]));
const reader = fileReaderOver(new Map([["lines", lineReader]]));
const base = mkdtempSync(join(tmpdir(), "millrace-sink-"));
afterAll(() => rmSync(base, { recursive: true }));
let directory = "";
let serial = 0;
beforeEach(() => {
  directory = join(base, String(serial++));
});

const schema = structType([structField("n", LongType), structField("s", StringType)]);

function context(rest: Partial<SinkContext> = {}, entries: Record<string, string> = {}): SinkContext {
  return {
    ports: nodePorts(),
    options: new ConnectorOptions("lines", entries, provider.options),
    path: directory,
    schema,
    partitionBy: [],
    outputMode: "append",
    queryName: null,
    queryId: "query-1",
    attachments: {},
    timeZone: "UTC",
    openLog: (path) => new DirectoryLog(path),
    ...rest,
  };
}

const attempt = (batchId: number, name = `a${batchId}`) => ({ batchId, attempt: name, epoch: 1 });

async function write(sink: StreamSink, batchId: number, tasks: Value[][][], wanted: StructType = schema, name?: string): Promise<void> {
  const batch = attempt(batchId, name);
  await sink.commit(batch, runTasks({ kernels, writer, sink, schema: wanted }, batch, tasks));
}

/** Rows as a batch read sees them. */
async function readBack(wanted: StructType = schema, path = directory): Promise<Value[][]> {
  const options = new ConnectorOptions("lines", {}, source.options);
  const at = sourceContext(options, { ports: nodePorts(), paths: [path], schema: wanted, log: null });
  const full = await source.schema(at, false);
  const rows = readSplits({ kernels, schema: full, options, files: at.ports.files, reader }, await source.planBatch!(at));
  return rows.sort((a, b) => (JSON.stringify(a, plain) < JSON.stringify(b, plain) ? -1 : 1));
}
const plain = (_: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value);

const manifest = (name: string): string[] => readFileSync(join(directory, "_spark_metadata", name), "utf8").split("\n");
const partFiles = () => readdirSync(directory).filter((name) => name.startsWith("part-"));

test("one file per task with rows, listed in the manifest in Spark's form", async () => {
  const sink = await provider.create(context());
  await write(sink, 0, [
    [
      [1n, "a"],
      [2n, null],
    ],
    [],
    [[3n, "c"]],
  ]);
  expect(await readBack()).toEqual([
    [1n, "a"],
    [2n, null],
    [3n, "c"],
  ]);
  expect(partFiles()).toHaveLength(2);
  for (const name of partFiles())
    expect(name).toMatch(/^part-0000[02]-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}-c000\.lines$/);
  const [version, first, second] = manifest("0");
  expect(version).toBe("v1");
  expect(Object.keys(JSON.parse(first!)).slice(0, 7)).toEqual([
    "path",
    "size",
    "isDir",
    "modificationTime",
    "blockReplication",
    "blockSize",
    "action",
  ]);
  expect(JSON.parse(second!)).toMatchObject({ path: `file://${directory}/${partFiles()[1]}`, size: 16, isDir: false, action: "add" });
});

test("read data from outputs of another streaming query: only what the manifest lists is read", async () => {
  const sink = await provider.create(context());
  await write(sink, 0, [[[1n, "a"]]]);
  writeFileSync(join(directory, "should_not_keep_1.lines"), '{"n":99}\n');
  await write(sink, 1, [[[2n, "b"]]]);
  writeFileSync(join(directory, "should_not_keep_2.lines"), '{"n":98}\n');
  expect(await readBack()).toEqual([
    [1n, "a"],
    [2n, "b"],
  ]);
  expect(await readBack(schema, `${directory}/*.lines`)).toHaveLength(4);
  const options = new ConnectorOptions("lines", {}, source.options);
  const conf = new Map([["spark.sql.streaming.fileStreamSink.ignoreMetadata", "true"]]);
  expect(await source.planBatch!(sourceContext(options, { ports: nodePorts(), paths: [directory], schema, conf }))).toHaveLength(4);
  const cleaning = new ConnectorOptions("lines", { cleanSource: "delete" }, source.options);
  await expect(source.createStream!(sourceContext(cleaning, { ports: nodePorts(), paths: [directory], schema }))).rejects.toThrow(
    /output of another query/,
  );
});

test("a batch counts once; lookup names the attempt that wrote it, also after a restart and for a batch without rows", async () => {
  const sink = await provider.create(context());
  await write(sink, 0, [[[1n, "a"]]]);
  await write(sink, 1, [[]]);
  expect([await sink.lookup(0), await sink.lookup(1), await sink.lookup(2)]).toEqual(["a0", "a1", null]);
  const again = await provider.create(context());
  expect([await again.lookup(0), await again.lookup(1), await again.lookup(2)]).toEqual(["a0", "a1", null]);
  await write(again, 1, [[[5n, "late"]]], schema, "other attempt");
  expect(await readBack()).toEqual([[1n, "a"]]);
  expect(partFiles()).toHaveLength(1);
});

test("what failed before the manifest is invisible, and abort removes it", async () => {
  const sink = await provider.create(context({ partitionBy: ["s"] }));
  const writing = { kernels, writer, sink, schema };
  runTasks(writing, attempt(0, "crashed"), [[[1n, "x"]]]);
  await write(sink, 0, [[[2n, "x"]]]);
  expect(readdirSync(join(directory, "s=x"))).toHaveLength(2);
  expect(await readBack()).toEqual([[2n, "x"]]);
  await sink.abort(attempt(0, "crashed"));
  expect(readdirSync(join(directory, "s=x"))).toHaveLength(1);
  expect(await readBack()).toEqual([[2n, "x"]]);
});

test("the output is taken back by its own query only, and only to what its manifest can tell apart", async () => {
  const sink = await provider.create(context());
  for (let batchId = 0; batchId < 25; batchId++) await write(sink, batchId, [[[BigInt(batchId), "a"]]]);
  await sink.stop();
  const log = new DirectoryLog(join(directory, "_spark_metadata"));
  const refused = async (queryId: string, batchId: number): Promise<string> =>
    await manifestRollback(log, directory, queryId, batchId).then(
      () => "",
      ({ condition }: { condition: string }) => condition,
    );
  expect(await refused("query-2", 22)).toBe("FILE_SINK_FOREIGN_MANIFEST");
  expect(await refused("query-1", 3)).toBe("FILE_SINK_BATCH_COMPACTED");
  expect(await readBack()).toHaveLength(25);
  expect(await (await manifestRollback(log, directory, "query-1", 21))()).toBe(3);
  expect(await readBack()).toHaveLength(22);
});

test("another query is told, too, where compaction has left nothing of the batch", async () => {
  const sink = await provider.create(context());
  for (let batchId = 0; batchId < 12; batchId++) await write(sink, batchId, [[]]);
  await sink.stop();
  const kept = readdirSync(join(directory, "_spark_metadata"));
  for (const name of kept) if (/^\d$/.test(name)) rmSync(join(directory, "_spark_metadata", name));
  const other = await provider.create(context({ queryId: "query-2" }));
  await expect(write(other, 0, [[[2n, "b"]]])).rejects.toMatchObject({ condition: "FILE_SINK_FOREIGN_MANIFEST" });
  expect(await readBack()).toEqual([]);
});

test("another query in the same directory is told, not silently skipped", async () => {
  await write(await provider.create(context()), 0, [[[1n, "a"]]]);
  const other = await provider.create(context({ queryId: "query-2" }));
  expect(await other.lookup(0)).toBeNull();
  await expect(write(other, 0, [[[2n, "b"]]])).rejects.toMatchObject({ condition: "FILE_SINK_FOREIGN_MANIFEST" });
  await write(other, 1, [[[3n, "c"]]]);
  expect(await readBack()).toEqual([
    [1n, "a"],
    [3n, "c"],
  ]);
});

test("partitionBy: directories with Hive escaping, null and empty text, columns not in the files; blocks of mixed rows", async () => {
  const wide = structType([structField("day", DateType), structField("n", LongType), structField("s", StringType)]);
  const sink = await provider.create(context({ schema: wide, partitionBy: ["day", "s"] }));
  const rows: Value[][] = Array.from({ length: 20_000 }, (_, i) => [
    i % 3 === 0 ? null : 19_000 + (i % 2),
    BigInt(i),
    ["a/b", "", null, "50%"][i % 4]!,
  ]);
  await write(sink, 0, [rows], wide);
  expect(readdirSync(directory).sort()).toEqual(["_spark_metadata", "day=2022-01-08", "day=2022-01-09", "day=__HIVE_DEFAULT_PARTITION__"]);
  expect(readdirSync(join(directory, "day=__HIVE_DEFAULT_PARTITION__")).sort()).toEqual([
    "s=50%25",
    "s=__HIVE_DEFAULT_PARTITION__",
    "s=a%2Fb",
  ]);
  const someFile = readdirSync(join(directory, "day=2022-01-09", "s=50%25"))[0]!;
  expect(readFileSync(join(directory, "day=2022-01-09", "s=50%25", someFile), "utf8").split("\n")[0]).toBe('{"n":7}');
  const back = await readBack(structType([structField("n", LongType)]));
  const byNumber = new Map(back.map((row) => [row[0], row.slice(1)]));
  expect(byNumber.size).toBe(20_000);
  for (const [day, n, s] of rows) expect(byNumber.get(n!)).toEqual([day, s === "" ? null : s]);
});

test("twenty-five batches: compaction carries the files on, old entries go, retention lets old files out", async () => {
  const sink = await provider.create(context());
  for (let batch = 0; batch < 25; batch++) await write(sink, batch, [batch % 5 === 4 ? [] : [[BigInt(batch), "x"]]]);
  await sink.stop();
  const names = readdirSync(join(directory, "_spark_metadata"));
  expect(names).toContain("19.compact");
  expect(names).not.toContain("3");
  expect(await readBack()).toHaveLength(20);
  expect(await sink.lookup(24)).toBe("a24");
  expect(manifest("19.compact").filter((line) => line.includes('"isDir":true'))).toHaveLength(1);

  const later = { ...nodePorts(), clock: { nowMs: () => Date.now() + 60_000, monotonicMs: () => 0 } };
  const retaining = await provider.create(context({ ports: later }, { retention: "30s" }));
  for (let batch = 25; batch < 30; batch++) await write(retaining, batch, [[]]);
  await retaining.stop();
  expect(await readBack()).toHaveLength(0);
  expect(partFiles()).toHaveLength(20);
});

test("only append; partition columns must exist and leave something; a path is needed", async () => {
  await expect(provider.create(context({ outputMode: "update" }))).rejects.toMatchObject({
    condition: "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
  });
  await expect(provider.create(context({ partitionBy: ["nope"] }))).rejects.toMatchObject({ condition: "PARTITION_COLUMN_NOT_FOUND" });
  await expect(provider.create(context({ partitionBy: ["n", "s"] }))).rejects.toMatchObject({
    condition: "ALL_PARTITION_COLUMNS_NOT_ALLOWED",
  });
  await write(await provider.create(context({ path: null }, { path: directory })), 0, [[[1n, "a"]]]);
  expect(await readBack()).toEqual([[1n, "a"]]);
  await expect(provider.create(context({ path: null }))).rejects.toMatchObject({ condition: "DATA_SOURCE_OPTION_MISSING" });
});

test("batch writes: errorifexists, ignore, append, overwrite; _SUCCESS at the end, no manifest", async () => {
  const run = async (mode: "append" | "overwrite" | "errorifexists" | "ignore", n: bigint, queryId: string) => {
    const sink = await provider.createBatch!(context({ queryId }), mode);
    if (sink) await write(sink, 0, [[[n, "x"]]]);
    return sink !== null;
  };
  expect(await run("errorifexists", 1n, "w1")).toBe(true);
  expect(existsSync(join(directory, "_SUCCESS"))).toBe(true);
  expect(existsSync(join(directory, "_spark_metadata"))).toBe(false);
  await expect(run("errorifexists", 2n, "w2")).rejects.toMatchObject({ condition: "PATH_ALREADY_EXISTS" });
  expect(await run("ignore", 2n, "w3")).toBe(false);
  expect(await run("append", 3n, "w4")).toBe(true);
  expect(await readBack()).toEqual([
    [1n, "x"],
    [3n, "x"],
  ]);
  mkdirSync(join(directory, "old=1"));
  writeFileSync(join(directory, "old=1", "part-x.lines"), '{"n":77}\n');
  expect(await run("overwrite", 4n, "w5")).toBe(true);
  expect(await readBack()).toEqual([[4n, "x"]]);
  expect(readdirSync(directory)).toHaveLength(2);
});
