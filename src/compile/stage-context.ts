/**
 * The context of a stage in a worker's memory: addresses that change from split to split (current tables, output blocks) and that
 * generated code reads through its imported global `env.context`. Written by the worker (`worker/stage-instance.ts`), laid out here.
 */
import { AnalysisError } from "../base/errors.ts";

/** How many out-blocks, static tables and observed metrics a stage can have, each. */
const SLOTS_MAX = 64;

/** Flat table of the partial aggregate's groups (u32 address). */
export const CONTEXT_TABLE = 0;
/** Exchange that rows are written to (u32 address). */
export const CONTEXT_EXCHANGE = 4;
/** Where a partial aggregate goes: `MODE_SCRATCH` or `MODE_EXCHANGE`. */
export const CONTEXT_MODE = 8;
/** Aggregate in the scratch table first. */
export const MODE_SCRATCH = 0;
/** The data does not reduce: write every row to the exchange. */
export const MODE_EXCHANGE = 1;
/** State store (u32), or the scratch table of a merge in a batch query. */
export const CONTEXT_STORE = 12;
/** A row's worth of memory for the key and first buffers of the row at hand. */
export const CONTEXT_PROBE_ROW = 16;
/** A row's worth of memory for a row that is added to a static table. */
export const CONTEXT_JOIN_ROW = 20;
/** `BLOCK_ROWS_MAX` bytes of 1: the validity of a column that has none. */
export const CONTEXT_ALL_VALID = 24;
/** Room for the rows of windows that the stage merges from panes (u32 address). */
export const CONTEXT_WINDOW_ROWS = 28;
/** Where their values of variable length go: an empty flat table (u32 address). */
export const CONTEXT_WINDOW_VALUES = 32;
/** Rows that the stage dropped in this batch because they were late for the operator behind it (u32). */
export const CONTEXT_LATE_ROWS = 36;
/** Pool of interned strings (u32 address). */
export const CONTEXT_POOL = 40;
const OUT_BLOCKS = 48;
const OUT_BLOCK_BYTES = 8;
const STATIC_TABLES = OUT_BLOCKS + OUT_BLOCK_BYTES * SLOTS_MAX;
const OBSERVED = STATIC_TABLES + 4 * SLOTS_MAX;
const STEP_ROWS = OBSERVED + 4 * SLOTS_MAX;
/** How many steps of a stage have their rows counted. */
const COUNTED_STEPS_MAX = 64;
export const CONTEXT_BYTES = STEP_ROWS + 8 * COUNTED_STEPS_MAX;

/** Offset of an out-block: block address u32, rows in it u32. Segment i of pipeline p has number `outBlockIndex`. */
export const outBlockSlot = (index: number): number => OUT_BLOCKS + OUT_BLOCK_BYTES * slot(index, "pipelines in a stage");

/** Offset of a static join table's address (u32). */
export const staticTableSlot = (index: number): number => STATIC_TABLES + 4 * slot(index, "joins with static tables");

/** Offset of the address (u32) of an observed metric's row. */
export const observedSlot = (index: number): number => OBSERVED + 4 * slot(index, "observed metrics");

/** Offset of the rows behind a counted step (i64); null: this one is not counted. */
export const stepRowsSlot = (index: number): number | null => (index < COUNTED_STEPS_MAX ? STEP_ROWS + 8 * index : null);

function slot(index: number, feature: string): number {
  if (index < SLOTS_MAX) return index;
  throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
    feature: `a query with more than ${SLOTS_MAX} ${feature}`,
    remedy: "Split the query in two.",
  });
}
