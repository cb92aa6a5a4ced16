/** Takes out of session steps what no later stage looks at, so that it neither goes to the session's thread nor comes back. Main thread. */
import { leafCount, leavesOf } from "../../columnar/types.ts";
import { schemaOf } from "../expr/expression.ts";
import { attributesOf } from "./needed-leaves.ts";
import type { SessionStep, SourceInput, Stage } from "./program.ts";

/** Changes all three lists; `neededLeaves` tells which leaves of each source the stages need. */
export function pruneSessionSteps<S extends Omit<SourceInput, "needed" | "predicates">>(
  stages: Stage[],
  sources: S[],
  steps: SessionStep[],
  neededLeaves: (stages: readonly Stage[]) => boolean[][],
): void {
  for (const step of steps.toReversed()) {
    const { work } = step;
    if (work.kind === "rows") continue;
    const source = sources.findIndex(({ read }) => read.kind === "session" && read.step === step.index);
    const needed = neededLeaves(stages)[source]!;
    let leaf = 0;
    const wanted = step.output.map(({ dataType }) => {
      const first = leaf;
      leaf += leafCount(dataType);
      return needed.slice(first, leaf).includes(true);
    });
    // Rows without any column would have no number.
    if (!wanted.includes(true)) wanted[0] = true;
    const output = step.output.filter((_attribute, index) => wanted[index]);
    const expressions = work.expressions.filter((_expression, index) => wanted[index]);
    const read = new Set(expressions.flatMap((expression) => [...attributesOf(expression)]));
    const input = step.input.filter(({ id }) => read.has(id));
    const rows = input.length > 0 ? input : step.input.slice(0, 1);
    const schema = schemaOf(output);
    steps[step.index] = { ...step, input: rows, output, work: { kind: "columns", expressions } };
    sources[source] = { ...sources[source]!, schema, leaves: leavesOf(schema) };
    stages.forEach((stage, index) => {
      const { sink } = stage;
      stages[index] = {
        ...stage,
        sink: sink.kind === "session" && sink.step === step.index ? { ...sink, rows } : sink,
        pipelines: stage.pipelines.map((pipeline) => (pipeline.source === source ? { ...pipeline, input: output } : pipeline)),
      };
    });
  }
}
