/** `spark.readStream`: describes a streaming source. Session's thread; nothing is read here. */
import type { StructType } from "../columnar/types.ts";
import { parseIdentifier, parseSchema } from "../sql/parser.ts";
import { DataFrame } from "./dataframe.ts";
import { OptionMap, type OptionValue } from "./option-map.ts";
import type { SessionState } from "./session-state.ts";
import type { Row, RowOf } from "./typed.ts";

/** Describes a streaming source: format, schema, options, then `load`. File sources need a schema. */
export class DataStreamReader<R = Row> {
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
  schema<const S extends string>(ddl: S): DataStreamReader<RowOf<S>>;
  schema(schema: StructType): DataStreamReader;
  schema(schema: StructType | string): DataStreamReader<any> {
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
  /** The frame over the source; `path` may also be an option. */
  load(path?: string): DataFrame<R> {
    const location = path ?? this.#options.get("path");
    return new DataFrame(this.#session, {
      kind: "read",
      format: this.#format,
      schema: this.#schema,
      options: this.#options.toRecord("path"),
      paths: location === undefined ? [] : [location],
      isStreaming: true,
    });
  }
  json(path: string): DataFrame<R> {
    return this.format("json").load(path);
  }
  csv(path: string): DataFrame<R> {
    return this.format("csv").load(path);
  }
  parquet(path: string): DataFrame<R> {
    return this.format("parquet").load(path);
  }
  orc(path: string): DataFrame<R> {
    return this.format("orc").load(path);
  }
  /** Lines as column `value`. */
  text(path: string): DataFrame<RowOf<"value STRING">> {
    return this.format("text").load(path) as DataFrame<any>;
  }
  /** A temporary view over a stream, by name. */
  table(name: string): DataFrame {
    return new DataFrame(this.#session, { kind: "unresolved_relation", nameParts: parseIdentifier(name), isStreaming: true });
  }
}
