/** Whole Parquet files through the reader, for tests. */
import { nodePorts } from "../../src/base/node-ports.ts";
import type { StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { readSplits, sourceContext } from "./reading.ts";

const kernels = makeKernels();
const source = new ConnectorRegistry().source("parquet");

/** Schema and rows of a file or directory; `schema` and `wanted` (dotted paths) as in `readSplits`. */
export async function readParquetFile(
  path: string,
  given: { readonly schema?: StructType; readonly wanted?: readonly string[] } = {},
): Promise<{ schema: StructType; rows: Value[][] }> {
  const options = new ConnectorOptions("parquet", {}, source.options);
  const ports = nodePorts();
  const context = sourceContext(options, { ports, paths: [path], schema: given.schema ?? null, log: null });
  const schema = await source.schema(context, false);
  const reading = { kernels, schema, options, files: ports.files, ...(given.wanted && { wanted: given.wanted }) };
  return { schema, rows: readSplits(reading, await source.planBatch!(context)) };
}
