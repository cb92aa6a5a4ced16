/** Which steps of a stage generated code counts rows for: those behind which there are other rows than before. Any thread. */
import type { Stage, Step } from "./program.ts";

/** The counted steps of a stage; their order is that of the counters. */
export function countedSteps(stage: Stage): Step[] {
  return stage.pipelines
    .flatMap(({ steps }) => steps)
    .filter(({ kind }) => kind === "filter" || kind === "join" || kind === "expand_window");
}
