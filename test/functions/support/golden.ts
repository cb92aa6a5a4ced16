/** Reads Spark's recorded SQL results (`shared/spark-sql-tests`): statements with their expected rows or error. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatInterval } from "../../../src/columnar/interval.ts";
import { DayTimeIntervalType, type IntervalType, YearMonthIntervalType } from "../../../src/columnar/types.ts";

const folder = fileURLToPath(new URL("../../../../shared/spark-sql-tests/", import.meta.url));

/** Whether the recordings are at hand; they are not part of the repository. */
export const goldenFilesPresent = existsSync(folder);

export interface GoldenCase {
  readonly file: string;
  readonly statement: string;
  /** Lines of the answer, or the error. */
  readonly rows: readonly string[];
  readonly error: { readonly condition: string; readonly parameters: Readonly<Record<string, string>> } | undefined;
}

export function goldenCases(file: string): GoldenCase[] {
  const text = readFileSync(`${folder}results/${file}.sql.out`, "utf8");
  return text
    .split("\n-- !query\n")
    .slice(1)
    .map((block) => {
      const [statement, rest] = block.split("\n-- !query schema\n") as [string, string];
      const output = rest.slice(rest.indexOf("-- !query output\n") + "-- !query output\n".length).replace(/\n+$/, "");
      const json = /^[\w.]+(?:Exception|Error)\n(\{.*)$/s.exec(output);
      const parsed = json ? (JSON.parse(json[1]!) as { errorClass: string; messageParameters?: Record<string, string> }) : undefined;
      return {
        file,
        statement,
        rows: parsed ? [] : output.split("\n"),
        error: parsed && { condition: parsed.errorClass, parameters: parsed.messageParameters ?? {} },
      };
    });
}

/** An interval in Hive's form, as the recordings have it: `1-2`, `1 02:03:04.500000000`. */
export function hiveInterval(value: bigint | number, kind: IntervalType["kind"]): string {
  const [, body] = /'(.*)'/.exec(formatInterval(value, kind === "day_time_interval" ? DayTimeIntervalType : YearMonthIntervalType))!;
  if (kind === "year_month_interval") return body!;
  const [whole, fraction = ""] = body!.split(".") as [string, string?];
  return `${whole}.${fraction.padEnd(9, "0")}`;
}
