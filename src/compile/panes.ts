/**
 * Panes of sliding windows in generated code (`plan/physical/plan-panes.ts` says what they are): the merge of panes into rows of
 * windows, from which `emit` goes on. Main thread, while a stage is compiled.
 */
import { ROW_EPOCH } from "../columnar/memory-layout.ts";
import { type PaneTools, PaneCode, whileLoop } from "./pane-code.ts";
import type { RowPlace } from "./rows.ts";
import { CONTEXT_WINDOW_HIGH } from "./stage-context.ts";

/** Where the description of an operator's panes has room for a second row, behind a first of the layout's size (`kernels/assembly/panes.ts`). */
const BEHIND_ROW = 80;

/** `windows(pairs, count)`: merges each pane into all its windows that end within the limits that the context holds. */
export function emitWindowsOfPanes(tools: PaneTools): void {
  const { f } = tools;
  const code = new PaneCode(tools);
  const high = code.limit(CONTEXT_WINDOW_HIGH);
  code.forEachPane(() => {
    const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
    code.forEachWindow(() => {
      code.pushEnd();
      f.get(high);
      f.op("i64.le_s");
      f.if(() => {
        code.findWindow(place);
        code.ifNotNew(() => code.merge(place, code.pane));
      });
    });
  });
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
