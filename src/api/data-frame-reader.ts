/** `spark.read`: describes a batch source. Session's thread; nothing is read here. */
import type { StructType } from "../columnar/types.ts";
import { parseIdentifier, parseSchema } from "../sql/parser.ts";
import { DataFrame } from "./dataframe.ts";
import { OptionMap, type OptionValue } from "./option-map.ts";
import type { SessionState } from "./session-state.ts";
import type { Row, RowOf } from "./typed.ts";

/** Describes a batch source: format, schema, options, then `load`. Unknown options are an error when the frame runs. */
export class DataFrameReader<R = Row> {
  readonly #session: SessionState;
  readonly #options = new OptionMap();
  #format = "parquet";
  #schema: StructType | null = null;

  constructor(session: SessionState) {
    this.#session = session;
  }

  /** Name of the connector; the default is parquet. */
  format(name: string): this {
    this.#format = name;
    return this;
  }
  /** Columns as DDL text or as a type. A literal text types the rows. Throws `ParseError`. */
  schema<const S extends string>(ddl: S): DataFrameReader<RowOf<S>>;
  schema(schema: StructType): DataFrameReader;
  schema(schema: StructType | string): DataFrameReader<any> {
    this.#schema = typeof schema === "string" ? parseSchema(schema) : schema;
    return this;
  }
  option(key: string, value: OptionValue): this {
    this.#options.set(key, value);
    return this;
  }
  options(options: Readonly<Record<string, OptionValue>>): this {
    this.#options.setAll(options);
    return this;
  }
  /** The frame over one or more paths; one path may also be an option. */
  load(...paths: readonly string[]): DataFrame<R> {
    const location = this.#options.get("path");
    return new DataFrame(this.#session, {
      kind: "read",
      format: this.#format,
      schema: this.#schema,
      options: this.#options.toRecord("path"),
      paths: paths.length > 0 || location === undefined ? paths : [location],
      isStreaming: false,
    });
  }
  json(...paths: readonly string[]): DataFrame<R> {
    return this.format("json").load(...paths);
  }
  csv(...paths: readonly string[]): DataFrame<R> {
    return this.format("csv").load(...paths);
  }
  parquet(...paths: readonly string[]): DataFrame<R> {
    return this.format("parquet").load(...paths);
  }
  orc(...paths: readonly string[]): DataFrame<R> {
    return this.format("orc").load(...paths);
  }
  /** Lines as column `value`. */
  text(...paths: readonly string[]): DataFrame<RowOf<"value STRING">> {
    return this.format("text").load(...paths) as DataFrame<any>;
  }
  /** A temporary view by name. */
  table(name: string): DataFrame {
    return new DataFrame(this.#session, { kind: "unresolved_relation", nameParts: parseIdentifier(name), isStreaming: false });
  }
}
