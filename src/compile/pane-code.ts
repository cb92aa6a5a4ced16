/**
 * What merging panes of sliding windows (`panes.ts`) takes in generated code: the loops over panes and their windows, and the rows of windows in
 * a flat table. Main thread, while a stage is compiled.
 */
import { ROW_FLAGS, TABLE_BASE } from "../columnar/memory-layout.ts";
import type { RowField, RowPanes } from "../columnar/row-layout.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import type { AggregateCode } from "./aggregate.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { emitFind, type KeyLocals, pushKeyHash, pushKeyNulls, storeKeys } from "./flat-table.ts";
import type { ModuleContext } from "./module-context.ts";
import { clearSlots, rowField, type RowPlace } from "./rows.ts";
import { CONTEXT_PANES, CONTEXT_PROBE_ROW, CONTEXT_STORE, CONTEXT_WINDOW_LOW, CONTEXT_WINDOWS } from "./stage-context.ts";
import { wasmTypeOf } from "./value.ts";

export interface PaneTools {
  readonly f: FunctionBuilder;
  readonly module: ModuleContext;
  readonly context: Local;
  readonly operator: AggregateOperator;
  readonly newAggregateCode: () => AggregateCode;
}

/** What the merges of panes have in common: the loops over panes and their windows, and the rows of windows. */
export class PaneCode {
  readonly #tools: PaneTools;
  readonly #panes: RowPanes;
  readonly #low: Local;
  readonly description: Local;
  /** Copy of the pane's row: what a new window begins with. */
  readonly probe: Local;
  readonly pane: RowPlace;
  readonly start: Local;
  readonly window: Local;
  /** The keys of the window: those of the pane but for the times. */
  readonly #keys: KeyLocals;
  readonly #windowEnd: Local;
  readonly #windows: Local;
  readonly #isNew: Local;

  constructor(tools: PaneTools) {
    const { f } = tools;
    this.#tools = tools;
    this.#panes = tools.operator.layout.panes!;
    this.#low = this.limit(CONTEXT_WINDOW_LOW);
    this.description = this.#address(CONTEXT_PANES);
    this.probe = this.#address(CONTEXT_PROBE_ROW);
    this.pane = { row: f.local("i32"), base: f.local("i32") };
    this.start = f.local("i64");
    this.window = f.local("i64");
    this.#windowEnd = f.local("i64");
    this.#windows = this.#address(CONTEXT_WINDOWS);
    this.#isNew = f.local("i32");
    const { layout } = tools.operator;
    const { startOffset, endOffset } = this.#panes;
    const localOf = ({ offset, physical }: RowField): Local =>
      offset === startOffset ? this.window : offset === endOffset ? this.#windowEnd : f.local(wasmTypeOf(physical));
    this.#keys = {
      nulls: f.local("i64"),
      keys: layout.keys.map((field) => ({ field, local: localOf(field), isImplied: field.offset === endOffset })),
      inHeader: layout.version !== 1,
    };
  }

  limit(slot: number): Local {
    const { f, context } = this.#tools;
    const local = f.local("i64");
    f.get(context);
    f.memory("i64.load", slot);
    f.set(local);
    return local;
  }

  #address(slot: number): Local {
    const { f, context } = this.#tools;
    const local = f.local("i32");
    f.get(context);
    f.memory("i32.load", slot);
    f.set(local);
    return local;
  }

  /** Emits a loop over the pairs that are the function's parameters; `window` is the newest window then. */
  forEachPane(body: () => void): void {
    const { f } = this.#tools;
    const [pairs, count] = [f.param(0), f.param(1)];
    const { startOffset, endOffset, windowMicros } = this.#panes;
    whileLoop(
      f,
      () => f.get(count),
      () => {
        f.get(pairs);
        f.memory("i32.load");
        f.set(this.pane.row);
        f.get(pairs);
        f.memory("i32.load", 4);
        f.set(this.pane.base!);
        f.get(this.pane.row);
        f.memory("i64.load", startOffset);
        f.set(this.start);
        f.get(this.pane.row);
        f.memory("i64.load", endOffset);
        f.i64(windowMicros);
        f.op("i64.sub");
        f.set(this.window);
        this.copy(this.probe, this.pane.row);
        this.#loadKeys();
        body();
        f.get(pairs);
        f.i32(8);
        f.op("i32.add");
        f.set(pairs);
        f.get(count);
        f.i32(1);
        f.op("i32.sub");
        f.set(count);
      },
    );
  }

  /** Emits a loop over the windows with the pane that end after the lower limit, newest first. */
  forEachWindow(body: () => void): void {
    const { f } = this.#tools;
    whileLoop(
      f,
      () => {
        this.pushEnd();
        f.get(this.start);
        f.op("i64.gt_s");
        this.pushEnd();
        f.get(this.#low);
        f.op("i64.gt_s", "i32.and");
      },
      () => {
        body();
        this.moveWindow(-this.#panes.slideMicros);
      },
    );
  }

  moveWindow(micros: bigint): void {
    const { f } = this.#tools;
    f.get(this.window);
    f.i64(micros);
    f.op("i64.add");
    f.set(this.window);
  }

  pushEnd(): void {
    const { f } = this.#tools;
    f.get(this.window);
    f.i64(this.#panes.windowMicros);
    f.op("i64.add");
  }

  copy(to: Local, from: Local): void {
    const { f, module } = this.#tools;
    f.get(this.description);
    f.get(to);
    f.get(from);
    f.call(module.kernel("pane_copy", ["i32", "i32", "i32"], []));
  }

  /** What the pane has in common with its windows. */
  #loadKeys(): void {
    const { f } = this.#tools;
    const { nulls, keys } = this.#keys;
    pushKeyNulls(f, this.pane.row, this.#keys);
    f.set(nulls!);
    for (const { field, local } of keys) {
      if (local === this.window || local === this.#windowEnd) continue;
      rowField(f, this.pane, field, field.dataType, false).push();
      f.set(local);
    }
  }

  /** Emits the look-up of the current window's row; a new one has the values of the row at `probe`, and texts and lists of the pane. */
  findWindow(place: RowPlace): void {
    const { f, module } = this.#tools;
    this.pushEnd();
    f.set(this.#windowEnd);
    f.scratch("i32", (hash) => {
      pushKeyHash(f, module, this.#keys);
      f.set(hash);
      emitFind(f, module, this.#windows, hash, this.#keys, place.row);
      f.get(place.row);
      f.op("i32.eqz");
      f.tee(this.#isNew);
      f.if(() => this.#add(place, hash));
    });
  }

  #add(place: RowPlace, hash: Local): void {
    const { f, module, operator } = this.#tools;
    const { layout } = operator;
    f.scratch("i32", (flags) => {
      // Null bits of the values may be in the word that is written with the keys.
      f.get(this.probe);
      f.memory("i32.load", ROW_FLAGS);
      f.set(flags);
      storeKeys(f, this.probe, this.#keys);
      f.get(this.probe);
      f.get(flags);
      f.memory("i32.store", ROW_FLAGS);
    });
    clearSlots(f, this.probe, layout);
    f.get(this.#windows);
    f.get(this.probe);
    f.get(hash);
    f.call(module.kernel("flat_add", ["i32", "i32", "i32"], ["i32"]));
    this.#setRow(place);
    for (const field of layout.values) {
      if (!field.isVariable) continue;
      f.scratch("i64", (view) => {
        rowField(f, this.pane, field, field.dataType, false).push();
        f.set(view);
        f.get(this.#windows);
        f.get(place.row);
        f.i32(field.offset);
        f.get(view);
        f.op("i32.wrap_i64");
        f.get(view);
        f.i64(32);
        f.op("i64.shr_u", "i32.wrap_i64");
        f.call(module.kernel("flat_set_variable", ["i32", "i32", "i32", "i32", "i32"], ["i32"]));
        this.#setRow(place);
      });
    }
  }

  /** Pops the row; without memory the function ends. */
  #setRow(place: RowPlace): void {
    const { f } = this.#tools;
    f.tee(place.row);
    f.op("i32.eqz");
    f.if(() => {
      f.i32(1);
      f.op("return");
    });
  }

  /** Whether `findWindow` has added the row. */
  ifNew(body: () => void): void {
    const { f } = this.#tools;
    f.get(this.#isNew);
    f.if(body);
  }

  ifNotNew(body: () => void): void {
    const { f } = this.#tools;
    f.get(this.#isNew);
    f.op("i32.eqz");
    f.if(body);
  }

  /** Emits `body` for the pane of the same group at `time`, if there is one. */
  ifSibling(time: Local, place: RowPlace, body: () => void): void {
    const { f, module, context } = this.#tools;
    f.get(this.description);
    f.get(context);
    f.memory("i32.load", CONTEXT_STORE);
    f.get(this.pane.row);
    f.get(this.pane.base!);
    f.get(time);
    f.call(module.kernel("pane_sibling", ["i32", "i32", "i32", "i32", "i64"], ["i32"]));
    f.tee(place.row);
    f.if(() => {
      f.i32(0);
      f.memory("i32.load", TABLE_BASE);
      f.set(place.base!);
      body();
    });
  }

  merge(left: RowPlace, right: RowPlace): void {
    const { f, newAggregateCode } = this.#tools;
    newAggregateCode().merge(left, right, {
      pushContainer: () => f.get(this.#windows),
      setKernel: "flat_set_variable",
      appendKernel: "flat_append_variable",
    });
  }
}

export function whileLoop(f: FunctionBuilder, condition: () => void, body: () => void): void {
  f.block((done) => {
    f.loop((again) => {
      condition();
      f.op("i32.eqz");
      f.brIf(done);
      body();
      f.br(again);
    });
  });
}
