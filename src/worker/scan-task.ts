/** A scan stage in a worker: claims splits until none is left, reads each into blocks and runs them through their pipeline. */
import { ARENA_SPLIT, BLOCK_ROW_COUNT } from "../columnar/memory-layout.ts";
import { noOptions, readerOptions } from "../connectors/reader-options.ts";
import { splitReader } from "../connectors/readers.ts";
import type { Stage } from "../plan/physical/program.ts";
import type { ScanSplit, TaskResult } from "../protocol/messages.ts";
import type { TaskContext } from "./query-instance.ts";
import type { RowTask } from "./row-task.ts";
import { type PartialAggregate, partialAggregate } from "./shuffle/partial-aggregate.ts";
import type { StageInstance } from "./stage-instance.ts";
import { TaskOutput } from "./task-output.ts";

/** Of memory that a reader could use again: rows that wait in out-blocks are taken out first. Small enough for the caches. */
const REUSE_BYTES = 2 * 1024 * 1024;

export class ScanTask {
  readonly #context: TaskContext;
  readonly #instance: StageInstance;
  readonly #stage: Stage;
  /** Whether partial aggregation has turned out useless. */
  direct: boolean;
  readonly #groupsLog2: number;
  /** Takes the rows of each block while they are in the processor's cache; null: they wait in the exchange until all are there. */
  readonly #next: RowTask | null;
  /** For the exchange, of the task that had most. */
  rowsOutMax = 0;

  constructor(context: TaskContext, instance: StageInstance, stage: Stage, direct: boolean, groupsLog2: number, next: RowTask | null) {
    this.#context = context;
    this.#instance = instance;
    this.#stage = stage;
    this.direct = direct;
    this.#groupsLog2 = groupsLog2;
    this.#next = next;
  }

  run(splits: readonly ScanSplit[], next: Int32Array): TaskResult[] {
    const results: TaskResult[] = [];
    const rowLimit = this.#stage.sink.kind === "output" ? this.#context.program.rowLimit : null;
    let rows = 0;
    for (let index = Atomics.add(next, 0, 1); index < splits.length; index = Atomics.add(next, 0, 1)) {
      if (rowLimit !== null && rows >= rowLimit) break;
      const result = this.#runSplit(index, splits[index]!, rowLimit);
      rows += result.outputRows;
      results.push(result);
    }
    return results;
  }

  #runSplit(index: number, { pipeline, split, attachment }: ScanSplit, rowLimit: number | null): TaskResult {
    const { kernels, program, ports } = this.#context;
    const source = program.sources[this.#stage.pipelines[pipeline]!.source]!;
    const cursor = splitReader(split.reader).open(
      split,
      {
        kernels,
        files: ports.files,
        options: "options" in source.read ? readerOptions(source.read.format, source.read.options) : noOptions,
        schema: source.schema,
        leaves: source.leaves,
        needed: source.needed,
        predicates: source.predicates,
        timeZone: program.timeZone,
        selection: this.#instance.selection(pipeline),
      },
      attachment,
    );
    const output = new TaskOutput(this.#context, this.#stage, index);
    const [startedMs, startedCalls] = [ports.clock.monotonicMs(), this.#instance.calls];
    let blocks = 0;
    let readMs = 0;
    let nextMs = 0;
    const passOn = (partial: PartialAggregate | null): void => {
      if (!this.#next || !partial) return;
      // What waits in out-blocks may have strings in memory that the next task frees.
      this.#instance.drain();
      const beforeMs = ports.clock.monotonicMs();
      this.#next.add(partial.waiting());
      partial.rewind();
      nextMs += ports.clock.monotonicMs() - beforeMs;
    };
    const read = (): number => {
      const beforeMs = ports.clock.monotonicMs();
      const block = cursor.next();
      readMs += ports.clock.monotonicMs() - beforeMs;
      return block;
    };
    try {
      this.#instance.output = (block) => output.write(block);
      const partial = this.#partialAggregate(pipeline);
      for (let block = read(); block !== 0; block = read()) {
        this.#instance.runBlock(pipeline, block);
        blocks++;
        partial?.afterBlock(kernels.view().getUint32(block + BLOCK_ROW_COUNT, true));
        passOn(partial);
        if (rowLimit !== null && output.rows >= rowLimit) break;
        if ((cursor.reusableBytes ?? 0) > REUSE_BYTES) {
          this.#instance.drain();
          cursor.reuse!();
        }
      }
      this.#instance.drain();
      passOn(partial);
      const lanes = partial ? partial.finish() : [];
      if (partial) {
        this.direct = partial.direct;
        this.rowsOutMax = Math.max(this.rowsOutMax, partial.rowsOut);
      }
      const finished = output.finish();
      return {
        index,
        inputRows: cursor.metrics.rows,
        malformedRows: cursor.metrics.malformed,
        skippedRows: cursor.metrics.skipped ?? 0,
        outputRows: output.rows,
        blocks,
        calls: this.#instance.calls - startedCalls,
        elapsedMs: ports.clock.monotonicMs() - startedMs - nextMs,
        inputBytes: cursor.metrics.bytes,
        readMs,
        stepRows: this.#instance.takeStepRows(),
        lanes,
        ...finished,
      };
    } catch (error) {
      output.abort();
      throw error;
    } finally {
      cursor.close();
      kernels.exports["arena_reset"]!(ARENA_SPLIT);
    }
  }

  #partialAggregate(pipeline: number): PartialAggregate | null {
    const { sink } = this.#stage;
    if (sink.kind !== "shuffle") return null;
    return partialAggregate(this.#context, this.#instance, pipeline, sink.operator, this.direct, this.#groupsLog2);
  }
}
