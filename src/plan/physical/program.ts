/**
 * The physical plan: stages cut at shuffles, in an order in which each comes after those that feed it. Plain data but for `sessionSteps`, which stay on
 * the main thread; the planner makes it, the compiler turns every pipeline into a WebAssembly function, workers run it.
 *
 * ```
 * stage 0: scan ──► steps ──► partial aggregate ══ shuffle ══► stage 1: merge ──► steps ──► output or the next shuffle
 *          (one pipeline per source; union = several pipelines, or several stages, into one sink)
 * ```
 * A subtree that is no chain (a static join side, a sort below an aggregate) runs first, as a query of its own, and comes in as a
 * `local` source or a static table.
 */
import type { ScanPredicate } from "../../columnar/scan-predicate.ts";
import type { RowLayout } from "../../columnar/row-layout.ts";
import type { Value } from "../../columnar/values.ts";
import type { DataType, Leaf, StructType } from "../../columnar/types.ts";
import type { Alias, Attribute, Expression, SortOrder } from "../expr/expression.ts";
import type { LocalRelation, LogicalPlan, Read } from "../logical/nodes.ts";

export type OutputMode = "append" | "update" | "complete";

export interface PhysicalProgram {
  readonly stages: readonly Stage[];
  readonly sources: readonly SourceInput[];
  readonly staticTables: readonly StaticTable[];
  readonly operators: readonly KeyedOperator[];
  readonly watermarks: readonly WatermarkOperator[];
  readonly observed: readonly ObservedMetrics[];
  /** Functions of modules that expressions call: workers import them. */
  readonly userFunctions: readonly { readonly module: string; readonly exportName: string }[];
  /** Functions of the program over whole stages. Never leaves the main thread. */
  readonly sessionSteps: readonly SessionStep[];
  /** Rows leaving the last stage. */
  readonly output: readonly Attribute[];
  /** What the main thread does with the rows of the last stage before anybody sees them; empty in most queries. */
  readonly tail: readonly TailStep[];
  readonly outputMode: OutputMode | "batch";
  /** State and shuffle partitions. */
  readonly partitions: number;
  readonly timeZone: string;
  /** Rows after which a worker may stop, when only the first so many are wanted; null = all. */
  readonly rowLimit: number | null;
}

export interface SourceInput {
  readonly read:
    | Read
    | LocalRelation
    /** The rows that a session step has made of an earlier stage's. */
    | { readonly kind: "session"; readonly step: number }
    | { readonly kind: "range"; readonly start: bigint; readonly end: bigint; readonly step: bigint };
  readonly isStreaming: boolean;
  readonly schema: StructType;
  readonly leaves: readonly Leaf[];
  /** Per leaf: whether any pipeline looks at it. */
  readonly needed: readonly boolean[];
  /** Conditions that hold for every row which the query keeps. */
  readonly predicates: readonly ScanPredicate[];
}

export interface Stage {
  readonly index: number;
  readonly input: { readonly kind: "scan" } | { readonly kind: "merge"; readonly operator: number };
  /** One per source for a scan, exactly one for a merge. */
  readonly pipelines: readonly Pipeline[];
  readonly sink: StageSink;
}

export type StageSink =
  | { readonly kind: "shuffle"; readonly operator: number }
  | { readonly kind: "output" }
  /** To the main thread, for a session step. */
  | { readonly kind: "session"; readonly step: number; readonly rows: readonly Attribute[] };

/** Cuts a pipeline: the rows of a stage go to the session's thread, the next stage scans what becomes of them there. */
export interface SessionStep {
  readonly index: number;
  readonly input: readonly Attribute[];
  readonly output: readonly Attribute[];
  readonly work:
    /** One value per output attribute. */
    | { readonly kind: "columns"; readonly expressions: readonly Expression[] }
    | { readonly kind: "rows"; readonly name: string; readonly call: (rows: readonly (readonly Value[])[]) => Value[][] };
}

export interface Pipeline {
  /** For a scan: index into `sources`; for a merge: -1. */
  readonly source: number;
  /** Attributes that the source's leaves (scan) or the merged rows' grouping keys (merge) bind, in order. */
  readonly input: readonly Attribute[];
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: "filter"; readonly condition: Expression }
  | { readonly kind: "project"; readonly expressions: readonly (Attribute | Alias)[] }
  | {
      readonly kind: "expand_window";
      readonly time: Expression;
      readonly windowMicros: bigint;
      readonly slideMicros: bigint;
      readonly startMicros: bigint;
      readonly window: Attribute;
      /** The row goes once into the pane of so many microseconds that its time is in (`RowPanes`); null: into every window. */
      readonly paneMicros: bigint | null;
    }
  | { readonly kind: "event_time"; readonly watermark: number; readonly time: Expression }
  | { readonly kind: "observe"; readonly observed: number }
  | {
      readonly kind: "join";
      readonly table: number;
      readonly joinType: "inner" | "left_outer" | "left_semi" | "left_anti";
      /** Keys of the probing side, typed as the table's keys. */
      readonly keys: readonly Expression[];
      readonly nullSafe: readonly boolean[];
      readonly condition: Expression | null;
    }
  /** Ends the fused loop: computes `columns` row by row with the interpreter, then a new fused loop goes on. */
  | {
      readonly kind: "interpret";
      readonly columns: readonly { readonly attribute: Attribute; readonly expression: Expression }[];
      readonly carried: readonly Attribute[];
    };

/** A broadcast join side: every worker holds the whole table. */
export interface StaticTable {
  readonly index: number;
  /** Runs as a batch query before the first batch. */
  readonly plan: LogicalPlan;
  readonly attributes: readonly Attribute[];
  readonly leaves: readonly Leaf[];
  readonly keys: readonly Expression[];
  readonly layout: RowLayout;
}

/** What a shuffle leads to: rows meet by key in the worker that owns their partition. */
export type KeyedOperator = AggregateOperator | RowOperator;

export interface AggregateOperator {
  readonly kind: "aggregate";
  readonly index: number;
  readonly grouping: readonly Attribute[];
  /** Leaves of the grouping attributes that are key fields, in layout order. */
  readonly aggregates: readonly PlannedAggregate[];
  readonly layout: RowLayout;
  /** Null in batch queries. */
  readonly state: StatefulAggregate | null;
}

export interface PlannedAggregate {
  /** Attribute that carries the result. */
  readonly result: Attribute;
  /** The buffers as attributes, if the result is computed from them by an interpret step; null: generated code computes it. */
  readonly buffers: readonly Attribute[] | null;
  readonly name: string;
  /** For a sketch the one value that its kernel takes. */
  readonly args: readonly Expression[];
  readonly filter: Expression | null;
  readonly ignoreNulls: boolean;
  readonly argumentTypes: readonly DataType[];
  /** First value field of the layout, and how many. */
  readonly firstField: number;
  readonly fieldCount: number;
}

interface StatefulOperator {
  /** Spark's operator id: 0 for the operator nearest to the sources. */
  readonly operatorId: number;
  /** Spark's name, in progress and metadata. */
  readonly operatorName: "stateStoreSave" | "dedupe" | "dedupeWithinWatermark" | "globalLimit";
  /** Whether state at or before the watermark is evicted. */
  readonly watermarked: boolean;
}

export interface StatefulAggregate extends StatefulOperator {
  readonly emit: OutputMode;
}

/** An operator whose rows leave as they came, or not at all. Streams only. */
export type RowOperator = DeduplicateOperator | LimitOperator;

interface RowOperatorBase {
  readonly index: number;
  /** Attributes whose values the state's rows are found by. */
  readonly keys: readonly Attribute[];
  /** The other attributes that leave. */
  readonly carried: readonly Attribute[];
  /** Rows of the state. */
  readonly layout: RowLayout;
  /** Rows of the shuffle: begin as those of the state, with the carried columns behind. */
  readonly shuffled: RowLayout;
  readonly state: StatefulOperator;
}

export interface DeduplicateOperator extends RowOperatorBase {
  readonly kind: "deduplicate";
  /** Rows with a time at or before the late watermark are dropped; null: there is no watermark. */
  readonly eventTime: Attribute | null;
  /** A key is forgotten so long after its row's time (the one value of the state); null: the state has no values. */
  readonly keptMicros: bigint | null;
}

export interface LimitOperator extends RowOperatorBase {
  readonly kind: "limit";
  readonly limit: number;
}

export interface WatermarkOperator {
  readonly index: number;
  readonly column: string;
  readonly delayMs: number;
}

export interface ObservedMetrics {
  readonly index: number;
  readonly name: string;
  readonly aggregate: AggregateOperator;
  readonly results: readonly (Attribute | Alias)[];
}

export type TailStep =
  | { readonly kind: "sort"; readonly order: readonly SortOrder[] }
  | { readonly kind: "limit"; readonly limit: number; readonly offset: number }
  | { readonly kind: "filter"; readonly condition: Expression }
  | { readonly kind: "project"; readonly expressions: readonly (Attribute | Alias)[] };
