/**
 * A select list over a select list is one select list, unless that would compute something twice. Select lists that change nothing go.
 * Main thread.
 */
import type { Alias, Attribute, Expression } from "../expr/expression.ts";
import type { LogicalPlan, Project } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { transformPlanUp, walk } from "../tree.ts";
import { definitionsOf, isDeterministic, isFree, substitute, type OptimizerContext, type Rule } from "./rule-context.ts";

export const collapseProject: Rule = (plan, context) =>
  transformPlanUp(plan, (node) => {
    if (node.kind !== "project") return node;
    if (changesNothing(node)) return node.child;
    return node.child.kind === "project" ? collapsed(node, node.child, context) : node;
  });

function changesNothing({ child, expressions }: Project): boolean {
  const output = outputOf(child);
  return (
    expressions.length === output.length &&
    expressions.every((expression, index) => {
      const column = output[index]!;
      return expression.kind === "attribute" && expression.id === column.id && expression.name === column.name;
    })
  );
}

function collapsed(outer: Project, inner: Project, context: OptimizerContext): LogicalPlan {
  const definitions = definitionsOf(inner.expressions);
  const uses = new Map<number, number>();
  for (const expression of outer.expressions)
    for (const node of walk(expression)) if (node.kind === "attribute") uses.set(node.id, (uses.get(node.id) ?? 0) + 1);
  const isInlined = ([id, definition]: [number, Expression]): boolean =>
    isDeterministic(definition, context) && (isFree(definition) || (uses.get(id) ?? 0) <= 1);
  if (![...definitions].every(isInlined)) return outer;
  const aliases = new Map(inner.expressions.flatMap((named) => (named.kind === "alias" ? [[named.id, named] as const] : [])));
  const expressions = outer.expressions.map((expression) => inlined(expression as Alias | Attribute, aliases, definitions));
  return Object.freeze({ ...outer, child: inner.child, expressions });
}

/** A column that the inner list computed becomes that computation, under the outer list's spelling of its name. */
function inlined(
  expression: Alias | Attribute,
  aliases: ReadonlyMap<number, Alias>,
  definitions: ReadonlyMap<number, Expression>,
): Expression {
  if (expression.kind === "alias") return substitute(expression, definitions);
  const definition = aliases.get(expression.id);
  if (definition === undefined) return expression;
  return definition.name === expression.name ? definition : Object.freeze({ ...definition, name: expression.name });
}
