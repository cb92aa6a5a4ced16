/** Expected answers by other means than the engine: kept beside their data, or asked of DuckDB. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

/** The answer kept under `path`, computed the first time. */
export async function keptAnswer(path, compute) {
  const file = `${path}.answer`;
  if (!existsSync(file)) writeFileSync(file, await compute());
  return readFileSync(file, "utf8");
}

/** Rows of a DuckDB query over columns of text, each as a line. */
export async function duckLines(sql) {
  const connection = await (await DuckDBInstance.create()).connect();
  const lines = [];
  await connection.run("SET timezone = 'UTC'");
  const result = await connection.stream(sql);
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk())
    for (const row of chunk.getRows()) lines.push(row.join(","));
  connection.closeSync();
  return lines;
}

/** A list of files as DuckDB reads it. */
export const duckFiles = (paths) => `[${paths.map((path) => `'${path}'`).join(", ")}]`;
