/** The hash of a row whose key holds a pane of sliding windows, in generated code. Main thread, while a stage is compiled. */
import { leavesOf } from "../columnar/types.ts";
import { schemaOf } from "../plan/expr/expression.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { pushMurmur3 } from "./murmur3.ts";
import type { CompiledValue } from "./value.ts";

/** Pushes the hash of a pane's keys: those of one group differ, but all lie in one partition. */
export function pushPaneHash(
  f: FunctionBuilder,
  module: ModuleContext,
  operator: AggregateOperator,
  keys: readonly CompiledValue[],
  partitions: number,
): void {
  const paneIndex = indexOfPane(operator);
  pushMurmur3(
    f,
    module,
    keys.filter((_key, index) => index !== paneIndex),
  );
  keys[paneIndex]!.fields![0]!.push();
  f.i32(partitions);
  f.call(module.kernel("pane_hash", ["i32", "i64", "i32"], ["i32"]));
}

/** Which grouping attribute holds the pane. */
function indexOfPane({ grouping, layout }: AggregateOperator): number {
  const pane = layout.keys.findIndex(({ offset }) => offset === layout.panes!.startOffset);
  let fields = 0;
  return grouping.findIndex((attribute) => {
    fields += leavesOf(schemaOf([attribute])).filter(({ physical, nullable }) => physical !== "struct" || nullable).length;
    return pane < fields;
  });
}
