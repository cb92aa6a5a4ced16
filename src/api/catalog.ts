/** `spark.catalog`: the names that `spark.table` knows. Temporary views only. */
import type { Executor } from "./executor.ts";

/** Names of temporary views: list them, ask for one, drop one. */
export class Catalog {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  async listTables(): Promise<{ readonly name: string; readonly tableType: "TEMPORARY"; readonly isTemporary: true }[]> {
    return (await this.#executor.views()).map((name) => ({ name, tableType: "TEMPORARY", isTemporary: true }));
  }
  async tableExists(name: string): Promise<boolean> {
    return (await this.#executor.views()).some((view) => view.toLowerCase() === name.toLowerCase());
  }
  /** Whether there was a view of that name. */
  async dropTempView(name: string): Promise<boolean> {
    return this.#executor.dropView(name);
  }
}
