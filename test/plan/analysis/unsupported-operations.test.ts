import { describe, expect, test } from "vitest";
import { checkBatch, checkStreaming, type StreamingOutputMode } from "../../../src/plan/analysis/unsupported-operations.ts";
import { LongType } from "../../../src/columnar/types.ts";
import { alias, call } from "../../../src/plan/expr/expression.ts";
import type { LogicalPlan, SetOperation } from "../../../src/plan/logical/nodes.ts";
import { analyzed, distinct, group, join, limit, read, select, sort, stream, union, watermark, where } from "../fixtures.ts";

const counted = (child: LogicalPlan = stream()): LogicalPlan => group(child, "k", "count(*) AS n");
const windowed = group(watermark(stream(), "ts", "10 seconds"), "window(ts, '5 seconds')", "count(*) AS n");
const setOperation = (operation: SetOperation["operation"], left: LogicalPlan, right: LogicalPlan): LogicalPlan => ({
  kind: "set_operation",
  operation,
  isAll: false,
  allowMissingColumns: false,
  inputs: [left, right],
});
const other = (isStreaming: boolean): LogicalPlan => read("id STRING, v INT", isStreaming, "other");

async function outcome(plan: LogicalPlan, mode: StreamingOutputMode, checkCorrectness = true): Promise<string> {
  const resolved = await analyzed(plan);
  try {
    checkStreaming(resolved, mode, { checkCorrectness });
    return "ok";
  } catch (error) {
    const { condition, messageParameters } = error as { condition: string; messageParameters: Record<string, string> };
    return condition === "_LEGACY_ERROR_TEMP_3102"
      ? messageParameters["msg"]!
      : `${condition} ${Object.values(messageParameters).join(" | ")}`;
  }
}

const OUTPUT_MODE = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION";
const NO_WATERMARK = `${OUTPUT_MODE} append | streaming aggregations without watermark`;
const NO_AGGREGATION = `${OUTPUT_MODE} complete | no streaming aggregations`;
const NO_SORT =
  "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset in Complete output mode";
const NO_LIMIT = "Limits are not supported on streaming DataFrames/Datasets in Update output mode";
const STREAM_JOIN_MODE = (mode: string): string =>
  `Join between two streaming DataFrames/Datasets is not supported in ${mode} output mode, only in Append output mode`;
const STREAM_JOIN_LATER = /^UNSUPPORTED_FEATURE\.NOT_YET a join of two streams/;

describe("output mode by query shape", () => {
  test.each<[string, LogicalPlan, string, string, string]>([
    ["aggregation with watermark", windowed, "ok", "ok", "ok"],
    ["aggregation without watermark", counted(), NO_WATERMARK, "ok", "ok"],
    ["aggregation on the raw event time", group(watermark(stream(), "ts", "1 second"), "ts", "count(*)"), "ok", "ok", "ok"],
    ["watermark, but not in the grouping", counted(watermark(stream(), "ts", "1 second")), NO_WATERMARK, "ok", "ok"],
    ["projection and filter", where(select(stream(), "k, x"), "x > 1"), "ok", "ok", NO_AGGREGATION],
    ["deduplication", distinct(stream(), "k"), "ok", "ok", NO_AGGREGATION],
    ["stream-static join", join(stream(), other(false), "k = id"), "ok", "ok", NO_AGGREGATION],
    ["limit", limit(stream(), 5), "ok", NO_LIMIT, NO_AGGREGATION],
    ["limit over an aggregation", limit(windowed, 5), "ok", NO_LIMIT, "ok"],
    ["sort", sort(stream(), "x"), NO_SORT, NO_SORT, NO_AGGREGATION],
    ["sort over an aggregation", sort(windowed, "n"), NO_SORT, NO_SORT, "ok"],
  ])("%s", async (_title, plan, append, update, complete) => {
    expect(await outcome(plan, "append")).toBe(append);
    expect(await outcome(plan, "update")).toBe(update);
    expect(await outcome(plan, "complete")).toBe(complete);
  });
});

describe("joins by sides", () => {
  const fullLeft =
    "FullOuter joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is not supported";
  const fullRight =
    "FullOuter joins with streaming DataFrames/Datasets on the right and a static DataFrame/Dataset on the left is not supported";
  const right = "RightOuter join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not supported";
  const leftOf = (name: string): string =>
    `${name} join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not supported`;
  const anti = "LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported";
  test.each([
    ["inner", "ok", "ok", STREAM_JOIN_LATER],
    ["left_outer", "ok", leftOf("LeftOuter"), STREAM_JOIN_LATER],
    ["right_outer", right, "ok", STREAM_JOIN_LATER],
    ["full_outer", fullLeft, fullRight, STREAM_JOIN_LATER],
    ["left_semi", "ok", leftOf("LeftSemi"), STREAM_JOIN_LATER],
    ["left_anti", "ok", anti, anti],
  ] as const)("%s", async (type, streamStatic, staticStream, streamStream) => {
    expect(await outcome(join(stream(), other(false), "k = id", type), "append")).toBe(streamStatic);
    expect(await outcome(join(read(), other(true), "k = id", type), "append")).toBe(staticStream);
    expect(await outcome(join(stream(), other(true), "k = id", type), "append")).toEqual(
      typeof streamStream === "string" ? streamStream : expect.stringMatching(streamStream),
    );
  });

  test("two streams join in append mode only", async () => {
    expect(await outcome(join(stream(), other(true), "k = id"), "update")).toBe(STREAM_JOIN_MODE("Update"));
    expect(await outcome(join(counted(), other(true), "k = id"), "complete")).toBe(STREAM_JOIN_MODE("Complete"));
  });
});

describe("operations", () => {
  const correctness = /^Detected pattern of possible 'correctness' issue due to global watermark\. .* to false\.$/;
  test.each<[string, LogicalPlan, StreamingOutputMode, string | RegExp]>([
    [
      "distinct aggregate",
      group(stream(), "k", "count(DISTINCT x)"),
      "update",
      "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using approx_count_distinct() instead.",
    ],
    ["union with batch", union([stream(), read()]), "append", "Union between streaming and batch DataFrames/Datasets is not supported"],
    ["union of streams", union([stream(), stream()]), "append", "ok"],
    [
      "except, stream on the right",
      setOperation("except", stream(), stream()),
      "append",
      "Except on a streaming DataFrame/Dataset on the right is not supported",
    ],
    ["intersect", setOperation("intersect", stream(), read()), "append", "Intersect of streaming DataFrames/Datasets is not supported"],
    ["offset", limit(stream(), 5, 2), "append", "Offset is not supported on streaming DataFrames/Datasets"],
    [
      "dropDuplicatesWithinWatermark without watermark",
      distinct(stream(), "k", true),
      "append",
      "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark",
    ],
    ["dropDuplicatesWithinWatermark", distinct(watermark(stream(), "ts", "1 second"), "k", true), "append", "ok"],
    ["chained aggregations, append", group(windowed, "window(window, '1 minute')", "sum(n)"), "append", "ok"],
    ["chained aggregations, update", group(windowed, "window(window, '1 minute')", "sum(n)"), "update", correctness],
    ["aggregation before deduplication on event time, update", distinct(windowed, "window"), "update", correctness],
    ["deduplication before aggregation, update", counted(distinct(stream(), "k")), "update", "ok"],
    ["no stream", read(), "append", "Queries without streaming sources cannot be executed with writeStream.start()"],
  ])("%s", async (_title, plan, mode, expected) => {
    expect(await outcome(plan, mode)).toEqual(typeof expected === "string" ? expected : expect.stringMatching(expected));
  });

  test("the correctness check can be switched off", async () => {
    expect(await outcome(group(windowed, "window(window, '1 minute')", "sum(n)"), "update", false)).toBe("ok");
  });

  test("batch actions on streams", async () => {
    const message = (plan: LogicalPlan): unknown => {
      try {
        checkBatch(plan);
      } catch (error) {
        return (error as { messageParameters: { msg: string } }).messageParameters.msg;
      }
      return "ok";
    };
    expect(message(await analyzed(select(stream(), "k")))).toMatch(
      /^Queries with streaming sources must be executed with writeStream\.start\(\)/,
    );
    expect(message(await analyzed(distinct(read(), "k", true)))).toBe(
      "dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets",
    );
    expect(message(await analyzed(counted(read())))).toBe("ok");
  });

  test("functions that number rows", async () => {
    const source = await analyzed(stream());
    const numbering = call("monotonically_increasing_id", [], LongType, false);
    const plan: LogicalPlan = { kind: "project", child: source, expressions: [alias(numbering, "id", 1_000_000)] };
    expect(() => checkStreaming(plan, "append")).toThrow(
      "Expression(s): monotonically_increasing_id() is not supported with streaming DataFrames/Datasets",
    );
  });
});
