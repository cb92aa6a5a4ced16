/** Blocks to NDJSON for file and Kafka sinks, on workers. */
import { leavesOf } from "../../columnar/types.ts";
import { type BlockEncoderFormat, kernelsWrite, KernelEncoder, PlainEncoder } from "./block-encoder.ts";
import { dateTimeFormats } from "./datetime-formats.ts";
import { jsonObject, jsonString } from "./json-text.ts";

const KEEP_NULLS = 1;

export const jsonBlockEncoder: BlockEncoderFormat = {
  open(schema, options, kernels, timeZone) {
    const formats = dateTimeFormats(options, timeZone);
    const ignoreNullFields = options.get<boolean>("ignoreNullFields");
    const lineSep = options.get<string | null>("lineSep") ?? "\n";
    if (kernelsWrite(schema, formats) && lineSep === "\n") {
      const prefixes = leavesOf(schema).map((leaf) => `${jsonString(leaf.path.at(-1)!)}:`);
      return new KernelEncoder(kernels, formats.zone, "json_encode", schema, prefixes, [ignoreNullFields ? 0 : KEEP_NULLS]);
    }
    return new PlainEncoder(kernels, schema, (row) => jsonObject(row, schema, { ignoreNullFields, formats }) + lineSep);
  },
};
