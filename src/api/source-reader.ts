/** What `spark.read` and `spark.readStream` have in common: format, options, schema. Session's thread; nothing is read here. */
import type { StructType } from "../columnar/types.ts";
import { parseIdentifier, parseSchema } from "../sql/parser.ts";
import { DataFrame } from "./dataframe.ts";
import { OptionMap, type OptionValue } from "./option-map.ts";
import type { SessionState } from "./session-state.ts";

/** A source as far as it is described. */
export class SourceDescription {
  readonly session: SessionState;
  readonly isStreaming: boolean;
  readonly options = new OptionMap();
  format = "parquet";
  #schema: StructType | null = null;

  constructor(session: SessionState, isStreaming: boolean) {
    this.session = session;
    this.isStreaming = isStreaming;
  }

  set schema(schema: StructType | string) {
    this.#schema = typeof schema === "string" ? parseSchema(schema) : schema;
  }

  /** The frame over `paths`, or over the option `path` where there is none. */
  frame(paths: readonly string[]): DataFrame<any> {
    const location = this.options.get("path");
    return new DataFrame(this.session, {
      kind: "read",
      format: this.format,
      schema: this.#schema,
      options: this.options.toRecord("path"),
      paths: paths.length > 0 || location === undefined ? paths : [location],
      isStreaming: this.isStreaming,
    });
  }
}

/** Methods of `DataFrameReader` and `DataStreamReader` alike. */
export abstract class SourceReader {
  readonly #source: SourceDescription;

  constructor(source: SourceDescription) {
    this.#source = source;
  }

  /** Name of the connector; the default is parquet. */
  format(name: string): this {
    this.#source.format = name;
    return this;
  }
  option(key: string, value: OptionValue): this {
    this.#source.options.set(key, value);
    return this;
  }
  options(options: Readonly<Record<string, OptionValue>>): this {
    this.#source.options.setAll(options);
    return this;
  }
  /** A temporary view by name. */
  table(name: string): DataFrame {
    const { session, isStreaming } = this.#source;
    return new DataFrame(session, { kind: "unresolved_relation", nameParts: parseIdentifier(name), isStreaming });
  }
}
