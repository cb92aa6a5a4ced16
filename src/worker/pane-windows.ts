/**
 * An aggregate that keeps panes of sliding windows (`plan/physical/plan-panes.ts`) in a worker: makes the rows of the windows that are due,
 * and counts windows where Spark's metrics count rows. On the worker's thread.
 */
import { assert } from "../base/assert.ts";
import { ARENA_BATCH, ARENA_PANES, ARENA_QUERY, EVICT_WATERMARK, LATE_WATERMARK } from "../columnar/memory-layout.ts";
import { CONTEXT_WINDOW_ROWS, CONTEXT_WINDOW_VALUES } from "../compile/stage-context.ts";
import type { Kernels } from "../kernels/load.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import { forEachPairs, PAIRS } from "./shuffle/partial-aggregate.ts";
import type { StageInstance } from "./stage-instance.ts";

const ALWAYS = -(2n ** 63n);
const NEVER = 2n ** 63n - 1n;
/** Modes of `pane_count`. */
const COUNT_ALL = 0;
const COUNT_TOUCHED = 1;
const COUNT_INSERTED = 2;
const COUNT_LATE = 3;

/** What `series_windows` gives for a window. */
const FOUND_BYTES = 16;
/** Panes with text stay until they take more than this, so that rows of several partitions leave together. */
const KEPT_BYTES_MAX = 8 << 20;

type Scan = (cursor: number, pairs: number, max: number) => number;
type Use = (pairs: number, count: number) => void;
/** Fills a series; how many panes, 0: there are no more, negative: no memory. */
type NextSeries = (series: number) => number;

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

  /**
   * Gives `use` the windows that leave the operator in this batch, as pairs (row, base), which are there until it returns, from the panes in a state
   * store (or table, in a batch query).
   */
  emit(instance: StageInstance, store: number, use: Use): void {
    this.#emitted = 0;
    const counted: Use = (pairs, count) => {
      this.#emitted += count;
      use(pairs, count);
    };
    switch (this.#operator.state?.emit) {
      case undefined:
        this.#emitSeries(instance, (series) => this.#kernels.exports["series_of_table"]!(series, store) as number, ALWAYS, NEVER, counted);
        break;
      case "complete":
        this.#emitSeries(instance, this.#partitions(store, 0, ALWAYS, NEVER), ALWAYS, NEVER, counted);
        break;
      case "update":
        this.#emitSeries(instance, this.#changed(store), this.#late(), NEVER, counted);
        break;
      case "append": {
        const due = this.#due();
        if (due) this.#emitSeries(instance, this.#partitions(store, 0, due.low, due.newest), due.low, due.high, counted);
      }
    }
  }

  /** The windows of series of panes, series after series. */
  #emitSeries(instance: StageInstance, nextSeries: NextSeries, low: bigint, high: bigint, use: Use): void {
    const { exports } = this.#kernels;
    const { rowBytes, variableOffsets, values } = this.#operator.layout;
    const hasVariables = variableOffsets.length > 0;
    const hasVariableValues = values.some(({ isVariable }) => isVariable);
    const found = this.#allocate(ARENA_BATCH, FOUND_BYTES * PAIRS);
    instance.setContext(CONTEXT_WINDOW_ROWS, this.#allocate(ARENA_BATCH, rowBytes * PAIRS));
    this.#forEachSeries(nextSeries, (series) => {
      if (hasVariableValues) instance.setContext(CONTEXT_WINDOW_VALUES, this.#newTable());
      for (;;) {
        const count = exports["series_windows"]!(series, low, high, found, PAIRS) as number;
        if (count === 0) break;
        instance.call("windows", found, count);
        use(found, count);
      }
      if (!hasVariables) return true;
      // Text of rows that wait in out-blocks lies beside the panes.
      if ((exports["arena_bytes"]!(ARENA_PANES) as number) <= KEPT_BYTES_MAX) return false;
      instance.drain();
      return true;
    });
    if (hasVariables) instance.drain();
    exports["arena_reset"]!(ARENA_PANES);
  }

  /** Panes that the batch has changed, with those that share windows with them. */
  #changed(store: number): NextSeries {
    const next = this.#partitions(store, 1, ALWAYS, NEVER);
    return (series) => {
      const panes = next(series);
      return panes <= 0 || this.#kernels.exports["series_add_neighbours"]!(series, store) ? panes : -1;
    };
  }

  #partitions(store: number, isDirty: 0 | 1, low: bigint, high: bigint): NextSeries {
    return (series) => this.#kernels.exports["series_of_partition"]!(series, store, isDirty, low, high) as number;
  }

  /** `use` says whether what it was given may go. */
  #forEachSeries(next: NextSeries, use: (series: number) => boolean): void {
    const { exports } = this.#kernels;
    const series = (exports["series_new"]!(this.#description, this.#layout) as number) >>> 0;
    if (series === 0) throw outOfMemory(this.#kernels);
    exports["arena_reset"]!(ARENA_PANES);
    for (;;) {
      const panes = next(series);
      if (panes < 0) throw outOfMemory(this.#kernels);
      if (panes === 0) return;
      if (use(series)) exports["arena_reset"]!(ARENA_PANES);
    }
  }

  #allocate(arena: number, bytes: number): number {
    const address = (this.#kernels.exports["arena_alloc"]!(arena, bytes) as number) >>> 0;
    if (address === 0) throw outOfMemory(this.#kernels);
    return address;
  }

  #newTable(): number {
    const table = (this.#kernels.exports["flat_new"]!(this.#layout, ARENA_PANES) as number) >>> 0;
    if (table === 0) throw outOfMemory(this.#kernels);
    return table;
  }

  /** Counts for the running batch; to be called after `emit` and before anything is evicted. */
  count(store: number): WindowCounts {
    this.#bound(store);
    const late = this.#late();
    const { touched, inserted } = this.#changes(store, late);
    const emit = this.#operator.state!.emit;
    const updatedRows = emit === "update" ? this.#emitted : touched;
    const removedRows = emit === "append" ? this.#emitted : this.#closed(store);
    const rows = emit === "complete" ? this.#emitted : this.#live! + inserted - removedRows;
    this.#liveNext = rows;
    return { rows, updatedRows, removedRows, lateGroups: this.#lateGroups(store, late) };
  }

  /** Windows that the batch has changed, and how many of them are new. */
  #changes(store: number, late: bigint): { touched: number; inserted: number } {
    const { exports } = this.#kernels;
    if (exports["store_late_table"]!(store) !== 0) {
      const dirty = this.#kernel("store_scan_dirty", store);
      forEachPairs(this.#kernels, ARENA_BATCH, (cursor, pairs, max) => {
        const count = dirty(cursor, pairs, max);
        exports["pane_bound_touched"]!(this.#description, pairs, count);
        return count;
      });
      return {
        touched: this.#count(store, dirty, late, NEVER, COUNT_TOUCHED),
        inserted: this.#count(store, dirty, late, NEVER, COUNT_INSERTED),
      };
    }
    this.#forEachSeries(this.#partitions(store, 1, ALWAYS, NEVER), (series) => {
      exports["series_changes"]!(series, store, late);
      return true;
    });
    const changes = (ofInserted: number): number => exports["pane_changes"]!(this.#description, ofInserted) as number;
    return { touched: changes(0), inserted: changes(1) };
  }

  #closed(store: number): number {
    const due = this.#due();
    if (!due) return 0;
    const scan: Scan = (cursor, pairs, max) =>
      this.#kernels.exports["store_scan_between"]!(store, cursor, pairs, max, due.low, due.newest) as number;
    return this.#count(store, scan, due.low, due.high, COUNT_ALL);
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

  /** The windows that the watermark has closed since the batch before end in (low, high], newest windows of their panes in (low, newest]; null: there are none. */
  #due(): { low: bigint; high: bigint; newest: bigint } | null {
    const low = this.#late();
    const high = this.#kernels.view().getBigInt64(EVICT_WATERMARK, true);
    if (!this.#operator.state!.watermarked || high === ALWAYS) return null;
    const { windowMicros, slideMicros, startMicros } = this.#operator.layout.panes!;
    const past = (high - startMicros - windowMicros) % slideMicros;
    const lastEnd = high - (past < 0n ? past + slideMicros : past);
    if (lastEnd <= low) return null;
    return { low, high, newest: lastEnd + windowMicros - 1n };
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
