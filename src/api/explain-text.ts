/** `explain` in all modes: the plans of a frame as text. Main thread. */
import { stageText } from "../compile/pipeline.ts";
import { explainProgram } from "../plan/physical/explain-program.ts";
import { explainPlans } from "../plan/explain.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import type { ExplainMode } from "./executor.ts";
import type { LocalExecutor } from "./local-executor.ts";

export async function explainText(executor: LocalExecutor, plan: LogicalPlan, mode: ExplainMode): Promise<string> {
  const { plan: analyzed, isStreaming } = await executor.analyze(plan);
  const optimized = executor.optimize(analyzed);
  const program = await executor.plan(optimized, isStreaming ? "update" : "batch");
  const physical = explainProgram(program);
  if (mode === "codegen") {
    const modules = program.stages.map((stage) => `;; stage ${stage.index}\n${stageText(program, stage, executor.functions)}`);
    return `${physical}\n\n${modules.join("\n")}`;
  }
  return explainPlans({ parsed: plan, analyzed, optimized, physical }, mode);
}
