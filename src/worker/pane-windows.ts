/**
 * An aggregate that keeps panes of sliding windows (`plan/physical/plan-panes.ts`) in a worker: makes the rows of the windows that are due,
 * and counts windows where Spark's metrics count rows. On the worker's thread.
 */
import { assert } from "../base/assert.ts";
import { ARENA_BATCH, ARENA_QUERY, EVICT_WATERMARK, LATE_WATERMARK } from "../columnar/memory-layout.ts";
import { CONTEXT_PANES, CONTEXT_WINDOW_HIGH, CONTEXT_WINDOW_LOW, CONTEXT_WINDOWS } from "../compile/stage-context.ts";
import type { Kernels } from "../kernels/load.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import { forEachPairs } from "./shuffle/partial-aggregate.ts";
import type { StageInstance } from "./stage-instance.ts";

const ALWAYS = -(2n ** 63n);
const NEVER = 2n ** 63n - 1n;
/** Modes of `pane_count`. */
const COUNT_ALL = 0;
const COUNT_TOUCHED = 1;
const COUNT_INSERTED = 2;
const COUNT_LATE = 3;

type Scan = (cursor: number, pairs: number, max: number) => number;

/** Numbers of windows, as `StateStoreMetrics` of an aggregate that keeps them one by one. */
export interface WindowCounts {
  readonly rows: number;
  readonly updatedRows: number;
  readonly removedRows: number;
  readonly lateGroups: number;
}

export class PaneWindows {
  readonly #kernels: Kernels;
  readonly #operator: AggregateOperator;
  readonly #layout: number;
  readonly #description: number;
  /** Windows in the state, before the running batch and after it; null: not counted since the state was read. */
  #live: number | null = null;
  #liveNext: number | null = null;
  /** Windows that the running batch puts out. */
  #emitted = 0;

  /** `layout`: address of the row layout's descriptor. */
  constructor(kernels: Kernels, operator: AggregateOperator, layout: number, partitions: number) {
    const { panes, rowBytes } = operator.layout;
    assert(panes, "the operator keeps panes");
    this.#kernels = kernels;
    this.#operator = operator;
    this.#layout = layout;
    const bytes = kernels.exports["pane_description_bytes"]!(rowBytes) as number;
    this.#description = kernels.exports["arena_alloc"]!(ARENA_QUERY, bytes) as number;
    if (this.#description === 0) throw outOfMemory(kernels);
    const { startOffset, endOffset, windowMicros, slideMicros, paneMicros } = panes;
    kernels.exports["pane_describe"]!(
      this.#description,
      startOffset,
      endOffset,
      partitions,
      rowBytes,
      windowMicros,
      slideMicros,
      paneMicros,
    );
  }

  /** To be called before the first rows of a batch: counts once, after a start, what there is. */
  begin(store: number): void {
    this.#liveNext = null;
    this.#kernels.exports["pane_begin"]!(this.#description, store);
    this.#live ??= this.#count(store, this.#kernel("store_scan_all", store), this.#late(), NEVER, COUNT_ALL);
  }

  commit(): void {
    this.#live = this.#liveNext ?? this.#live;
  }

  /** A flat table with the windows that leave the operator in this batch, from the panes in a state store (or table, in a batch query). */
  emit(instance: StageInstance, store: number): number {
    const windows = (this.#kernels.exports["flat_new"]!(this.#layout, ARENA_BATCH) as number) >>> 0;
    if (windows === 0) throw outOfMemory(this.#kernels);
    const merge = (scan: Scan, low: bigint, high: bigint): void => {
      instance.setContext(CONTEXT_PANES, this.#description);
      instance.setContext(CONTEXT_WINDOWS, windows);
      instance.setContextMicros(CONTEXT_WINDOW_LOW, low);
      instance.setContextMicros(CONTEXT_WINDOW_HIGH, high);
      forEachPairs(this.#kernels, ARENA_BATCH, (cursor, pairs, max) => {
        const count = scan(cursor, pairs, max);
        if (count > 0) instance.call("windows", pairs, count);
        return count;
      });
    };
    switch (this.#operator.state?.emit) {
      case undefined:
        merge(this.#kernel("table_scan", store), ALWAYS, NEVER);
        break;
      case "complete":
        merge(this.#kernel("store_scan_all", store), ALWAYS, NEVER);
        break;
      case "update":
        this.#bound(store);
        merge(this.#kernel("store_scan_dirty", store), this.#late(), NEVER);
        break;
      case "append": {
        const due = this.#due(store);
        if (due) merge(due.scan, due.low, due.high);
      }
    }
    this.#emitted = this.#kernels.exports["flat_row_count"]!(windows) as number;
    return windows;
  }

  /** Counts for the running batch; to be called after `emit` and before anything is evicted. */
  count(store: number): WindowCounts {
    this.#bound(store);
    const late = this.#late();
    const dirty = this.#kernel("store_scan_dirty", store);
    forEachPairs(this.#kernels, ARENA_BATCH, (cursor, pairs, max) => {
      const count = dirty(cursor, pairs, max);
      this.#kernels.exports["pane_bound_touched"]!(this.#description, pairs, count);
      return count;
    });
    const { touched, inserted } = this.#changes(store, dirty, late);
    const emit = this.#operator.state!.emit;
    const updatedRows = emit === "update" ? this.#emitted : touched;
    const removedRows = emit === "append" ? this.#emitted : this.#closed(store);
    const rows = emit === "complete" ? this.#emitted : this.#live! + inserted - removedRows;
    this.#liveNext = rows;
    return { rows, updatedRows, removedRows, lateGroups: this.#lateGroups(store, late) };
  }

  /** Windows that the batch has changed, and how many of them are new. */
  #changes(store: number, dirty: Scan, late: bigint): { touched: number; inserted: number } {
    const { exports } = this.#kernels;
    if (exports["store_late_table"]!(store) !== 0)
      return {
        touched: this.#count(store, dirty, late, NEVER, COUNT_TOUCHED),
        inserted: this.#count(store, dirty, late, NEVER, COUNT_INSERTED),
      };
    forEachPairs(this.#kernels, ARENA_BATCH, (cursor, pairs, max) => {
      const count = dirty(cursor, pairs, max);
      exports["pane_count_changes"]!(this.#description, store, pairs, count, late);
      return count;
    });
    const changes = (ofInserted: number): number => exports["pane_changes"]!(this.#description, ofInserted) as number;
    return { touched: changes(0), inserted: changes(1) };
  }

  #closed(store: number): number {
    const due = this.#due(store);
    return due ? this.#count(store, due.scan, due.low, due.high, COUNT_ALL) : 0;
  }

  #lateGroups(store: number, late: bigint): number {
    if (late === ALWAYS) return 0;
    const { windowMicros, slideMicros } = this.#operator.layout.panes!;
    const partlyLate: Scan = (cursor, pairs, max) =>
      this.#kernels.exports["store_scan_dirty_between"]!(store, cursor, pairs, max, late, late + windowMicros + slideMicros) as number;
    const whole = this.#kernels.exports["store_late_table"]!(store) as number;
    return (
      this.#count(store, partlyLate, ALWAYS, late, COUNT_TOUCHED) +
      (whole === 0 ? 0 : this.#count(store, this.#kernel("table_scan", whole), ALWAYS, late, COUNT_LATE))
    );
  }

  /** The windows that the watermark has closed since the batch before, and a scan of their panes; null: there are none. */
  #due(store: number): { scan: Scan; low: bigint; high: bigint } | null {
    const low = this.#late();
    const high = this.#kernels.view().getBigInt64(EVICT_WATERMARK, true);
    if (!this.#operator.state!.watermarked || high === ALWAYS) return null;
    const { windowMicros, slideMicros, startMicros } = this.#operator.layout.panes!;
    const past = (high - startMicros - windowMicros) % slideMicros;
    const lastEnd = high - (past < 0n ? past + slideMicros : past);
    if (lastEnd <= low) return null;
    const scan: Scan = (cursor, pairs, max) =>
      this.#kernels.exports["store_scan_between"]!(store, cursor, pairs, max, low, lastEnd + windowMicros - 1n) as number;
    return { scan, low, high };
  }

  /** Windows that end at or before it are closed, except in complete mode. */
  #late(): bigint {
    return this.#operator.state!.watermarked ? this.#kernels.view().getBigInt64(LATE_WATERMARK, true) : ALWAYS;
  }

  #bound(store: number): void {
    this.#kernels.exports["pane_bound"]!(this.#description, store);
  }

  #kernel(name: string, container: number): Scan {
    return (cursor, pairs, max) => this.#kernels.exports[name]!(container, cursor, pairs, max) as number;
  }

  #count(store: number, scan: Scan, low: bigint, high: bigint, mode: number): number {
    let total = 0;
    forEachPairs(this.#kernels, ARENA_BATCH, (cursor, pairs, max) => {
      const count = scan(cursor, pairs, max);
      if (count > 0) total += this.#kernels.exports["pane_count"]!(this.#description, store, pairs, count, low, high, mode) as number;
      return count;
    });
    return total;
  }
}
