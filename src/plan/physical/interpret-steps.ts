/**
 * Cuts pipelines where an expression is beyond generated code: its value is computed by the interpreter in a step of its own, and the
 * expression refers to it by an attribute. What is beyond is decided by the compiler (`compile/tier.ts`), given here as a function.
 */
import { attributeOf } from "../expr/expression-type.ts";
import type { Alias, Attribute, Expression } from "../expr/expression.ts";
import type { AggregateOperator, KeyedOperator, ObservedMetrics, Pipeline, StaticTable, Step } from "./program.ts";
import { attributesOf } from "./needed-leaves.ts";

/** `rest` is fused; it mentions `hoisted` values by their ids. */
export interface TierSplit {
  readonly hoisted: readonly { readonly id: number; readonly expression: Expression; readonly resultType: Attribute["dataType"] }[];
  readonly rest: Expression;
}
export type SplitTiers = (expression: Expression) => TierSplit;

type Columns = Extract<Step, { kind: "interpret" }>["columns"];

/** Replaces what generated code cannot compute by attributes of a preceding interpret step (`columns`, to be put into one). */
export class Hoister {
  readonly columns: Columns[number][] = [];
  readonly #split: SplitTiers;

  constructor(split: SplitTiers) {
    this.#split = split;
  }

  readonly rewrite = (expression: Expression): Expression => {
    const { hoisted, rest } = this.#split(expression);
    for (const { id, expression: value, resultType } of hoisted) {
      const attribute: Attribute = { kind: "attribute", id, name: `interpreted_${id}`, dataType: resultType, nullable: true };
      this.columns.push({ attribute, expression: value });
    }
    return rest;
  };

  /** The steps that must come before: none or one. `carried` is filled in by `carryAttributes`. */
  steps(): Step[] {
    return this.columns.length === 0 ? [] : [{ kind: "interpret", columns: this.columns, carried: [] }];
  }
}

/** `step`, preceded by an interpret step if it needs one. */
export function hoistStep(step: Step, split: SplitTiers): Step[] {
  const hoister = new Hoister(split);
  const rewritten = rewriteStep(step, hoister.rewrite);
  return [...hoister.steps(), rewritten];
}

function rewriteStep(step: Step, rewrite: (expression: Expression) => Expression): Step {
  switch (step.kind) {
    case "filter":
      return { ...step, condition: rewrite(step.condition) };
    case "project":
      return {
        ...step,
        expressions: step.expressions.map((expression): Attribute | Alias =>
          expression.kind === "alias" ? { ...expression, child: rewrite(expression.child) } : expression,
        ),
      };
    case "expand_window":
    case "event_time":
      return { ...step, time: rewrite(step.time) };
    case "join":
      return { ...step, keys: step.keys.map(rewrite) };
    case "observe":
    case "interpret":
      return step;
  }
}

/** Fills in which attributes each interpret step hands on: those that it reads and those that are wanted behind it. */
export function carryAttributes(
  pipeline: Pipeline,
  sinkNeeds: ReadonlySet<number>,
  tables: readonly StaticTable[],
  observed: readonly ObservedMetrics[],
): Pipeline {
  if (!pipeline.steps.some(({ kind }) => kind === "interpret")) return pipeline;
  const inScope = scopes(pipeline, tables);
  const needs = new Set(sinkNeeds);
  const steps: Step[] = [];
  for (let i = pipeline.steps.length - 1; i >= 0; i--) {
    let step = pipeline.steps[i]!;
    if (step.kind === "interpret") {
      for (const { attribute } of step.columns) needs.delete(attribute.id);
      for (const { expression } of step.columns) for (const id of attributesOf(expression)) needs.add(id);
      step = { ...step, carried: [...inScope[i]!.values()].filter(({ id }) => needs.has(id)) };
    } else for (const expression of inputsOf(step, observed)) for (const id of attributesOf(expression)) needs.add(id);
    steps.unshift(step);
  }
  return { ...pipeline, steps };
}

/** Attributes that are known before each step. */
function scopes(pipeline: Pipeline, tables: readonly StaticTable[]): Map<number, Attribute>[] {
  let scope = new Map(pipeline.input.map((attribute) => [attribute.id, attribute]));
  return pipeline.steps.map((step) => {
    const before = scope;
    scope = new Map(scope);
    const add = (attribute: Attribute): unknown => scope.set(attribute.id, attribute);
    if (step.kind === "project") step.expressions.map(attributeOf).forEach(add);
    if (step.kind === "expand_window") add(step.window);
    if (step.kind === "interpret") step.columns.forEach(({ attribute }) => add(attribute));
    if (step.kind === "join") {
      const nullable = step.joinType === "left_outer";
      tables[step.table]!.attributes.forEach((attribute) => add(nullable ? { ...attribute, nullable } : attribute));
    }
    return before;
  });
}

function inputsOf(step: Step, observed: readonly ObservedMetrics[]): readonly Expression[] {
  switch (step.kind) {
    case "filter":
      return [step.condition];
    case "project":
      return step.expressions.map((expression) => (expression.kind === "alias" ? expression.child : expression));
    case "expand_window":
    case "event_time":
      return [step.time];
    case "join":
      return [...step.keys, ...(step.condition ? [step.condition] : [])];
    case "observe":
      return aggregateInputs(observed[step.observed]!.aggregate);
    case "interpret":
      return step.columns.map(({ expression }) => expression);
  }
}

/** What goes into a shuffle of each row. */
export function operatorInputs(operator: KeyedOperator): readonly Expression[] {
  if (operator.kind === "aggregate") return aggregateInputs(operator);
  const { keys, carried } = operator;
  return operator.kind === "deduplicate" && operator.eventTime ? [...keys, ...carried, operator.eventTime] : [...keys, ...carried];
}

/** What an aggregate reads of each row. */
export function aggregateInputs(aggregate: AggregateOperator): readonly Expression[] {
  return [...aggregate.grouping, ...aggregate.aggregates.flatMap((call) => [...call.args, ...(call.filter ? [call.filter] : [])])];
}
