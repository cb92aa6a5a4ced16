/** The simplest file format there is, for tests of the file connector itself: JSON, one row a line, parsed by JSON.parse. */
import { BlockReader } from "../../src/columnar/block-values.ts";
import { encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import { LongType, structField, structType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import type { FileEncoder } from "../../src/connectors/file/file-encoder.ts";
import type { FileFormat } from "../../src/connectors/file/file-format.ts";
import type { SplitReader } from "../../src/connectors/source.ts";
import { copyIn, rowCount } from "../scan/kernel-fixture.ts";

export const lineFormat: FileFormat = {
  name: "lines",
  label: "Lines",
  extension: () => "lines",
  readOptions: {},
  writeOptions: {},
  fixedSchema: null,
  isSplittable: () => true,
  inferSchema: async () => structType([structField("n", LongType)]),
};

/** Columns of type long and string. A line belongs to the split that it begins in. */
export const lineReader: SplitReader = {
  name: "lines",
  open(split, { kernels, files, schema }) {
    const [start, length, size] = [split["start"], split["length"], split["sizeBytes"]] as [number, number, number];
    const file = files.openReadSync(split["path"] as string);
    const bytes = new Uint8Array(size);
    file.read(bytes, 0);
    file.close();
    const rows: Value[][] = [];
    let at = 0;
    for (const line of new TextDecoder().decode(bytes).split("\n")) {
      if (line !== "" && at >= start && at < start + length) {
        const object = JSON.parse(line) as Record<string, unknown>;
        rows.push(
          schema.fields.map((field) => {
            const value = object[field.name];
            return value === undefined || value === null ? null : field.dataType.kind === "long" ? BigInt(value as number) : String(value);
          }),
        );
      }
      at += Buffer.byteLength(line) + 1;
    }
    const batch = copyIn(kernels, encodeColumnBatch(schema, rows));
    const metrics = { rows: 0, bytes: length, malformed: 0 };
    return {
      metrics,
      next() {
        const block = kernels.exports["batch_block"]!(batch, metrics.rows) >>> 0;
        metrics.rows += Math.min(8192, rows.length - metrics.rows);
        return block;
      },
      close() {},
    };
  },
};

/** The other way: rows of top-level columns as JSON lines, bigints as numbers, nulls left out. */
export const lineEncoder: FileEncoder = {
  open(schema, _options, kernels) {
    let text = "";
    return {
      append(block) {
        const reader = new BlockReader(kernels, block, schema);
        for (let row = 0; row < rowCount(kernels, block); row++) {
          const entries = schema.fields
            .map((field, column) => [field.name, reader.value(column, row)])
            .filter(([, value]) => value !== null);
          text += `${JSON.stringify(Object.fromEntries(entries), (_, value) => (typeof value === "bigint" ? Number(value) : value))}\n`;
        }
      },
      take() {
        const bytes = new TextEncoder().encode(text);
        text = "";
        return bytes;
      },
    };
  },
};
