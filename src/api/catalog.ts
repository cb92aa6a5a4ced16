/** `spark.catalog`: the names that `spark.table` knows. Temporary views only. */
import type { TemporaryViews } from "./session-state.ts";

export class Catalog {
  readonly #views: TemporaryViews;

  constructor(views: TemporaryViews) {
    this.#views = views;
  }

  async listTables(): Promise<{ readonly name: string; readonly tableType: "TEMPORARY"; readonly isTemporary: true }[]> {
    return this.#views.names().map((name) => ({ name, tableType: "TEMPORARY", isTemporary: true }));
  }
  async tableExists(name: string): Promise<boolean> {
    return this.#views.find([name]) !== undefined;
  }
  /** Whether there was a view of that name. */
  async dropTempView(name: string): Promise<boolean> {
    return this.#views.drop(name);
  }
}
