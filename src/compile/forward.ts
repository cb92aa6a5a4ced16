/**
 * Blocks that leave a stage as they came: where a pipeline does nothing but choose columns and compute others, its output refers to the
 * input's columns, and only what is new is written. Main thread, while a stage is compiled; `worker/stage-instance.ts` puts such blocks together.
 */
import { leafCount } from "../columnar/types.ts";
import type { Alias, Attribute, Expression } from "../plan/expr/expression.ts";
import { typeOf } from "../plan/expr/expression-type.ts";
import type { Step } from "../plan/physical/program.ts";
import { emitRowLoop } from "./block-loop.ts";
import { OutBlockWriter } from "./columns.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { StageTools } from "./segment.ts";

export interface Forward {
  readonly outBlock: number;
  /** For each leaf of the output the input's leaf; null: `compute<p>(block)` writes it into the out-block. */
  readonly leaves: readonly (number | null)[];
  /** Structs of the input whose fields are taken out: where one is null the fields may not say so. */
  readonly structs: readonly number[];
}

/** Null where rows are dropped, looked at or reordered, or where every column is computed. */
export function forwardOf(
  steps: readonly Step[],
  input: readonly Attribute[],
  output: readonly Attribute[],
  outBlock: number,
): Forward | null {
  const [step, ...more] = steps;
  if (more.length > 0 || (step !== undefined && step.kind !== "project")) return null;
  const projected = new Map<number, Expression>((step?.expressions ?? input).map((expression) => [expression.id, expression]));
  // What is computed but not wanted may still fail.
  if (step?.expressions.some(({ kind, id }) => kind === "alias" && !output.some((attribute) => attribute.id === id))) return null;
  const structs = new Set<number>();
  const leaves = output.flatMap(({ id, dataType }): (number | null)[] => {
    const first = firstLeaf(projected.get(id)!, input, structs);
    return Array.from({ length: leafCount(dataType) }, (_, leaf) => (first === null ? null : first + leaf));
  });
  return leaves.every((leaf) => leaf === null) ? null : { outBlock, leaves, structs: [...structs] };
}

/** The input's leaf with which a column begins, if the expression only names it; the structs on the way go to `structs`. */
function firstLeaf(expression: Expression, input: readonly Attribute[], structs: Set<number>): number | null {
  if (expression.kind === "alias") return firstLeaf(expression.child, input, structs);
  if (expression.kind === "attribute") {
    const at = input.findIndex(({ id }) => id === expression.id);
    return at < 0 ? null : input.slice(0, at).reduce((sum, { dataType }) => sum + leafCount(dataType), 0);
  }
  if (expression.kind !== "get_field") return null;
  const struct = firstLeaf(expression.child, input, structs);
  const type = typeOf(expression.child);
  if (struct === null || type.kind !== "struct") return null;
  structs.add(struct);
  return struct + 1 + type.fields.slice(0, expression.ordinal).reduce((sum, { dataType }) => sum + leafCount(dataType), 0);
}

/** The body of `compute(block)`: writes the computed columns of every row. */
export function emitCompute(
  stage: StageTools,
  f: FunctionBuilder,
  context: Local,
  input: readonly Attribute[],
  needed: readonly boolean[],
  steps: readonly Step[],
  { outBlock, leaves }: Forward,
): void {
  const output = stage.outAttributes(outBlock);
  const writer = new OutBlockWriter(f, context, outBlock, output);
  const computed = new Map<number, Alias>(
    steps
      .flatMap((step) => (step.kind === "project" ? step.expressions : []))
      .flatMap((each) => (each.kind === "alias" ? [[each.id, each]] : [])),
  );
  emitRowLoop(f, context, f.param(0), input, needed, ({ row }, bindings) => {
    const compiler = stage.compiler(f, bindings);
    let leaf = 0;
    for (const { id, dataType } of output) {
      if (leaves[leaf] === null) writer.write(leaf, compiler.compile(computed.get(id)!.child), row);
      leaf += leafCount(dataType);
    }
  });
}
