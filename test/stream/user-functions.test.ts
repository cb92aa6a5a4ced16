/** `map`, `filter` and user functions: closures on the session's thread, functions of modules on workers. Titles of Spark's suites are kept. */
import { describe, expect, test } from "vitest";
import { Decimal, functions as F, MillraceError, type DataFrame } from "../../src/index.ts";
import {
  addData,
  checkAnswer,
  checkNewAnswer,
  expectFailure,
  memoryStream,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { localExecutor } from "../../src/testing/memory-input.ts";
import { everyWay, onWorkers } from "../support/every-way.ts";
import { stateRows } from "../support/query-assertions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, udf, window } = F;
const spark = testSession();
const impatient = testSession({ "millrace.workerTimeout": "5s" });
const moduleUrl = new URL("modules/user-functions.mjs", import.meta.url);
const plusOne = udf.fromModule(moduleUrl, "plusOne", "INT");
const explained = (frame: DataFrame<any>): Promise<string> => localExecutor(spark().executor).explain(frame.plan, "simple");

/** Runs a batch query and returns its error. */
async function failureOf(frame: DataFrame<any>): Promise<MillraceError> {
  return await frame.collect().then(
    () => expect.fail("the query should have failed"),
    (error: MillraceError) => error,
  );
}

everyWay("map with recovery", () => {
  const input = memoryStream(spark(), "value INT");
  return {
    frame: input.toDF().map(({ value }) => value! + 1, "value INT"),
    steps: [
      addData(input, 1, 2, 3),
      checkAnswer(2, 3, 4),
      stopStream(),
      addData(input, 4, 5, 6),
      startStream(),
      checkAnswer(2, 3, 4, 5, 6, 7),
    ],
  };
});

for (const where of ["session", "worker"] as const) {
  everyWay(`map with recovery, by a user function on the ${where}'s thread`, () => {
    const input = memoryStream(spark(), "value INT");
    const f = where === "worker" ? plusOne : udf((value: number) => value + 1, "INT");
    return {
      frame: input.toDF().select(f("value")),
      steps: [addData(input, 1, 2, 3), checkAnswer(2, 3, 4), addData(input, 4, 5, 6), checkAnswer(2, 3, 4, 5, 6, 7)],
    };
  });
}

onWorkers("midbatch failure", async (nextWorkers) => {
  let failures = 1;
  const input = memoryStream(spark(), "value INT");
  const frame = input
    .toDF()
    .map(({ value }) => {
      if (value === 4 && failures-- > 0) throw new Error("killed on purpose");
      return value!;
    }, "value INT")
    .groupBy("value")
    .agg(count("*"));
  await testStream(
    frame,
    { outputMode: "update" },
    startStream({ workers: nextWorkers() }),
    addData(input, 1, 2, 3, 4),
    expectFailure({ condition: "FAILED_EXECUTE_UDF", message: /killed on purpose/ }),
    startStream({ workers: nextWorkers() }),
    checkNewAnswer([1, 1], [2, 1], [3, 1], [4, 1]),
  );
});

test("a closure that fails behind a stateful operator leaves the state as it was", async () => {
  let failures = 1;
  const input = memoryStream(spark(), "value INT");
  const frame = input
    .toDF()
    .dropDuplicates()
    .map(({ value }) => {
      if (value === 2 && failures-- > 0) throw new Error("once");
      return value! * 10;
    }, "value INT");
  await testStream(
    frame,
    {},
    startStream(),
    addData(input, 1),
    checkNewAnswer(10),
    addData(input, 1, 2, 3),
    expectFailure({ condition: "FAILED_EXECUTE_UDF" }),
    startStream(),
    checkNewAnswer(20, 30),
    stateRows({ total: 3 }),
  );
});

everyWay("closures before and after an aggregation under a watermark", () => {
  const input = memoryStream(spark(), "value INT");
  const parity = udf((value: number) => (value % 2 === 0 ? "even" : "odd"), "STRING");
  const shout = udf((text: string, n: bigint) => `${text}${"!".repeat(Number(n))}`, "STRING");
  return {
    frame: withEventTime(input, "10 seconds")
      .withColumn("parity", parity("value"))
      .groupBy(window(col("eventTime"), "5 seconds").as("window"), col("parity"))
      .agg(count("*").as("n"))
      .select(shout("parity", "n").as("text")),
    steps: [
      addData(input, 10, 11, 12, 13, 14, 15),
      checkNewAnswer(),
      addData(input, 25),
      checkNewAnswer("even!!!", "odd!!"),
      addData(input, 10),
      checkNewAnswer(),
      addData(input, 40),
      checkNewAnswer("odd!", "odd!"),
    ],
  };
});

describe("in batch queries", () => {
  test("values come as rows hold them, and every type goes back", async () => {
    const seen: unknown[] = [];
    const inspect = udf((...args: unknown[]) => {
      seen.push(args);
      return args[1];
    }, "DECIMAL(10,2)");
    const frame = spark().createDataFrame(
      [
        [1n, "1.50", new Date(0), "text", [1, null]],
        [null, null, null, null, [null, "z"]],
      ],
      "a BIGINT, d DECIMAL(10,2), t TIMESTAMP, s STRING, p STRUCT<x: INT, y: STRING>",
    );
    const rows = await frame.select(inspect("a", "d", "t", "s", "p").as("d"), col("s")).collect();
    expect(rows.map((row) => [row["d"]?.toString() ?? null, row["s"]])).toEqual([
      ["1.50", "text"],
      [null, null],
    ]);
    expect(seen[1]).toEqual([null, null, null, null, { x: null, y: "z" }]);
    expect((seen[0] as unknown[])[1]).toBeInstanceOf(Decimal);
  });

  test("flatMap, mapPartitions and filter by a closure", async () => {
    const frame = spark().range(6).withColumn("name", col("id").cast("string"));
    const doubled = frame.flatMap(
      ({ id }) =>
        id % 2n === 0n
          ? [
              { id, copy: 1 },
              { id, copy: 2 },
            ]
          : [],
      "id BIGINT, copy INT",
    );
    expect(await doubled.orderBy("id", "copy").collect()).toEqual(
      [0n, 2n, 4n].flatMap((id) => [
        { id, copy: 1 },
        { id, copy: 2 },
      ]),
    );
    const sums = frame.mapPartitions((rows) => [[...rows].reduce((sum, { id }) => sum + id, 0n)], "sum BIGINT");
    expect((await sums.collect()).reduce((sum, row) => sum + row.sum!, 0n)).toBe(15n);
    expect(await frame.filter(({ id, name }) => id > 3n && name !== "5").collect()).toEqual([{ id: 4n, name: "4" }]);
  });

  test("names in SQL text, in every place of a query", async () => {
    spark().udf.register("add_tax", (price: number) => price * 2, "DOUBLE");
    spark().udf.register("plus_one", plusOne);
    const frame = spark().createDataFrame(
      [
        [1, 2],
        [2, 1],
        [3, 3],
      ],
      "k INT, v INT",
    );
    const shaped = frame.filter("plus_one(k) > 2").groupBy(F.expr("plus_one(v)").as("g")).agg(F.expr("sum(add_tax(double(k)))").as("s"));
    expect(await shaped.orderBy(F.expr("add_tax(s)").desc()).collect()).toEqual([
      { g: 4, s: 6 },
      { g: 2, s: 4 },
    ]);
    expect(await frame.orderBy(plusOne("v")).limit(1).collect()).toEqual([{ k: 2, v: 1 }]);
    expect(await frame.join(frame.select(col("k").as("j")), F.expr("plus_one(k) = j")).count()).toBe(2n);
    expect(await frame.select(F.expr("CASE WHEN k > 1 THEN add_tax(double(v)) ELSE 0 END").as("x")).collect()).toEqual([
      { x: 0 },
      { x: 2 },
      { x: 6 },
    ]);
  });

  test("a union of mapped and plain frames, and a map over a map", async () => {
    const frame = spark().createDataFrame([[1], [2]], "v INT");
    const mapped = frame.map(({ v }) => v! * 10, "v INT");
    expect(
      (
        await frame
          .union(mapped)
          .union(mapped.map(({ v }) => v! + 1, "v INT"))
          .collect()
      )
        .map(({ v }) => v)
        .sort(),
    ).toEqual([1, 10, 11, 2, 20, 21]);
    expect(
      await mapped
        .map(() => 1, "one INT")
        .agg(count("*").as("n"))
        .collect(),
    ).toEqual([{ n: 2n }]);
    expect(
      await frame
        .filter(() => false)
        .map(() => 1, "one INT")
        .collect(),
    ).toEqual([]);
  });

  test("each side of a full outer join is computed once", async () => {
    let left = 0;
    let right = 0;
    const numbered = udf((value: bigint) => BigInt(++left) + value * 0n, "BIGINT");
    const keys = spark().range(4).select(numbered("id").as("k"));
    const others = spark()
      .range(2)
      .map(() => ({ j: BigInt(++right + 3) }), "j BIGINT");
    // One to four and four to five: a side that ran again would go on counting.
    const joined = keys.join(others, F.expr("k = j"), "full_outer").orderBy("k", "j");
    expect(await joined.collect()).toEqual([
      { k: null, j: 5n },
      { k: 1n, j: null },
      { k: 2n, j: null },
      { k: 3n, j: null },
      { k: 4n, j: 4n },
    ]);
    expect([left, right]).toEqual([4, 2]);
  });

  test("only columns that are looked at travel, and explain says where functions run", async () => {
    const frame = spark().createDataFrame([[1, "x", 2]], "a INT, b STRING, c INT");
    const closure = udf((value: number) => value, "INT");
    const text = await explained(frame.select(closure("a").as("f"), col("c")));
    expect(text).toMatch(/EvalUDF on the session's thread/);
    expect(text).toMatch(/Collect \[a#\d+, c#\d+\] to the session's thread/);
    expect(await explained(frame.select(plusOne("a")))).toMatch(/Interpret \[plusOne\(a\)/);
    expect(await explained(frame.map(() => 1, "v INT"))).toMatch(/MapPartitions map on the session's thread/);
  });
});

describe("what goes wrong", () => {
  const numbers = () => spark().createDataFrame([[1], [4]], "v INT");
  const fromModule = (name: string) => udf.fromModule(moduleUrl, name, "INT");

  test("a function of a module that throws: Spark's condition, and its error as cause", async () => {
    const error = await failureOf(numbers().select(fromModule("throwsOnFour")("v")));
    expect(error.condition).toBe("FAILED_EXECUTE_UDF");
    expect(error.message).toContain("User defined function (`throwsOnFour`: (INT) => INT) failed due to: RangeError: four is too much.");
    expect(error.cause).toMatchObject({ name: "RangeError", message: "four is too much" });
  });

  test("a closure that throws keeps its error as cause", async () => {
    const own = new TypeError("mine");
    const error = await failureOf(
      numbers().map(() => {
        throw own;
      }, "v INT"),
    );
    expect(error.condition).toBe("FAILED_EXECUTE_UDF");
    expect(error.cause).toBe(own);
  });

  test("a result that is not of the declared type", async () => {
    const error = await failureOf(numbers().select(udf(() => "text", "INT")("v")));
    expect(error.condition).toBe("FAILED_EXECUTE_UDF");
    expect((error.cause as MillraceError).condition).toBe("INVALID_EXTERNAL_TYPE");
  });

  test("async functions are refused when they are declared so, and at the first call otherwise", async () => {
    const refused = { condition: "USER_FUNCTION_ASYNC" };
    expect(() => udf(async () => 1, "INT")).toThrow(expect.objectContaining(refused));
    expect(() => numbers().map((async () => 1) as never, "v INT")).toThrow(expect.objectContaining(refused));
    expect(() => spark().udf.register("slow", async () => 1, "INT")).toThrow(expect.objectContaining(refused));
    for (const frame of [
      numbers().select(fromModule("later")("v")),
      numbers().select(fromModule("declaredAsync")("v")),
      numbers().select(udf(() => Promise.reject(new Error("unheard")), "INT")("v")),
      numbers().map((() => Promise.resolve(1)) as never, "v INT"),
    ]) {
      expect((await failureOf(frame)).condition).toBe("USER_FUNCTION_ASYNC");
    }
  });

  test("modules and exports that are not there", async () => {
    const missing = udf.fromModule(new URL("modules/no-such.mjs", import.meta.url), "f", "INT");
    expect((await failureOf(numbers().select(missing("v")))).condition).toBe("USER_MODULE_FAILED");
    const error = await failureOf(numbers().select(fromModule("notAFunction")("v")));
    expect(error.condition).toBe("USER_FUNCTION_NOT_FOUND");
    expect(error.message).toContain("plusOne");
    expect(() => udf.fromModule(new URL(`file://${process.argv[1]}`), "f", "INT")).toThrow(
      expect.objectContaining({ condition: "USER_MODULE_IS_THE_PROGRAM" }),
    );
  });

  test("a function of a module that never returns", async () => {
    const session = impatient();
    const error = await failureOf(session.createDataFrame([[1]], "v INT").select(fromModule("loops")("v")));
    expect(error.condition).toBe("WORKER_DIED");
    expect(error.message).toContain("millrace.workerTimeout");
  });

  test("a function of a module that ends its thread", async () => {
    expect((await failureOf(numbers().select(fromModule("leaves")("v")))).condition).toBe("WORKER_DIED");
    expect(await numbers().select(plusOne("v").as("v")).collect()).toEqual([{ v: 2 }, { v: 5 }]);
  });
});
