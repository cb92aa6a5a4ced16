/** Input that a test adds itself: a stream of rows by program, over `connectors/memory`. Session's thread. */
import type { DataFrame } from "../api/dataframe.ts";
import type { Executor } from "../api/executor.ts";
import { LocalExecutor } from "../api/local-executor.ts";
import { rowToEngine } from "../columnar/row.ts";
import type { Session } from "../api/session.ts";
import type { Row, RowOf } from "../api/typed.ts";
import { IllegalArgumentError } from "../base/errors.ts";
import type { StructType } from "../columnar/types.ts";
import { MemoryStream } from "../connectors/memory/memory-stream.ts";
import { parseSchema } from "../sql/parser.ts";

/** Spark's MemoryStream. Everything added is kept, so queries may read it again after a restart. */
export class MemoryInput<R = Row> {
  readonly schema: StructType;
  readonly #session: Session;
  readonly #stream: MemoryStream;
  readonly #name: string;

  /** `memoryStream` makes them. */
  constructor(session: Session, executor: LocalExecutor, schema: StructType) {
    this.schema = schema;
    this.#session = session;
    this.#stream = new MemoryStream(schema);
    this.#name = executor.addMemoryStream(this.#stream);
  }

  /** The stream as a frame; several frames of one input read the same rows. */
  toDF(): DataFrame<R> {
    return this.#session.readStream.format("memory").option("stream", this.#name).load() as DataFrame<R>;
  }

  /**
   * Adds rows, all at one offset: objects by column name, arrays by position, or single values where there is one column. Returns the
   * offset; the first is 0. Throws `INVALID_EXTERNAL_TYPE`, `NOT_NULL_ASSERT_VIOLATION`.
   */
  addData(...rows: readonly unknown[]): number {
    return this.#stream.addData(rows.map((row) => rowToEngine(row, this.schema)));
  }
}

/** A new input of a session, with the columns of `ddl`: `memoryStream(spark, "user STRING, ts TIMESTAMP")`. */
export function memoryStream<const S extends string>(session: Session, ddl: S): MemoryInput<RowOf<S>> {
  return new MemoryInput<RowOf<S>>(session, localExecutor(session.executor), parseSchema(ddl));
}

/** The executor of a session that runs in this process; streams and clocks of tests cannot reach any other. */
export function localExecutor(executor: Executor): LocalExecutor {
  if (executor instanceof LocalExecutor) return executor;
  throw new IllegalArgumentError("UNSUPPORTED_FEATURE.NOT_YET", {
    feature: "The test kit over a session that is not local",
    remedy: 'Use master("local[*]").',
  });
}
