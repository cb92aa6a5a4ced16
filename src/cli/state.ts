/** `millrace state <dir>`: the state of a query as a table, from its checkpoint, also while the query runs. Main thread. */
import { resolve } from "node:path";
import type { DataFrame } from "../api/dataframe.ts";
import { col } from "../api/functions.ts";
import { Session } from "../api/session.ts";
import { leavesOf, type StructType } from "../columnar/types.ts";
import { EXIT_OK } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

export interface StateOptions {
  readonly operator: number;
  readonly store: string;
  readonly batch?: number;
  readonly key?: string;
  readonly changesFrom?: number;
  readonly changesTo?: number;
  readonly limit: number;
  readonly operators: boolean;
  readonly parquet?: string;
  readonly json: boolean;
}

export async function stateCommand(directory: string, options: StateOptions, terminal: Terminal): Promise<number> {
  await using spark = await Session.builder().appName("state").master("local[*]").getOrCreate();
  const path = resolve(directory);
  const table = options.operators ? spark.read.format("state-metadata").load(path) : stateTable(spark, path, options);
  const found = options.key === undefined ? table : table.filter(options.key);
  if (options.parquet !== undefined) {
    await (await withoutEmptyStructs(found)).write.parquet(resolve(options.parquet));
    terminal.write(`Written: ${resolve(options.parquet)}\n`);
  } else if (options.json) {
    for (const row of await found.limit(options.limit).collect()) terminal.write(`${JSON.stringify(row, jsonValue)}\n`);
  } else {
    await flat(found, await found.schema()).show(options.limit, 40);
  }
  return EXIT_OK;
}

function stateTable(spark: Session, path: string, { operator, store, batch, changesFrom, changesTo }: StateOptions): DataFrame {
  const reader = spark.read.format("statestore").options({ operatorId: operator, storeName: store });
  if (batch !== undefined) reader.option("batchId", batch);
  if (changesFrom !== undefined) reader.options({ readChangeFeed: true, changeStartBatchId: changesFrom });
  if (changesTo !== undefined) reader.option("changeEndBatchId", changesTo);
  return reader.load(path);
}

/** What has no keys, or no values, has no such column in files: they know no struct without fields. */
async function withoutEmptyStructs(table: DataFrame): Promise<DataFrame> {
  const { fields } = await table.schema();
  const empty = fields.flatMap(({ name, dataType }) => (dataType.kind === "struct" && dataType.fields.length === 0 ? [name] : []));
  return table.drop(...empty);
}

/** Structs as columns of their own: `window.start`, `channel`, `count`; with `key.` and `value.` before names that are there twice. */
function flat(table: DataFrame, schema: StructType): DataFrame {
  const paths = leavesOf(schema)
    .filter(({ physical }) => physical !== "struct")
    .map(({ path }) => path);
  const short = (path: readonly string[]): string => (path.length > 1 ? path.slice(1) : path).join(".");
  const names = paths.map(short);
  const isUnique = (name: string): boolean => names.indexOf(name) === names.lastIndexOf(name);
  return table.select(...paths.map((path, i) => col(path.map(quoted).join(".")).as(isUnique(names[i]!) ? names[i]! : path.join("."))));
}

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

/** BIGINT as a number where it is one, times and decimals as text, bytes in base 64. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Map) return [...(value as ReadonlyMap<unknown, unknown>)];
  const isPlain = value === null || typeof value !== "object" || Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? value : String(value);
}
