/**
 * Optimized logical plan → stages (`program.ts`). Main thread, once per query.
 *
 * The planner walks the tree bottom up and keeps *flows*: pipelines that are still open at the end. An aggregate closes the
 * flow with a shuffle and opens a new one over the merged rows; a union puts flows side by side. What does not fit is cut off and run
 * before (`PlannerContext.materialize`).
 */
import { assert, unreachable } from "../../base/assert.ts";
import { AnalysisError } from "../../base/errors.ts";
import { type RowFieldSpec, rowLayout } from "../../columnar/row-layout.ts";
import { BooleanType, type Leaf, leafCount, leavesOf, type StructType } from "../../columnar/types.ts";
import { type Alias, type Attribute, type Expression, schemaOf } from "../expr/expression.ts";
import { expressionsOf, walk, walkPlan } from "../tree.ts";
import type { FunctionRegistry } from "../expr/function-registry.ts";
import { attributeOf, typeOf } from "../expr/expression-type.ts";
import { needsSession } from "../expr/user-function.ts";
import { isStreaming } from "../logical/output.ts";
import type { Aggregate, Deduplicate, Join, Limit, LocalRelation, LogicalPlan } from "../logical/nodes.ts";
import { fullOuterAsUnion } from "../optimizer/replace-full-outer-join.ts";
import { isRepeatable } from "../optimizer/rule-context.ts";
import { planAggregate } from "./plan-aggregate.ts";
import { expandIntoPanes } from "./plan-panes.ts";
import { deduplicateAsAggregate } from "./deduplicate-as-aggregate.ts";
import { splitJoin } from "./plan-join.ts";
import { planDeduplicate, planLimit } from "./plan-row-operator.ts";
import { carryAttributes, hoistStep, operatorInputs, type SplitTiers } from "./interpret-steps.ts";
import { attributesOf, neededLeaves } from "./needed-leaves.ts";
import { pruneSessionSteps } from "./prune-session-steps.ts";
import { scanPredicates } from "./scan-predicates.ts";
import { splitTail } from "./split-tail.ts";
import type {
  KeyedOperator,
  ObservedMetrics,
  OutputMode,
  PhysicalProgram,
  SourceInput,
  Stage,
  StaticTable,
  Step,
  SessionStep,
  WatermarkOperator,
} from "./program.ts";

export interface PlannerContext {
  readonly functions: FunctionRegistry;
  readonly partitions: number;
  readonly timeZone: string;
  /** `batch` or the output mode of the stream. */
  readonly outputMode: OutputMode | "batch";
  readonly nextId: () => number;
  /** Runs a static subtree now and returns its rows (batch queries below a sort, limit or second input). */
  readonly materialize: (plan: LogicalPlan) => Promise<LocalRelation>;
  /** Takes apart what generated code cannot compute. */
  readonly splitTiers: SplitTiers;
  /** Whether sliding windows may be aggregated by panes. */
  readonly allowsPanes: boolean;
}

/** Pipelines of the stages that are still open: those that scan belong to one stage, every merge has its own. */
interface Flow {
  readonly pipelines: readonly OpenPipeline[];
  readonly output: readonly Attribute[];
}

interface OpenPipeline {
  /** What its stage reads. */
  readonly from: Stage["input"];
  readonly source: number;
  readonly input: readonly Attribute[];
  readonly steps: Step[];
}

export async function planQuery(plan: LogicalPlan, context: PlannerContext): Promise<PhysicalProgram> {
  return new Planner(context).plan(plan);
}

class Planner {
  readonly #context: PlannerContext;
  readonly #sources: Omit<SourceInput, "needed" | "predicates">[] = [];
  readonly #stages: Stage[] = [];
  readonly #staticTables: StaticTable[] = [];
  readonly #operators: KeyedOperator[] = [];
  readonly #watermarks: WatermarkOperator[] = [];
  readonly #observed: ObservedMetrics[] = [];
  readonly #sessionSteps: SessionStep[] = [];

  constructor(context: PlannerContext) {
    this.#context = context;
  }

  async plan(plan: LogicalPlan): Promise<PhysicalProgram> {
    const { below, tail } = splitTail(plan, this.#context.outputMode);
    const flow = await this.#flow(below);
    this.#close(flow, { kind: "output" });
    pruneSessionSteps(this.#stages, this.#sources, this.#sessionSteps, (stages) =>
      neededLeaves(stages, this.#sources, flow.output, this.#operators, this.#staticTables, this.#observed),
    );
    const stages = this.#stages.map((stage) => this.#carry(stage, flow.output));
    const needed = neededLeaves(stages, this.#sources, flow.output, this.#operators, this.#staticTables, this.#observed);
    const predicates = scanPredicates(stages, this.#sources.length);
    const first = tail[0];
    return {
      stages,
      sources: this.#sources.map((source, index) => ({ ...source, needed: needed[index]!, predicates: predicates[index]! })),
      staticTables: this.#staticTables,
      operators: this.#operators,
      watermarks: this.#watermarks,
      observed: this.#observed,
      sessionSteps: this.#sessionSteps,
      userFunctions: moduleFunctions(plan),
      output: flow.output,
      tail,
      outputMode: this.#context.outputMode,
      partitions: this.#context.partitions,
      timeZone: this.#context.timeZone,
      rowLimit: first?.kind === "limit" && this.#context.outputMode === "batch" ? first.limit + first.offset : null,
    };
  }

  async #flow(plan: LogicalPlan): Promise<Flow> {
    switch (plan.kind) {
      case "relation":
        return this.#scan(plan.read, plan.isStreaming, plan.output);
      case "local_relation":
        return this.#scan(plan, false, plan.output);
      case "range":
        return this.#scan({ kind: "range", start: plan.start, end: plan.end, step: plan.step }, false, plan.output);
      case "filter":
        return this.#append(await this.#flow(plan.child), { kind: "filter", condition: plan.condition });
      case "project": {
        const expressions = plan.expressions as (Attribute | Alias)[];
        const flow = await this.#flow(plan.child);
        return { ...this.#append(flow, { kind: "project", expressions }), output: expressions.map(attributeOf) };
      }
      case "expand_window": {
        const { time, windowMicros, slideMicros, startMicros, window } = plan;
        const flow = await this.#flow(plan.child);
        return {
          ...this.#append(flow, { kind: "expand_window", time, windowMicros, slideMicros, startMicros, window, paneMicros: null }),
          output: [...flow.output, window],
        };
      }
      case "with_watermark": {
        const flow = await this.#flow(plan.child);
        if (this.#context.outputMode === "batch") return flow;
        const time = plan.eventTime as Attribute;
        const watermark = this.#watermarks.length;
        this.#watermarks.push({ index: watermark, column: time.name, delayMs: plan.delayMs });
        return { ...this.#append(flow, { kind: "event_time", watermark, time }), output: plan.output! };
      }
      case "collect_metrics": {
        const flow = await this.#flow(plan.child);
        const aggregate = planAggregate(
          { kind: "aggregate", child: plan.child, grouping: [], results: plan.metrics },
          this.#observed.length,
          this.#context,
          null,
        );
        const observed = this.#observed.length;
        const prepared = this.#appendAll(flow, aggregate.before);
        this.#observed.push({ index: observed, name: plan.name, aggregate: aggregate.operator, results: aggregate.results });
        return this.#append(prepared, { kind: "observe", observed });
      }
      case "aggregate":
        return this.#aggregate(plan);
      case "deduplicate":
        return isStreaming(plan) ? this.#rowOperator(plan) : this.#flow(deduplicateAsAggregate(plan));
      case "join":
        return this.#join(plan);
      case "set_operation": {
        assert(plan.operation === "union", "only unions reach the planner");
        const flows: Flow[] = [];
        for (const input of plan.inputs) {
          const flow = await this.#flow(input);
          const expressions = plan.output!.map((attribute, i): Alias => ({
            kind: "alias",
            child: flow.output[i]!,
            name: attribute.name,
            id: attribute.id,
          }));
          flows.push(this.#append(flow, { kind: "project", expressions }));
        }
        return { pipelines: flows.flatMap((flow) => flow.pipelines), output: plan.output! };
      }
      case "map_partitions": {
        const flow = await this.#flow(plan.child);
        const call = plan.bind(schemaOf(flow.output));
        return this.#cut(flow, flow.output, plan.output!, { kind: "rows", name: plan.name, call });
      }
      case "limit":
        if (isStreaming(plan)) return this.#rowOperator(plan);
        return this.#flow(await this.#context.materialize(plan));
      case "sort":
        if (this.#context.outputMode !== "batch") {
          throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
            feature: "a sort below other operators of a streaming query",
            remedy: "Sort last, in complete mode.",
          });
        }
        return this.#flow(await this.#context.materialize(plan));
      case "read":
      case "unresolved_relation":
      case "with_columns":
      case "with_columns_renamed":
      case "drop":
      case "subquery_alias":
        throw new Error(`millrace internal error: ${plan.kind} is left after analysis`);
      default:
        return unreachable(plan);
    }
  }

  #scan(read: SourceInput["read"], isStream: boolean, output: readonly Attribute[]): Flow {
    const schema: StructType = schemaOf(output);
    const leaves: Leaf[] = leavesOf(schema);
    const source = this.#sources.length;
    this.#sources.push({ read, isStreaming: isStream, schema, leaves });
    return { pipelines: [{ from: { kind: "scan" }, source, input: output, steps: [] }], output };
  }

  #append(flow: Flow, step: Step): Flow {
    return this.#appendAll(flow, hoistStep(step, this.#context.splitTiers));
  }

  /** Appends steps to all pipelines; one with a closure in it cuts them. */
  #appendAll(flow: Flow, steps: readonly Step[]): Flow {
    let open = flow;
    for (const step of steps) {
      if (step.kind === "interpret" && step.columns.some(({ expression }) => needsSession(expression))) open = this.#onSession(open, step);
      else for (const pipeline of open.pipelines) pipeline.steps.push(step);
    }
    return open;
  }

  /** The columns of `step` are computed on the session's thread, all others go there and back. */
  #onSession(flow: Flow, { columns }: Extract<Step, { kind: "interpret" }>): Flow {
    const carried = [...flow.output];
    const output = [...carried, ...columns.map(({ attribute }) => attribute)];
    const work = { kind: "columns", expressions: [...carried, ...columns.map(({ expression }) => expression)] } as const;
    return { ...this.#cut(flow, carried, output, work), output: flow.output };
  }

  #cut(flow: Flow, input: readonly Attribute[], output: readonly Attribute[], work: SessionStep["work"]): Flow {
    const step = this.#sessionSteps.length;
    this.#sessionSteps.push({ index: step, input, output, work });
    this.#close(flow, { kind: "session", step, rows: input });
    return this.#scan({ kind: "session", step }, false, output);
  }

  #carry(stage: Stage, output: readonly Attribute[]): Stage {
    const { sink } = stage;
    const inputs = sink.kind === "output" ? output : sink.kind === "session" ? sink.rows : operatorInputs(this.#operators[sink.operator]!);
    const needs = new Set(inputs.flatMap((expression) => [...attributesOf(expression)]));
    return { ...stage, pipelines: stage.pipelines.map((pipeline) => carryAttributes(pipeline, needs, this.#staticTables, this.#observed)) };
  }

  /** Ends the open stages: their rows go to `sink`. */
  #close(flow: Flow, sink: Stage["sink"]): void {
    const add = (input: Stage["input"], pipelines: readonly OpenPipeline[]): void => {
      this.#stages.push({ index: this.#stages.length, input, pipelines: pipelines.map(({ from: _from, ...pipeline }) => pipeline), sink });
    };
    const scans = flow.pipelines.filter(({ from }) => from.kind === "scan");
    if (scans.length > 0) add({ kind: "scan" }, scans);
    for (const pipeline of flow.pipelines) if (pipeline.from.kind === "merge") add(pipeline.from, [pipeline]);
  }

  async #aggregate(plan: Aggregate): Promise<Flow> {
    const flow = await this.#flow(plan.child);
    const { outputMode } = this.#context;
    const { operator, results, before, after, panes } = planAggregate(
      plan,
      this.#operators.length,
      // Panes are made where the windows are, which may be before a cut.
      { ...this.#context, allowsPanes: this.#context.allowsPanes && this.#sessionSteps.length === 0 },
      outputMode === "batch" ? null : outputMode,
    );
    this.#operators.push(operator);
    if (panes) for (const pipeline of flow.pipelines) expandIntoPanes(pipeline.steps, panes);
    this.#close(this.#appendAll(flow, before), { kind: "shuffle", operator: operator.index });
    const input = [...operator.grouping, ...operator.aggregates.flatMap(({ result, buffers }) => buffers ?? [result])];
    return {
      pipelines: [
        {
          from: { kind: "merge", operator: operator.index },
          source: -1,
          input,
          steps: [...after, { kind: "project", expressions: results }],
        },
      ],
      output: results.map(attributeOf),
    };
  }

  /** Deduplication and limits of streams: rows go to where the state of their key is, and on from there as they are. */
  async #rowOperator(plan: Deduplicate | Limit): Promise<Flow> {
    const flow = await this.#flow(plan.child);
    const index = this.#operators.length;
    const operator = plan.kind === "limit" ? planLimit(plan, index, flow.output) : planDeduplicate(plan, index, flow.output);
    this.#operators.push(operator);
    this.#close(flow, { kind: "shuffle", operator: index });
    return {
      pipelines: [{ from: { kind: "merge", operator: index }, source: -1, input: [...operator.keys, ...operator.carried], steps: [] }],
      output: flow.output,
    };
  }

  /** The sides of a full outer join run twice, those that may differ the second time once, before. */
  async #fullOuterJoin(plan: Join): Promise<Flow> {
    const once = async (side: LogicalPlan): Promise<LogicalPlan> =>
      isRepeatable(side, this.#context) ? side : await this.#context.materialize(side);
    const join: Join = { ...plan, left: await once(plan.left), right: await once(plan.right) };
    return this.#flow(fullOuterAsUnion(join, this.#context.nextId));
  }

  async #join(plan: Join): Promise<Flow> {
    if (plan.joinType === "full_outer") return this.#fullOuterJoin(plan);
    const split = splitJoin(plan, this.#context.nextId);
    const flow = await this.#flow(split.probe);
    const isFused = !split.condition || this.#context.splitTiers(split.condition).hoisted.length === 0;
    if (!isFused && split.joinType !== "inner") {
      throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
        feature: `this condition in a ${split.joinType} join`,
        remedy: "Compute its parts in a select before the join.",
      });
    }
    const table = this.#staticTables.length;
    const layout = rowLayout(
      split.buildKeys.flatMap((key, i) => leafSpecs(`key${i}`, key)),
      leafSpecsOf(split.buildOutput),
    );
    this.#staticTables.push({
      index: table,
      plan: split.build,
      attributes: split.buildOutput,
      leaves: leavesOf(schemaOf(split.buildOutput)),
      keys: split.buildKeys,
      layout,
    });
    let joined = this.#append(flow, {
      kind: "join",
      table,
      joinType: split.joinType,
      keys: split.probeKeys,
      nullSafe: split.nullSafe,
      condition: isFused ? split.condition : null,
    });
    if (split.condition && !isFused) joined = this.#append(joined, { kind: "filter", condition: split.condition });
    const keepsBuild = split.joinType === "inner" || split.joinType === "left_outer";
    const built =
      split.joinType === "left_outer" ? split.buildOutput.map((attribute) => ({ ...attribute, nullable: true })) : split.buildOutput;
    const both = keepsBuild ? [...flow.output, ...built] : flow.output;
    return { ...joined, output: split.outputOrder(both) };
  }
}

const leafSpecs = (name: string, expression: Expression): RowFieldSpec[] => {
  const dataType = typeOf(expression);
  assert(leafCount(dataType) === 1, "join keys are flat");
  return [{ name, dataType }];
};

/** Value fields for the payload of a join table: a boolean per struct (is it null), the leaves as they are. */
const leafSpecsOf = (attributes: readonly Attribute[]): RowFieldSpec[] =>
  leavesOf(schemaOf(attributes)).map((leaf) => ({
    name: leaf.path.join("."),
    dataType: leaf.physical === "struct" ? BooleanType : leaf.dataType,
  }));

function moduleFunctions(plan: LogicalPlan): PhysicalProgram["userFunctions"] {
  return [...walkPlan(plan)].flatMap((node) =>
    expressionsOf(node).flatMap((expression) =>
      [...walk(expression)].flatMap((part) =>
        part.kind === "user_function" && part.implementation.where === "worker" ? [part.implementation] : [],
      ),
    ),
  );
}
