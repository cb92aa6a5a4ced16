/**
 * Panes of sliding windows in generated code (`plan/physical/plan-panes.ts` says what they are): the merge of panes into rows of
 * windows, from which `emit` goes on. Main thread, while a stage is compiled.
 */
import { ROW_EPOCH, SERIES_NEXT, SERIES_ROW, SERIES_START } from "../columnar/memory-layout.ts";
import type { RowLayout } from "../columnar/row-layout.ts";
import type { VariableWriter } from "./buffer-writer.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { type PaneTools, PaneCode, whileLoop } from "./pane-code.ts";
import { copyRow, rowField, type RowPlace } from "./rows.ts";
import { CONTEXT_WINDOW_ROWS, CONTEXT_WINDOWS } from "./stage-context.ts";

/** Where the description of an operator's panes has room for a second row, behind a first of the layout's size (`kernels/assembly/panes.ts`). */
const BEHIND_ROW = 80;

/**
 * `windows(found, count)`: makes the rows of windows that `series_windows` has found, and leaves them as pairs (row, base) where it found them. A
 * window is the sum of its group's panes, which a series links to each other.
 */
export function emitDueWindows({ f, module, context, operator, newAggregateCode }: PaneTools): void {
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
    f.memory("i32.load", CONTEXT_WINDOWS);
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

/**
 * `windows(pairs, count)` over panes that have changed: all their windows that end after the lower limit, whole. The panes before and after
 * the changed one are each merged once: a window is the sum of the panes from its start to the changed one, and of those behind it.
 */
export function emitTouchedWindows(tools: PaneTools): void {
  const { f, operator } = tools;
  const { paneMicros, slideMicros, windowMicros } = operator.layout.panes!;
  const code = new PaneCode(tools);
  const sum: RowPlace = { row: code.probe, base: null };
  const behind: RowPlace = { row: f.local("i32"), base: null };
  f.get(code.description);
  f.i32(BEHIND_ROW + operator.layout.rowBytes);
  f.op("i32.add");
  f.set(behind.row);
  const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
  const sibling: RowPlace = { row: f.local("i32"), base: f.local("i32") };
  const time = f.local("i64");
  const hasBehind = f.local("i32");
  const newest = f.local("i64");
  const addTime = (micros: bigint): void => {
    f.get(time);
    f.i64(micros);
    f.op("i64.add");
    f.set(time);
  };
  code.forEachPane(() => {
    f.get(code.window);
    f.set(newest);
    f.get(code.start);
    f.set(time);
    code.forEachWindow(() => {
      whileLoop(
        f,
        () => {
          f.get(time);
          f.get(code.window);
          f.op("i64.gt_s");
        },
        () => {
          addTime(-paneMicros);
          code.ifSibling(time, sibling, () => code.merge(sum, sibling));
        },
      );
      code.findWindow(place);
      code.ifNew(() => {
        f.get(place.row);
        f.i32(1);
        f.memory("i32.store", ROW_EPOCH);
      });
    });
    f.get(code.start);
    f.set(time);
    addTime(paneMicros);
    f.i32(0);
    f.set(hasBehind);
    code.moveWindow(slideMicros);
    whileLoop(
      f,
      () => {
        f.get(code.window);
        f.get(newest);
        f.op("i64.le_s");
      },
      () => {
        whileLoop(
          f,
          () => {
            f.get(time);
            f.get(code.window);
            f.i64(windowMicros);
            f.op("i64.add", "i64.lt_s");
          },
          () => {
            code.ifSibling(time, sibling, () => {
              f.get(hasBehind);
              f.if(
                () => code.merge(behind, sibling),
                () => {
                  code.copy(behind.row, sibling.row);
                  f.i32(1);
                  f.set(hasBehind);
                },
              );
            });
            addTime(paneMicros);
          },
        );
        code.findWindow(place);
        f.get(place.row);
        f.memory("i32.load", ROW_EPOCH);
        f.i32(1);
        f.op("i32.eq");
        f.if(() => {
          f.get(place.row);
          f.i32(0);
          f.memory("i32.store", ROW_EPOCH);
          f.get(hasBehind);
          f.if(() => code.merge(place, behind));
        });
        code.moveWindow(slideMicros);
      },
    );
  });
}
