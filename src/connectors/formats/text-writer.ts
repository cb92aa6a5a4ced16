/** Blocks with one string column to lines of text, on workers. Null is an empty line. */
import { timeZone } from "../../columnar/time-zone.ts";
import { type BlockEncoderFormat, KernelEncoder, PlainEncoder } from "./block-encoder.ts";
import { checkTextSchema } from "./text-reader.ts";

export const textBlockEncoder: BlockEncoderFormat = {
  open(schema, options, kernels) {
    checkTextSchema(schema);
    const lineSep = options.get<string | null>("lineSep") ?? "\n";
    if (lineSep === "\n") return new KernelEncoder(kernels, timeZone("UTC"), "text_encode", schema, [], []);
    return new PlainEncoder(kernels, schema, (row) => `${(row[0] as string | null) ?? ""}${lineSep}`);
  },
};
