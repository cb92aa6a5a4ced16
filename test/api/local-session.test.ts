/** The API over the real executor: small queries whose answers are worked out by hand. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { functions as F, LocalDate, Session, Timestamp } from "../../src/index.ts";

const { avg, col, count, expr, max, sum, window } = F;
let spark: Session;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-api-"));
  spark = await Session.builder()
    .master("local[2]")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", 4)
    .create();
});
afterAll(async () => {
  await spark.stop();
  await rm(folder, { recursive: true });
});

const people = () =>
  spark.createDataFrame(
    [
      { name: "Ann", age: 31, city: "Rome" },
      { name: "Bob", age: null, city: "Oslo" },
      { name: "Cid", age: 45, city: "Rome" },
    ],
    "name STRING NOT NULL, age INT, city STRING",
  );

test("collect takes as many rows as there are", async () => {
  // More in one batch than a call has room for arguments.
  const rows = await spark.range(300_000).groupBy("id").count().collect();
  expect(rows).toHaveLength(300_000);
  expect(rows.reduce((total, { id }) => total + id, 0n)).toBe((300_000n * 299_999n) / 2n);
});

test("every NaN is one group, and so are 0.0 and -0.0", async () => {
  // The square root of a negative number is another NaN, bit by bit, than the parsed one.
  const nan = expr("CASE WHEN id % 2 = 0 THEN sqrt(CAST(id AS DOUBLE) - 100) ELSE CAST('NaN' AS DOUBLE) END").as("nan");
  const zero = expr("CASE WHEN id % 2 = 0 THEN CAST('-0.0' AS DOUBLE) ELSE CAST('0.0' AS DOUBLE) END").as("zero");
  const numbers = spark.range(8).select(nan, zero);
  expect(await numbers.groupBy("nan").count().collect()).toEqual([{ nan: NaN, count: 8n }]);
  expect(await numbers.groupBy("zero").count().collect()).toEqual([{ zero: 0, count: 8n }]);
});

test("rows are counted where none of their columns is looked at", async () => {
  const nested = spark.createDataFrame([{ s: { x: 1, y: "a" } }, { s: null }], "s STRUCT<x: INT, y: STRING>");
  const frames = {
    range: spark.range(3).union(spark.range(2)),
    rows: people().union(people()),
    renamed: people()
      .select(col("name").as("n"))
      .union(people().select(col("city").as("c"))),
    fields: nested.select(col("s.x").as("x")).union(nested.select(col("s.x").as("x"))),
    structs: nested.union(nested),
    literals: people()
      .select(F.lit(1).as("one"))
      .union(people().select(F.lit(2).as("two"))),
    computed: spark.range(2).select(expr("id + 1 AS next")).union(spark.range(3)),
  };
  const counts = Object.entries(frames).map(async ([name, frame]) => [name, await frame.count()]);
  expect(Object.fromEntries(await Promise.all(counts))).toEqual({
    range: 5n,
    rows: 6n,
    renamed: 6n,
    fields: 4n,
    structs: 4n,
    literals: 6n,
    computed: 5n,
  });
});

test("dropDuplicates takes names as they are", async () => {
  const frame = spark.createDataFrame(
    [
      [1, 1, 1],
      [1, 1, 2],
      [1, 2, 3],
    ],
    "`a.b` INT, `c d` INT, id INT",
  );
  expect(await frame.dropDuplicates("a.b").select("id").collect()).toEqual([{ id: 1 }]);
  expect(await frame.dropDuplicates("a.b", "c d").select("id").orderBy("id").collect()).toEqual([{ id: 1 }, { id: 3 }]);
  await expect(frame.dropDuplicates("`c d`").collect()).rejects.toMatchObject({ condition: "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES" });
});

test("what a row of an aggregation or a join cannot hold is refused by name", async () => {
  const names = Array.from({ length: 65 }, (_, i) => `c${i}`);
  const wide = spark.range(2).select(...names.map((name) => expr("id").as(name)));
  const nested = spark.createDataFrame([{ id: 1, s: { x: 1 } }], "id INT, s STRUCT<x: INT>");
  const refused = {
    "65 key and 0 other fields": wide.distinct(),
    "0 key and 65 other fields": wide.agg(...names.map((name) => max(name))),
    "1 key and 65 other fields": wide.join(wide, "c0"),
    "first over struct<x:int>": nested.agg(F.first("s")),
    "max over struct<x:int>": nested.agg(max("s")),
  };
  for (const [feature, frame] of Object.entries(refused)) {
    await expect(frame.collect()).rejects.toMatchObject({
      condition: "UNSUPPORTED_FEATURE.NOT_YET",
      message: expect.stringContaining(feature),
    });
  }
});

test("a path that matches no file is an error, as one that does not exist", async () => {
  for (const path of ["nothing-*.json", "no-folder/*.json"]) {
    await expect(spark.read.schema("a INT").json(join(folder, path)).collect()).rejects.toMatchObject({ condition: "PATH_NOT_FOUND" });
  }
});

test("a view may replace one that it reads, and keeps what it read", async () => {
  await people().createOrReplaceTempView("folk");
  const folk = spark.table("folk");
  await folk.filter(folk.col("age").gt(40)).select("folk.name").createOrReplaceTempView("folk");
  expect(await spark.table("folk").select("folk.name").collect()).toEqual([{ name: "Cid" }]);
  await spark.table("folk").createOrReplaceTempView("others");
  await spark.range(1).createOrReplaceTempView("folk");
  expect(await spark.table("others").collect()).toEqual([{ name: "Cid" }]);
});

test("range takes whole numbers of 64 bits", async () => {
  expect(await spark.range(2n ** 63n - 2n, 2n ** 63n - 1n).collect()).toEqual([{ id: 2n ** 63n - 2n }]);
  for (const end of [1.5, Number.NaN, 2n ** 63n, -(2 ** 64)]) {
    expect(() => spark.range(end)).toThrow(expect.objectContaining({ condition: "INVALID_EXTERNAL_TYPE" }));
  }
});

test("select, filter, expressions", async () => {
  const rows = await people()
    .filter("age > 40 OR age IS NULL")
    .withColumn("next", col("age").plus(1))
    .select("name", "next", expr("CASE WHEN age IS NULL THEN 'unknown' ELSE concat('a', cast(age AS STRING)) END").as("text"))
    .orderBy("name")
    .collect();
  expect(rows).toEqual([
    { name: "Bob", next: null, text: "unknown" },
    { name: "Cid", next: 46, text: "a45" },
  ]);
  expect(Object.keys(rows[0]!)).toEqual(["name", "next", "text"]);
});

test("groups and joins", async () => {
  const perCity = people().groupBy("city").agg(count("*").as("n"), sum("age").as("total"), avg("age").as("mean"), max("age").as("oldest"));
  expect(await perCity.orderBy("city").collect()).toEqual([
    { city: "Oslo", n: 1n, total: null, mean: null, oldest: null },
    { city: "Rome", n: 2n, total: 76n, mean: 38, oldest: 45 },
  ]);
  const joined = await people().join(perCity.select("city", "n"), "city").select("name", "n").orderBy(col("name").desc()).collect();
  expect(joined).toEqual([
    { name: "Cid", n: 2n },
    { name: "Bob", n: 1n },
    { name: "Ann", n: 2n },
  ]);
  expect(await people().count()).toBe(3n);
});

test("literals and types", async () => {
  const [row] = await spark
    .range(1)
    .selectExpr("DATE '2024-02-29' AS d", "TIMESTAMP '2024-01-01 01:00:00+01:00' AS t", "1.50 AS n", "3000000000 AS l", "X'FF' AS b")
    .collect();
  expect(row).toMatchObject({
    d: LocalDate.parse("2024-02-29"),
    t: Timestamp.parse("2024-01-01T00:00:00Z"),
    l: 3_000_000_000n,
    b: new Uint8Array([255]),
  });
  expect(String(row!.n)).toBe("1.50");
});

test("a stream of files into foreachBatch, with event time", async () => {
  await writeFile(
    join(folder, "clicks.json"),
    [
      { user: "a", ts: "2024-01-01T00:00:10Z" },
      { user: "b", ts: "2024-01-01T00:00:50Z" },
      { user: "a", ts: "2024-01-01T00:01:10Z" },
    ]
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(""),
  );
  const batches: [number, unknown[]][] = [];
  const query = await spark.readStream
    .schema("user STRING, ts TIMESTAMP")
    .json(folder)
    .withWatermark("ts", "10 minutes")
    .groupBy(window("ts", "1 minute"))
    .agg(count("*").as("n"))
    .writeStream.outputMode("update")
    .option("checkpointLocation", join(folder, "_checkpoint"))
    .trigger({ availableNow: true })
    .foreachBatch(async (batch, id) => {
      batches.push([id, await batch.select("window.start", "n").orderBy("start").collect()]);
    })
    .start();
  expect(await query.awaitTermination()).toBe(true);
  expect(batches.filter(([, rows]) => rows.length > 0)).toEqual([
    [
      0,
      [
        { start: Timestamp.parse("2024-01-01T00:00:00Z"), n: 2n },
        { start: Timestamp.parse("2024-01-01T00:01:00Z"), n: 1n },
      ],
    ],
  ]);
  expect((await query.recentProgress())[0]).toMatchObject({ batchId: 0, numInputRows: 3 });
  expect(await query.exception()).toBeNull();
});

test("errors say what is wrong and where", async () => {
  await expect(
    people()
      .select(col("nmae" as string))
      .collect(),
  ).rejects.toMatchObject({ condition: "UNRESOLVED_COLUMN.WITH_SUGGESTION" });
  await expect(people().selectExpr("name,\n age + nobody").schema()).rejects.toBeInstanceOf(Error);
  await expect(people().selectExpr("age +\n nobody").schema()).rejects.toMatchObject({
    queryContext: { fragment: "nobody", line: 2, column: 2 },
  });
  await expect(people().selectExpr("age +").schema()).rejects.toMatchObject({ condition: "PARSE_SYNTAX_ERROR" });
  await expect(people().writeStream.format("noop").start()).rejects.toMatchObject({ sqlState: expect.any(String) });
  await expect(spark.readStream.format("rate").load().collect()).rejects.toMatchObject({ sqlState: expect.any(String) });
});

test("a failing function of the program ends its query only", async () => {
  const stream = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 3).load();
  const query = await stream.writeStream
    .foreachBatch(() => {
      throw new Error("no room");
    })
    .trigger({ once: true })
    .start();
  await expect(query.awaitTermination()).rejects.toMatchObject({
    name: "StreamingQueryError",
    message: expect.stringContaining("no room"),
  });
  expect(await query.isActive()).toBe(false);
  const seen: unknown[] = [];
  const next = await stream.writeStream
    .foreach((row) => void seen.push(row.value))
    .trigger({ once: true })
    .start();
  await next.awaitTermination();
  expect(seen.sort()).toEqual([0n, 1n, 2n]);
});

test.each([
  ["rate", {}],
  ["rate-micro-batch", { rowsPerBatch: 5 }],
  ["nexmark", { table: "bid" }],
  ["socket", { host: "127.0.0.1", port: 9 }],
])("%s has a schema of its own: another one is refused", async (format, options) => {
  const frame = spark.readStream.schema("a INT").format(format).options(options).load();
  await expect(frame.schema()).rejects.toMatchObject({
    condition: "USER_SPECIFIED_SCHEMA_UNSUPPORTED",
    messageParameters: { operation: `The source ${format}` },
  });
});
