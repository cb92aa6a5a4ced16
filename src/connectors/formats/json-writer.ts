/** Blocks to NDJSON for file and Kafka sinks, on workers. */
import { timeZone as findZone } from "../../columnar/time-zone.ts";
import { leavesOf } from "../../columnar/types.ts";
import { type BlockEncoderFormat, kernelsWrite, KernelEncoder, PlainEncoder } from "./block-encoder.ts";
import { jsonObject, jsonString } from "./json-text.ts";

const KEEP_NULLS = 1;

export const jsonBlockEncoder: BlockEncoderFormat = {
  open(schema, options, kernels, timeZone) {
    const zone = findZone(options.get<string | null>("timeZone") ?? timeZone);
    const ignoreNullFields = options.get<boolean>("ignoreNullFields");
    const lineSep = options.get<string | null>("lineSep") ?? "\n";
    if (kernelsWrite(schema) && lineSep === "\n") {
      const prefixes = leavesOf(schema).map((leaf) => `${jsonString(leaf.path.at(-1)!)}:`);
      return new KernelEncoder(kernels, zone, "json_encode", schema, prefixes, [ignoreNullFields ? 0 : KEEP_NULLS]);
    }
    return new PlainEncoder(kernels, schema, (row) => jsonObject(row, schema, { ignoreNullFields, zone }) + lineSep);
  },
};
