/**
 * The filter in front of a scan that the reader runs (`plan/physical/scan-selection.ts`), in generated code: a function for each of its tests that says
 * which rows of a block pass. Main thread, while a stage is compiled.
 */
import type { Attribute } from "../plan/expr/expression.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { PhysicalProgram, Pipeline, Stage } from "../plan/physical/program.ts";
import { type ScanSelection, scanSelection, type ScanTest, testOf } from "../plan/physical/scan-selection.ts";
import { emitRowLoop } from "./block-loop.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { StageTools } from "./segment.ts";
import { canFail } from "./tier.ts";

export interface Selection extends ScanSelection {
  /** Whether the tests may be asked about values that no row has: they cannot fail. */
  readonly isSafe: boolean;
}

/** Null: the pipeline filters its rows itself. A filter that can fail is one test: it fails for the rows for which Spark's does. */
export function selectionOf(program: PhysicalProgram, stage: Stage, pipeline: Pipeline, registry: FunctionRegistry): Selection | null {
  const selection = scanSelection(program, stage, pipeline);
  if (!selection) return null;
  const { condition } = selection.filter;
  const isSafe = !canFail(condition, { registry, timeZone: program.timeZone });
  return isSafe ? { ...selection, isSafe } : { ...selection, isSafe, tests: [testOf(pipeline.input, condition)] };
}

/** The body of `select(block, flags)`: a byte for each row, 1 if it passes the test. */
export function emitSelect(
  stage: StageTools,
  f: FunctionBuilder,
  context: Local,
  input: readonly Attribute[],
  { condition, tested }: ScanTest,
): void {
  const [block, flags] = [f.param(0), f.param(1)];
  const flag = f.local("i32");
  emitRowLoop(f, context, block, input, tested, ({ row }, bindings) => {
    f.i32(0);
    f.set(flag);
    f.block((dropped) => {
      stage.compiler(f, bindings).compileCondition(condition, dropped);
      f.i32(1);
      f.set(flag);
    });
    f.get(flags);
    f.get(row);
    f.op("i32.add");
    f.get(flag);
    f.memory("i32.store8");
  });
}
