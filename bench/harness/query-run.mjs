/** One measured query: how it starts and how its answer is read. Used by the suites, in the measured process. */
import { join } from "node:path";
import { lastOfEachKey, linesOf } from "./canonical.mjs";
import { digestOfLines } from "./digest.mjs";

/**
 * Starts a query as often as wanted, each time from nothing, and makes the digest of what it gave. `query` says how: its output `mode`; in update
 * mode the number of `keys` columns; `isRowWise` if it gives rows as it reads them, which then go to `noop`; `files` if they go to files
 * (`{ format, partitionBy, lines(directory) }`); how the rows become `lines`, or that only the first `checked` columns count.
 */
export class QueryRun {
  #spark;
  #query;
  #directory;
  #starts = 0;
  #checked = null;

  constructor(spark, directory, query) {
    this.#spark = spark;
    this.#query = query;
    this.#directory = directory;
  }

  /** Runs a row-by-row query over the first file and keeps the digest of its rows. */
  async check(frame) {
    const running = await this.start(frame, { availableNow: true }, this.#query.files ? "files" : "memory");
    await running.awaitTermination();
    this.#checked = digestOfLines(await this.#lines());
  }

  async start(frame, trigger = {}, sink = this.#query.files ? "files" : this.#query.isRowWise ? "noop" : "memory") {
    this.#starts++;
    const { mode, files } = this.#query;
    const writer = frame.writeStream
      .outputMode(mode)
      .format(sink === "files" ? files.format : sink)
      .queryName(this.#name)
      .option("checkpointLocation", this.#path("checkpoint"));
    if (trigger.availableNow) writer.trigger(trigger);
    return sink === "files" ? await writer.partitionBy(...(files.partitionBy ?? [])).start(this.#path("out")) : await writer.start();
  }

  /** Of all rows, or for a row-by-row query how many there were and the digest of the first file's. */
  async digest(running) {
    if (!this.#query.isRowWise) return digestOfLines(await this.#lines());
    const progress = await running.recentProgress();
    return `${progress.reduce((sum, { sink }) => sum + sink.numOutputRows, 0)} rows, ${this.#checked}`;
  }

  get #name() {
    return `run_${this.#starts}`;
  }

  #path(kind) {
    return join(this.#directory, `${this.#name}-${kind}`);
  }

  async #lines() {
    const { lines, keys, checked, files } = this.#query;
    if (files) return await files.lines(this.#path("out"));
    const table = this.#spark.executor.memoryTables.get(this.#name);
    const rows = keys === undefined ? table.rows() : lastOfEachKey(table.rows(), keys);
    if (lines) return lines(rows);
    return linesOf(rows, table.schema).map((line) => (checked === undefined ? line : line.split(",").slice(0, checked).join(",")));
  }
}
