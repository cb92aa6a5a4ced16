/** What the stages of the last batch did, for `explain("analyze")`: gathered per batch from numbers that the workers count anyway. Main thread. */
import type { TaskResult } from "../protocol/messages.ts";

export interface StageStatistics {
  readonly stage: number;
  readonly tasks: number;
  /** Rows read by a scan; groups emitted by a merge. */
  readonly inputRows: number;
  /** Rows that the sources left out by their statistics. */
  readonly skippedRows: number;
  readonly outputRows: number;
  readonly blocks: number;
  /** Calls between JavaScript and generated code. */
  readonly calls: number;
  /** Bytes written to the exchange. */
  readonly exchangeBytes: number;
  /** Of the busiest worker. */
  readonly busyMs: number;
  /** Rows of the busiest worker over the mean of all; 1 = even. */
  readonly skew: number;
}

export function stageStatistics(
  stage: number,
  tasks: readonly { readonly task: TaskResult; readonly worker: number }[],
  workers: number,
): StageStatistics {
  const sum = (pick: (task: TaskResult) => number): number => tasks.reduce((total, { task }) => total + pick(task), 0);
  const perWorker = (pick: (task: TaskResult) => number): number[] =>
    Array.from({ length: workers }, (_, index) =>
      tasks.reduce((total, { task, worker }) => (worker === index ? total + pick(task) : total), 0),
    );
  const inputRows = sum((task) => task.inputRows);
  return {
    stage,
    tasks: tasks.length,
    inputRows,
    skippedRows: sum((task) => task.skippedRows),
    outputRows: sum((task) => task.outputRows),
    blocks: sum((task) => task.blocks),
    calls: sum((task) => task.calls),
    exchangeBytes: sum((task) => task.lanes.flat().reduce((bytes, block) => bytes + block.bytes, 0)),
    busyMs: Math.max(0, ...perWorker((task) => task.elapsedMs)),
    skew: inputRows === 0 ? 1 : Math.max(...perWorker((task) => task.inputRows)) / (inputRows / workers),
  };
}

/** One line a stage. */
export function statisticsText(stages: readonly StageStatistics[]): string {
  const number = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 2 });
  return stages
    .map(
      ({ stage, tasks, inputRows, skippedRows, outputRows, blocks, calls, exchangeBytes, busyMs, skew }) =>
        `Stage ${stage}: tasks=${tasks} rows in=${number(inputRows)} ${skippedRows > 0 ? `skipped=${number(skippedRows)} ` : ""}rows out=${number(outputRows)} blocks=${number(blocks)} ` +
        `calls=${number(calls)} exchange=${number(exchangeBytes)} B busy=${number(busyMs)} ms skew=${number(skew)}`,
    )
    .join("\n");
}
