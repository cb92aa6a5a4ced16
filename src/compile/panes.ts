/**
 * Panes of sliding windows in generated code (`plan/physical/plan-panes.ts` says what they are): the merge of panes into rows of
 * windows, from which `emit` goes on. Main thread, while a stage is compiled.
 */
import { SERIES_NEXT, SERIES_ROW, SERIES_START } from "../columnar/memory-layout.ts";
import type { RowLayout } from "../columnar/row-layout.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import type { AggregateCode } from "./aggregate.ts";
import type { VariableWriter } from "./buffer-writer.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { copyRow, rowField, type RowPlace } from "./rows.ts";
import { CONTEXT_WINDOW_ROWS, CONTEXT_WINDOW_VALUES } from "./stage-context.ts";

export interface PaneTools {
  readonly f: FunctionBuilder;
  readonly module: ModuleContext;
  readonly context: Local;
  readonly operator: AggregateOperator;
  readonly newAggregateCode: () => AggregateCode;
}

/**
 * `windows(found, count)`: makes the rows of windows that `series_windows` has found, and leaves them as pairs (row, base) where it found them. A
 * window is the sum of its group's panes, which a series links to each other.
 */
export function emitWindowsOfPanes({ f, module, context, operator, newAggregateCode }: PaneTools): void {
  const { layout } = operator;
  const { startOffset, endOffset, windowMicros } = layout.panes!;
  const [found, count] = [f.param(0), f.param(1)];
  const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
  const pane: RowPlace = { row: f.local("i32"), base: f.local("i32") };
  const [entry, pair, next] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const [start, end] = [f.local("i64"), f.local("i64")];
  const writer = flatWriter(f, context);
  const follow = (): void => {
    f.get(entry);
    f.memory("i32.load", SERIES_NEXT);
    f.tee(entry);
    f.if(() => {
      f.get(entry);
      f.i32(0);
      f.get(entry);
      f.memory("i64.load", SERIES_START);
      f.get(end);
      f.op("i64.lt_s", "select");
      f.set(entry);
    });
    f.get(entry);
  };
  const loadPane = (): void => {
    f.get(entry);
    f.memory("i32.load", SERIES_ROW);
    f.set(pane.row);
  };
  f.get(context);
  f.memory("i32.load", CONTEXT_WINDOW_ROWS);
  f.set(next);
  f.get(found);
  f.set(pair);
  whileLoop(
    f,
    () => f.get(count),
    () => {
      f.get(found);
      f.memory("i32.load");
      f.set(entry);
      f.get(found);
      f.memory("i64.load", 8);
      f.tee(start);
      f.i64(windowMicros);
      f.op("i64.add");
      f.set(end);
      loadPane();
      f.get(next);
      f.set(place.row);
      copyRow(f, pane.row, place.row, layout);
      f.get(place.row);
      f.get(start);
      f.memory("i64.store", startOffset);
      f.get(place.row);
      f.get(end);
      f.memory("i64.store", endOffset);
      follow();
      f.if(() => {
        ownVariables(f, module, layout, place, writer);
        f.loop((again) => {
          loadPane();
          newAggregateCode().merge(place, pane, writer);
          follow();
          f.brIf(again);
        });
      });
      f.get(pair);
      f.get(place.row);
      f.op("i64.extend_i32_u");
      f.memory("i64.store");
      for (const [local, step] of [
        [found, 16],
        [pair, 8],
        [next, layout.rowBytes],
        [count, -1],
      ] as const) {
        f.get(local);
        f.i32(step);
        f.op("i32.add");
        f.set(local);
      }
    },
  );
}

const flatWriter = (f: FunctionBuilder, context: Local): VariableWriter => ({
  pushContainer: () => {
    f.get(context);
    f.memory("i32.load", CONTEXT_WINDOW_VALUES);
  },
  setKernel: "flat_set_variable",
  appendKernel: "flat_append_variable",
});

/** Emits that the values of variable length of a row whose slots are views become its own. Without memory the function ends. */
function ownVariables(f: FunctionBuilder, module: ModuleContext, layout: RowLayout, place: RowPlace, writer: VariableWriter): void {
  for (const field of layout.values) {
    if (!field.isVariable) continue;
    f.scratch("i64", (view) => {
      rowField(f, place, field, field.dataType, false).push();
      f.set(view);
      f.get(place.row);
      f.i64(0);
      f.memory("i64.store", field.offset);
      writer.pushContainer();
      f.get(place.row);
      f.i32(field.offset);
      f.get(view);
      f.op("i32.wrap_i64");
      f.get(view);
      f.i64(32);
      f.op("i64.shr_u", "i32.wrap_i64");
      f.call(module.kernel("flat_set_variable", ["i32", "i32", "i32", "i32", "i32"], ["i32"]));
      f.op("i32.eqz");
      f.if(() => {
        f.i32(1);
        f.op("return");
      });
    });
  }
}

function whileLoop(f: FunctionBuilder, condition: () => void, body: () => void): void {
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
