import { expect, test } from "vitest";
import { encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { IntegerType, StringType, structField, structType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { MemoryStream } from "../../src/connectors/memory/memory-stream.ts";
import type { MemoryTables } from "../../src/connectors/memory/memory-sink.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import type { BatchAttempt, SinkContext } from "../../src/connectors/sink.ts";
import { nodePorts } from "../../src/base/node-ports.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { readSplits, sourceContext } from "./reading.ts";

const schema = structType([
  structField("value", IntegerType),
  structField("pair", structType([structField("a", StringType), structField("b", IntegerType)])),
]);
const kernels = makeKernels();
const registry = new ConnectorRegistry();

async function openStream(name: string, stream: MemoryStream) {
  registry.memoryStreams.set(name, stream);
  const provider = registry.source("MEMORY");
  const options = new ConnectorOptions("memory", { stream: name }, provider.options);
  expect(await provider.schema(sourceContext(options), true)).toEqual(stream.schema);
  return { source: await provider.createStream!(sourceContext(options)), reading: { kernels, schema: stream.schema, options } };
}

test("each addData is one offset; a range gives exactly its rows, nulls and structs included", async () => {
  const stream = new MemoryStream(schema);
  const { source, reading } = await openStream("a", stream);
  expect(await source.latestOffset(null, source.defaultLimit)).toBeNull();
  stream.addData([
    [1, ["x", 1]],
    [2, null],
  ]);
  stream.addData([[null, [null, 3]]]);
  expect(await source.latestOffset(null, source.defaultLimit)).toBe(1);
  expect(await source.latestOffset(1, source.defaultLimit)).toBe(1);
  stream.addData([[4, ["y", null]]]);
  const rowsOf = async (start: number | null, end: number): Promise<Value[][]> => {
    const splits = await source.plan(start, end);
    return readSplits(reading, splits, source.attachments!(splits));
  };
  expect(await rowsOf(null, 0)).toEqual([
    [1, ["x", 1]],
    [2, null],
  ]);
  expect(await rowsOf(0, 2)).toEqual([
    [null, [null, 3]],
    [4, ["y", null]],
  ]);
});

test("a large batch is dealt out in several splits", async () => {
  const stream = new MemoryStream(structType([structField("n", IntegerType), structField("text", StringType)]));
  const rows = Array.from({ length: 200_000 }, (_, n) => [n, n % 7 === 0 ? null : `text ${n}`]);
  stream.addData(rows);
  const { source, reading } = await openStream("large", stream);
  const splits = await source.plan(null, 0);
  expect(splits.length).toBeGreaterThan(1);
  expect(readSplits(reading, splits, source.attachments!(splits))).toEqual(rows);
  expect(readSplits({ ...reading, wanted: ["n"] }, splits.slice(1), source.attachments!(splits.slice(1)))[0]).toEqual([131072, null]);
});

test("available-now stops at what was there when it began", async () => {
  const stream = new MemoryStream(schema);
  const { source } = await openStream("b", stream);
  stream.addData([[1, null]]);
  await source.prepareAvailableNow!();
  stream.addData([[2, null]]);
  expect(await source.latestOffset(null, source.defaultLimit)).toBe(0);
});

const sinkContext = (rest: Partial<SinkContext>): SinkContext =>
  ({
    schema: structType([structField("n", IntegerType)]),
    outputMode: "append",
    queryName: "t",
    attachments: {},
    options: new ConnectorOptions("sink", {}, {}),
    timeZone: "UTC",
    ...rest,
  }) as SinkContext;
const attempt = (batchId: number): BatchAttempt => ({ batchId, attempt: `attempt-${batchId}`, epoch: 1 });
const output = (...values: number[]) => ({
  messages: [],
  batches: [
    encodeColumnBatch(
      structType([structField("n", IntegerType)]),
      values.map((value) => [value]),
    ),
  ],
  rows: values.length,
});

test("memory sink: append adds, complete replaces, a batch counts once, lookup names the attempt", async () => {
  const memoryTables: MemoryTables = new Map();
  const sink = await registry.sink("memory").create(sinkContext({ attachments: { memoryTables } }));
  await sink.commit(attempt(0), output(1, 2));
  await sink.commit(attempt(1), output(3));
  await sink.commit(attempt(1), output(99));
  const table = memoryTables.get("t")!;
  expect(table.rows()).toEqual([[1], [2], [3]]);
  expect(table.latestRows()).toEqual([[3]]);
  expect(await sink.lookup(1)).toBe("attempt-1");
  expect(await sink.lookup(2)).toBeNull();

  const complete = await registry
    .sink("memory")
    .create(sinkContext({ attachments: { memoryTables }, outputMode: "complete", queryName: "c" }));
  await complete.commit(attempt(0), output(1, 2));
  await complete.commit(attempt(1), output(3));
  expect(memoryTables.get("c")!.rows()).toEqual([[3]]);

  await expect(registry.sink("memory").create(sinkContext({ queryName: null }))).rejects.toThrow(
    "queryName must be specified for memory sink",
  );
});

test("foreach: close is called whenever open returned, with the error if there was one", async () => {
  const calls: unknown[] = [];
  const writer = {
    open: (partition: number, epoch: number) => (calls.push(["open", partition, epoch]), epoch !== 1),
    process: (row: unknown) => {
      if (row === 13) throw new Error("unlucky");
      calls.push(row);
    },
    close: (error: Error | null) => void calls.push(["close", error?.message ?? null]),
  };
  const toRows = (batch: Uint8Array) => [
    [...new Int32Array(batch.buffer as ArrayBuffer, new DataView(batch.buffer).getUint32(44, true), 1)],
  ];
  const sink = await registry.sink("foreach").create(sinkContext({ attachments: { foreach: writer, toRows }, ports: nodePorts() }));
  await sink.commit(attempt(0), output(5));
  await sink.commit(attempt(1), output(6));
  await expect(sink.commit(attempt(2), output(13))).rejects.toThrow("unlucky");
  expect(calls).toEqual([["open", 0, 0], 5, ["close", null], ["open", 0, 1], ["close", null], ["open", 0, 2], ["close", "unlucky"]]);
  writer.open = () => {
    throw new Error("no");
  };
  calls.length = 0;
  await expect(sink.commit(attempt(3), output(1))).rejects.toThrow("no");
  expect(calls).toEqual([]);
});

test("foreachBatch gets the encoded batches and the id", async () => {
  const seen: number[] = [];
  const sink = await registry.sink("foreachBatch").create(
    sinkContext({
      attachments: { foreachBatch: async (batches: readonly Uint8Array[], id: number) => void seen.push(batches.length, id) },
    }),
  );
  await sink.commit(attempt(7), output(1));
  expect(seen).toEqual([1, 7]);
});

test("unknown formats and options name what was probably meant", () => {
  expect(() => registry.source("rat")).toThrowError(/DATA_SOURCE_NOT_FOUND.*rate/);
  expect(() => registry.sink("rate")).toThrowError(/cannot be used as a sink/);
  expect(() => new ConnectorOptions("rate", { rowPerSecond: "1" }, registry.source("rate").options)).toThrowError(/rowsPerSecond/);
  expect(() => new ConnectorOptions("rate", { rowsPerSecond: "0" }, registry.source("rate").options)).toThrowError(/at least 1/);
});
