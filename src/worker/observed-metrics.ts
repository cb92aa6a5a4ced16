/**
 * `observe`: one row of aggregate buffers per metric and batch, in a scratch table of a single row that generated code updates. In a
 * worker; the main thread merges the workers' buffers.
 */
import { ARENA_BATCH } from "../columnar/memory-layout.ts";
import { readRowField } from "../columnar/row-reader.ts";
import type { Value } from "../columnar/values.ts";
import { observedSlot } from "../compile/stage-context.ts";
import type { Kernels } from "../kernels/load.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { StageInstance } from "./stage-instance.ts";

export class ObservedTables {
  readonly #kernels: Kernels;
  readonly #program: PhysicalProgram;
  readonly #layouts: readonly number[];
  #tables: readonly number[] = [];

  /** `layouts`: descriptor addresses per observed metric. */
  constructor(kernels: Kernels, program: PhysicalProgram, layouts: readonly number[]) {
    this.#kernels = kernels;
    this.#program = program;
    this.#layouts = layouts;
  }

  /** Empty tables for a new batch. */
  begin(stages: readonly StageInstance[]): void {
    this.#tables = this.#layouts.map((layout, index) => {
      const table = (this.#kernels.exports["flat_new"]!(layout, ARENA_BATCH) as number) >>> 0;
      if (table === 0) throw outOfMemory(this.#kernels);
      for (const stage of stages) stage.setContext(observedSlot(index), table);
      return table;
    });
  }

  /** Per metric its buffers, or null where no row passed. */
  read(): (readonly Value[] | null)[] {
    return this.#tables.map((table, index) => {
      const row = (this.#kernels.exports["flat_first"]!(table) as number) >>> 0;
      if (row === 0) return null;
      return this.#program.observed[index]!.aggregate.layout.values.map((field) => readRowField(this.#kernels, row, 0, field));
    });
  }
}
