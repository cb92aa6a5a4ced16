/** What the sketches of operators have in common: columns, the ways to run them, and the comparison batch by batch. */
import { expect } from "vitest";
import { LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { keyText, type TestRow } from "./row-codec.ts";
import { type FamilySpec, type RestartFrom, StateWorkers } from "./state-workers.ts";

export const time = (name = "time") => ({ name, dataType: TimestampType });
export const long = (name: string) => ({ name, dataType: LongType });
export const text = (name: string) => ({ name, dataType: StringType });
/** Width of buckets; times are small numbers. */
export const WIDTH = 10n;
export const byTime = { keyIndex: 0, widthMicros: WIDTH };
export const first = (keys: TestRow): TestRow => keys.slice(0, 1);
export const second = (keys: TestRow): TestRow => keys.slice(1, 2);

export const modes = [
  { name: "whole", memoryBytes: undefined, restarts: [] },
  { name: "restarted on other numbers of workers", memoryBytes: undefined, restarts: ["chunks", "changes", "snapshot"] },
  { name: "restarted, with no room in memory", memoryBytes: 1, restarts: ["chunks"] },
] as const;
type Mode = (typeof modes)[number];

/** Feeds the batches to an operator on state, and checks what each of them emits. Some batches run twice, aborted at first. */
export function run<Batch>(
  families: readonly FamilySpec[],
  { memoryBytes, restarts }: Mode,
  batches: readonly Batch[],
  operator: (workers: StateWorkers, batch: Batch) => readonly TestRow[],
  expected: readonly (readonly TestRow[])[],
): void {
  const workers = new StateWorkers({ partitionCount: 4, families, ...(memoryBytes !== undefined && { memoryBytes }) });
  batches.forEach((batch, index) => {
    let emitted: readonly TestRow[] = [];
    const work = (): void => void (emitted = operator(workers, batch));
    if (index % 3 === 1) workers.batch(work, "abort");
    workers.batch(work);
    expect(emitted.map(keyText), `batch ${index}`).toEqual(expected[index]!.map(keyText));
    if (restarts.length === 0) return;
    if (index % 2 === 0) workers.save();
    const from: RestartFrom = restarts[index % restarts.length]!;
    workers.restart(from, 1 + (index % 3));
  });
}
