/** A batch query from its program to its rows: loads it, runs its stages once, unloads it. Main thread. */
import { MillraceError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import type { BatchAttempt, SinkOutput } from "../connectors/sink.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { PhysicalProgram } from "../plan/physical/program.ts";
import type { OutputTarget } from "../protocol/messages.ts";
import { LoadedQuery, type SourceSplits } from "./loaded-query.ts";
import { runTail, type TableBatches } from "./tail.ts";
import { ATTEMPTS_MAX } from "./worker-death.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface BatchQueryParts {
  readonly pool: WorkerPool;
  readonly ports: Ports;
  readonly functions: FunctionRegistry;
  readonly program: PhysicalProgram;
  readonly tables: readonly TableBatches[];
  /** Per source of the program. */
  readonly sources: readonly SourceSplits[];
  readonly output: OutputTarget;
  readonly attempt: BatchAttempt;
}

/**
 * Rows go where `output` says; with `main` they come back as encoded batches, after the program's tail. These can be had again when a worker
 * dies; the files of writers bear the attempt's name, so that a write is for its caller to repeat.
 */
export async function runBatchQuery(parts: BatchQueryParts): Promise<SinkOutput> {
  for (let tries = 1; ; tries++) {
    try {
      return await runOnce(parts);
    } catch (error) {
      const isDeath = error instanceof MillraceError && error.condition === "WORKER_DIED";
      if (!isDeath || tries === ATTEMPTS_MAX || parts.output.kind !== "main") throw error;
    }
  }
}

async function runOnce({ pool, ports, functions, program, tables, sources, output, attempt }: BatchQueryParts): Promise<SinkOutput> {
  const query = new LoadedQuery(pool, program, functions, output, null);
  const timestampMs = ports.clock.nowMs();
  try {
    await query.load(tables);
    const { sink } = await query.run({ attempt, timestampMs, lateWatermarkMs: 0, evictWatermarkMs: 0 }, sources);
    const context = { batchTimestampMicros: BigInt(timestampMs) * 1000n, timeZone: program.timeZone };
    return { ...sink, batches: runTail(sink.batches, program.output, program.tail, functions, context) };
  } finally {
    await query.unload().catch(() => {});
  }
}
