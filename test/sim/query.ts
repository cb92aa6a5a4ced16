/** Starts the query of a workload in a simulated process: a session over its ports and threads, the session's API from there on. */
import { LocalExecutor } from "../../src/api/local-executor.ts";
import { RuntimeConf } from "../../src/api/runtime-conf.ts";
import { Session, type StreamingQuery } from "../../src/index.ts";
import { TEST_FORMAT, type TestSink } from "../../src/testing/test-sink.ts";
import { CHECKPOINT, type History, INPUT, OUTPUT, outputRow } from "./history.ts";
import type { Process } from "./machine.ts";
import { readInput, type Workload } from "./workloads.ts";

export interface QuerySettings {
  readonly workload: Workload;
  readonly workers: number;
  readonly partitions: number;
  readonly filesPerTrigger: number;
  readonly batchesKept: number;
  readonly memoryLimit: string;
  readonly trigger: { readonly processingTime: 0 } | { readonly availableNow: true };
  /** For workloads whose sink is `store`. */
  readonly store: TestSink;
  readonly history: History;
}

export async function startQuery({ ports, startThread }: Process, settings: QuerySettings): Promise<StreamingQuery> {
  const { workload, workers, partitions, filesPerTrigger, batchesKept, memoryLimit, trigger, store, history } = settings;
  const conf = new RuntimeConf();
  conf.set("spark.sql.session.timeZone", "UTC");
  conf.set("spark.sql.shuffle.partitions", String(partitions));
  conf.set("spark.sql.streaming.minBatchesToRetain", String(batchesKept));
  conf.set("millrace.memory.limit", memoryLimit);
  conf.set("spark.sql.streaming.stateStore.maintenanceInterval", "0");
  conf.set("spark.sql.streaming.stateStore.minDeltasForSnapshot", "3");
  conf.set("millrace.state.migrate", "true");
  const executor = new LocalExecutor({ appName: "simulated", workers, conf }, ports, undefined, startThread);
  executor.connectors.addSink(store.provider);
  const writer = workload
    .query(readInput(new Session(executor, conf), INPUT, filesPerTrigger))
    .writeStream.outputMode(workload.outputMode)
    .option("checkpointLocation", CHECKPOINT)
    .trigger(trigger);
  switch (workload.sink) {
    case "files":
      writer.format("json").option("path", OUTPUT);
      break;
    case "store":
      writer.format(TEST_FORMAT);
      break;
    case "foreachBatch":
      writer.foreachBatch(async (frame, batchId) => {
        const rows = await frame.collect();
        history.published(
          batchId,
          rows.map((row) => outputRow(Object.values(row))),
        );
      });
  }
  return await writer.start();
}
