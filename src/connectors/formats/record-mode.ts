/**
 * What becomes of malformed records: Spark's modes PERMISSIVE, DROPMALFORMED and FAILFAST, for readers of JSON and CSV. On workers.
 */
import { ConnectorError } from "../../base/errors.ts";
import { type DataType, leafCount, type StructType, VoidType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ConnectorOptions } from "../options.ts";

export type RecordMode = "PERMISSIVE" | "DROPMALFORMED" | "FAILFAST";
export const RECORD_MODES: readonly RecordMode[] = ["PERMISSIVE", "DROPMALFORMED", "FAILFAST"];

/** What a plain parser makes of one record. */
export interface ParsedRecords {
  /** Top-level fields by position. Blank text has no rows, an array of JSON objects several. */
  readonly rows: Value[][];
  readonly isMalformed: boolean;
}

export interface RecordPolicy {
  readonly mode: RecordMode;
  /** Position of the top-level column that gets the text of malformed records; -1: none. */
  readonly corruptIndex: number;
}

export function recordPolicy(options: ConnectorOptions, schema: StructType): RecordPolicy {
  const name = options.get<string>("columnNameOfCorruptRecord");
  const corruptIndex = schema.fields.findIndex((field) => field.name === name && field.dataType.kind === "string");
  return { mode: options.get<RecordMode>("mode"), corruptIndex };
}

/** The rows that a record gives. Throws MALFORMED_RECORD_IN_PARSING in FAILFAST mode; `where` names the place. */
export function applyPolicy(parsed: ParsedRecords, policy: RecordPolicy, text: string, where: () => string): Value[][] {
  if (!parsed.isMalformed) return parsed.rows;
  switch (policy.mode) {
    case "FAILFAST":
      throw malformedRecord(text, where());
    case "DROPMALFORMED":
      return [];
    case "PERMISSIVE":
      if (policy.corruptIndex >= 0) for (const row of parsed.rows) row[policy.corruptIndex] = text;
      return parsed.rows;
  }
}

/** The error of FAILFAST mode; `place` says where the record stands. */
export function malformedRecord(text: string, place: string): ConnectorError {
  const badRecord = `${text.length > 200 ? `${text.slice(0, 200)}…` : text} (${place})`;
  return new ConnectorError("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", { badRecord, failFastMode: "FAILFAST" });
}

/**
 * The schema that records are parsed with: columns nobody looks at, and the column of corrupt records, become `void`, which takes any
 * value. So a bad value in a column that the query does not read disturbs nothing, as in Spark.
 */
export function parsedSchema(schema: StructType, needed: readonly boolean[], corruptIndex: number): StructType {
  let leaf = 0;
  const prune = (type: DataType): DataType => {
    const first = leaf++;
    if (type.kind !== "struct") return needed[first] ? type : VoidType;
    const fields = type.fields.map((field) => ({ ...field, dataType: prune(field.dataType) }));
    const isNeeded = needed.slice(first, first + leafCount(type)).includes(true);
    return isNeeded ? { kind: "struct", fields } : VoidType;
  };
  const fields = schema.fields.map((field, index) => {
    const dataType = prune(field.dataType);
    return { ...field, dataType: index === corruptIndex ? VoidType : dataType };
  });
  return { kind: "struct", fields };
}
