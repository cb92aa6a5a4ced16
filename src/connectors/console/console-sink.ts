/** `console`: prints each micro-batch as a table, as Spark's console sink does. Main thread. */
import { decodeColumnBatch } from "../../columnar/column-batch.ts";
import { integerOption, type OptionSpec, type OptionSpecs } from "../options.ts";
import { AT_LEAST_ONCE, type SinkProvider, type StreamSink } from "../sink.ts";
import { showTable } from "./show-table.ts";

const CELL_LENGTH_MAX = 20;

/** `true` (20 characters), `false` (everything), or a number of characters. */
const truncateOption: OptionSpec = {
  description: "Whether to cut long cells to 20 characters, or to how many",
  default: "true",
  parse: (text) => {
    const word = text.trim().toLowerCase();
    if (word === "true") return CELL_LENGTH_MAX;
    if (word === "false") return 0;
    if (!/^\d+$/.test(word)) throw new Error(`"${text}" is not true, false or a number of characters`);
    return Number(word);
  },
};

const consoleOptions: OptionSpecs = {
  numRows: integerOption("Rows to print of each micro-batch", 20),
  truncate: truncateOption,
};

const RULE = "-------------------------------------------";

export const consoleSink: SinkProvider = {
  name: "console",
  options: consoleOptions,
  outputModes: ["append", "update", "complete"],
  allowsTemporaryCheckpoint: true,
  allowsAsyncProgress: true,
  /** The attachment `print`, if there is one, gets the text in place of standard output. */
  async create({ options, schema, attachments, timeZone }): Promise<StreamSink> {
    const numRows = options.get<number>("numRows");
    const truncate = options.get<number>("truncate");
    const print = (attachments["print"] as ((text: string) => void) | undefined) ?? ((text) => void process.stdout.write(text));
    return {
      description: `ConsoleTable[numRows=${numRows}, truncate=${truncate > 0}]`,
      delivery: { kind: "main" },
      remembersCommits: false,
      metrics: AT_LEAST_ONCE,
      lookup: async () => null,
      async commit({ batchId }, { batches }) {
        // One row more than is shown tells that there are more.
        const rows: ReturnType<typeof decodeColumnBatch>[number][] = [];
        for (const batch of batches) {
          if (rows.length > numRows) break;
          for (const row of decodeColumnBatch(schema, batch).slice(0, numRows + 1)) rows.push(row);
        }
        print(`${RULE}\nBatch: ${batchId}\n${RULE}\n${showTable(schema, rows, { numRows, truncate, timeZone })}\n`);
      },
      async abort() {},
      async stop() {},
    };
  },
};
