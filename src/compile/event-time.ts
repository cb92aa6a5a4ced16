/**
 * Statistics of event times in generated code, for the watermarks: where every row of a block counts, a kernel looks at the column; else each row
 * is counted where its step is, in locals. Main thread, while a stage is compiled (`segment.ts`).
 */
import {
  BLOCK_COLUMN_BYTES,
  BLOCK_COLUMNS,
  BLOCK_ROW_COUNT,
  EVENT_TIME_BLOCK,
  EVENT_TIME_STATS,
  EVENT_TIME_STATS_BYTES,
} from "../columnar/memory-layout.ts";
import { leafCount } from "../columnar/types.ts";
import type { Attribute, Expression } from "../plan/expr/expression.ts";
import type { Step } from "../plan/physical/program.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";
import { pushInOneWindow } from "./window.ts";

type EventTimeStep = Extract<Step, { kind: "event_time" }>;

/** A block that a pipeline runs over. */
export interface InputBlock {
  readonly block: Local;
  readonly input: readonly Attribute[];
}

export class EventTimes {
  readonly #f: FunctionBuilder;
  /** Of the steps that rows go through one by one. */
  readonly #counted = new Map<EventTimeStep, { max: Local; min: Local; sum: Local; count: Local }>();
  readonly #whole: ReadonlyMap<Step, number>;
  /** The leaf that the kernel has looked at last. */
  #lastLeaf = -1;

  /** `input`: null if the rows do not come in blocks. Emits what is to be done before the first row. */
  constructor(f: FunctionBuilder, module: ModuleContext, steps: readonly Step[], input: InputBlock | null) {
    this.#f = f;
    this.#whole = input ? wholeColumns(steps, input.input) : new Map();
    for (const step of steps) {
      if (step.kind !== "event_time") continue;
      const leaf = this.#whole.get(step);
      if (leaf === undefined) this.#counted.set(step, this.#locals());
      else this.#countBlock(module, input!.block, leaf, step);
    }
  }

  #locals(): { max: Local; min: Local; sum: Local; count: Local } {
    const f = this.#f;
    const stats = { max: f.local("i64"), min: f.local("i64"), sum: f.local("f64"), count: f.local("i64") };
    f.i64(-(2n ** 63n));
    f.set(stats.max);
    f.i64(2n ** 63n - 1n);
    f.set(stats.min);
    return stats;
  }

  /** Emits, before the first row, whether the times of all rows are in one window of the step, into a local; null: nobody knows then. Of blocks without nulls. */
  inOneWindow(step: Extract<Step, { kind: "expand_window" }>): Local | null {
    if (this.#whole.get(step) !== this.#lastLeaf) return null;
    const f = this.#f;
    const flag = f.local("i32");
    const push = (offset: number) => (): void => {
      f.i32(EVENT_TIME_BLOCK);
      f.memory("i64.load", offset);
    };
    pushInOneWindow(f, step, push(0), push(8));
    f.set(flag);
    return flag;
  }

  #countBlock(module: ModuleContext, block: Local, leaf: number, { watermark }: EventTimeStep): void {
    const f = this.#f;
    this.#lastLeaf = leaf;
    const column = BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaf;
    for (const offset of [column, column + 4, BLOCK_ROW_COUNT]) {
      f.get(block);
      f.memory("i32.load", offset);
    }
    f.i32(cellOf(watermark));
    f.call(module.kernel("event_times", ["i32", "i32", "i32", "i32"], []));
  }

  /** Emits what the step does to the row at hand; `time` compiles its time. */
  count(step: EventTimeStep, compileTime: () => CompiledValue): void {
    const stats = this.#counted.get(step);
    if (!stats) return;
    const f = this.#f;
    const { max, min, sum, count } = stats;
    const time = compileTime();
    const micros = time.fields ? time.fields[1]! : time;
    const update = (): void => {
      f.scratch("i64", (t) => {
        micros.push();
        f.set(t);
        for (const [local, comparison] of [
          [max, "i64.gt_s"],
          [min, "i64.lt_s"],
        ] as const) {
          f.get(t);
          f.get(local);
          f.get(t);
          f.get(local);
          f.op(comparison, "select");
          f.set(local);
        }
        f.get(sum);
        f.get(t);
        f.op("f64.convert_i64_s", "f64.add");
        f.set(sum);
        f.get(count);
        f.i64(1);
        f.op("i64.add");
        f.set(count);
      });
    };
    if (!time.isNull) return update();
    time.isNull();
    f.op("i32.eqz");
    f.if(update);
  }

  /** Emits what is to be done behind the last row. */
  end(): void {
    const f = this.#f;
    for (const [{ watermark }, { max, min, sum, count }] of this.#counted) {
      const cell = cellOf(watermark);
      const keep = (local: Local, offset: number, comparison: "i64.gt_s" | "i64.lt_s"): void => {
        f.i32(cell);
        f.get(local);
        f.i32(cell);
        f.memory("i64.load", offset);
        f.get(local);
        f.i32(cell);
        f.memory("i64.load", offset);
        f.op(comparison, "select");
        f.memory("i64.store", offset);
      };
      keep(max, 0, "i64.gt_s");
      keep(min, 8, "i64.lt_s");
      const add = (local: Local, offset: number, type: "f64" | "i64"): void => {
        f.i32(cell);
        f.i32(cell);
        f.memory(`${type}.load`, offset);
        f.get(local);
        f.op(`${type}.add`);
        f.memory(`${type}.store`, offset);
      };
      add(sum, 16, "f64");
      add(count, 24, "i64");
    }
  }
}

const cellOf = (watermark: number): number => EVENT_TIME_STATS + EVENT_TIME_STATS_BYTES * watermark;

/**
 * Steps that look at a column of the input that is a time of its own, with the column's leaf: those that take the statistics of every row, and the
 * one that finds the window of some.
 */
function wholeColumns(steps: readonly Step[], input: readonly Attribute[]): Map<Step, number> {
  const leaves = new Map<number, number>();
  let leaf = 0;
  for (const { id, dataType } of input) {
    if (dataType.kind === "timestamp") leaves.set(id, leaf);
    leaf += leafCount(dataType);
  }
  const found = new Map<Step, number>();
  let seesAll = true;
  const leafOf = (expression: Expression): number | undefined =>
    expression.kind === "alias" ? leafOf(expression.child) : expression.kind === "attribute" ? leaves.get(expression.id) : undefined;
  for (const step of steps) {
    if (step.kind === "event_time") {
      const column = leafOf(step.time);
      if (column !== undefined && seesAll) found.set(step, column);
    } else if (step.kind === "filter") seesAll = false;
    else if (step.kind === "project") {
      for (const [id, column] of step.expressions.map((expression) => [expression.id, leafOf(expression)] as const))
        if (column === undefined) leaves.delete(id);
        else leaves.set(id, column);
    } else if (step.kind === "expand_window") {
      const column = leafOf(step.time);
      if (column !== undefined) found.set(step, column);
      break;
    } else if (step.kind !== "observe") break;
  }
  return found;
}
