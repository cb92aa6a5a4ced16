/** The physical program as text, for `explain`. Main thread. */
import type { Attribute, Expression } from "../expr/expression.ts";
import { prettyName } from "../expr/sql-text.ts";
import type { AggregateOperator, KeyedOperator, PhysicalProgram, Pipeline, SessionStep, Stage, StageSink, Step } from "./program.ts";

/** What is written behind the lines of a stage; null: nothing. */
export interface OperatorNotes {
  sink(stage: Stage): string | null;
  step(stage: Stage, step: Step): string | null;
  input(stage: Stage, pipeline: Pipeline): string | null;
}

const noNotes: OperatorNotes = { sink: () => null, step: () => null, input: () => null };

export function explainProgram(program: PhysicalProgram, notes: OperatorNotes = noNotes): string {
  const lines = program.stages.toReversed().flatMap((stage) => stageLines(program, stage, notes));
  const tail = program.tail.map((step) => `Driver${step.kind[0]!.toUpperCase()}${step.kind.slice(1)}`);
  return [...tail.reverse(), ...lines].join("\n");
}

function stageLines(program: PhysicalProgram, stage: Stage, notes: OperatorNotes): string[] {
  const line = (text: string, note: string | null): string => (note === null ? text : `${text}  (${note})`);
  const sink = sinkText(program, stage.sink);
  const lines = [line(`Stage ${stage.index}: ${sink}`, notes.sink(stage))];
  const sent = stage.sink.kind === "shuffle" ? sentText(program.operators[stage.sink.operator]!) : null;
  if (sent !== null) lines.push(`   +- ${sent}`);
  for (const pipeline of stage.pipelines) {
    for (const step of pipeline.steps.toReversed()) lines.push(line(`   +- ${stepText(program, step)}`, notes.step(stage, step)));
    lines.push(line(`   +- ${inputText(program, stage, pipeline)}`, notes.input(stage, pipeline)));
  }
  return lines;
}

function inputText(program: PhysicalProgram, stage: Stage, pipeline: Pipeline): string {
  if (stage.input.kind === "merge") {
    return mergedText(program.operators[stage.input.operator]!);
  }
  const { read, needed, leaves } = program.sources[pipeline.source]!;
  if (read.kind === "session") return sessionText(program.sessionSteps[read.step]!);
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

function shuffleText({ partitions }: PhysicalProgram, operator: KeyedOperator): string {
  if (operator.kind === "limit") return "ShuffleWrite single partition";
  return `ShuffleWrite hash partitions=${partitions} [${names(operator.kind === "aggregate" ? operator.grouping : operator.keys)}]`;
}

function sinkText(program: PhysicalProgram, sink: StageSink): string {
  if (sink.kind === "output") return "Output";
  if (sink.kind === "session") return `Collect [${names(sink.rows)}] to the session's thread`;
  return shuffleText(program, program.operators[sink.operator]!);
}

function sessionText({ work, output }: SessionStep): string {
  if (work.kind === "rows") return `MapPartitions ${work.name} on the session's thread [${names(output)}]`;
  const computed = work.expressions.flatMap((expression, i) =>
    expression.kind === "attribute" ? [] : [`${prettyName(expression)} AS ${output[i]!.name}`],
  );
  return `EvalUDF on the session's thread [${computed.join(", ")}]`;
}

/** What happens to rows before a shuffle. */
function sentText(operator: KeyedOperator): string | null {
  switch (operator.kind) {
    case "aggregate":
      return `PartialAggregate ${aggregateText(operator)}`;
    case "limit":
      return `StreamingLocalLimit ${operator.limit}`;
    case "deduplicate":
      return operator.eventTime ? `DropLate ${names([operator.eventTime])}` : null;
  }
}

function mergedText(operator: KeyedOperator): string {
  switch (operator.kind) {
    case "aggregate": {
      const { state } = operator;
      return `MergeAggregate ${state ? `StateStoreSave operator=${state.operatorId} emit=${state.emit} ` : ""}${aggregateText(operator)}`;
    }
    case "limit":
      return `StreamingGlobalLimit ${operator.limit} operator=${operator.state.operatorId}`;
    case "deduplicate": {
      const name = operator.keptMicros === null ? "StreamingDeduplicate" : "StreamingDeduplicateWithinWatermark";
      return `${name} [${names(operator.keys)}] operator=${operator.state.operatorId}`;
    }
  }
}

function aggregateText({ grouping, aggregates }: AggregateOperator): string {
  return `keys=[${names(grouping)}] functions=[${aggregates.map(({ result }) => result.name).join(", ")}]`;
}

const names = (attributes: readonly Attribute[]): string => attributes.map(({ name, id }) => `${name}#${id}`).join(", ");

const named = (expression: Expression): string =>
  expression.kind === "alias" ? `${prettyName(expression.child)} AS ${expression.name}#${expression.id}` : prettyName(expression);
