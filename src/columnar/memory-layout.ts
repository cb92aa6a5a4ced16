/**
 * The memory map of a worker: one shared WebAssembly memory, fixed cells first, everything else allocated above.
 *
 * The single source for TypeScript, the AssemblyScript kernels (`kernels/assembly/memory-layout.ts` is generated from this
 * file by the build) and the code emitter. Addresses are bytes from the start of the memory.
 *
 * ```
 * 0        64      1024            16384              65536           static end
 * | unused | cells | counters      | operator stats   | kernel statics | segments (64 KiB pages): arenas, state heap, I/O …
 * ```
 */

/** Error slot. Generated code and kernels write it instead of trapping; the worker reads it after every call. */
export const ERROR_CODE = 64; // u32, an `ErrorCode`; 0 = none
export const ERROR_SITE = 68; // u32, index into the module's site table (expression text, types)
export const ERROR_OPERAND_0 = 72; // i64: raw bits of the first operand (a view for strings)
export const ERROR_OPERAND_1 = 80; // i64
/** Set to 1 by a kernel whose result is null; the caller reads and clears it. */
export const KERNEL_NULL = 88; // u32
/** After `table_upsert` and `store_upsert`: 1 if the row was inserted by this call. */
export const TABLE_INSERTED = 92; // u32
/** After any kernel that returns a row: the base that its variable-length slots are relative to. */
export const TABLE_BASE = 96; // u32
/** Clock of the batch in µs, `offsets/N.batchTimestampMs * 1000`. */
export const BATCH_TIMESTAMP = 104; // i64
/** Rows at or before this event time (µs) are late; `i64` minimum when no watermark is set. */
export const LATE_WATERMARK = 112; // i64
/** State at or before this event time (µs) is evicted; `i64` minimum when no watermark is set. */
export const EVICT_WATERMARK = 120; // i64
/** Epoch of the running batch, never 0: rows whose epoch differs are touched for the first time. */
export const BATCH_EPOCH = 128; // u32
/** 64 KiB pages of the newest request for memory that was refused. */
export const MEMORY_REFUSED = 132; // u32
/** The newest number in `BLOCK_COLUMN_DICTIONARY`. */
export const DICTIONARIES = 136; // u32
/** Least and largest time (µs) of the block that `event_times` has looked at last. */
export const EVENT_TIME_BLOCK = 144; // 2 x i64
/** Arena descriptors, 32 bytes each (see `kernels/assembly/memory.ts`), which begin with the next free address and the end of what is free there. */
export const ARENAS = 192;
/** Row counters, i64 each; which is which is decided by the planner. */
const COUNTERS = 1024;
/** Event-time statistics per watermark operator, 32 bytes each: max µs i64, min µs i64, sum of ms f64, count i64. */
export const EVENT_TIME_STATS = 16384;
export const EVENT_TIME_STATS_BYTES = 32;
/** Where AssemblyScript's static data begins (`memoryBase` in asconfig.json). */
export const KERNEL_STATICS = 65536;

/** Arenas by lifetime. */
export const ARENA_SPLIT = 0; // reset after each split (or each merged exchange block)
export const ARENA_BATCH = 1; // reset when the batch has ended: exchange blocks, undo, output for the main thread
export const ARENA_QUERY = 2; // never reset: descriptors
export const ARENA_BLOCK = 3; // reset after each block: temporary strings of expressions
export const ARENA_TABLES = 4; // reset before static join tables are loaded again
export const ARENA_PANES = 5; // reset after each partition whose panes are taken together (`kernels/assembly/pane-series.ts`)
export const ARENA_COUNT = 6;

/** Strings read 8 bytes at a time may read this far past their end: every buffer that holds string bytes is padded so. */
export const PADDING_BYTES = 16;

/** What went wrong, in `ERROR_CODE`. The worker turns it into a typed error with the site's expression. */
export const ERROR_CODES = {
  none: 0,
  arithmetic_overflow: 1,
  divide_by_zero: 2,
  remainder_by_zero: 3,
  cast_invalid_input: 4,
  cast_overflow: 5,
  decimal_out_of_range: 6,
  binary_arithmetic_overflow: 7,
  out_of_memory: 8,
  malformed_record: 9,
  interval_overflow: 10,
  datetime_overflow: 11,
  invalid_argument: 12,
  collection_size_limit: 13,
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * A block: up to `BLOCK_ROWS_MAX` rows as columns. Header, then one descriptor per leaf (`columnar/types.ts` `leavesOf`):
 * values address u32, validity address u32 (0: every row is valid; otherwise one byte per row, 1 = valid), dictionary u32.
 */
export const BLOCK_ROW_COUNT = 0; // u32
export const BLOCK_COLUMN_COUNT = 4; // u32
/** Next block of a chain, or 0. */
export const BLOCK_NEXT = 8; // u32
export const BLOCK_COLUMNS = 16;
export const BLOCK_COLUMN_BYTES = 12;
/**
 * Not 0: all values of the column are entries of a dictionary. In columns with the same number, of whatever block, views that are equal
 * are on the same bytes.
 */
export const BLOCK_COLUMN_DICTIONARY = 8;
/** Columns with larger dictionaries have no number: few rows would profit. */
export const DICTIONARY_ENTRIES_MAX = 4096;
export const BLOCK_ROWS_MAX = 8192;

/** The text of `kernels/assembly/memory-layout.ts`. */
export function assemblyLayoutSource(): string {
  const numbers: Record<string, number> = {
    ERROR_CODE,
    ERROR_SITE,
    ERROR_OPERAND_0,
    ERROR_OPERAND_1,
    KERNEL_NULL,
    TABLE_INSERTED,
    TABLE_BASE,
    BATCH_TIMESTAMP,
    LATE_WATERMARK,
    EVICT_WATERMARK,
    BATCH_EPOCH,
    MEMORY_REFUSED,
    EVENT_TIME_BLOCK,
    ARENAS,
    COUNTERS,
    EVENT_TIME_STATS,
    ARENA_SPLIT,
    ARENA_BATCH,
    ARENA_QUERY,
    ARENA_BLOCK,
    ARENA_TABLES,
    ARENA_PANES,
    ARENA_COUNT,
    PADDING_BYTES,
    BLOCK_ROW_COUNT,
    BLOCK_COLUMN_COUNT,
    BLOCK_NEXT,
    BLOCK_COLUMNS,
    BLOCK_COLUMN_BYTES,
    BLOCK_COLUMN_DICTIONARY,
    BLOCK_ROWS_MAX,
    ROW_HASH,
    ROW_EPOCH,
    ROW_NEXT,
    ROW_FLAGS,
    ROW_FIELDS,
    LAYOUT_ROW_BYTES,
    LAYOUT_KEY_FIXED_END,
    LAYOUT_VAR_COUNT,
    LAYOUT_VAR_KEY_COUNT,
    LAYOUT_BUCKET_OFFSET,
    LAYOUT_BUCKET_NULL_BIT,
    LAYOUT_BUCKET_MICROS,
    LAYOUT_VALUE_NULLS,
    LAYOUT_KEYS,
    LAYOUT_KEY_NULLS,
    LAYOUT_NULLS,
    LAYOUT_VALUES,
    LAYOUT_VAR_OFFSETS,
    FLAT_INDEX,
    FLAT_SHIFT,
    FLAT_MASK,
    FLAT_ROWS,
    FLAT_FIRST,
    FLAT_MEMO,
    SERIES_START,
    SERIES_ROW,
    SERIES_NEXT,
  };
  for (const [name, code] of Object.entries(ERROR_CODES)) numbers[`ERROR_${name.toUpperCase()}`] = code;
  const lines = Object.entries(numbers).map(([name, value]) => `export const ${name}: u32 = ${value};`);
  return `// Generated from src/columnar/memory-layout.ts by the build. Do not edit.\n${lines.join("\n")}\n`;
}

/**
 * A row: fixed part, and variable-length bytes elsewhere in the same container. Rows with one layout live in state chunks,
 * scratch hash tables, join tables and exchange blocks. `columnar/row-layout.ts` computes the offsets.
 *
 * header 16 bytes | fixed-width keys | variable keys (slots) | values
 *
 * Null bits (1 = null) of up to 30 fields are in the header, those of the keys first. Of more fields the keys have a u64 of null bits before them, and the
 * values, if there are any, another.
 *
 * A slot is i64: offset in the low, length in the high 32 bits; adding the container's base gives a view. Keys are canonical:
 * null keys are zero, -0.0 is 0.0, NaN has one pattern; so two keys are equal iff their fixed bytes and their slots' bytes are.
 */
export const ROW_HASH = 0; // u32, Murmur3_x86_32 of the keys with seed 42, as Spark's; in flat tables a hash of their own
const ROW_EPOCH = 4; // u32
export const ROW_NEXT = 8; // u32: link of the dirty list in state chunks; chain of equal keys in join tables
export const ROW_FLAGS = 12; // u32: flags in bits 31 and 30; below them null bits, if all of the row's fields have one there
export const ROW_FIELDS = 16;
/** Fields whose null bits have room beside the flags. */
export const FLAGS_NULLS_MAX = 30;

/** Row layout descriptor in memory, read by the table kernels. */
export const LAYOUT_ROW_BYTES = 0; // u32, multiple of 8
export const LAYOUT_KEY_FIXED_END = 4; // u32: bytes [ROW_FIELDS, this) are compared as they are
export const LAYOUT_VAR_COUNT = 8; // u32
export const LAYOUT_VAR_KEY_COUNT = 12; // u32: the first so many of the slots are keys
export const LAYOUT_BUCKET_OFFSET = 16; // u32: offset of the i64 event time (µs) that decides the time bucket and lateness; 0 = none
/** Bit of the event time in the key null bits: rows without event time are never late nor evicted. */
export const LAYOUT_BUCKET_NULL_BIT = 20; // u32
export const LAYOUT_BUCKET_MICROS = 24; // i64: width of a time bucket
export const LAYOUT_VALUE_NULLS = 32; // u32: offset of the word with the values' null bits; 0 = there are no values
export const LAYOUT_KEYS = 36; // u32: offset of the keys: ROW_FIELDS, or 8 more behind a word with their null bits
export const LAYOUT_KEY_NULLS = 40; // u32: null bits of the keys in ROW_FLAGS
export const LAYOUT_NULLS = 44; // u32: all null bits in ROW_FLAGS
export const LAYOUT_VALUES = 48; // u32: offset of the values
export const LAYOUT_VAR_OFFSETS = 56; // u32 per slot

/** A flat table (`kernels/assembly/flat-table.ts`): what generated code reads of it. Pairs of hash u32 and row address u32; 0: free. */
export const FLAT_INDEX = 0; // u32: address of the pairs, a power of two many
export const FLAT_SHIFT = 4; // u32: hash >> this is the pair to begin with
export const FLAT_MASK = 8; // u32: bytes of all pairs - 1
const FLAT_ROWS = 12; // u32
export const FLAT_FIRST = 16; // u32: the oldest row, or 0
export const FLAT_MEMO = 20; // u32: see `flat_memo`; 0 before its first call

/** A pane in a series (`kernels/assembly/pane-series.ts`): what generated code reads of it. */
export const SERIES_START = 0; // i64: the pane's start
export const SERIES_ROW = 8; // u32: copy of its row, whose slots are views
export const SERIES_NEXT = 12; // u32: the next pane of the group in time, or 0
