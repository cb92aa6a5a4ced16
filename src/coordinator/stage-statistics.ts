/**
 * What the operators of the last batches did, for `explain("analyze")`: gathered per batch from numbers that the workers count anyway.
 * Steps of a stage are fused into one loop, so time is known per stage, rows behind every step that changes their number. Main thread.
 */
import { countedSteps } from "../plan/physical/counted-steps.ts";
import { explainProgram } from "../plan/physical/explain-program.ts";
import type { PhysicalProgram, Pipeline, Stage, Step } from "../plan/physical/program.ts";
import type { TaskResult } from "../protocol/messages.ts";

/** One stage over one batch, or summed over several. */
export interface StageStatistics {
  readonly tasks: number;
  /** Per source of the program that the stage scans; of a merge one entry, -1: what it emitted, and the bytes it took in. */
  readonly inputs: ReadonlyMap<number, InputStatistics>;
  /** Rows behind each counted step. */
  readonly stepRows: readonly number[];
  readonly outputRows: number;
  readonly blocks: number;
  /** Calls between JavaScript and generated code. */
  readonly calls: number;
  /** Bytes written to the exchange. */
  readonly exchangeBytes: number;
  /** Per worker: its time and its input rows. */
  readonly busyMs: readonly number[];
  readonly workerRows: readonly number[];
}

interface InputStatistics {
  readonly rows: number;
  readonly bytes: number;
  readonly readMs: number;
  /** Rows that the source left out by its statistics. */
  readonly skippedRows: number;
}

interface TaskOfWorker {
  readonly task: TaskResult;
  readonly worker: number;
  readonly source: number;
}

export function stageStatistics(tasks: readonly TaskOfWorker[], workers: number): StageStatistics {
  const sum = (pick: (task: TaskResult) => number, of = tasks): number => of.reduce((total, { task }) => total + pick(task), 0);
  const perWorker = (pick: (task: TaskResult) => number): number[] =>
    Array.from({ length: workers }, (_, index) =>
      sum(
        pick,
        tasks.filter(({ worker }) => worker === index),
      ),
    );
  const inputs = [...new Set(tasks.map(({ source }) => source))].map((source): [number, InputStatistics] => {
    const own = tasks.filter((task) => task.source === source);
    return [
      source,
      {
        rows: sum((task) => task.inputRows, own),
        bytes: sum((task) => task.inputBytes, own),
        readMs: sum((task) => task.readMs, own),
        skippedRows: sum((task) => task.skippedRows, own),
      },
    ];
  });
  return {
    tasks: tasks.length,
    inputs: new Map(inputs),
    stepRows: (tasks[0]?.task.stepRows ?? []).map((_, index) => sum((task) => task.stepRows[index]!)),
    outputRows: sum((task) => task.outputRows),
    blocks: sum((task) => task.blocks),
    calls: sum((task) => task.calls),
    exchangeBytes: sum((task) => task.lanes.flat().reduce((bytes, block) => bytes + block.bytes, 0)),
    busyMs: perWorker((task) => task.elapsedMs),
    workerRows: perWorker((task) => task.inputRows),
  };
}

/** The program with the numbers of `batches` (per batch one entry a stage), summed. */
export function statisticsText(program: PhysicalProgram, batches: readonly (readonly StageStatistics[])[]): string {
  const stages = program.stages.map(({ index }) => batches.map((batch) => batch[index]!).reduce(sumOf));
  return explainProgram(program, {
    sink: (stage) => sinkText(stage, stages[stage.index]!),
    step: (stage, step) => stepText(stage, step, stages[stage.index]!),
    input: (stage, pipeline) => inputText(stage, pipeline, stages[stage.index]!),
  });
}

function sinkText({ sink }: Stage, { tasks, blocks, calls, outputRows, exchangeBytes, busyMs, workerRows }: StageStatistics): string {
  const mean = workerRows.reduce((total, rows) => total + rows, 0) / workerRows.length;
  const skew = mean === 0 ? 1 : Math.max(...workerRows) / mean;
  const out = sink.kind === "shuffle" ? `exchange=${number(exchangeBytes)} B` : `rows=${number(outputRows)}`;
  const work = `tasks=${number(tasks)} blocks=${number(blocks)} calls=${number(calls)}`;
  return `${out} time=${number(Math.max(0, ...busyMs))} ms skew=${number(skew)} ${work}`;
}

function stepText(stage: Stage, step: Step, { stepRows }: StageStatistics): string | null {
  const index = countedSteps(stage).indexOf(step);
  return index < 0 || stepRows[index] === undefined ? null : `rows=${number(stepRows[index])}`;
}

function inputText({ input }: Stage, { source }: Pipeline, { inputs }: StageStatistics): string {
  const { rows, bytes, readMs, skippedRows } = inputs.get(source) ?? { rows: 0, bytes: 0, readMs: 0, skippedRows: 0 };
  const skipped = skippedRows > 0 ? ` skipped=${number(skippedRows)}` : "";
  const time = input.kind === "scan" ? ` time=${number(readMs)} ms` : "";
  return `rows=${number(rows)} bytes=${number(bytes)}${time}${skipped}`;
}

const number = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 2 });

function sumOf(a: StageStatistics, b: StageStatistics): StageStatistics {
  const lists = (left: readonly number[], right: readonly number[]): number[] =>
    Array.from({ length: Math.max(left.length, right.length) }, (_, index) => (left[index] ?? 0) + (right[index] ?? 0));
  const inputs = new Map(a.inputs);
  for (const [source, more] of b.inputs) {
    const so = inputs.get(source) ?? { rows: 0, bytes: 0, readMs: 0, skippedRows: 0 };
    inputs.set(source, {
      rows: so.rows + more.rows,
      bytes: so.bytes + more.bytes,
      readMs: so.readMs + more.readMs,
      skippedRows: so.skippedRows + more.skippedRows,
    });
  }
  return {
    tasks: a.tasks + b.tasks,
    inputs,
    stepRows: lists(a.stepRows, b.stepRows),
    outputRows: a.outputRows + b.outputRows,
    blocks: a.blocks + b.blocks,
    calls: a.calls + b.calls,
    exchangeBytes: a.exchangeBytes + b.exchangeBytes,
    busyMs: lists(a.busyMs, b.busyMs),
    workerRows: lists(a.workerRows, b.workerRows),
  };
}
