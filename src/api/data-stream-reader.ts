/** `spark.readStream`: describes a streaming source. Session's thread; nothing is read here. */
import type { StructType } from "../columnar/types.ts";
import { notYet } from "./column.ts";
import type { DataFrame } from "./dataframe.ts";
import type { SessionState } from "./session-state.ts";
import { SourceDescription, SourceReader } from "./source-reader.ts";
import type { Row, RowOf } from "./typed.ts";

/** Describes a streaming source: format, schema, options, then `load`. File sources need a schema. */
export class DataStreamReader<R = Row> extends SourceReader {
  readonly #source: SourceDescription;

  constructor(session: SessionState) {
    const source = new SourceDescription(session, true);
    super(source);
    this.#source = source;
  }

  /** Columns as DDL text or as a type. A literal text types the rows. Throws `ParseError`. */
  schema<const S extends string>(ddl: S): DataStreamReader<RowOf<S>>;
  schema(schema: StructType): DataStreamReader;
  schema(schema: StructType | string): DataStreamReader<any> {
    this.#source.schema = schema;
    return this;
  }
  /** A name for the source in the checkpoint. */
  name(_sourceName: string): never {
    throw notYet("DataStreamReader.name", "Sources are told apart by their order in the query.");
  }
  /** The frame over the source; `path` may also be an option. */
  load(path?: string): DataFrame<R> {
    return this.#source.frame(path === undefined ? [] : [path]);
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
}
