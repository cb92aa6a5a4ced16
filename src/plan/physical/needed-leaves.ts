/**
 * Which leaves of each source a query looks at: parsing and generating the others is skipped. Works backwards through each
 * pipeline; a struct of which only some fields are taken needs only those.
 */
import type { Leaf } from "../../columnar/types.ts";
import { leafCount } from "../../columnar/types.ts";
import { childrenOf } from "../tree.ts";
import type { Alias, Attribute, Expression } from "../expr/expression.ts";
import { aggregateInputs, operatorInputs } from "./interpret-steps.ts";
import type { KeyedOperator, ObservedMetrics, Stage, StaticTable, Step } from "./program.ts";

/** Attribute id → leaf offsets within the attribute that are needed, or `all`. */
type Needs = Map<number, Set<number> | "all">;

export function neededLeaves(
  stages: readonly Stage[],
  sources: readonly { readonly leaves: readonly Leaf[] }[],
  output: readonly Attribute[],
  operators: readonly KeyedOperator[],
  tables: readonly StaticTable[],
  observed: readonly ObservedMetrics[],
): boolean[][] {
  const result = sources.map((source) => source.leaves.map(() => false));
  for (const stage of stages) {
    for (const pipeline of stage.pipelines) {
      if (pipeline.source < 0) continue;
      const needs: Needs = new Map();
      if (stage.sink.kind !== "shuffle")
        for (const attribute of stage.sink.kind === "output" ? output : stage.sink.rows) needs.set(attribute.id, "all");
      else operatorInputs(operators[stage.sink.operator]!).forEach((expression) => collect(expression, needs));
      for (const step of pipeline.steps.toReversed()) before(step, needs, tables, observed);
      const flags = result[pipeline.source]!;
      leavesOfNeeds(pipeline.input, needs).forEach((isNeeded, leaf) => isNeeded && (flags[leaf] = true));
    }
  }
  return result;
}

/** Which leaves of `input` some expressions look at. */
export function leavesIn(input: readonly Attribute[], expressions: readonly Expression[]): boolean[] {
  const needs: Needs = new Map();
  for (const expression of expressions) collect(expression, needs);
  return leavesOfNeeds(input, needs);
}

function leavesOfNeeds(input: readonly Attribute[], needs: Needs): boolean[] {
  return input.flatMap(({ id, dataType }) => {
    const need = needs.get(id);
    return Array.from({ length: leafCount(dataType) }, (_, offset) => need === "all" || need?.has(offset) === true);
  });
}

/** Turns the needs after `step` into the needs before it. */
function before(step: Step, needs: Needs, tables: readonly StaticTable[], observed: readonly ObservedMetrics[]): void {
  switch (step.kind) {
    case "filter":
      collect(step.condition, needs);
      return;
    case "project":
    case "interpret": {
      const computed =
        step.kind === "project"
          ? step.expressions
              .filter((expression): expression is Alias => expression.kind === "alias")
              .map(({ id, child }) => ({ id, child }))
          : step.columns.map(({ attribute, expression }) => ({ id: attribute.id, child: expression }));
      if (step.kind === "interpret") for (const { id } of step.carried) needs.set(id, "all");
      for (const { id, child } of computed) {
        const need = needs.get(id);
        needs.delete(id);
        if (need === undefined && step.kind === "project" && cannotFail(child)) continue;
        if (child.kind === "attribute" && need !== undefined) merge(needs, child.id, need);
        else collect(child, needs);
      }
      return;
    }
    case "expand_window":
      needs.delete(step.window.id);
      collect(step.time, needs);
      return;
    case "event_time":
      collect(step.time, needs);
      return;
    case "observe":
      aggregateInputs(observed[step.observed]!.aggregate).forEach((expression) => collect(expression, needs));
      return;
    case "join":
      for (const attribute of tables[step.table]!.attributes) needs.delete(attribute.id);
      step.keys.forEach((key) => collect(key, needs));
      if (step.condition) collect(step.condition, needs);
      return;
  }
}

const cannotFail = (expression: Expression): boolean =>
  expression.kind === "attribute" || expression.kind === "literal" || (expression.kind === "get_field" && cannotFail(expression.child));

function merge(needs: Needs, id: number, need: Set<number> | "all"): void {
  const old = needs.get(id);
  if (old === "all") return;
  needs.set(id, need === "all" || old === undefined ? need : new Set([...old, ...need]));
}

function collect(expression: Expression, needs: Needs): void {
  const path = fieldPath(expression);
  if (path) {
    merge(needs, path.attribute.id, path.offsets);
    return;
  }
  for (const child of childrenOf(expression)) collect(child, needs);
}

/** `attribute.field…`: the leaf offsets it touches: each struct on the way and everything below the end. */
function fieldPath(expression: Expression): { attribute: Attribute; offsets: Set<number> | "all" } | null {
  if (expression.kind === "attribute") return { attribute: expression, offsets: "all" };
  const ordinals: number[] = [];
  let node: Expression = expression;
  while (node.kind === "get_field") {
    ordinals.unshift(node.ordinal);
    node = node.child;
  }
  if (node.kind !== "attribute") return null;
  const offsets = new Set<number>([0]);
  let type = node.dataType;
  let offset = 0;
  for (const ordinal of ordinals) {
    if (type.kind !== "struct") return null;
    offset += 1 + type.fields.slice(0, ordinal).reduce((sum, field) => sum + leafCount(field.dataType), 0);
    type = type.fields[ordinal]!.dataType;
    offsets.add(offset);
  }
  for (let i = 0; i < leafCount(type); i++) offsets.add(offset + i);
  return { attribute: node, offsets };
}

/** Ids of all attributes in an expression. */
export function* attributesOf(expression: Expression): Generator<number> {
  if (expression.kind === "attribute") yield expression.id;
  else for (const child of childrenOf(expression)) yield* attributesOf(child);
}
