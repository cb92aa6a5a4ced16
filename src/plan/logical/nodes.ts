/**
 * Logical plan nodes: frozen plain objects, one to one with Spark Connect's relations where one exists. Frames build them
 * (`api/dataframe.ts`), the analyzer resolves them, the optimizer rewrites them, the planner turns them into stages.
 * Children per kind: `plan/tree.ts`.
 */
import type { StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Alias, Attribute, Expression, SortOrder } from "../expr/expression.ts";

export type LogicalPlan =
  | Read
  | LocalRelation
  | Range
  | Relation
  | UnresolvedRelation
  | Project
  | Filter
  | WithColumns
  | WithColumnsRenamed
  | Drop
  | SubqueryAlias
  | Aggregate
  | Join
  | SetOperation
  | Sort
  | Limit
  | Deduplicate
  | WithWatermark
  | ExpandWindow
  | CollectMetrics
  | MapPartitions;

interface Node {
  /** Set on nodes that a frame made, so that `df.col("x")` finds its frame. */
  readonly planId?: number;
}

/** `spark.read` or `spark.readStream` with format and options; resolved to a `Relation` by asking the connector. */
export interface Read extends Node {
  readonly kind: "read";
  readonly format: string;
  /** Given by the user; a DDL text before analysis. */
  readonly schema: StructType | string | null;
  /** Keys as written; look-up is case-insensitive. */
  readonly options: Readonly<Record<string, string>>;
  readonly paths: readonly string[];
  readonly isStreaming: boolean;
}

/** Rows held by the program: `createDataFrame`, the argument of foreachBatch, the test kit's memory stream as batch. */
export interface LocalRelation extends Node {
  readonly kind: "local_relation";
  readonly schema: StructType;
  readonly output: readonly Attribute[];
  /** Encoded column batches (`columnar/column-batch.ts`), each in memory that may be shared with workers. */
  readonly batches: readonly Uint8Array[];
}

/** `spark.range(start, end, step)`: one column `id` of type long. */
export interface Range extends Node {
  readonly kind: "range";
  readonly start: bigint;
  readonly end: bigint;
  readonly step: bigint;
  readonly output: readonly Attribute[];
}

/** A resolved source. `source` is the index into the query's list of sources; equal `Read` nodes share one (self-union, self-join). */
export interface Relation extends Node {
  readonly kind: "relation";
  readonly read: Read;
  readonly output: readonly Attribute[];
  readonly isStreaming: boolean;
}

/** A table or view by name. */
export interface UnresolvedRelation extends Node {
  readonly kind: "unresolved_relation";
  readonly nameParts: readonly string[];
  readonly isStreaming: boolean;
}

export interface Project extends Node {
  readonly kind: "project";
  readonly child: LogicalPlan;
  /** After analysis: `Attribute` or `Alias` only. */
  readonly expressions: readonly Expression[];
}

export interface Filter extends Node {
  readonly kind: "filter";
  readonly child: LogicalPlan;
  readonly condition: Expression;
}

/** Adds or replaces columns; analysis turns it into a `Project`. */
export interface WithColumns extends Node {
  readonly kind: "with_columns";
  readonly child: LogicalPlan;
  readonly columns: readonly Alias[];
}

export interface WithColumnsRenamed extends Node {
  readonly kind: "with_columns_renamed";
  readonly child: LogicalPlan;
  readonly renames: readonly { readonly from: string; readonly to: string }[];
}

export interface Drop extends Node {
  readonly kind: "drop";
  readonly child: LogicalPlan;
  readonly columns: readonly Expression[];
}

export interface SubqueryAlias extends Node {
  readonly kind: "subquery_alias";
  readonly child: LogicalPlan;
  readonly name: string;
}

/**
 * Group and aggregate. Output is `results`, in order. After analysis `grouping` are attributes of the child (grouping
 * expressions have been computed in a `Project` below) and `results` are attributes or aliases over attributes of `grouping` and over
 * `AggregateCall`s.
 */
export interface Aggregate extends Node {
  readonly kind: "aggregate";
  readonly child: LogicalPlan;
  readonly grouping: readonly Expression[];
  /** For Connect fidelity: before analysis, the aggregates only; the grouping columns are prepended by the analyzer. */
  readonly results: readonly Expression[];
}

export type JoinType = "inner" | "left_outer" | "right_outer" | "full_outer" | "left_semi" | "left_anti" | "cross";

export interface Join extends Node {
  readonly kind: "join";
  readonly left: LogicalPlan;
  readonly right: LogicalPlan;
  readonly joinType: JoinType;
  readonly condition: Expression | null;
  readonly usingColumns: readonly string[];
}

export interface SetOperation extends Node {
  readonly kind: "set_operation";
  readonly operation: "union" | "union_by_name" | "intersect" | "except";
  readonly isAll: boolean;
  readonly allowMissingColumns: boolean;
  readonly inputs: readonly LogicalPlan[];
  /** After analysis: output attributes with ids of their own. */
  readonly output?: readonly Attribute[];
}

export interface Sort extends Node {
  readonly kind: "sort";
  readonly child: LogicalPlan;
  readonly order: readonly SortOrder[];
}

export interface Limit extends Node {
  readonly kind: "limit";
  readonly child: LogicalPlan;
  readonly limit: number;
  readonly offset: number;
}

export interface Deduplicate extends Node {
  readonly kind: "deduplicate";
  readonly child: LogicalPlan;
  /** Empty: all columns. After analysis: attributes. */
  readonly columns: readonly Expression[];
  readonly withinWatermark: boolean;
}

export interface WithWatermark extends Node {
  readonly kind: "with_watermark";
  readonly child: LogicalPlan;
  /** After analysis: an attribute of the child. */
  readonly eventTime: Expression;
  /** An interval text such as "10 seconds"; `delayMs` after analysis (months count 31 days). */
  readonly delay: string;
  readonly delayMs: number;
  /** Output attributes after analysis: the child's, the event-time one carrying `watermarkDelayMs`. */
  readonly output?: readonly Attribute[];
}

/**
 * Made by the analyzer for `window(...)`: appends the column `window` (struct<start, end>), one row per window that
 * contains the time; rows with a null time are dropped. All lengths in microseconds, aligned to the epoch.
 */
export interface ExpandWindow extends Node {
  readonly kind: "expand_window";
  readonly child: LogicalPlan;
  readonly time: Expression;
  readonly windowMicros: bigint;
  readonly slideMicros: bigint;
  readonly startMicros: bigint;
  readonly window: Attribute;
}

/** `observe(name, …)`: passes rows through and aggregates them beside. */
export interface CollectMetrics extends Node {
  readonly kind: "collect_metrics";
  readonly child: LogicalPlan;
  readonly name: string;
  /** Aliases over `AggregateCall`s after analysis. */
  readonly metrics: readonly Expression[];
}

/** `map`, `flatMap`, `mapPartitions`: rows become other rows by a function of the program, on the session's thread. */
export interface MapPartitions extends Node {
  readonly kind: "map_partitions";
  readonly child: LogicalPlan;
  /** The method's name, for messages. */
  readonly name: string;
  /** From rows to rows, as values of the engine. `inputSchema`: of the rows that it is given. */
  readonly bind: (inputSchema: StructType) => (rows: readonly (readonly Value[])[]) => Value[][];
  readonly schema: StructType;
  /** After analysis. */
  readonly output?: readonly Attribute[];
}

export type LogicalKind = LogicalPlan["kind"];
