/**
 * Filters move towards the sources, so that fewer rows are computed, shuffled and kept. Only deterministic conjuncts move.
 *
 * | through | which conjuncts |
 * |---|---|
 * | project | those over columns that are passed through or cost nothing to compute twice |
 * | union | all, rewritten to each input's columns |
 * | sort, expand_window | all that do not read the window |
 * | with_watermark | those before the first that reads the event time (as Spark: others would change the watermark) |
 * | aggregate | those over grouping columns, if there are any, that do not ask for the time |
 * | join | those over one side that keeps its rows; for inner joins the rest joins the join condition |
 *
 * Nothing passes limits, deduplication and observed metrics: their result depends on which rows come. Main thread.
 */
import type { Aggregate, Filter, Join, LogicalPlan, Project, SetOperation } from "../logical/nodes.ts";
import type { Expression } from "../expr/expression.ts";
import { outputOf } from "../logical/output.ts";
import { contains, mapInputs, transformPlanDown } from "../tree.ts";
import { conjunctionOf, conjunctsOf, filtered } from "../logical/conjunction.ts";
import {
  definitionsOf,
  idsOf,
  isDeterministic,
  isFree,
  readsOnly,
  referencesOf,
  substitute,
  type OptimizerContext,
  type Rule,
} from "./rule-context.ts";

export const pushDownFilter: Rule = (plan, context) =>
  transformPlanDown(plan, (node) => {
    if (node.kind === "filter") return pushed(node, context);
    return node.kind === "join" ? pushJoinCondition(node, context) : node;
  });

function pushed(filter: Filter, context: OptimizerContext): LogicalPlan {
  const { child } = filter;
  const conjuncts = conjunctsOf(filter.condition);
  const deterministic = (conjunct: Expression): boolean => isDeterministic(conjunct, context);
  switch (child.kind) {
    case "project":
      return throughProject(filter, child, conjuncts, context);
    case "set_operation":
      return throughUnion(filter, child, conjuncts.every(deterministic));
    case "sort":
      return conjuncts.every(deterministic) ? mapInputs(child, (input) => filtered(input, conjuncts)) : filter;
    case "expand_window":
      return split(filter, conjuncts, (conjunct) => deterministic(conjunct) && !referencesOf(conjunct).has(child.window.id));
    case "with_watermark": {
      const time = [...referencesOf(child.eventTime)][0]!;
      const stays = conjuncts.findIndex((conjunct) => !deterministic(conjunct) || referencesOf(conjunct).has(time));
      const moving = new Set(stays < 0 ? conjuncts : conjuncts.slice(0, stays));
      return split(filter, conjuncts, (conjunct) => moving.has(conjunct));
    }
    case "aggregate":
      return throughAggregate(filter, child, conjuncts, context);
    case "join":
      return throughJoin(filter, child, conjuncts, context);
    default:
      return filter;
  }
}

/** Moves the conjuncts that `moves` picks below the filter's child, which passes their columns through. */
function split(filter: Filter, conjuncts: readonly Expression[], moves: (conjunct: Expression) => boolean): LogicalPlan {
  const moving = conjuncts.filter(moves);
  if (moving.length === 0) return filter;
  const staying = conjuncts.filter((conjunct) => !moving.includes(conjunct));
  return filtered(
    mapInputs(filter.child, (input) => filtered(input, moving)),
    staying,
  );
}

function throughProject(filter: Filter, project: Project, conjuncts: readonly Expression[], context: OptimizerContext): LogicalPlan {
  const definitions = definitionsOf(project.expressions);
  const moves = (conjunct: Expression): boolean =>
    isDeterministic(conjunct, context) &&
    [...referencesOf(conjunct)].every((id) => {
      const definition = definitions.get(id);
      return definition === undefined || isFree(definition);
    });
  const moving = conjuncts.filter(moves);
  if (moving.length === 0) return filter;
  const below = filtered(
    project.child,
    moving.map((conjunct) => substitute(conjunct, definitions)),
  );
  return filtered(
    Object.freeze({ ...project, child: below }),
    conjuncts.filter((conjunct) => !moving.includes(conjunct)),
  );
}

function throughUnion(filter: Filter, union: SetOperation, canMove: boolean): LogicalPlan {
  if (!canMove || union.operation !== "union" || !union.isAll) return filter;
  const inputs = union.inputs.map((input) => {
    const columns = outputOf(input);
    const definitions = new Map(union.output!.map((column, index) => [column.id, columns[index]! as Expression]));
    return filtered(input, [substitute(filter.condition, definitions)]);
  });
  return Object.freeze({ ...union, inputs });
}

/**
 * A group passes or fails as a whole, so its rows may be tested before. A total has a row even without input: nothing passes it. Nor does
 * what depends on the batch's time: groups live on in state, and are asked again in the next batch.
 */
function throughAggregate(filter: Filter, aggregate: Aggregate, conjuncts: readonly Expression[], context: OptimizerContext): LogicalPlan {
  if (aggregate.grouping.length === 0) return filter;
  const keys = new Set(aggregate.grouping.flatMap((key) => (key.kind === "attribute" ? [key.id] : [])));
  return split(
    filter,
    conjuncts,
    (conjunct) =>
      isDeterministic(conjunct, context) &&
      !contains(conjunct, ({ kind }) => kind === "batch_timestamp") &&
      referencesOf(conjunct).size > 0 &&
      readsOnly(conjunct, keys),
  );
}

type Side = "left" | "right";

/** Sides whose rows all reach the join's output at least through a condition on them alone. */
const filterableAbove: Readonly<Record<Join["joinType"], readonly Side[]>> = {
  inner: ["left", "right"],
  cross: ["left", "right"],
  left_outer: ["left"],
  right_outer: ["right"],
  full_outer: [],
  left_semi: ["left"],
  left_anti: ["left"],
};

/** Sides on which a row that fails a conjunct of the join condition can be dropped before the join. */
const filterableByCondition: Readonly<Record<Join["joinType"], readonly Side[]>> = {
  inner: ["left", "right"],
  cross: ["left", "right"],
  left_outer: ["right"],
  right_outer: ["left"],
  full_outer: [],
  left_semi: ["left", "right"],
  left_anti: ["right"],
};

function throughJoin(filter: Filter, join: Join, conjuncts: readonly Expression[], context: OptimizerContext): LogicalPlan {
  const placed = placeOnSides(join, conjuncts, filterableAbove[join.joinType], context);
  const isInner = join.joinType === "inner" || join.joinType === "cross";
  const joining = isInner ? placed.rest.filter((conjunct) => isDeterministic(conjunct, context)) : [];
  if (joining.length === 0) return placed.join === join ? filter : filtered(placed.join, placed.rest);
  const condition = conjunctionOf([...(join.condition ? conjunctsOf(join.condition) : []), ...joining]);
  return filtered(
    Object.freeze({ ...placed.join, joinType: "inner", condition }),
    placed.rest.filter((conjunct) => !joining.includes(conjunct)),
  );
}

function pushJoinCondition(join: Join, context: OptimizerContext): LogicalPlan {
  if (join.condition === null) return join;
  const placed = placeOnSides(join, conjunctsOf(join.condition), filterableByCondition[join.joinType], context);
  return placed.join === join ? join : Object.freeze({ ...placed.join, condition: conjunctionOf(placed.rest) });
}

function placeOnSides(
  join: Join,
  conjuncts: readonly Expression[],
  sides: readonly Side[],
  context: OptimizerContext,
): { readonly join: Join; readonly rest: readonly Expression[] } {
  let rest = [...conjuncts];
  let placed = join;
  for (const side of sides) {
    const ids = idsOf(outputOf(join[side]));
    const moving = rest.filter(
      (conjunct) => isDeterministic(conjunct, context) && referencesOf(conjunct).size > 0 && readsOnly(conjunct, ids),
    );
    if (moving.length === 0) continue;
    rest = rest.filter((conjunct) => !moving.includes(conjunct));
    placed = Object.freeze({ ...placed, [side]: filtered(placed[side], moving) });
  }
  return { join: placed, rest };
}
