/** What the compiler knows about rows. Checked by `tsc -p test/tsconfig.json` (`typecheck.test.ts` runs it); never executed. */
import {
  functions as F,
  types as T,
  type DataFrame,
  type Decimal,
  type LocalDate,
  type Row,
  type RowOf,
  type Session,
  type Timestamp,
} from "../../src/index.ts";

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function same<A, B>(_proof: Equal<A, B>): void {}
declare function rowOf<R>(frame: DataFrame<R>): R;
declare const spark: Session;
const { col, count, lit, max, sum, window, expr } = F;

// DDL texts.

same<
  RowOf<"user STRING, n BIGINT, ts TIMESTAMP NOT NULL, s STRUCT<a: INT>">,
  { user: string | null; n: bigint | null; ts: Timestamp; s: { a: number | null } | null }
>(true);
same<RowOf<"a:int,b:double">, { a: number | null; b: number | null }>(true);
same<RowOf<"struct<a: int not null>">, { a: number }>(true);
same<RowOf<"`a b` DECIMAL(10,2) COMMENT 'x, y', d date">, { "a b": Decimal | null; d: LocalDate | null }>(true);
same<
  RowOf<"l ARRAY<STRUCT<x: INT, y: ARRAY<STRING>>> NOT NULL, b BINARY">,
  { l: ({ x: number | null; y: (string | null)[] | null } | null)[]; b: Uint8Array | null }
>(true);
same<RowOf<"m MAP<STRING, ARRAY<INT>>">, { m: Map<string, (number | null)[] | null> | null }>(true);
same<
  RowOf<`
    a INT,
    b VARCHAR(10) NOT NULL
  `>,
  { a: number | null; b: string }
>(true);
same<RowOf<string>, Row>(true);
same<RowOf<"a INT, b UUID">, Row>(true);

// Readers.

const clicks = spark.readStream.format("json").schema("user STRING, url STRING NOT NULL, ts TIMESTAMP, n INT").load("clicks");
same<
  ReturnType<typeof rowOf<typeof clicks extends DataFrame<infer R> ? R : never>>,
  { user: string | null; url: string; ts: Timestamp | null; n: number | null }
>(true);
const untyped = spark.readStream.format("rate").load();
same<typeof untyped, DataFrame<Row>>(true);
const fromType = spark.read.schema(T.StructType([T.StructField("a", T.LongType)])).parquet("x");
same<typeof fromType, DataFrame<Row>>(true);
const created = spark.createDataFrame([{ a: 1 }], "a INT");
same<typeof created, DataFrame<{ a: number | null }>>(true);
same<ReturnType<typeof spark.range>, DataFrame<{ id: bigint }>>(true);

// select

const selected = clicks.select("url", col("user").as("who"), col("n").plus(1).as("next"), "ts");
same<typeof selected, DataFrame<{ url: string; who: string | null; next: any; ts: Timestamp | null }>>(true);
same<ReturnType<typeof clicks.select<["*"]>>, typeof clicks>(true);
const cast = clicks.select(col("n").cast("STRING"), lit(1).as("one"), col("n").gt(1).as("big"));
same<typeof cast, DataFrame<{ n: string | null; one: number; big: boolean | null }>>(true);
const unnamed = clicks.select("url", col("n").plus(1));
same<typeof unnamed, DataFrame<Row>>(true);
const withStruct = spark.read.schema("s STRUCT<a: INT, b: STRING>").parquet("x").select("s.a", col("s.b"));
same<typeof withStruct, DataFrame<{ a: number | null; b: string | null }>>(true);
clicks.select(expr("n + 1").as("m"));

// @ts-expect-error no such column
clicks.select("nobody");
// @ts-expect-error no such column
clicks.select(col("nobody").as("x"));
// @ts-expect-error no such column
clicks.select(col("n").plus(col("nobody")).as("x"));
// @ts-expect-error no such column
clicks.select(F.upper("nobody").as("x"));
// @ts-expect-error no such column after the select
selected.filter(col("user").isNull());
// @ts-expect-error no such column
clicks.withWatermark("time", "1 minute");

// withColumn, drop, rename

const added = clicks.withColumn("day", F.to_date("ts")).withColumn("n", col("n").cast("BIGINT"));
same<typeof added, DataFrame<{ user: string | null; url: string; ts: Timestamp | null; day: LocalDate | null; n: bigint | null }>>(true);
const dropped = clicks.drop("ts", "n");
same<typeof dropped, DataFrame<{ user: string | null; url: string }>>(true);
const renamed = dropped.withColumnRenamed("user", "who");
same<typeof renamed, DataFrame<{ who: string | null; url: string }>>(true);
const many = dropped.withColumns({ a: lit("x"), user: F.upper("url") });
same<typeof many, DataFrame<{ url: string; a: string; user: string | null }>>(true);
// @ts-expect-error dropped
dropped.orderBy("ts");

// groupBy

const views = clicks
  .withWatermark("ts", "10 minutes")
  .groupBy(window(col("ts"), "1 minute"), col("url"))
  .agg(count("*").as("views"), max("n").as("most"), sum("n").as("total"));
same<typeof views, DataFrame<{ window: F_TimeWindow; url: string; views: bigint; most: number | null; total: any }>>(true);
type F_TimeWindow = import("../../src/index.ts").TimeWindow;
const counts = clicks.groupBy("url").count();
same<typeof counts, DataFrame<{ url: string; count: bigint }>>(true);
const sums = clicks.groupBy("url").sum("n");
same<typeof sums, DataFrame<{ url: string; "sum(n)": any }>>(true);
const overall = clicks.agg(count("*").as("rows"));
same<typeof overall, DataFrame<{ rows: bigint }>>(true);
// @ts-expect-error no such column
clicks.groupBy("nobody");
// @ts-expect-error no such column
clicks.groupBy("url").agg(sum("nobody").as("x"));

// join

const users = spark.read.schema("user STRING NOT NULL, age INT NOT NULL").parquet("users");
const joined = clicks.join(users, "user");
same<typeof joined, DataFrame<{ user: string | null; url: string; ts: Timestamp | null; n: number | null; age: number }>>(true);
const left = clicks.select("user", "url").join(users, ["user"], "left");
same<typeof left, DataFrame<{ user: string | null; url: string; age: number | null }>>(true);
const semi = clicks.select("user").join(users, "user", "left_semi");
same<typeof semi, DataFrame<{ user: string | null }>>(true);
const conditional = clicks.select("url").join(users.select("age"), expr("url = age"));
same<typeof conditional, DataFrame<{ url: string; age: number }>>(true);
// @ts-expect-error only one side has it
clicks.join(users, "url");

// from_json

const parsed = spark.read
  .schema("value STRING")
  .text("x")
  .select(F.from_json("value", "id BIGINT, tags ARRAY<STRING>").as("v"))
  .select("v.id", "v.tags");
same<typeof parsed, DataFrame<{ id: bigint | null; tags: (string | null)[] | null }>>(true);

// Frames without row types do as they please.

untyped.select("anything", col("else")).groupBy("x").agg(sum("y").as("z")).filter(col("q").gt(1));
const name: string = "computed";
clicks.select(col(name).as("x"));
function generic(frame: DataFrame): DataFrame {
  return frame.filter("a > 1");
}
generic(clicks);
clicks.writeStream.foreachBatch(async (batch, id) => {
  same<typeof batch, typeof clicks>(true);
  same<typeof id, number>(true);
});
clicks.writeStream.foreach((row) => same<typeof row.url, string>(true));
clicks.writeStream.trigger({ processingTime: "5 seconds" });
// @ts-expect-error not a trigger
clicks.writeStream.trigger({ sometimes: true });

// Functions of the program.

const plusOne = F.udf((x: number) => x + 1, "INT");
declare const typed: DataFrame<{ a: number; b: string | null }>;
same<DataFrame<{ c: number | null; b: string | null }>, ReturnType<typeof withUdf>>(true);
const withUdf = () => typed.select(plusOne("a").as("c"), "b");
// @ts-expect-error there is no such column
typed.select(plusOne("z"));
const mappedRows = typed.map(({ a, b }) => ({ n: a, s: b }), "n BIGINT, s STRING");
same<typeof mappedRows, DataFrame<{ n: bigint | null; s: string | null }>>(true);
// @ts-expect-error a name that the schema does not have
typed.map(({ a }) => ({ wrong: a }), "n BIGINT, s STRING");
// @ts-expect-error the row has no such column
typed.map(({ z }) => [z, null], "n BIGINT, s STRING");
typed.flatMap(({ a }) => [{ n: a }], "n INT").filter(({ n }) => n !== null && n > 1);
// @ts-expect-error a closure over rows sees their types
typed.filter(({ b }) => b > 1);
