/** What all frames, readers and writers of one session share. Made by `Session`. */
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import type { Executor } from "./executor.ts";
import type { RuntimeConf } from "./runtime-conf.ts";

export interface SessionState {
  readonly executor: Executor;
  readonly conf: RuntimeConf;
  readonly views: TemporaryViews;
  /** A number for a frame's plan, unique in the session. */
  nextPlanId(): number;
}

/** Temporary views by name, case-insensitive. */
export class TemporaryViews {
  readonly #plans = new Map<string, { readonly name: string; readonly plan: LogicalPlan }>();

  createOrReplace(name: string, plan: LogicalPlan): void {
    this.#plans.set(name.toLowerCase(), { name, plan });
  }

  /** Whether there was one. */
  drop(name: string): boolean {
    return this.#plans.delete(name.toLowerCase());
  }

  find(nameParts: readonly string[]): LogicalPlan | undefined {
    return nameParts.length === 1 ? this.#plans.get(nameParts[0]!.toLowerCase())?.plan : undefined;
  }

  names(): string[] {
    return Array.from(this.#plans.values(), (view) => view.name);
  }
}
