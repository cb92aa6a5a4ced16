/** Whole Parquet files through the reader, for tests. */
import { nodePorts } from "../../src/base/node-ports.ts";
import type { StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import { parquetFormat } from "../../src/connectors/parquet/parquet-format.ts";
import { parquetReader } from "../../src/connectors/parquet/parquet-reader.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { type Reading, readSplits, sourceContext } from "./reading.ts";

const kernels = makeKernels();
const source = new ConnectorRegistry().source("parquet");

export const parquetKernels = kernels;

/** Schema and rows of a file or directory; `schema` and `wanted` (dotted paths) as in `readSplits`. */
export async function readParquetFile(
  path: string,
  given: Pick<Reading, "wanted" | "predicates" | "selection" | "onBlock"> & { readonly schema?: StructType } = {},
): Promise<{ schema: StructType; rows: Value[][] }> {
  const options = new ConnectorOptions("parquet", {}, source.options);
  const ports = nodePorts();
  const context = sourceContext(options, { ports, paths: [path], schema: given.schema ?? null, log: null });
  const schema = await source.schema(context, false);
  const { schema: _schema, ...rest } = given;
  const reading = { kernels, schema, options, files: ports.files, ...rest };
  return { schema, rows: readSplits(reading, await source.planBatch!(context)) };
}

/** A file that exists in memory only. */
export async function readParquetBytes(
  bytes: Uint8Array,
  given: Parameters<typeof readParquetFile>[1] = {},
): Promise<{ schema: StructType; rows: Value[][]; memoryBytes: number }> {
  const openReadSync = () => ({
    read(into: Uint8Array, position: number) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    sizeBytes: () => bytes.length,
    close() {},
  });
  const options = new ConnectorOptions("parquet", {}, source.options);
  const { schema: wantedSchema, ...rest } = given;
  const schema =
    wantedSchema ?? (await parquetFormat.inferSchema(["memory"], { fileSystem: { openReadSync } as never, options, timeZone: "UTC" }));
  const split = { reader: "parquet", path: "/memory", start: 0, length: bytes.length, sizeBytes: bytes.length };
  const rows = readSplits({ kernels, schema, options, files: { openReadSync }, reader: parquetReader, ...rest }, [split]);
  return { schema, rows, memoryBytes: kernels.memory.buffer.byteLength };
}
