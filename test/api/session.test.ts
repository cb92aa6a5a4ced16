/** Sessions, configuration, writers and queries over an executor that only records. */
import { describe, expect, test } from "vitest";
import { Session, types as T } from "../../src/index.ts";
import { SessionBuilder } from "../../src/api/session.ts";
import type { ExecutorSettings } from "../../src/api/executor.ts";
import { encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { parseSchema } from "../../src/sql/parser.ts";
import { FakeExecutor, fakeSession } from "./fake-executor.ts";

describe("builder", () => {
  const opened: ExecutorSettings[] = [];
  const builder = (): SessionBuilder =>
    new SessionBuilder(async (settings) => {
      opened.push(settings);
      return new FakeExecutor();
    });

  test("settings reach the executor", async () => {
    const spark = await builder()
      .appName("clicks")
      .master("local[3]")
      .config("spark.sql.shuffle.partitions", 16)
      .config({ "my.key": true })
      .create();
    const settings = opened.at(-1)!;
    expect(settings).toMatchObject({ appName: "clicks", workers: 3 });
    expect(settings.conf.get("spark.sql.shuffle.partitions")).toBe("16");
    await spark.conf.set("spark.sql.shuffle.partitions", 8);
    expect(settings.conf.get("spark.sql.shuffle.partitions")).toBe("8");
    expect(await spark.conf.get("my.key")).toBe("true");
    expect(spark.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("getOrCreate gives the running session", async () => {
    const first = await builder().master("local[1]").getOrCreate();
    expect(await builder().config("a", 1).getOrCreate()).toBe(first);
    expect(await first.conf.get("a")).toBe("1");
    await expect(builder().master("local[2]").getOrCreate()).rejects.toMatchObject({ condition: "CANNOT_MODIFY_CONFIG" });
    await first.stop();
    const second = await builder().getOrCreate();
    expect(second).not.toBe(first);
    await second.stop();
    await second.stop();
    expect((second.executor as FakeExecutor).stops).toBe(1);
  });

  test("wrong settings", async () => {
    await expect(builder().config("spark.sql.shuffle.partition", 1).create()).rejects.toMatchObject({
      condition: "SQL_CONF_NOT_FOUND",
      message: expect.stringContaining('"spark.sql.shuffle.partitions"'),
    });
    for (const [key, value] of [
      ["spark.sql.shuffle.partitions", "many"],
      ["spark.sql.session.timeZone", "Mars/Olympus"],
      ["spark.sql.ansi.enabled", "false"],
      ["millrace.memory.limit", "plenty"],
      ["millrace.memory.limit", "0"],
      ["millrace.memory.limit", "-1g"],
      ["spark.sql.streaming.multipleWatermarkPolicy", "median"],
      ["spark.master", "yarn"],
    ] as const)
      await expect(builder().config(key, value).create()).rejects.toMatchObject({ condition: "INVALID_CONF_VALUE.REQUIREMENT" });
    await expect(fakeSession().spark.conf.set("millrace.unknown", 1)).rejects.toMatchObject({ condition: "SQL_CONF_NOT_FOUND" });
    await expect(fakeSession().spark.conf.get("nothing")).rejects.toMatchObject({ condition: "SQL_CONF_NOT_FOUND" });
    expect(() => Session.builder().remote("sc://x")).toThrow(expect.objectContaining({ condition: "UNSUPPORTED_FEATURE.NOT_YET" }));
  });
});

describe("createDataFrame", () => {
  const { spark } = fakeSession();
  const schemaOf = (rows: unknown[]): string => {
    const { plan } = spark.createDataFrame(rows);
    if (plan.kind !== "local_relation") throw new Error(plan.kind);
    return T.simpleString(plan.schema);
  };

  test("types of values", () => {
    expect(
      schemaOf([
        { a: 1, b: "x" },
        { a: null, c: 1.5 },
      ]),
    ).toBe("struct<a:int,b:string,c:double>");
    expect(schemaOf([{ a: 1 }, { a: 2 ** 40 }])).toBe("struct<a:bigint>");
    expect(
      schemaOf([
        [1, new Date()],
        [0.5, null],
      ]),
    ).toBe("struct<_1:double,_2:timestamp>");
    expect(schemaOf([1n, 2n])).toBe("struct<value:bigint>");
    expect(schemaOf([{ a: { x: [1] }, m: new Map([["k", true]]) }])).toBe("struct<a:struct<x:array<int>>,m:map<string,boolean>>");
    expect(() => schemaOf([{ a: 1 }, { a: "x" }])).toThrow(expect.objectContaining({ condition: "CANNOT_MERGE_TYPE" }));
  });

  test("rows under a schema", () => {
    const { plan } = spark.createDataFrame([{ b: "x" }, [1, "y"]], "a INT, b STRING");
    expect(plan).toMatchObject({ kind: "local_relation", schema: parseSchema("a INT, b STRING"), output: [] });
    expect(plan).toMatchObject({ batches: [expect.any(Uint8Array)] });
    expect(() => spark.createDataFrame([{ a: "x" }], "a INT")).toThrow(expect.objectContaining({ condition: "INVALID_EXTERNAL_TYPE" }));
  });
});

describe("writers", () => {
  test("a batch", async () => {
    const { spark, executor } = fakeSession();
    await spark.range(3).write.mode("overwrite").option("compression", "none").partitionBy("id").json("/out");
    expect(executor.written).toEqual([
      { format: "json", mode: "overwrite", options: { compression: "none" }, path: "/out", partitionBy: ["id"] },
    ]);
    expect(() => spark.range(3).write.mode("sometimes" as "append")).toThrow(expect.objectContaining({ condition: "INVALID_SAVE_MODE" }));
  });

  test("foreach and foreachBatch take functions", () => {
    const { writeStream } = fakeSession().spark.readStream.format("rate").load();
    for (const value of [5, null, undefined, {}]) {
      expect(() => writeStream.foreach(value as never)).toThrow(/INVALID_EXTERNAL_TYPE.*a function at the expression foreach/);
      expect(() => writeStream.foreachBatch(value as never)).toThrow(/INVALID_EXTERNAL_TYPE.*a function at the expression foreachBatch/);
    }
  });

  test("a stream", async () => {
    const { spark, executor } = fakeSession();
    const frame = spark.readStream.format("rate").load();
    const query = await frame.writeStream
      .format("parquet")
      .outputMode("append")
      .queryName("q")
      .option("checkpointLocation", "/c")
      .trigger({ processingTime: "1 minute 500 milliseconds" })
      .start("/out");
    expect(executor.started).toEqual([
      {
        name: "q",
        format: "parquet",
        outputMode: "append",
        trigger: { kind: "processing_time", intervalMs: 60_500 },
        options: { checkpointLocation: "/c" },
        path: "/out",
        partitionBy: [],
        attachments: {},
      },
    ]);
    expect([query.id, query.runId, query.name]).toEqual(["id", "run", "q"]);
    expect(await query.isActive()).toBe(true);
    expect(await query.status()).toMatchObject({ message: "Waiting for data to arrive" });
    expect(await query.lastProgress()).toEqual({ batchId: 1 });
    expect(await query.recentProgress()).toHaveLength(2);
    expect(await query.awaitTermination(1)).toBe(false);
    expect((await spark.streams.get("id"))!.name).toBe("q");
    expect(await spark.streams.get("other")).toBeNull();
    await query.explain();
    expect(executor.printed).toEqual(["query plan (simple)"]);
    await query.stop();
    expect(await query.awaitTermination()).toBe(true);
  });

  test("triggers", async () => {
    const { spark, executor } = fakeSession();
    const writer = () => spark.readStream.format("rate").load().writeStream.format("noop");
    await writer().trigger({ availableNow: true }).start();
    await writer().trigger({ once: true }).start();
    await writer().trigger({ processingTime: 250 }).start();
    await writer().start();
    expect(executor.started.map(({ trigger }) => trigger)).toEqual([
      { kind: "available_now" },
      { kind: "once" },
      { kind: "processing_time", intervalMs: 250 },
      { kind: "processing_time", intervalMs: 0 },
    ]);
    const refused = (trigger: unknown, condition: string) =>
      expect(() => writer().trigger(trigger as { once: true })).toThrow(expect.objectContaining({ condition }));
    refused({}, "INVALID_TRIGGER");
    refused({ once: false }, "INVALID_TRIGGER");
    refused({ once: true, availableNow: true }, "INVALID_TRIGGER");
    refused({ processingTime: -1 }, "INVALID_TRIGGER");
    refused({ processingTime: "1 month" }, "CANNOT_PARSE_INTERVAL");
    refused({ continuous: "1 second" }, "UNSUPPORTED_FEATURE.NOT_YET");
    refused({ realTime: "5 minutes" }, "UNSUPPORTED_FEATURE.NOT_YET");
    expect(() => writer().outputMode("sideways" as "append")).toThrow(
      expect.objectContaining({ condition: "STREAMING_OUTPUT_MODE.INVALID" }),
    );
  });

  test("functions of the program get rows and frames", async () => {
    const { spark, executor } = fakeSession();
    const schema = parseSchema("a INT");
    executor.answer("a INT");
    const batch = encodeColumnBatch(schema, [[1], [2]]);
    const frames: unknown[] = [];
    const frame = spark.readStream.format("rate").load();
    await frame.writeStream.foreachBatch((df, id) => void frames.push(df.plan, id)).start();
    await frame.writeStream.foreach(() => {}).start();
    const [first, second] = executor.started as unknown as [any, any];
    expect([first.format, second.format]).toEqual(["foreachBatch", "foreach"]);
    await first.attachments.foreachBatch([batch], 7);
    expect(frames).toEqual([{ kind: "local_relation", schema, output: [], batches: [batch], planId: expect.any(Number) }, 7]);
    expect([...second.attachments.toRows(batch)].flat()).toEqual([{ a: 1 }, { a: 2 }]);
    await expect(
      frame.writeStream
        .foreach(() => {})
        .partitionBy("a")
        .start(),
    ).rejects.toMatchObject({ condition: "UNSUPPORTED_FEATURE.NOT_YET" });
  });
});
