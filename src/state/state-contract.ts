/**
 * The contract of the state store: what stateful operators may count on. Generated code and the tasks of a worker call the kernels named here
 * with a store's `handle`; `StateStore` calls them between batches. All on the thread of the worker that owns the memory, one call at a time.
 *
 * ## Where a row is
 * - **Operator**: one store, one row layout. An operator that keeps several kinds of rows (column families: both sides of a join, values and
 *   timers) has several stores with operator ids of their own; a batch writes all of them to one change file, and commits or aborts all.
 * - **Partition**: `pmod(ROW_HASH, partitions)`, for good. A worker owns `partition mod workers`; a restart may change the number of workers.
 * - **Time bucket**: `floor(time / width)` of the layout's bucket field, a key or a value; one table each. Without such a field there is one bucket; a
 *   null key of time lies in a bucket that never goes. The time is what the operator writes there: a moment of expiry, or the end of a
 *   range if whole buckets are to go. It stays as long as the row: a row that changes its time is removed and put again.
 * - **Chunk**: by the remixed ROW_HASH, of 1 to 64 KB; at most 4,095 rows of equal hash per bucket. Chunks are what is dirty, staged, out of memory.
 *
 * The caller chooses ROW_HASH; equal keys need equal ones, on disk too. Rows that must be of one partition get hashes with the same remainder.
 *
 * ## Cost
 * Put, get, remove: one look-up (where a value decides the bucket, the filter of keys says in which buckets to look). A batch costs its rows, what it lists,
 * and the tables per partition (a few dozen); never the live rows. Exceptions: `store_scan_all` (complete mode), the one bucket that a watermark
 * cuts through, and the filter of keys, filled anew as often as it doubles. A passed bucket is detached at once, and its chunks are freed by
 * the commit. A chunk that is out of memory is read when one of its rows is needed; one that is dropped is not read.
 *
 * ## Versions
 * `begin(epoch)` … `writeChanges` … `commit` or `abort`. The first touch of a row saves its image, dropped buckets stay until the commit: `abort` restores
 * what `begin` found. The committed version N is the newest snapshot or chunk store at or before N and the change files after it, in order;
 * redo is idempotent, for any number of workers (`docs/on-disk-format.md`). After a failed restore a store is unusable.
 *
 * ## How later needs are met with the same kernels and files
 * - **Prefix scan** (rows of one key): rows `(prefix, number)`, and the row of number 0 counts them. A scan reads that row and looks the others up; one
 *   that is removed is replaced by the last. With a time bucket the prefix has the bucket's end, and a scan of a range of times asks every
 *   bucket of the range. Equal hashes would do with one walk, but end at 4,095 rows and probe in line.
 * - **Eviction by value**: the bucket that the bound cuts through is listed, and rows that are past it are removed; earlier buckets go whole.
 * - **Timers, time to live**: a family `(time, key)` whose bucket field is the time. Due rows come by partition and bucket: sort what is listed.
 * - **Lists, maps**: numbered rows; a map also has a row `(key, entry)` that knows the number.
 *
 * ## What is not there
 * - No record for an append: a touched row is written whole to the change file, and saved whole. Appending to a value costs its length once a batch,
 *   so what grows without bound belongs into numbered rows.
 * - No list of families per operator in the plan: `worker/query-state.ts` makes one store for each operator that has state. Files and chunk store know
 *   operator ids only, so this is not a matter of the format.
 * - No order within a bucket, and no scan of a range of keys.
 * - The batch's watermarks are two cells per worker: an operator with clocks of its own sets EVICT_WATERMARK before each `store_evict`.
 */

/** Address in the worker's memory. */
type Address = number;
/** Pairs (row u32, base u32) of up to `max` rows to `out`; returns how many, 0 at the end. `cursor`: 16 bytes, zero at first. No change in between. */
type Scan<Range extends readonly bigint[] = []> = (state: Address, cursor: Address, out: Address, max: number, ...range: Range) => number;

/**
 * The kernels by name; `state` is the handle. Addresses of rows hold until the next call that adds a row or bytes to the store, or reclaims memory; slots
 * are relative to TABLE_BASE. 0 in place of a row with ERROR_CODE set: memory is exhausted, the batch must be aborted.
 */
export interface StateKernels {
  /** For all stores of the worker: bytes that chunks may take, that they take, and letting them leave. 1: more than the limit had to stay. */
  state_set_limit(bytes: number): void;
  state_bytes(): number;
  state_reclaim(): number;

  /** `layout`: a descriptor that outlives the store. */
  store_new(layout: Address, partitions: number): Address;
  store_free(state: Address): void;
  store_set_late_check(state: Address, isOn: number): void;
  store_set_evict_rows_max(state: Address, rows: number): void;

  /** Versions. `epoch`: not 0, and new in this process. */
  store_begin(state: Address, epoch: number): void;
  store_commit(state: Address): void;
  store_abort(state: Address): void;

  /** Put: the row with these keys, inserted as it is if there is none (TABLE_INSERTED); the caller then writes its fixed fields. 0: it is late. */
  store_upsert(state: Address, row: Address, base: Address): Address;
  /** Get: only to be read. 0: there is none. */
  store_find(state: Address, row: Address, base: Address): Address;
  /** By the address that `store_find` or `store_upsert` gave. 0: memory is exhausted. */
  store_remove(state: Address, row: Address): number;
  /** Variable-length fields of a row from `store_upsert` in this batch, replaced or appended to; returns the row, which may have moved. */
  store_set_variable(state: Address, row: Address, fieldOffset: number, bytes: Address, length: number): Address;
  store_append_variable(state: Address, row: Address, fieldOffset: number, bytes: Address, length: number): Address;
  /** Rows of an exchange block that are new, or the first so many; all ones: memory is exhausted. */
  store_pass_new(state: Address, cursor: Address, out: Address, max: number): number;
  store_pass_first(state: Address, cursor: Address, out: Address, max: number, limit: number): number;

  /** Iteration, by partition and bucket. Between: times in (low, high], and no bucket outside is looked at. */
  store_scan_all: Scan;
  store_scan_dirty: Scan;
  store_scan_evictable: Scan;
  store_scan_between: Scan<[low: bigint, high: bigint]>;
  store_scan_dirty_between: Scan<[low: bigint, high: bigint]>;
  /** Drops times at or before EVICT_WATERMARK; returns the rows. No row of such a time may be put in this batch any more. */
  store_evict(state: Address): number;
  store_has_evictable(state: Address, watermark: bigint): number;

  /**
   * Change files: frames of the batch into `out`, all ones if it is too small; the redo of one (0: done), at once, or of many together, between
   * the beginning and the end of redo; the end of loading chunks.
   */
  store_changes(state: Address, cursor: Address, out: Address, capacity: number, operatorId: number, batchId: bigint): number;
  store_apply_frame(state: Address, frame: Address, length: number): number;
  store_redo_begin(state: Address, bytes: number): number;
  store_queue_frame(state: Address, frame: Address, length: number): number;
  store_redo_end(state: Address): number;
  store_load_end(state: Address): number;

  /** Chunks to and from the chunk store, between batches: what has changed since it was listed last, and the entry of chunks. */
  store_stage(state: Address, cursor: Address, out: Address, max: number, bytesMax: number): number;
  store_unstage(state: Address): void;
  store_has_bucket(state: Address, partition: number, bucket: bigint): number;
  store_adopt_chunk(
    state: Address,
    partition: number,
    bucket: bigint,
    chunk: Address,
    bytes: number,
    isSaved: number,
    batch: number,
  ): number;
  store_adopt_cold(
    state: Address,
    partition: number,
    bucket: bigint,
    header: Address,
    bytes: number,
    checksum: number,
    batch: number,
  ): number;

  /** Hints before many rows are put: they change no result. */
  store_shape(state: Address, out: Address): void;
  store_warm(state: Address, group: number, groupsLog2: number, groupBytes: number): void;
  store_touch(state: Address, row: Address, end: Address): Address;

  /** Metrics; all but the first two and the chunks are of the running batch. They count tables, not rows. */
  store_row_count(state: Address): number;
  store_memory_bytes(state: Address): number;
  store_updated_rows(state: Address): number;
  store_removed_rows(state: Address): number;
  store_late_groups(state: Address): number;
  store_late_table(state: Address): Address;
  store_duplicates(state: Address): number;
  store_chunk_counts(state: Address, out: Address): void;
}
