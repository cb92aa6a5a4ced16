/** `Aggregate` → operator with its row layout: which fields a group's row has, and where its time bucket comes from. */
import { assert } from "../../base/assert.ts";
import { type RowFieldSpec, rowLayout } from "../../columnar/row-layout.ts";
import { BinaryType, BooleanType, leavesOf } from "../../columnar/types.ts";
import { type AggregateCall, type Alias, type Attribute, schemaOf } from "../expr/expression.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import { typeOf } from "../expr/expression-type.ts";
import type { Aggregate, LogicalPlan } from "../logical/nodes.ts";
import type { AggregateOperator, OutputMode, PlannedAggregate } from "./program.ts";

interface Context {
  readonly functions: FunctionRegistry;
  readonly nextId: () => number;
}

export interface PlannedAggregation {
  readonly operator: AggregateOperator;
  /** What the aggregate node puts out, over the grouping attributes and the results of `operator.aggregates`. */
  readonly results: readonly (Attribute | Alias)[];
}

/** `outputMode` null: a batch query, no state. */
export function planAggregate(plan: Aggregate, index: number, context: Context, outputMode: OutputMode | null): PlannedAggregation {
  const grouping = plan.grouping as Attribute[];
  const aggregates: PlannedAggregate[] = [];
  const valueSpecs: RowFieldSpec[] = [];

  const results = (plan.results as (Attribute | Alias)[]).map((expression): Attribute | Alias => {
    if (expression.kind === "attribute" || expression.child.kind !== "aggregate_call") return expression;
    const planned = planCall(expression.child, expression.name, context, valueSpecs);
    aggregates.push(planned);
    return { ...expression, child: planned.result };
  });

  const keySpecs = leavesOf(schemaOf(grouping)).flatMap((leaf): RowFieldSpec[] => {
    const name = leaf.path.join(".");
    if (leaf.physical !== "struct") return [{ name, dataType: leaf.dataType }];
    return leaf.nullable ? [{ name: `${name} is null`, dataType: BooleanType }] : [];
  });
  const eventTime = outputMode === null ? undefined : grouping.find((attribute) => attribute.watermarkDelayMs !== undefined);
  const bucket = eventTime && {
    keyIndex: keySpecs.findIndex(({ name }) => name === (eventTime.dataType.kind === "struct" ? `${eventTime.name}.end` : eventTime.name)),
    widthMicros: bucketWidth(eventTime, plan.child),
  };
  return {
    results,
    operator: {
      index,
      grouping,
      aggregates,
      layout: rowLayout(keySpecs, valueSpecs, bucket),
      state:
        outputMode === null
          ? null
          : {
              operatorId: index,
              operatorName: "stateStoreSave",
              emit: outputMode,
              watermarked: eventTime !== undefined && outputMode !== "complete",
            },
    },
  };
}

function planCall(aggregate: AggregateCall, name: string, context: Context, valueSpecs: RowFieldSpec[]): PlannedAggregate {
  assert(!aggregate.isDistinct, "distinct aggregates are rewritten or refused before planning");
  const definition = context.functions.aggregate(aggregate.name);
  const argumentTypes = aggregate.args.map(typeOf);
  const plan = definition.plan(argumentTypes, aggregate.dataType, { ignoreNulls: aggregate.ignoreNulls });
  const firstField = valueSpecs.length;
  if (plan.form === "declarative") {
    for (const field of plan.buffer) valueSpecs.push({ name: `${name}.${field.name}`, dataType: field.dataType });
  } else if (plan.form === "sketch") {
    valueSpecs.push({ name: `${name}.sketch`, dataType: BinaryType, inlineBytes: plan.lengthBytes });
  } else {
    valueSpecs.push({ name: `${name}.list`, dataType: BinaryType });
  }
  return {
    result: {
      kind: "attribute",
      id: context.nextId(),
      name,
      dataType: aggregate.dataType,
      nullable: aggregate.nullable,
    },
    name: aggregate.name,
    args: aggregate.args,
    filter: aggregate.filter,
    ignoreNulls: aggregate.ignoreNulls,
    argumentTypes,
    firstField,
    fieldCount: valueSpecs.length - firstField,
  };
}

/** How many buckets of event time should be alive per partition when the delay is the only thing that keeps them. */
const BUCKETS_ALIVE = 32n;
const SECOND = 1_000_000n;

/** Width of a time bucket: a multiple of the window's slide, such that a few dozen are alive (design: small things stay small). */
function bucketWidth(eventTime: Attribute, child: LogicalPlan): bigint {
  const delay = BigInt(eventTime.watermarkDelayMs!) * 1000n;
  const step = windowStep(eventTime, child) ?? SECOND;
  const steps = delay / (step * BUCKETS_ALIVE);
  return step * (steps > 1n ? steps : 1n);
}

/** Slide of the window that `attribute` is, if an `ExpandWindow` below made it. */
function windowStep(attribute: Attribute, plan: LogicalPlan): bigint | null {
  if (plan.kind === "expand_window") {
    return attribute.dataType.kind === "struct" ? plan.slideMicros : windowStep(attribute, plan.child);
  }
  return "child" in plan ? windowStep(attribute, plan.child) : null;
}
