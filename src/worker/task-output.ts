/**
 * Where a task's rows go: encoded for the main thread, to a sink's writer, or to the exchange. In a worker; one per task.
 */
import { ARENA_BATCH, BLOCK_ROW_COUNT } from "../columnar/memory-layout.ts";
import { PHYSICAL_CODES } from "../columnar/column-batch.ts";
import { leavesOf } from "../columnar/types.ts";
import type { TaskWriter } from "../connectors/sink.ts";
import type { JsonValue } from "../connectors/source.ts";
import { splitWriter } from "../connectors/writers.ts";
import { outOfMemory } from "../kernels/out-of-memory.ts";
import { type Attribute, schemaOf } from "../plan/expr/expression.ts";
import type { Stage } from "../plan/physical/program.ts";
import type { TaskContext } from "./query-instance.ts";

/** Rows of the last stage. */
export class TaskOutput {
  readonly #context: TaskContext;
  readonly #taskIndex: number;
  /** Columns of the rows for the main thread; null: rows go to a writer. */
  readonly #rows: readonly Attribute[] | null;
  #encoder = 0;
  #writer: TaskWriter | null = null;
  rows = 0;

  constructor(context: TaskContext, { sink }: Stage, taskIndex: number) {
    this.#context = context;
    this.#rows = sink.kind === "session" ? sink.rows : context.output.kind === "main" ? context.program.output : null;
    this.#taskIndex = taskIndex;
  }

  write(block: number): void {
    this.rows += this.#context.kernels.view().getUint32(block + BLOCK_ROW_COUNT, true);
    if (this.#rows !== null) this.#encode(block, this.#rows);
    else this.#open().write(block);
  }

  finish(): { batches: { address: number; bytes: number }[]; message: JsonValue } {
    const { kernels, output } = this.#context;
    if (output.kind === "writer" && output.writesEmpty) this.#open();
    if (this.#writer) return { batches: [], message: this.#writer.finish() };
    if (this.#encoder === 0) return { batches: [], message: null };
    const address = kernels.exports["batch_finish"]!(this.#encoder) as number;
    if (address === 0) throw outOfMemory(this.#context.kernels);
    return { batches: [{ address, bytes: kernels.exports["batch_length"]!(address) as number }], message: null };
  }

  abort(): void {
    this.#writer?.abort();
  }

  #encode(block: number, rows: readonly Attribute[]): void {
    const { kernels } = this.#context;
    if (this.#encoder === 0) {
      const leaves = leavesOf(schemaOf(rows));
      const kinds = (kernels.exports["arena_alloc"]!(ARENA_BATCH, 4 * leaves.length) as number) >>> 0;
      leaves.forEach((leaf, i) => kernels.view().setUint32(kinds + 4 * i, PHYSICAL_CODES[leaf.physical], true));
      this.#encoder = kernels.exports["batch_encode_begin"]!(kinds, leaves.length) as number;
    }
    if (!kernels.exports["batch_append"]!(this.#encoder, block)) throw outOfMemory(this.#context.kernels);
  }

  #open(): TaskWriter {
    const { kernels, ports, output, batch, program } = this.#context;
    if (output.kind !== "writer") throw new Error("millrace internal error: no writer");
    return (this.#writer ??= splitWriter(output.writer).open({
      kernels,
      files: ports.files,
      schema: output.schema,
      settings: output.settings,
      attempt: batch.attempt,
      taskIndex: this.#taskIndex,
      uuid: ports.random.uuid(),
      timeZone: program.timeZone,
      ...(output.writesEmpty && { writesEmpty: true }),
    }));
  }
}
