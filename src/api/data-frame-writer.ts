/** `df.write`: where and how the rows of a batch frame go. Session's thread. */
import { AnalysisError } from "../base/errors.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import { notYet } from "./column.ts";
import type { SaveMode } from "./executor.ts";
import { OptionMap, type OptionValue } from "./option-map.ts";
import type { SessionState } from "./session-state.ts";

const MODES: Readonly<Record<string, SaveMode>> = {
  append: "append",
  overwrite: "overwrite",
  error: "errorifexists",
  errorifexists: "errorifexists",
  default: "errorifexists",
  ignore: "ignore",
};

/** Writes the rows of a batch frame: format, mode, options, then `save`. */
export class DataFrameWriter {
  readonly #session: SessionState;
  readonly #plan: LogicalPlan;
  readonly #options = new OptionMap();
  #format = "parquet";
  #mode: SaveMode = "errorifexists";
  #partitionBy: readonly string[] = [];

  constructor(session: SessionState, plan: LogicalPlan) {
    this.#session = session;
    this.#plan = plan;
  }

  format(name: string): this {
    this.#format = name;
    return this;
  }
  /** What happens when there is data already: `append`, `overwrite`, `error` (default), `ignore`. Throws `INVALID_SAVE_MODE`. */
  mode(mode: "append" | "overwrite" | "error" | "errorifexists" | "default" | "ignore"): this {
    const known = MODES[mode.toLowerCase()];
    if (known === undefined) throw new AnalysisError("INVALID_SAVE_MODE", { mode: `"${mode}"` });
    this.#mode = known;
    return this;
  }
  option(key: string, value: OptionValue): this {
    this.#options.set(key, value);
    return this;
  }
  options(options: Readonly<Record<string, OptionValue>>): this {
    this.#options.setAll(options);
    return this;
  }
  partitionBy(...columns: readonly string[]): this {
    this.#partitionBy = columns;
    return this;
  }
  /** Runs the query and writes its rows. */
  async save(path?: string): Promise<void> {
    await this.#session.executor.write(this.#plan, {
      format: this.#format,
      mode: this.#mode,
      options: this.#options.toRecord("path"),
      path: path ?? this.#options.get("path") ?? null,
      partitionBy: this.#partitionBy,
    });
  }
  async json(path: string): Promise<void> {
    await this.format("json").save(path);
  }
  async csv(path: string): Promise<void> {
    await this.format("csv").save(path);
  }
  async parquet(path: string): Promise<void> {
    await this.format("parquet").save(path);
  }
  async text(path: string): Promise<void> {
    await this.format("text").save(path);
  }
  saveAsTable(_name: string): Promise<never> {
    return Promise.reject(notYet("DataFrameWriter.saveAsTable", "Use save(path)."));
  }
}
