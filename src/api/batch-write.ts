/** `df.write`: runs a batch query whose rows go to a sink's writers, and publishes them once. Main thread. */
import { AnalysisError } from "../base/errors.ts";
import { encodeColumnBatch } from "../columnar/column-batch.ts";
import type { StructType } from "../columnar/types.ts";
import { ConnectorOptions } from "../connectors/options.ts";
import type { BatchAttempt, SinkOutput } from "../connectors/sink.ts";
import { AtomicFiles } from "../checkpoint/atomic-file.ts";
import { DirectoryLogStore } from "../checkpoint/log-store.ts";
import { runBatchQuery } from "../coordinator/batch-query.ts";
import type { LogicalPlan } from "../plan/logical/nodes.ts";
import type { OutputTarget } from "../protocol/messages.ts";
import type { WriteRequest } from "./executor.ts";
import type { LocalExecutor } from "./local-executor.ts";

/** `analyzed` has passed the batch checks; `schema` is its output's. */
export async function writeBatch(executor: LocalExecutor, analyzed: LogicalPlan, schema: StructType, request: WriteRequest): Promise<void> {
  const { ports, functions, pool } = executor;
  const provider = executor.connectors.sink(request.format);
  if (!provider.createBatch) throw new AnalysisError("DATA_SOURCE_UNSUPPORTED", { format: request.format, use: "batch sink" });
  const options = new ConnectorOptions(request.format, request.options, provider.options);
  const optimized = executor.optimize(analyzed);
  const sink = await provider.createBatch(
    {
      ports,
      options,
      path: request.path,
      schema,
      partitionBy: request.partitionBy,
      outputMode: "append",
      queryName: null,
      queryId: ports.random.uuid(),
      attachments: {},
      timeZone: executor.timeZone,
      openLog: (directory) => new DirectoryLogStore(ports.files, new AtomicFiles(ports, directory), directory),
    },
    request.mode,
  );
  if (sink === null) return;
  const attempt: BatchAttempt = { batchId: 0, attempt: ports.random.uuid(), epoch: 0 };
  try {
    let program = await executor.plan(optimized, "batch");
    if (program.tail.length > 0) program = await executor.plan(await executor.materialize(optimized), "batch");
    const sources = await Promise.all(program.sources.map((source) => executor.staticSplits(source)));
    const tables = await executor.staticTables(program);
    const output =
      sink.delivery.kind === "main"
        ? ({ kind: "main" } as const)
        : ({ kind: "writer", writer: sink.delivery.writer, settings: sink.delivery.settings, schema } as const);
    const written = await runBatchQuery({ pool, ports, functions, program, tables, sources, output, attempt });
    const isEmpty = output.kind === "writer" && written.messages.length === 0;
    await sink.commit(attempt, isEmpty ? await writeNoRows(executor, schema, output, attempt) : written);
  } catch (error) {
    await sink.abort(attempt);
    throw error;
  } finally {
    await sink.stop();
  }
}

/** One task without rows: as Spark's first task does, it begins its file before it has seen any, and readers find the schema there. */
async function writeNoRows(
  executor: LocalExecutor,
  schema: StructType,
  output: Extract<OutputTarget, { kind: "writer" }>,
  attempt: BatchAttempt,
): Promise<SinkOutput> {
  const { ports, functions, pool } = executor;
  const batch = encodeColumnBatch(schema, []);
  const program = await executor.plan(
    { kind: "local_relation", schema, output: executor.newAttributes(schema), batches: [batch] },
    "batch",
  );
  const sources = [{ splits: [{ reader: "memory", firstRow: 0, rows: 0 }], attachments: [batch] }];
  return await runBatchQuery({ pool, ports, functions, program, tables: [], sources, output: { ...output, writesEmpty: true }, attempt });
}
