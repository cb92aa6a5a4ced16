/**
 * Millrace: Spark Structured Streaming for Node, in one process.
 *
 * ```
 *  your program                        src/api       Session, DataFrame, Column, functions: describe, compute nothing
 *       │  SQL expressions, DDL        src/sql       text → unresolved expressions and types
 *       ▼
 *  logical plan (unresolved)           src/plan/logical     frozen plain objects, one node per frame method
 *       │  names, types, rules         src/plan/analysis    Spark's errors, before anything starts
 *       ▼
 *  logical plan (analyzed)             src/plan/optimizer   push filters down, prune columns, fold constants
 *       │
 *       ▼
 *  physical plan in stages             src/plan/physical    where rows change workers, which state operators
 *       │  once per query              src/compile          one WebAssembly module per stage; an interpreter as oracle
 *       ▼
 *  ┌────────────────────────────── one micro-batch ──────────────────────────────┐
 *  │ coordinator (your thread)     workers (threads, one shared memory each)      │
 *  │ offsets → log → run → commit  scan → fused filter, project, partial agg.     │
 *  │ src/coordinator, checkpoint   → exchange by hash → merge into state → sink   │
 *  │                               src/worker, state, connectors, kernels         │
 *  └──────────────────────────────────────────────────────────────────────────────┘
 * ```
 *
 * A frame method wraps one logical node and returns at once. Methods that give a Promise hand the plan to the executor
 * (`api/executor.ts`): it is analyzed, optimized, planned and compiled, for a stream once, and then run batch after batch. What is true of one value
 * (types, nulls, overflow, time zones) is written down once per function in `src/functions`. What must survive a crash is written by `src/checkpoint` before
 * and after each batch, so that every batch counts exactly once.
 *
 * Around it: `src/protocol` is what coordinator and workers say to each other (neither imports the other), `src/columnar` how rows lie in memory,
 * `src/base` errors and the ports to clock, disk and network, `src/metrics` progress and listeners, `src/testing.ts` the test kit, `src/cli` the
 * command `millrace`. How to add to any of it: `docs/adding.md`.
 */
export { Session, SessionBuilder } from "./api/session.ts";
export { DataFrame } from "./api/dataframe.ts";
export { GroupedData } from "./api/grouped-data.ts";
export { Column } from "./api/column.ts";
export { DataFrameReader } from "./api/data-frame-reader.ts";
export { DataFrameWriter } from "./api/data-frame-writer.ts";
export { DataStreamReader } from "./api/data-stream-reader.ts";
export { DataStreamWriter, type TriggerOptions } from "./api/data-stream-writer.ts";
export { StreamingQuery, StreamingQueryManager } from "./api/streaming-query.ts";
export { RuntimeConfig } from "./api/runtime-conf.ts";
export { Catalog } from "./api/catalog.ts";
export { Decimal, LocalDate, Timestamp, TimestampNtz } from "./columnar/row-values.ts";
export * as functions from "./api/functions.ts";
export * as types from "./api/types.ts";
export {
  AnalysisError,
  ArithmeticError,
  CheckpointError,
  ConnectorError,
  IllegalArgumentError,
  MillraceError,
  ParseError,
  StreamingQueryError,
  type ErrorCondition,
  type QueryContext,
} from "./base/errors.ts";
export type { ColumnOrName, Row, RowOf } from "./api/typed.ts";
export type { ExplainMode, ProgressJson as StreamingQueryProgress, StreamingQueryListener } from "./api/executor.ts";
export type { TimeWindow } from "./api/functions/datetime.ts";
export type { DataType, StructField, StructType } from "./columnar/types.ts";
export type { ForeachWriter } from "./connectors/foreach/foreach-sink.ts";
export type { OutputMode } from "./connectors/sink.ts";
export type { StreamingQueryStatus } from "./coordinator/query-status.ts";
