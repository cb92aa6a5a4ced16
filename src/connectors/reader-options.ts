/** Options of a read by format, as the workers' readers want them. In a worker. */
import { fileReadOptions } from "./file/file-options.ts";
import { csvOptions } from "./formats/csv-options.ts";
import { jsonOptions } from "./formats/json-options.ts";
import { textOptions } from "./formats/text-options.ts";
import { nexmarkOptions } from "./nexmark/nexmark-schema.ts";
import { ConnectorOptions, type OptionSpecs } from "./options.ts";
import { parquetReadOptions } from "./parquet/parquet-options.ts";

const specs: Readonly<Record<string, OptionSpecs>> = {
  csv: { ...fileReadOptions, ...csvOptions },
  json: { ...fileReadOptions, ...jsonOptions },
  nexmark: nexmarkOptions,
  parquet: { ...fileReadOptions, ...parquetReadOptions },
  text: { ...fileReadOptions, ...textOptions },
};

export const noOptions = new ConnectorOptions("", {}, {});

/** `entries` were checked when the query was analyzed. Formats whose readers look at no options get none. */
export function readerOptions(format: string, entries: Readonly<Record<string, string>>): ConnectorOptions {
  const known = specs[format.toLowerCase()];
  return known ? new ConnectorOptions(format, entries, known) : noOptions;
}
