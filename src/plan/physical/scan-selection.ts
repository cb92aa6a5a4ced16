/**
 * A filter in front of a scan's pipeline that the reader runs itself, on the columns that it looks at, before it decodes the others. The compiler
 * makes it a function of its own. Main thread.
 */
import { leavesIn, neededLeaves } from "./needed-leaves.ts";
import type { PhysicalProgram, Pipeline, Stage, Step } from "./program.ts";

type FilterStep = Extract<Step, { kind: "filter" }>;

export interface ScanSelection {
  readonly filter: FilterStep;
  /** Leaves of the source that the filter looks at. */
  readonly tested: readonly boolean[];
  /** Leaves that what comes behind it looks at. */
  readonly kept: readonly boolean[];
}

/** Formats whose readers do. */
const FORMATS: ReadonlySet<string> = new Set(["parquet"]);

/** Null: the pipeline filters its rows itself, if at all. */
export function scanSelection(program: PhysicalProgram, stage: Stage, pipeline: Pipeline): ScanSelection | null {
  const { sources, output, operators, staticTables, observed } = program;
  const { source, input, steps } = pipeline;
  const read = sources[source]?.read;
  if (read?.kind !== "read" || !FORMATS.has(read.format)) return null;
  const [filter, ...others] = steps;
  if (filter?.kind !== "filter") return null;
  const rest = { ...stage, pipelines: [{ ...pipeline, steps: others }] };
  return {
    filter,
    tested: leavesIn(input, [filter.condition]),
    kept: neededLeaves([rest], sources, output, operators, staticTables, observed)[source]!,
  };
}
