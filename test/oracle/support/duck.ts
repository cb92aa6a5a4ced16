/** DuckDB as the second opinion: tables of random rows, answers as text that compares with the engine's. */
import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBAppender,
  type DuckDBConnection,
} from "@duckdb/node-api";
import { Decimal, LocalDate, Timestamp, TimestampNtz } from "../../../src/index.ts";
import type { Table } from "./random-table.ts";

const DUCK_TYPES: Readonly<Record<string, string>> = {
  STRING: "VARCHAR",
  BINARY: "BLOB",
  TIMESTAMP: "TIMESTAMPTZ",
  TIMESTAMP_NTZ: "TIMESTAMP",
};

export async function openDuck(): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(":memory:", { threads: "2" })).connect();
  await connection.run("SET TimeZone = 'UTC'; SET integer_division = false");
  return connection;
}

export async function createTable(duck: DuckDBConnection, name: string, { columns, rows }: Table): Promise<void> {
  await duck.run(`CREATE OR REPLACE TABLE ${name} (${columns.map((c) => `${c.name} ${DUCK_TYPES[c.type] ?? c.type}`).join(", ")})`);
  const appender = await duck.createAppender(name);
  for (const row of rows) {
    for (const column of columns) append(appender, column.type, row[column.name]);
    appender.endRow();
  }
  appender.closeSync();
}

function append(appender: DuckDBAppender, type: string, value: any): void {
  if (value === null) return appender.appendNull();
  switch (type) {
    case "BOOLEAN":
      return appender.appendBoolean(value);
    case "TINYINT":
      return appender.appendTinyInt(value);
    case "SMALLINT":
      return appender.appendSmallInt(value);
    case "INT":
      return appender.appendInteger(value);
    case "BIGINT":
      return appender.appendBigInt(value);
    case "FLOAT":
      return appender.appendFloat(value);
    case "DOUBLE":
      return appender.appendDouble(value);
    case "STRING":
      return appender.appendVarchar(value);
    case "BINARY":
      return appender.appendBlob(value);
    case "DATE":
      return appender.appendDate(new DuckDBDateValue(value.epochDays));
    case "TIMESTAMP":
      return appender.appendTimestampTZ(new DuckDBTimestampTZValue(value.epochMicros));
    case "TIMESTAMP_NTZ":
      return appender.appendTimestamp(new DuckDBTimestampValue(value.localMicros));
    default: {
      const [, precision, scale] = /DECIMAL\((\d+),(\d+)\)/.exec(type)!;
      const unscaled = value.unscaled * 10n ** BigInt(Number(scale) - value.scale);
      return appender.appendDecimal(new DuckDBDecimalValue(unscaled, Number(precision), Number(scale)));
    }
  }
}

/** The rows of an answer as text, one a row. */
export async function duckRows(duck: DuckDBConnection, sql: string): Promise<string[]> {
  const rows = await (await duck.runAndReadAll(sql)).getRows();
  return rows.map((row) => row.map(plain).join(" | "));
}

/** Rows of a frame in the same form. */
export const engineRows = (rows: readonly object[]): string[] => rows.map((row) => Object.values(row).map(plain).join(" | "));

/**
 * A value as text, alike for both: numbers of every kind by their value, doubles to nine digits (the order of additions differs), times as
 * microseconds.
 */
function plain(value: any): string {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof Decimal) return decimal(value.unscaled, value.scale);
  if (value instanceof DuckDBDecimalValue) return decimal(value.value, value.scale);
  if (value instanceof LocalDate) return `day ${value.epochDays}`;
  if (value instanceof DuckDBDateValue) return `day ${value.days}`;
  if (value instanceof Timestamp) return `@${value.epochMicros}`;
  if (value instanceof DuckDBTimestampTZValue) return `@${value.micros}`;
  if (value instanceof TimestampNtz) return `local ${value.localMicros}`;
  if (value instanceof DuckDBTimestampValue) return `local ${value.micros}`;
  if (value.bytes instanceof Uint8Array) return `x${Buffer.from(value.bytes).toString("hex")}`;
  if (Array.isArray(value.items ?? value)) return `[${(value.items ?? value).map(plain).join(", ")}]`;
  if (value.entries && typeof value.entries === "object" && !(value instanceof Map)) return plain(value.entries);
  if (typeof value === "object") return `{${Object.values(value).map(plain).join(", ")}}`;
  throw new Error(`no text for ${String(value)}`);
}

function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value === 0 ? 0 : value);
  return String(Number(value.toPrecision(9)));
}

function decimal(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const fraction = scale === 0 ? "" : digits.slice(-scale).replace(/0+$/, "");
  const whole = scale === 0 ? digits : digits.slice(0, -scale);
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return unscaled < 0n && text !== "0" ? `-${text}` : text;
}
