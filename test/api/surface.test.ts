/**
 * The names of the public interface, type by type: each exists, and what this version does not have yet gives `UNSUPPORTED_FEATURE.NOT_YET`
 * when it is called, with a remedy, instead of doing something else.
 */
import { expect, test } from "vitest";
import * as millrace from "../../src/index.ts";
import * as testing from "../../src/testing.ts";
import type { Column, DataFrame } from "../../src/index.ts";
import { fakeSession } from "./fake-executor.ts";

const { functions: F, types: T } = millrace;
const { spark } = fakeSession();
const frame: DataFrame<any> = spark.range(3);
const column: Column = F.col("id");
const words = (text: string): string[] => text.trim().split(/\s+/);

const members: readonly (readonly [string, object, string])[] = [
  [
    "millrace",
    millrace,
    "Session DataFrame GroupedData Column functions types StreamingQuery MillraceError AnalysisError ParseError StreamingQueryError ArithmeticError Decimal LocalDate Timestamp TimestampNtz",
  ],
  ["Session", millrace.Session, "builder"],
  ["Session.builder()", millrace.Session.builder(), "appName master config remote getOrCreate"],
  ["session", spark, "read readStream streams conf catalog version sql table range createDataFrame stop"],
  ["session.udf", spark.udf, "register"],
  [
    "DataFrame",
    frame,
    `select selectExpr filter where withColumn withColumns withColumnRenamed drop alias as join crossJoin union unionByName intersect except
     distinct dropDuplicates dropDuplicatesWithinWatermark withWatermark groupBy rollup cube agg orderBy sort limit offset sample unpivot
     repartition coalesce observe transform map flatMap mapPartitions groupByKey createOrReplaceTempView schema dtypes columns isStreaming
     explain show collect take first count toArrow printSchema write writeStream`,
  ],
  ["GroupedData", frame.groupBy(), "agg count sum avg mean min max pivot mapGroupsWithState flatMapGroupsWithState transformWithState"],
  [
    "Column",
    column,
    `plus minus multiply divide mod unary_minus equalTo notEqual eqNullSafe gt geq lt leq and or not isNull isNotNull isNaN isin between
     like ilike rlike contains startsWith endsWith substr cast try_cast as alias asc desc asc_nulls_first asc_nulls_last desc_nulls_first
     desc_nulls_last over when otherwise getField getItem withField dropFields bitwiseAND bitwiseOR bitwiseXOR`,
  ],
  ["DataFrameReader", spark.read, "format schema option options load json csv parquet text orc table"],
  ["DataStreamReader", spark.readStream, "format schema option options name load json csv parquet text orc table"],
  [
    "DataStreamWriter",
    frame.writeStream,
    "format outputMode option options partitionBy queryName trigger foreach foreachBatch start toTable toPySpark",
  ],
  [
    "StreamingQuery",
    Object.defineProperties({}, Object.getOwnPropertyDescriptors(millrace.StreamingQuery.prototype)),
    "isActive status lastProgress recentProgress exception awaitTermination processAllAvailable stop explain",
  ],
  ["session.streams", spark.streams, "active get awaitAnyTermination resetTerminated addListener removeListener listListeners"],
  ["functions", F, "col lit expr window count sum avg max from_json to_timestamp"],
  ["types", T, "IntegerType LongType StringType"],
  [
    "millrace/testing",
    testing,
    `testStream memoryStream addData checkAnswer checkNewAnswer checkLastBatch stopStream startStream advanceManualClock
     processAllAvailable expectFailure assertOnQuery execute manualClock`,
  ],
];

test.each(members)("%s has its members", (_type, owner, names) => {
  const missing = words(names).filter((name) => !(name in owner) || (owner as Record<string, unknown>)[name] === undefined);
  expect(missing).toEqual([]);
});

test("errors say what and where", () => {
  const error = new millrace.AnalysisError("DIVIDE_BY_ZERO", { config: "x" });
  expect(Object.keys(error)).toEqual(expect.arrayContaining(["condition", "sqlState", "messageParameters", "queryContext"]));
});

const notYet: readonly (readonly [string, () => unknown])[] = [
  ["Session.builder().remote", () => millrace.Session.builder().remote("sc://localhost")],
  ["Session.sql", () => spark.sql("SELECT 1")],
  ["DataFrame.rollup", () => frame.rollup("id")],
  ["DataFrame.cube", () => frame.cube("id")],
  ["DataFrame.sample", () => frame.sample(0.5)],
  ["DataFrame.na", () => frame.na],
  ["DataFrame.unpivot", () => frame.unpivot()],
  ["DataFrame.repartition", () => frame.repartition(2)],
  ["DataFrame.coalesce", () => frame.coalesce(1)],
  ["DataFrame.groupByKey", () => frame.groupByKey()],
  ["GroupedData.pivot", () => frame.groupBy("id").pivot("id")],
  ["GroupedData.mapGroupsWithState", () => frame.groupBy("id").mapGroupsWithState()],
  ["GroupedData.flatMapGroupsWithState", () => frame.groupBy("id").flatMapGroupsWithState()],
  ["GroupedData.transformWithState", () => frame.groupBy("id").transformWithState()],
  ["Column.withField", () => column.withField("a", column)],
  ["Column.dropFields", () => column.dropFields("a")],
  ["Column.over", () => column.over()],
  ["DataStreamReader.name", () => spark.readStream.name("clicks")],
  ["The trigger continuous", () => frame.writeStream.trigger({ continuous: "1 second" })],
  ["The trigger realTime", () => frame.writeStream.trigger({ realTime: "5 minutes" })],
  ["DataStreamWriter.toTable", () => frame.writeStream.toTable("t")],
  ["DataStreamWriter.toPySpark", () => frame.writeStream.toPySpark()],
];

test.each(notYet)("%s says that it is not there yet, and what to do instead", async (feature, use) => {
  const attempt = async (): Promise<unknown> => use();
  await expect(attempt()).rejects.toMatchObject({
    condition: "UNSUPPORTED_FEATURE.NOT_YET",
    sqlState: "0A000",
    messageParameters: {
      feature: expect.stringMatching(new RegExp(feature.replace("Session.builder().remote", "remote"), "i")),
      remedy: expect.stringMatching(/.{5}/),
    },
  });
});
