/**
 * The context of a stage in a worker's memory: addresses that change from split to split (current tables, output blocks) and that
 * generated code reads through its imported global `env.context`. Written by the worker (`worker/stage-instance.ts`), laid out here.
 */

/** Scratch hash table of the partial aggregate (u32 address). */
export const CONTEXT_TABLE = 0;
/** Exchange that rows are written to (u32 address). */
export const CONTEXT_EXCHANGE = 4;
/** Where a partial aggregate goes: `MODE_SCRATCH`, `MODE_EXCHANGE` or `MODE_STATE`. */
export const CONTEXT_MODE = 8;
/** Aggregate in the scratch table first. */
export const MODE_SCRATCH = 0;
/** The data does not reduce: write every row to the exchange. */
export const MODE_EXCHANGE = 1;
/** As before, and there is one worker: straight into the state. */
export const MODE_STATE = 2;
/** State store (u32), or the scratch table of a merge in a batch query. */
export const CONTEXT_STORE = 12;
/** A row's worth of memory for the key and first buffers of the row at hand. */
export const CONTEXT_PROBE_ROW = 16;
/** The same for join keys. */
export const CONTEXT_JOIN_ROW = 20;
/** `BLOCK_ROWS_MAX` bytes of 1: the validity of a column that has none. */
export const CONTEXT_ALL_VALID = 24;
/** Description of the panes that the stage merges into windows (u32 address). */
export const CONTEXT_PANES = 28;
/** Table of these windows (u32 address). */
export const CONTEXT_WINDOWS = 32;
/** Only windows that end after this (i64, µs). */
export const CONTEXT_WINDOW_LOW = 40;
/** Only windows that end at or before this (i64, µs). */
export const CONTEXT_WINDOW_HIGH = 48;
/** Out-blocks, 8 bytes each: block address u32, rows in it u32. Segment i of pipeline p has number `outBlockIndex`. */
export const CONTEXT_OUT_BLOCKS = 64;
export const OUT_BLOCKS_MAX = 64;
/** Static join tables (u32 each). */
export const CONTEXT_STATIC_TABLES = CONTEXT_OUT_BLOCKS + 8 * OUT_BLOCKS_MAX;
export const STATIC_TABLES_MAX = 64;
/** Rows of observed metrics (u32 address each). */
export const CONTEXT_OBSERVED = CONTEXT_STATIC_TABLES + 4 * STATIC_TABLES_MAX;
export const OBSERVED_MAX = 64;
export const CONTEXT_BYTES = CONTEXT_OBSERVED + 4 * OBSERVED_MAX;
