/**
 * Spark's recorded SQL statements through the whole engine: frames, analysis, compiled code, workers. Each statement runs as users run it, with
 * nothing folded, and (without a table) with its literals in columns of a row, so that the compiled code computes it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { Session } from "../../src/index.ts";
import { goldenCases, goldenFilesPresent, type GoldenCase } from "../functions/support/golden.ts";
import { OracleExecutor, RecordedRun, type Way } from "./support/recorded-run.ts";

const ZONE = "America/Los_Angeles";
const FILES = (
  process.env.MILLRACE_GOLDEN ??
  "array,binary,binary_basic,cast,column-resolution-aggregate,comparator,conditional-functions,count,date,decimalArithmeticOperations,group-by,group-by-alias,having,ilike,ilike-all,ilike-any,inline-table,json-functions,like-all,like-any,literals,misc-functions,null-propagation,operators,order-by-nulls-ordering,postgreSQL/case,postgreSQL/float8,postgreSQL/int4,postgreSQL/select_having,postgreSQL/select_implicit,string-functions,struct,subexp-elimination,timestamp,timestamp-ltz,timestamp-ntz,try-string-functions,try_aggregates,try_arithmetic,try_cast,try_element_at,type-coercion-edge-cases,typeCoercion/native/binaryComparison,typeCoercion/native/caseWhenCoercion,typeCoercion/native/concat,typeCoercion/native/dateTimeOperations,typeCoercion/native/division,typeCoercion/native/elt,typeCoercion/native/implicitTypeCasts,typeCoercion/native/inConversion,typeCoercion/native/promoteStrings,typeCoercion/native/widenSetOperationTypes"
).split(",");

let session: Session;
let executor: OracleExecutor;
beforeAll(async () => {
  session = await Session.builder().master("local[1]").config("spark.sql.session.timeZone", ZONE).create();
  const conf = new RuntimeConf();
  conf.set("spark.sql.session.timeZone", ZONE);
  conf.set("spark.sql.shuffle.partitions", "2");
  executor = new OracleExecutor({ appName: "oracle", workers: 1, conf });
});
afterAll(async () => {
  await executor.stop();
  await session.stop();
});

/** Statements before the first SET: what follows was recorded under other settings. */
function defaultCases(file: string): GoldenCase[] {
  const cases = goldenCases(file);
  const end = cases.findIndex(({ statement }) => /^set\s/i.test(statement));
  return end < 0 ? cases : cases.slice(0, end);
}

const title = goldenFilesPresent ? "recorded SQL" : "recorded SQL (skipped: ../shared/spark-sql-tests is not there)";
const WAYS: readonly Way[] = ["folded", "literals", "columns"];

describe.skipIf(!goldenFilesPresent)(title, () => {
  test.each(FILES)("%s", async (file) => {
    const run = new RecordedRun(session.range(1).session, executor, ZONE);
    const counts = { same: 0, skipped: 0, different: 0 };
    const reasons = new Map<string, number>();
    const different: string[] = [];
    for (const golden of defaultCases(file)) {
      for (const way of WAYS) {
        if (way === "columns" && /\bfrom\b/i.test(golden.statement)) continue;
        const outcome = await run.run(golden, way);
        if (way === "folded" || outcome.kind === "different") counts[outcome.kind]++;
        if (outcome.kind === "skipped") {
          reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1);
          break;
        }
        if (outcome.kind === "different") {
          different.push(`[${way}] ${golden.statement.replace(/\s+/g, " ")} => ${outcome.detail}`);
          break;
        }
      }
    }
    const skipped = [...reasons].map(([reason, count]) => `${count} ${reason}`).join("; ");
    console.log(`${file}: ${counts.same} same, ${counts.skipped} skipped${skipped && ` (${skipped})`}, ${counts.different} different`);
    expect(different).toEqual([]);
  });
});
