/** A user's way through the API: the program at the head of the API page with directories of the test, and every way to look at a frame. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printedBy } from "../support/printed.ts";
import { functions as F, LocalDate, Session, Timestamp } from "../../src/index.ts";

const { col, count, window } = F;
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "millrace-journey-"))));
afterAll(() => rmSync(folder, { recursive: true }));

const newSession = (): Promise<Session> =>
  Session.builder()
    .appName("clicks")
    .master("local[2]")
    .config("spark.sql.shuffle.partitions", 4)
    .config("spark.sql.session.timeZone", "UTC")
    .create();

test("clicks: JSON files to windows in Parquet files", async () => {
  const data = join(folder, "clicks");
  mkdirSync(data);
  const click = (minute: number, url: string): string =>
    JSON.stringify({ user: "u", url, ts: `2024-01-01T00:${String(minute).padStart(2, "0")}:30Z` });
  writeFileSync(join(data, "1.json"), [click(0, "/a"), click(0, "/b"), click(1, "/a")].join("\n"));
  await using spark = await newSession();
  const clicks = spark.readStream
    .format("json")
    .schema("user STRING, url STRING, ts TIMESTAMP")
    .option("maxFilesPerTrigger", 10)
    .load(data);
  expect(await clicks.isStreaming()).toBe(true);
  const query = await clicks
    .withWatermark("ts", "10 minutes")
    .groupBy(window(col("ts"), "1 minute"), col("url"))
    .agg(count("*").as("views"))
    .writeStream.outputMode("append")
    .format("parquet")
    .option("checkpointLocation", join(folder, "views", "_checkpoint"))
    .trigger({ processingTime: "0 seconds" })
    .start(join(folder, "views"));
  await query.processAllAvailable();
  writeFileSync(join(data, "2.json"), [click(0, "/a"), click(20, "/late")].join("\n"));
  await query.processAllAvailable();
  await query.stop();
  expect(await query.awaitTermination()).toBe(true);
  const views = await spark.read.parquet(join(folder, "views")).select("window.start", "url", "views").orderBy("start", "url").collect();
  expect(views).toEqual([
    { start: Timestamp.parse("2024-01-01T00:00:00Z"), url: "/a", views: 2n },
    { start: Timestamp.parse("2024-01-01T00:00:00Z"), url: "/b", views: 1n },
    { start: Timestamp.parse("2024-01-01T00:01:00Z"), url: "/a", views: 1n },
  ]);
});

test("ways to look at a frame", async () => {
  await using spark = await newSession();
  const frame = spark.createDataFrame(
    [
      { name: "Ann", born: LocalDate.parse("1990-02-28"), score: 1.5 },
      { name: "a name of more than twenty characters", born: null, score: null },
    ],
    "name STRING NOT NULL, born DATE, score DOUBLE",
  );
  expect(await printedBy(() => frame.printSchema())).toBe(
    "root\n |-- name: string (nullable = false)\n |-- born: date (nullable = true)\n |-- score: double (nullable = true)\n\n",
  );
  expect(await printedBy(() => frame.show())).toBe(
    [
      "+--------------------+----------+-----+",
      "|                name|      born|score|",
      "+--------------------+----------+-----+",
      "|                 Ann|1990-02-28|  1.5|",
      "|a name of more th...|      NULL| NULL|",
      "+--------------------+----------+-----+",
      "\n",
    ].join("\n"),
  );
  expect(await printedBy(() => frame.show(1, false))).toBe(
    "+----+----------+-----+\n|name|born      |score|\n+----+----------+-----+\n|Ann |1990-02-28|1.5  |\n+----+----------+-----+\nonly showing top 1 row\n\n",
  );
  expect(await printedBy(() => frame.show(2, 10, true))).toContain("-RECORD 0");
  for (const mode of ["simple", "extended", "codegen", "formatted"] as const) {
    expect((await printedBy(() => frame.filter("score > 1").groupBy("name").count().explain(mode))).length).toBeGreaterThan(50);
  }
  expect(await frame.dtypes()).toEqual([
    ["name", "string"],
    ["born", "date"],
    ["score", "double"],
  ]);
  expect(await frame.columns()).toEqual(["name", "born", "score"]);
  expect((await frame.first())!.name).toBe("Ann");
  expect(await frame.take(1)).toHaveLength(1);
  expect(await frame.isEmpty()).toBe(false);
  expect(await frame.filter("name = 'nobody'").isEmpty()).toBe(true);
  expect(await frame.filter("name = 'nobody'").collect()).toEqual([]);

  let rows = 0;
  let sum = 0n;
  for await (const batch of spark.range(100_000).filter("id % 2 = 0")) {
    rows += batch.length;
    for (const { id } of batch) sum += id;
  }
  expect([rows, sum]).toEqual([50_000, 2_499_950_000n]);

  const table = await spark.range(5).selectExpr("id", "CAST(id AS STRING) AS text").toArrow();
  expect([table.numRows, table.schema.fields.map(({ name }) => name)]).toEqual([5, ["id", "text"]]);
  expect([...table.getChild("text")!].sort()).toEqual(["0", "1", "2", "3", "4"]);

  await frame.createOrReplaceTempView("people");
  expect(await spark.table("people").count()).toBe(2n);
});

test("frames without columns keep their rows", async () => {
  await using spark = await newSession();
  const frame = spark.createDataFrame(
    [
      [1, "a"],
      [2, "b"],
    ],
    "k INT, x STRING",
  );
  const none = frame.select();
  expect(await none.columns()).toEqual([]);
  expect(await none.collect()).toEqual([{}, {}]);
  expect(await none.union(frame.filter("k = 1").select()).count()).toBe(3n);
  expect(await none.crossJoin(frame.filter("k = 1")).collect()).toEqual([
    { k: 1, x: "a" },
    { k: 1, x: "a" },
  ]);
  expect(await frame.orderBy("x").select().limit(1).collect()).toEqual([{}]);
  expect(await none.distinct().collect()).toEqual([{}]);
  expect((await none.toArrow()).numRows).toBe(2);
  for (const format of ["json", "csv", "parquet", "text"])
    await expect(none.write.format(format).save(join(folder, `none-${format}`))).rejects.toMatchObject({
      condition: "EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE",
    });
});

test("set operations: rows of one or both frames, once each, nulls equal", async () => {
  await using spark = await newSession();
  const numbers = (...values: (number | null)[]) =>
    spark.createDataFrame(
      values.map((value) => [value]),
      "n INT",
    );
  const [left, right] = [numbers(1, 1, 2, null), numbers(2, null, null, 3)];
  const sorted = async (frame: typeof left) => (await frame.orderBy("n").collect()).map(({ n }) => n);
  expect(await sorted(left.intersect(right))).toEqual([null, 2]);
  expect(await sorted(left.except(right))).toEqual([1]);
});
