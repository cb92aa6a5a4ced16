/** `spark.read.format("state-metadata")`: the stateful operators of a checkpoint, one row per store. Columns are Spark's. Main thread. */
import { encodeColumnBatch } from "../../columnar/column-batch.ts";
import { type DataType, IntegerType, LongType, StringType, type StructField, structType } from "../../columnar/types.ts";
import type { RowLayout } from "../../columnar/row-layout.ts";
import { memoryReader } from "../memory/memory-reader.ts";
import type { SourceProvider, SplitReader } from "../source.ts";
import { stateMetadataOptions } from "./state-options.ts";
import { openCheckpoint, recordAt } from "./state-source.ts";

const column = (name: string, dataType: DataType): StructField => ({ name, dataType, nullable: true });

const schema = structType([
  column("operatorId", LongType),
  column("operatorName", StringType),
  column("stateStoreName", StringType),
  column("numPartitions", IntegerType),
  column("minBatchId", LongType),
  column("maxBatchId", LongType),
  column("operatorProperties", StringType),
]);

export const stateMetadataSource: SourceProvider = {
  name: "state-metadata",
  options: stateMetadataOptions,
  async schema(context) {
    await openCheckpoint(context);
    return schema;
  },
  async planBatch(context) {
    const reader = await openCheckpoint(context);
    const record = await recordAt(reader, context.options.get<number | null>("batchId"));
    const operators = (await reader.stateSchemas(record)).at(-1)?.operators ?? [];
    const batches = await reader.commits.list();
    const [first, last] = [batches[0], batches.at(-1)].map((id) => (id === undefined ? null : BigInt(id)));
    const rows = operators.map(({ operatorId, operatorName, partitionCount, layout }) => {
      return [BigInt(operatorId), operatorName, "default", partitionCount, first!, last!, panesJson(layout)];
    });
    const batch = Buffer.from(encodeColumnBatch(schema, rows)).toString("base64");
    return rows.length === 0 ? [] : [{ reader: "state-metadata", batch, firstRow: 0, rows: rows.length }];
  },
};

/** Of sliding windows that share partial aggregates: a row of the state is a pane, `paneMicros` long. Else null. */
function panesJson({ panes }: RowLayout): string | null {
  if (!panes) return null;
  const { paneMicros, windowMicros, slideMicros } = panes;
  return JSON.stringify({ paneMicros: Number(paneMicros), windowMicros: Number(windowMicros), slideMicros: Number(slideMicros) });
}

export const stateMetadataReader: SplitReader = {
  name: "state-metadata",
  open: (split, context) => memoryReader.open(split, context, Buffer.from(String(split["batch"]), "base64")),
};
