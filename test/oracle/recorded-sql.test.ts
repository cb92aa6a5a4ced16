/**
 * Spark's recorded SQL statements through the whole engine: frames, analysis, compiled code, workers. Each statement runs as users run it, with
 * nothing folded, and (without a table) with its literals in columns of a row, so that the compiled code computes it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { Session } from "../../src/index.ts";
import { goldenCases, goldenFilesPresent, type GoldenCase } from "../functions/support/golden.ts";
import { OracleExecutor, type Outcome, RecordedRun, type Way } from "./support/recorded-run.ts";

const ZONE = "America/Los_Angeles";
const FILES = [
  "array",
  "binary",
  "cast",
  "column-resolution-aggregate",
  "comparator",
  "conditional-functions",
  "count",
  "date",
  "decimalArithmeticOperations",
  "group-by",
  "group-by-alias",
  "having",
  "ilike",
  "ilike-all",
  "ilike-any",
  "inline-table",
  "json-functions",
  "like-all",
  "like-any",
  "literals",
  "misc-functions",
  "null-propagation",
  "operators",
  "order-by-nulls-ordering",
  "postgreSQL/case",
  "postgreSQL/float8",
  "postgreSQL/int4",
  "postgreSQL/select_having",
  "postgreSQL/select_implicit",
  "string-functions",
  "struct",
  "subexp-elimination",
  "timestamp",
  "timestamp-ltz",
  "timestamp-ntz",
  "try-string-functions",
  "try_aggregates",
  "try_arithmetic",
  "try_cast",
  "try_element_at",
  "type-coercion-edge-cases",
  "typeCoercion/native/binaryComparison",
  "typeCoercion/native/caseWhenCoercion",
  "typeCoercion/native/concat",
  "typeCoercion/native/dateTimeOperations",
  "typeCoercion/native/division",
  "typeCoercion/native/elt",
  "typeCoercion/native/implicitTypeCasts",
  "typeCoercion/native/inConversion",
  "typeCoercion/native/promoteStrings",
  "typeCoercion/native/widenSetOperationTypes",
];

/** Statements outside what is built, with the reason. */
const OUT_OF_SCOPE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/\btime\s*'|make_time\b/i, "no TIME type"],
  [/cast\(interval 3 month 1 hour|as interval\)|:: interval$/i, "no calendar intervals"],
  [
    /make_timestamp\((?:make_date\([^)]*\)|DATE'[^']*'|NULL)(?:\)|,\s*[^,)]*\)|,[^,]*,[^,)]*\))/i,
    "make_timestamp from date and time: no TIME type",
  ],
  [/(?:hour|minute|second)\( '10:11:12'\)/, "texts with a time only stand for today: depends on the wall clock"],
  [
    /(?:timediff|timestampadd|timestampdiff|dateadd|date_add|datediff|date_diff)\((?:'|\w+\s*,\s*(?:date|timestamp|cast|to_|-?\d))/i,
    "units as bare words are not read",
  ],
  [/ in \(cast\('2017-12-12[^)]*\), cast\(1 as string\)\)/, "IN compares all values, Spark stops at the first that is equal"],
  [/group by all\b/i, "GROUP BY ALL"],
  [/like (?:all|any|some) \(\)/i, "another condition for an empty list"],
  [/having (?:1 \+ )*(?:sum|min|max)\(v\) \+ [^>]*$|having 1 \+ [^>]*$/i, "HAVING that is not boolean"],
  [/ as (\w+), (?:[^()]*, )?(?:1 \/ )?\1 as /i, "an alias used by its neighbours"],
  [/k as lca, lca/i, "an alias used by its neighbours"],
  [/null:a/i, "paths into VARIANT"],
  [/values \([^()]*(?:1 as one|2\.0\), \("two"\)|count\(1\))/i, "inline tables are read by this test"],
  [
    /order by (?:sum|avg|lower)\((?:v|c)\)|order by (?:test_missing_target\.)?a[/%]2|group by a order by b|group by (?:`|col2, a$|col1 % abc)|group by [ab] having [ab] > 1|as one from test_having having/i,
    "names of results in GROUP BY, HAVING and ORDER BY are SQL's, not the frames'",
  ],
  [/typeof\(current_date\), .* from ttf1/i, "current_date is the function also where a column has that name"],
];

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
  console.log(`all files: ${total.same} same, ${total.skipped} skipped, ${total.different} different`);
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
const total = { same: 0, skipped: 0, different: 0 };
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
        const excluded = OUT_OF_SCOPE.find(([pattern]) => pattern.test(golden.statement));
        const outcome: Outcome = excluded ? { kind: "skipped", reason: excluded[1] } : await run.run(golden, way);
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
    for (const kind of ["same", "skipped", "different"] as const) total[kind] += counts[kind];
    const skipped = [...reasons].map(([reason, count]) => `${count} ${reason}`).join("; ");
    console.log(`${file}: ${counts.same} same, ${counts.skipped} skipped${skipped && ` (${skipped})`}, ${counts.different} different`);
    expect(different).toEqual([]);
  });
});
