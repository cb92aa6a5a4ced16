/** The physical program as text, for `explain`. Main thread. */
import type { Attribute, Expression } from "../expr/expression.ts";
import { prettyName } from "../expr/sql-text.ts";
import type { PhysicalProgram, Pipeline, Stage, Step } from "./program.ts";

export function explainProgram(program: PhysicalProgram): string {
  const lines = program.stages.toReversed().flatMap((stage) => stageLines(program, stage));
  const tail = program.tail.map((step) => `Driver${step.kind[0]!.toUpperCase()}${step.kind.slice(1)}`);
  return [...tail.reverse(), ...lines].join("\n");
}

function stageLines(program: PhysicalProgram, stage: Stage): string[] {
  const sink =
    stage.sink.kind === "output"
      ? "Output"
      : `ShuffleWrite hash partitions=${program.partitions} [${names(program.aggregates[stage.sink.aggregate]!.grouping)}]`;
  const lines = [`Stage ${stage.index}: ${sink}`];
  if (stage.sink.kind === "shuffle") lines.push(`   +- PartialAggregate ${aggregateText(program, stage.sink.aggregate)}`);
  for (const pipeline of stage.pipelines) {
    for (const step of pipeline.steps.toReversed()) lines.push(`   +- ${stepText(program, step)}`);
    lines.push(`   +- ${inputText(program, stage, pipeline)}`);
  }
  return lines;
}

function inputText(program: PhysicalProgram, stage: Stage, pipeline: Pipeline): string {
  if (stage.input.kind === "merge") {
    const { state } = program.aggregates[stage.input.aggregate]!;
    const mode = state ? `StateStoreSave operator=${state.operatorId} emit=${state.emit} ` : "";
    return `MergeAggregate ${mode}${aggregateText(program, stage.input.aggregate)}`;
  }
  const { read, needed, leaves } = program.sources[pipeline.source]!;
  const columns = leaves.filter((_leaf, i) => needed[i]).map((leaf) => leaf.path.join("."));
  return `Scan ${read.kind === "read" ? read.format : read.kind} [${columns.join(", ")}]`;
}

function stepText(program: PhysicalProgram, step: Step): string {
  switch (step.kind) {
    case "filter":
      return `Filter (${prettyName(step.condition)})`;
    case "project":
      return `Project [${step.expressions.map(named).join(", ")}]`;
    case "expand_window":
      return `ExpandWindow ${prettyName(step.time)} size=${step.windowMicros / 1000n}ms slide=${step.slideMicros / 1000n}ms${step.paneMicros === null ? "" : ` panes=${step.windowMicros / step.paneMicros}`}`;
    case "event_time":
      return `EventTimeWatermark ${prettyName(step.time)} delay=${program.watermarks[step.watermark]!.delayMs}ms`;
    case "observe":
      return `CollectMetrics ${program.observed[step.observed]!.name}`;
    case "join":
      return `BroadcastHashJoin ${step.joinType} [${step.keys.map(prettyName).join(", ")}]${step.condition ? ` (${prettyName(step.condition)})` : ""}`;
    case "interpret":
      return `Interpret [${step.columns.map(({ attribute, expression }) => `${prettyName(expression)} AS ${attribute.name}`).join(", ")}]`;
  }
}

function aggregateText(program: PhysicalProgram, aggregate: number): string {
  const { grouping, aggregates } = program.aggregates[aggregate]!;
  return `keys=[${names(grouping)}] functions=[${aggregates.map(({ result }) => result.name).join(", ")}]`;
}

const names = (attributes: readonly Attribute[]): string => attributes.map(({ name, id }) => `${name}#${id}`).join(", ");

const named = (expression: Expression): string =>
  expression.kind === "alias" ? `${prettyName(expression.child)} AS ${expression.name}#${expression.id}` : prettyName(expression);
