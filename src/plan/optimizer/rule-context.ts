/** What optimizer rules share: their context and the questions they ask about expressions. Main thread, pure. */
import type { Value } from "../../columnar/values.ts";
import type { Attribute, Expression } from "../expr/expression.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import { contains, expressionsOf, transformUp, walk, walkPlan } from "../tree.ts";

export interface OptimizerContext {
  readonly functions: FunctionRegistry;
  /** A fresh attribute id. */
  ids(): number;
  /** Computes an expression without columns; may throw what the expression throws. Absent: nothing is folded. */
  evaluate?(expression: Expression): Value;
}

/** A rewrite of a whole plan; the same object when nothing changed. */
export type Rule = (plan: LogicalPlan, context: OptimizerContext) => LogicalPlan;

/** Ids of the columns that `expression` reads. */
export function referencesOf(expression: Expression): Set<number> {
  return new Set([...walk(expression)].flatMap((node) => (node.kind === "attribute" ? [node.id] : [])));
}

export const readsOnly = (expression: Expression, ids: ReadonlySet<number>): boolean =>
  !contains(expression, (node) => node.kind === "attribute" && !ids.has(node.id));

export const idsOf = (output: readonly Attribute[]): Set<number> => new Set(output.map((attribute) => attribute.id));

/** Whether an expression gives the same value for the same row every time. */
export function isDeterministic(expression: Expression, { functions }: Pick<OptimizerContext, "functions">): boolean {
  return !contains(expression, (node) => {
    // Called once per row, in its place: a function of the program may count, or be slow.
    if (node.kind === "user_function") return true;
    if (node.kind !== "call") return false;
    const definition = functions.find(node.name);
    return definition?.kind === "scalar" && definition.deterministic === false;
  });
}

/** Whether a plan gives the same rows, and does nothing else, however often it runs. */
export function isRepeatable(plan: LogicalPlan, context: Pick<OptimizerContext, "functions">): boolean {
  return [...walkPlan(plan)].every(
    (node) => node.kind !== "map_partitions" && expressionsOf(node).every((expression) => isDeterministic(expression, context)),
  );
}

/** Columns, literals and struct fields: computing them twice costs nothing. */
export const isFree = (expression: Expression): boolean =>
  expression.kind === "attribute" || expression.kind === "literal" || (expression.kind === "get_field" && isFree(expression.child));

/** `expression` with columns replaced by what defines them. */
export function substitute(expression: Expression, definitions: ReadonlyMap<number, Expression>): Expression {
  return transformUp(expression, (node) => (node.kind === "attribute" ? (definitions.get(node.id) ?? node) : node));
}

/** The definitions that a list of attributes and aliases makes, by column id. */
export function definitionsOf(named: readonly Expression[]): Map<number, Expression> {
  return new Map(named.flatMap((expression) => (expression.kind === "alias" ? [[expression.id, expression.child] as const] : [])));
}
