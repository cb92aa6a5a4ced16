/** Deduplication kernels against a Map: rows that are appended to the place loaded for them, and all others; their change files and images. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EVICT_WATERMARK, LATE_WATERMARK, ROW_HASH, ROW_NEXT } from "../../src/columnar/memory-layout.ts";
import { rowLayout, type RowLayout, withNullWords } from "../../src/columnar/row-layout.ts";
import { type DataType, LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { restoreStateFile, StateBuffer, StateFileWriter } from "../../src/state/state-file.ts";
import { StateStore } from "../../src/state/state-store.ts";
import { keyText, newKernels, RowCodec, type TestRow, type TestValue } from "./row-codec.ts";
import { header, MemoryFile, NO_WATERMARK } from "./store-harness.ts";

const PARTITIONS = 4;
const BUCKET_MICROS = 1000n;

interface Layouts {
  readonly state: RowLayout;
  readonly shuffled: RowLayout;
}

/** As the planner makes them: the shuffled rows go on with a column that may be null. */
function layoutsOf(keyType: DataType, carriedType: DataType, inWords: boolean): Layouts {
  const bucket = { keyIndex: -1, valueIndex: 0, widthMicros: BUCKET_MICROS };
  const keys = [{ name: "k", dataType: keyType }];
  const until = { name: "until", dataType: TimestampType };
  const layouts = {
    state: rowLayout(keys, [until], bucket),
    shuffled: rowLayout(keys, [until, { name: "carried", dataType: carriedType }], bucket),
  };
  return inWords ? { state: withNullWords(layouts.state), shuffled: withNullWords(layouts.shuffled) } : layouts;
}

class Deduplication {
  readonly kernels = newKernels();
  readonly store: StateStore;
  readonly rows: RowCodec;
  readonly state: RowCodec;
  /** Until when each key is kept, by its text. */
  model = new Map<string, bigint>();
  #epoch = 0;
  readonly #layouts: Layouts;

  constructor(layouts: Layouts) {
    this.#layouts = layouts;
    this.rows = new RowCodec(this.kernels, layouts.shuffled);
    this.state = new RowCodec(this.kernels, layouts.state);
    this.store = this.#newStore();
  }

  #newStore(): StateStore {
    const options = { operatorId: 7, partitionCount: PARTITIONS, workerIndex: 0, workerCount: 1, dropsLateRows: false };
    return new StateStore(this.kernels, { ...options, layout: this.#layouts.state });
  }

  begin(late: bigint, evict: bigint): void {
    this.store.begin(++this.#epoch);
    this.kernels.view().setBigInt64(LATE_WATERMARK, late, true);
    this.kernels.view().setBigInt64(EVICT_WATERMARK, evict, true);
  }

  /** Which of the rows pass. */
  pass(rows: readonly { readonly keys: TestRow; readonly until: bigint; readonly carried: TestValue }[]): boolean[] {
    const { exports } = this.kernels;
    const exchange = exports["exchange_new"]!(this.rows.layoutAddress, 1, PARTITIONS, 0) as number;
    for (const { keys, until, carried } of rows) exports["exchange_write"]!(exchange, this.rows.write(keys, [until, carried]), 0);
    const cursor = exports["arena_alloc"]!(1, 16 + 8 * 50) as number;
    const passed = rows.map(() => false);
    let first = 0;
    for (let block = exports["exchange_first"]!(exchange, 0, 0) as number; block !== 0; block = this.rows.cell(block)) {
      const end = block + 16 + this.rows.cell(block + 4);
      const places = new Map<number, number>();
      for (let row = block + 16; row < end; row += this.rows.cell(row + ROW_NEXT)) places.set(row, first++);
      this.kernels.view().setUint32(cursor, block + 16, true);
      this.kernels.view().setUint32(cursor + 4, end, true);
      while (this.rows.cell(cursor) < end) {
        const count = exports["store_pass_new"]!(this.store.handle, cursor, cursor + 16, 50) as number;
        for (let i = 0; i < count; i++) passed[places.get(this.rows.cell(cursor + 16 + 8 * i))!] = true;
      }
    }
    return passed;
  }

  changes(batchId: number): MemoryFile {
    const file = new MemoryFile();
    const writer = new StateFileWriter(new StateBuffer(this.kernels), file, header("changes", batchId));
    this.store.writeChanges(writer, batchId);
    writer.finish();
    return file;
  }

  end(how: "commit" | "abort"): void {
    this.store[how]();
    this.kernels.exports["arena_reset"]!(1);
  }

  contents(store = this.store): Map<string, bigint> {
    const read = (row: number, base: number) =>
      [keyText(this.state.keysOf(row, base)), this.state.valuesOf(row, base)[0] as bigint] as const;
    return new Map(this.state.scan("store_scan_all", store.handle, 7, read));
  }

  restored(files: readonly MemoryFile[]): Map<string, bigint> {
    const store = this.#newStore();
    files.forEach((file, batchId) => {
      const expected = { path: "changes", kind: "changes", queryId: header("changes", 0).queryId, batchId } as const;
      restoreStateFile(new StateBuffer(this.kernels), file, expected, new Map([[7, store]]));
    });
    return this.contents(store);
  }
}

describe.each([
  ["rows of one length", LongType, LongType],
  ["text carried", LongType, StringType],
  ["text as key", StringType, LongType],
] as const)("%s", (_name, keyType, carriedType) => {
  test.each([false, true])("deduplicates as a Map does, aborts and redo included; null bits in words: %s", (inWords) => {
    const row = fc.record({ id: fc.option(fc.nat(400), { freq: 40 }), second: fc.nat(6), hasNull: fc.boolean() });
    const batch = fc.record({ rows: fc.array(row, { maxLength: 300, size: "max" }), step: fc.nat(3), abort: fc.boolean() });
    fc.assert(
      fc.property(fc.array(batch, { minLength: 2, maxLength: 6 }), (batches) => {
        const tested = new Deduplication(layoutsOf(keyType, carriedType, inWords));
        let late = NO_WATERMARK;
        let time = 0n;
        const files: MemoryFile[] = [];
        for (const { rows, step, abort } of batches) {
          const before = new Map(tested.model);
          time += BigInt(step) * 700n;
          const evict = time > 0n ? time : NO_WATERMARK;
          tested.begin(late, evict);
          const sent = rows.map(({ id, second, hasNull }) => ({
            keys: [id === null ? null : keyType === StringType ? `key ${id} ${"k".repeat(id % 20)}` : BigInt(id)] as TestRow,
            until: time + 1n + BigInt(second) * 550n,
            carried: hasNull ? null : carriedType === StringType ? `carried ${id}` : BigInt(second),
          }));
          const own = new Set<string>();
          const expected = sent.map(({ keys, until }) => {
            const key = keyText(keys);
            const known = tested.model.get(key);
            if (known !== undefined && (own.has(key) || known > late)) return false;
            tested.model.set(key, until);
            own.add(key);
            return true;
          });
          expect(tested.pass(sent)).toEqual(expected);
          tested.kernels.exports["store_evict"]!(tested.store.handle);
          for (const [key, until] of tested.model) if (until <= evict) tested.model.delete(key);
          expect(tested.contents()).toEqual(tested.model);
          const file = tested.changes(files.length);
          tested.end(abort ? "abort" : "commit");
          if (abort) tested.model = before;
          else {
            files.push(file);
            late = evict;
          }
          expect(tested.contents()).toEqual(tested.model);
          expect(tested.store.metrics().rows).toBe(tested.model.size);
        }
        expect(tested.restored(files)).toEqual(tested.model);
      }),
      { numRuns: 60 },
    );
  });
});

test.each([false, true])("a row that is made in the exchange is the row that is copied there; null bits in words: %s", (inWords) => {
  const kernels = newKernels();
  const { shuffled } = layoutsOf(LongType, LongType, inWords);
  const codec = new RowCodec(kernels, shuffled);
  const [copied, made] = [0, 0].map(() => kernels.exports["exchange_new"]!(codec.layoutAddress, 2, PARTITIONS, 3) as number);
  for (let i = 0; i < 5000; i++) {
    const row = codec.write([i % 7 === 0 ? null : BigInt(i)], [BigInt(i), i % 3 === 0 ? null : 5n]);
    kernels.exports["exchange_write"]!(copied!, row, 0);
    const place = kernels.exports["exchange_place"]!(made!, codec.cell(row + ROW_HASH)) as number;
    const bytes = kernels.bytes();
    // The word of flags too: generated code writes the null bits there.
    bytes.copyWithin(place + 12, row + 12, row + shuffled.rowBytes);
  }
  for (const destination of [0, 1]) {
    for (let group = 0; group < 8; group++) {
      let [a, b] = [copied!, made!].map((exchange) => kernels.exports["exchange_first"]!(exchange, destination, group) as number);
      while (a! !== 0 || b! !== 0) {
        const bytes = (block: number): Uint8Array => kernels.bytes().slice(block + 16, block + 16 + codec.cell(block + 4));
        expect(Buffer.from(bytes(a!)).equals(bytes(b!))).toBe(true);
        [a, b] = [codec.cell(a!), codec.cell(b!)];
      }
    }
  }
});
