/** The temporary views of a session: names for frames. Main thread. */
import { AnalysisError } from "../base/errors.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import { transformPlanUp } from "../plan/tree.ts";

export class TemporaryViews {
  readonly #plans = new Map<string, LogicalPlan>();

  /**
   * Views that the plan reads are those of now, also when they are replaced or dropped later: a view may replace one that it reads. Throws
   * `TEMP_TABLE_OR_VIEW_ALREADY_EXISTS`.
   */
  create(name: string, plan: LogicalPlan, replace: boolean): void {
    if (this.#plans.has(name.toLowerCase()) && !replace)
      throw new AnalysisError("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", { relationName: `\`${name}\`` });
    const bound = transformPlanUp(plan, (node) => {
      if (node.kind !== "unresolved_relation") return node;
      const child = this.find(node.nameParts);
      if (!child) return node;
      const named: LogicalPlan = { kind: "subquery_alias", child, name: node.nameParts.at(-1)! };
      return Object.freeze(node.planId === undefined ? named : { ...named, planId: node.planId });
    });
    this.#plans.set(name.toLowerCase(), bound);
  }

  /** Whether there was one. */
  drop(name: string): boolean {
    return this.#plans.delete(name.toLowerCase());
  }

  names(): readonly string[] {
    return [...this.#plans.keys()];
  }

  find(nameParts: readonly string[]): LogicalPlan | undefined {
    return nameParts.length === 1 ? this.#plans.get(nameParts[0]!.toLowerCase()) : undefined;
  }
}
