/** The worker's half of the Nexmark source: prepares the kernel's parameters and its columns, block by block. */
import { assert } from "../../base/assert.ts";
import { BLOCK_ROW_COUNT, BLOCK_ROWS_MAX } from "../../columnar/memory-layout.ts";
import { physicalWidthBytes } from "../../columnar/types.ts";
import { allocate, copyIn, newBlock, setColumn } from "../block-memory.ts";
import type { ReaderContext, Split, SplitCursor, SplitReader } from "../source.ts";
import { NEXMARK_DECADE, NEXMARK_TABLES, NEXMARK_TEXTS, type NexmarkTable, nexmarkKey } from "./nexmark-schema.ts";

// Layout of the parameters: `kernels/assembly/nexmark.ts`.
const COLUMNS = 40;
const PARAMETER_BYTES = COLUMNS + 4 * 29;
const EVENT_TYPE = 25;
const FIRST_VALIDITY = 26;
/** First column of each table in the parameters. */
const TABLE_COLUMNS: Readonly<Record<NexmarkTable, number>> = { all: 0, person: 0, auction: 8, bid: 18 };

export const nexmarkReader: SplitReader = {
  name: "nexmark",
  open: (split, context) => new NexmarkCursor(split, context),
};

class NexmarkCursor implements SplitCursor {
  readonly metrics = { rows: 0, bytes: 0, malformed: 0 };
  readonly #context: ReaderContext;
  readonly #parameters: number;
  readonly #isAll: boolean;
  readonly #firstColumn: number;
  #next: number;
  readonly #end: number;

  constructor(split: Split, context: ReaderContext) {
    const { kernels, options } = context;
    const table = options.get<NexmarkTable>("table");
    this.#context = context;
    this.#isAll = table === "all";
    this.#firstColumn = TABLE_COLUMNS[table];
    this.#next = split["first"] as number;
    this.#end = this.#next + (split["count"] as number);

    const decade = copyIn(kernels, new Uint8Array(Uint32Array.from(NEXMARK_DECADE).buffer));
    const texts = copyTexts(context);
    this.#parameters = allocate(kernels, PARAMETER_BYTES);
    kernels.bytes().fill(0, this.#parameters, this.#parameters + PARAMETER_BYTES);
    const view = kernels.view();
    view.setBigUint64(this.#parameters, nexmarkKey(options.get("seed")), true);
    view.setBigInt64(this.#parameters + 8, BigInt(options.get<number>("startTime")), true);
    view.setUint32(this.#parameters + 16, options.get("eventsPerSecond"), true);
    view.setUint32(this.#parameters + 20, options.get("outOfOrderGroupSize"), true);
    view.setUint32(this.#parameters + 24, decade, true);
    view.setUint32(this.#parameters + 28, texts, true);
    view.setUint32(this.#parameters + 32, NEXMARK_TABLES.indexOf(table), true);
  }

  next(): number {
    while (this.#next < this.#end) {
      const count = Math.min(BLOCK_ROWS_MAX, this.#end - this.#next);
      const block = this.#isAll ? this.#allColumns(count) : this.#tableColumns(count);
      const { kernels } = this.#context;
      const rows = kernels.exports["nexmark_block"]!(this.#parameters, BigInt(this.#next), count) as number;
      // Allocation inside the kernel failed: ask again from here, which raises the typed error.
      if (rows < 0) allocate(kernels, 1 << 20);
      assert(rows >= 0, "the generator could not allocate, but its caller could");
      this.#next += count;
      this.metrics.rows += rows;
      if (rows === 0) continue;
      kernels.view().setUint32(block + BLOCK_ROW_COUNT, rows, true);
      return block;
    }
    return 0;
  }

  close(): void {}

  #tableColumns(count: number): number {
    const { kernels, leaves, needed } = this.#context;
    const block = newBlock(kernels, leaves.length, 0);
    leaves.forEach((leaf, index) => {
      const values = needed[index]! ? allocate(kernels, count * physicalWidthBytes[leaf.physical]) : 0;
      setColumn(kernels, block, index, values, 0);
      this.#setParameter(this.#firstColumn + index, values);
    });
    return block;
  }

  /** Leaves are event_type, person, its fields, auction, its fields, bid, its fields; fields share their struct's validity. */
  #allColumns(count: number): number {
    const { kernels, leaves, needed } = this.#context;
    const block = newBlock(kernels, leaves.length, 0);
    let struct = -1;
    let validity = 0;
    leaves.forEach((leaf, index) => {
      if (leaf.physical === "struct") {
        struct++;
        validity = allocate(kernels, count);
        this.#setParameter(FIRST_VALIDITY + struct, validity);
        setColumn(kernels, block, index, 0, validity);
        return;
      }
      let values = 0;
      if (needed[index]!) {
        const bytes = count * physicalWidthBytes[leaf.physical];
        values = allocate(kernels, bytes);
        kernels.bytes().fill(0, values, values + bytes);
      }
      setColumn(kernels, block, index, values, validity);
      this.#setParameter(struct < 0 ? EVENT_TYPE : index - 2 - struct, values);
    });
    return block;
  }

  #setParameter(column: number, address: number): void {
    this.#context.kernels.view().setUint32(this.#parameters + COLUMNS + 4 * column, address, true);
  }
}

/** Writes the fixed texts and returns the address of their views. */
function copyTexts({ kernels }: ReaderContext): number {
  const encoded = NEXMARK_TEXTS.map((text) => Buffer.from(text));
  const at = copyIn(kernels, Buffer.concat(encoded), 16);
  const views = allocate(kernels, 8 * encoded.length);
  const view = kernels.view();
  let from = at;
  encoded.forEach((bytes, index) => {
    view.setUint32(views + 8 * index, from, true);
    view.setUint32(views + 8 * index + 4, bytes.length, true);
    from += bytes.length;
  });
  return views;
}
