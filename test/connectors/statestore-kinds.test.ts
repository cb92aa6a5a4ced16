/**
 * `format("statestore")` and `millrace state` over every kind of stateful operator: the columns are Spark's (recorded from Spark 4.1.1 over the same queries),
 * the rows those that the operator must have kept, and all of it can be written to Parquet.
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { stateCommand } from "../../src/cli/state.ts";
import { processTerminal } from "../../src/cli/terminal.ts";
import { simpleString } from "../../src/columnar/types.ts";
import { type DataFrame, functions as F } from "../../src/index.ts";
import { addData, memoryStream, processAllAvailable, startStream, testStream } from "../../src/testing.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession({ "spark.sql.shuffle.partitions": "3" });

interface Kind {
  readonly name: string;
  readonly query: (input: DataFrame<any>) => DataFrame<any>;
  readonly outputMode: "append" | "update" | "complete";
  readonly schema: string;
  /** Without partition, sorted; one row `a` at second 3 with 1, one `b` at second 7 with 2, another `a` at second 4 with 3. */
  readonly rows: readonly string[];
}

const WINDOW = "window:struct<start:timestamp,end:timestamp>";
const kinds: readonly Kind[] = [
  {
    name: "windows",
    query: (input) => input.withWatermark("t", "10 seconds").groupBy(F.window("t", "5 seconds"), "k").count(),
    outputMode: "append",
    schema: `struct<key:struct<${WINDOW},k:string>,value:struct<count:bigint>,partition_id:int>`,
    rows: [
      '{"key":{"window":{"start":"1970-01-01T00:00:00.000Z","end":"1970-01-01T00:00:05.000Z"},"k":"a"},"value":{"count":2}}',
      '{"key":{"window":{"start":"1970-01-01T00:00:05.000Z","end":"1970-01-01T00:00:10.000Z"},"k":"b"},"value":{"count":1}}',
    ],
  },
  {
    name: "groups",
    query: (input) => input.groupBy("k").agg(F.count("*"), F.sum("v"), F.max("t")),
    outputMode: "update",
    schema: "struct<key:struct<k:string>,value:struct<count:bigint,sum:bigint,max:timestamp>,partition_id:int>",
    rows: [
      '{"key":{"k":"a"},"value":{"count":2,"sum":4,"max":"1970-01-01T00:00:04.000Z"}}',
      '{"key":{"k":"b"},"value":{"count":1,"sum":2,"max":"1970-01-01T00:00:07.000Z"}}',
    ],
  },
  {
    name: "everything as one group",
    query: (input) => input.agg(F.count("*"), F.sum("v")),
    outputMode: "complete",
    schema: "struct<key:struct<>,value:struct<count:bigint,sum:bigint>,partition_id:int>",
    rows: ['{"key":{},"value":{"count":3,"sum":6}}'],
  },
  {
    name: "distinct",
    query: (input) => input.select("k").distinct(),
    outputMode: "append",
    // Spark has a field of type void in place of no value.
    schema: "struct<key:struct<k:string>,value:struct<>,partition_id:int>",
    rows: ['{"key":{"k":"a"},"value":{}}', '{"key":{"k":"b"},"value":{}}'],
  },
  {
    name: "duplicates dropped by key",
    query: (input) => input.dropDuplicates(["k"]),
    outputMode: "append",
    schema: "struct<key:struct<k:string>,value:struct<>,partition_id:int>",
    rows: ['{"key":{"k":"a"},"value":{}}', '{"key":{"k":"b"},"value":{}}'],
  },
  {
    name: "duplicates dropped by key and time",
    query: (input) => input.withWatermark("t", "10 seconds").dropDuplicates(["k", "t"]),
    outputMode: "append",
    schema: "struct<key:struct<k:string,t:timestamp>,value:struct<>,partition_id:int>",
    rows: [
      '{"key":{"k":"a","t":"1970-01-01T00:00:03.000Z"},"value":{}}',
      '{"key":{"k":"a","t":"1970-01-01T00:00:04.000Z"},"value":{}}',
      '{"key":{"k":"b","t":"1970-01-01T00:00:07.000Z"},"value":{}}',
    ],
  },
  {
    name: "duplicates dropped within the watermark",
    query: (input) => input.withWatermark("t", "10 seconds").dropDuplicatesWithinWatermark(["k"]),
    outputMode: "append",
    schema: "struct<key:struct<k:string>,value:struct<expiresAtMicros:bigint>,partition_id:int>",
    rows: ['{"key":{"k":"a"},"value":{"expiresAtMicros":13000000}}', '{"key":{"k":"b"},"value":{"expiresAtMicros":17000000}}'],
  },
  {
    name: "a limit",
    query: (input) => input.limit(2),
    outputMode: "append",
    schema: "struct<key:struct<>,value:struct<value:bigint>,partition_id:int>",
    rows: ['{"key":{},"value":{"value":2}}'],
  },
];

test.each(kinds)("$name", async ({ query, outputMode, schema, rows }) => {
  const directory = temporaryDirectory();
  const checkpointLocation = join(directory, "checkpoint");
  const input = memoryStream(spark(), "k STRING, v INT, s LONG");
  const frame = query(input.toDF().withColumn("t", F.expr("timestamp_seconds(s)")).drop("s"));
  const data = addData(input, ["a", 1, 3], ["b", 2, 7], ["a", 3, 4]);
  await testStream(frame, { outputMode }, startStream({ checkpointLocation }), data, processAllAvailable());

  const table = spark().read.format("statestore").load(checkpointLocation);
  expect(simpleString(await table.schema())).toBe(schema);

  const printed: string[] = [];
  const terminal = { ...processTerminal(), write: (line: string) => void printed.push(line) };
  const given = { operator: 0, store: "default", limit: 100, operators: false, json: true };
  await stateCommand(checkpointLocation, given, terminal);
  expect(printed.map((line) => line.replace(/,"partition_id":\d\}\n$/, "}")).sort()).toEqual(rows);
  printed.length = 0;
  await stateCommand(checkpointLocation, { ...given, changesFrom: 0 }, terminal);
  expect(printed).toHaveLength(rows.length);
  if (schema.includes("struct<>")) {
    const refused = { condition: "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE" };
    await expect(table.write.parquet(join(directory, "refused"))).rejects.toMatchObject(refused);
  }
  for (const changes of [{}, { changesFrom: 0 }]) {
    const parquet = join(directory, `parquet-${Object.keys(changes).length}`);
    await stateCommand(checkpointLocation, { ...given, ...changes, parquet }, terminal);
    expect(await spark().read.parquet(parquet).count()).toBe(BigInt(rows.length));
  }
});
