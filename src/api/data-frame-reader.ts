/** `spark.read`: describes a batch source. Session's thread; nothing is read here. */
import type { StructType } from "../columnar/types.ts";
import type { DataFrame } from "./dataframe.ts";
import type { SessionState } from "./session-state.ts";
import { SourceDescription, SourceReader } from "./source-reader.ts";
import type { Row, RowOf } from "./typed.ts";

/** Describes a batch source: format, schema, options, then `load`. Unknown options are an error when the frame runs. */
export class DataFrameReader<R = Row> extends SourceReader {
  readonly #source: SourceDescription;

  constructor(session: SessionState) {
    const source = new SourceDescription(session, false);
    super(source);
    this.#source = source;
  }

  /** Columns as DDL text or as a type. A literal text types the rows. Throws `ParseError`. */
  schema<const S extends string>(ddl: S): DataFrameReader<RowOf<S>>;
  schema(schema: StructType): DataFrameReader;
  schema(schema: StructType | string): DataFrameReader<any> {
    this.#source.schema = schema;
    return this;
  }
  /** The frame over one or more paths; one path may also be an option. */
  load(...paths: readonly string[]): DataFrame<R> {
    return this.#source.frame(paths);
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
}
