/** `Aggregate` → operator with its row layout: which fields a group's row has, and where its time bucket comes from. */
import { assert } from "../../base/assert.ts";
import { type RowAggregate, type RowFieldSpec, rowLayout } from "../../columnar/row-layout.ts";
import { AnalysisError } from "../../base/errors.ts";
import { BinaryType, simpleString } from "../../columnar/types.ts";
import type { AggregateCall, Alias, Attribute, Expression } from "../expr/expression.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import { typeOf } from "../expr/expression-type.ts";
import { castlessName, prettyName } from "../expr/sql-text.ts";
import type { Aggregate, LogicalPlan } from "../logical/nodes.ts";
import { fieldSpecs } from "./field-specs.ts";
import { rowPanes, slidingWindows, type SlidingWindows } from "./plan-panes.ts";
import { Hoister, type SplitTiers } from "./interpret-steps.ts";
import type { AggregateOperator, OutputMode, PlannedAggregate, Step } from "./program.ts";

interface Context {
  readonly functions: FunctionRegistry;
  readonly nextId: () => number;
  readonly splitTiers: SplitTiers;
  readonly allowsPanes: boolean;
}

export interface PlannedAggregation {
  readonly operator: AggregateOperator;
  /** What the aggregate node puts out, over the grouping attributes and the results of `operator.aggregates`. */
  readonly results: readonly (Attribute | Alias)[];
  /** Interpret steps that compute arguments before the aggregation, and results after it. */
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  /** The sliding windows that are kept as panes; null: rows are groups as the query names them. */
  readonly panes: SlidingWindows | null;
}

/** `outputMode` null: a batch query, no state. */
export function planAggregate(plan: Aggregate, index: number, context: Context, outputMode: OutputMode | null): PlannedAggregation {
  const grouping = plan.grouping as Attribute[];
  const aggregates: PlannedAggregate[] = [];
  const valueSpecs: RowFieldSpec[] = [];
  const rowAggregates: RowAggregate[] = [];
  const hoister = new Hoister(context.splitTiers);
  const interpreted: InterpretedResult[] = [];

  const results = (plan.results as (Attribute | Alias)[]).map((expression): Attribute | Alias => {
    if (expression.kind === "attribute" || expression.child.kind !== "aggregate_call") return expression;
    const planned = planCall(expression.child, expression.name, context, hoister, interpreted, valueSpecs);
    aggregates.push(planned);
    rowAggregates.push(rowAggregate(expression.child, planned, context));
    return { ...expression, child: planned.result };
  });

  const keySpecs = fieldSpecs(grouping);
  const eventTime = outputMode === null ? undefined : grouping.find((attribute) => attribute.watermarkDelayMs !== undefined);
  const bucket = eventTime && {
    // Its last field: of a window the end.
    keyIndex: fieldSpecs(grouping.slice(0, grouping.indexOf(eventTime) + 1)).length - 1,
    widthMicros: bucketWidth(eventTime, plan.child),
  };
  const plain = { ...rowLayout(keySpecs, valueSpecs, bucket), aggregates: rowAggregates };
  const panes = context.allowsPanes ? slidingWindows(plan, context.functions) : null;
  const usesPanes =
    panes !== null &&
    (eventTime === undefined || eventTime.id === panes.grouping.id) &&
    (outputMode !== "update" || plain.values.every((field) => !field.isVariable));
  return {
    panes: usesPanes ? panes : null,
    results,
    before: hoister.steps(),
    after: interpreted.length === 0 ? [] : [{ kind: "interpret", columns: interpreted, carried: [] }],
    operator: {
      kind: "aggregate",
      index,
      grouping,
      aggregates,
      layout: usesPanes ? { ...plain, panes: rowPanes(panes, plain) } : plain,
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

type InterpretedResult = Extract<Step, { kind: "interpret" }>["columns"][number];

function planCall(
  aggregate: AggregateCall,
  name: string,
  context: Context,
  hoister: Hoister,
  interpreted: InterpretedResult[],
  valueSpecs: RowFieldSpec[],
): PlannedAggregate {
  assert(!aggregate.isDistinct, "distinct aggregates are rewritten or refused before planning");
  const definition = context.functions.aggregate(aggregate.name);
  const argumentTypes = aggregate.args.map(typeOf);
  const plan = definition.plan(argumentTypes, aggregate.dataType, { ignoreNulls: aggregate.ignoreNulls });
  const firstField = valueSpecs.length;
  if (plan.form === "declarative") {
    if (plan.buffer.some((field) => field.dataType.kind === "struct")) throw notYet(aggregate, "Aggregate its fields one by one.");
    for (const field of plan.buffer) valueSpecs.push({ name: `${aggregate.name}.${field.name}`, dataType: field.dataType });
  } else if (plan.form === "sketch") {
    valueSpecs.push({ name: `${aggregate.name}.sketch`, dataType: BinaryType, inlineBytes: plan.lengthBytes });
  } else {
    valueSpecs.push({ name: `${aggregate.name}.list`, dataType: BinaryType });
  }
  const { dataType, nullable } = aggregate;
  const result: Attribute = { kind: "attribute", id: context.nextId(), name, dataType, nullable };
  const args = (plan.form === "sketch" ? [plan.input(aggregate.args)] : aggregate.args).map(hoister.rewrite);
  let buffers: Attribute[] | null = null;
  if (plan.form === "declarative") {
    const attributes = plan.buffer.map((field): Attribute => {
      return { kind: "attribute", id: context.nextId(), name: field.name, dataType: field.dataType, nullable: field.nullable };
    });
    requireFused([...plan.update(attributes, args), ...plan.merge(attributes, attributes)], aggregate, context);
    const evaluation = plan.evaluate(attributes);
    if (context.splitTiers(evaluation).hoisted.length > 0) {
      buffers = attributes;
      interpreted.push({ attribute: result, expression: evaluation });
    }
  }
  return {
    result,
    buffers,
    name: aggregate.name,
    args,
    filter: aggregate.filter && hoister.rewrite(aggregate.filter),
    ignoreNulls: aggregate.ignoreNulls,
    argumentTypes,
    firstField,
    fieldCount: valueSpecs.length - firstField,
  };
}

/** What the state remembers of an aggregate. */
function rowAggregate(aggregate: AggregateCall, planned: PlannedAggregate, { functions }: Context): RowAggregate {
  const { name, argumentTypes, firstField, fieldCount, ignoreNulls } = planned;
  const plan = functions.aggregate(name).plan(argumentTypes, aggregate.dataType, { ignoreNulls });
  const suffix = ignoreNulls ? " IGNORE NULLS" : "";
  const isDeclarative = plan.form === "declarative";
  return {
    call: prettyName(aggregate) + suffix,
    castless: castlessName(aggregate) + suffix,
    encoding: isDeclarative ? "" : argumentTypes.map(simpleString).join(", "),
    firstField,
    fieldCount,
    initial: isDeclarative ? plan.buffer.map(({ initial }) => initial as RowAggregate["initial"][number]) : [],
  };
}

/** Buffers are updated inside the fused loop: there is no place for the interpreter (arguments are computed before). */
function requireFused(expressions: readonly Expression[], aggregate: AggregateCall, { splitTiers }: Context): void {
  if (expressions.every((expression) => splitTiers(expression).hoisted.length === 0)) return;
  throw notYet(aggregate, "Cast the argument to DOUBLE or to a DECIMAL of fewer digits.");
}

const notYet = ({ name, args }: AggregateCall, remedy: string): AnalysisError =>
  new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
    feature: `${name} over ${args.map((argument) => simpleString(typeOf(argument))).join(", ")}`,
    remedy,
  });

/** How many buckets of event time should be alive per partition when the delay is the only thing that keeps them. */
const BUCKETS_ALIVE = 32n;
const SECOND = 1_000_000n;

/** Width of a time bucket: a multiple of the window's slide, such that a few dozen are alive (design: small things stay small). */
export function bucketWidth(eventTime: Attribute, child: LogicalPlan): bigint {
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
