import { expect, test } from "vitest";
import { ARENA_BATCH, ROW_HASH, ROW_NEXT } from "../../src/columnar/memory-layout.ts";
import { keyText, type TestRow } from "./row-codec.ts";
import { Harness } from "./store-harness.ts";

test("rows of an exchange block are touched in groups up to its end; state and late buckets stay as they are", () => {
  const harness = new Harness({ partitionCount: 4 });
  const { exports } = harness.kernels;
  const exchange = exports["exchange_new"]!(harness.codec.layoutAddress, 1, 4, 0) as number;
  harness.begin();
  for (let i = 0; i < 5000; i++) harness.upsert([0n, BigInt(i % 1700), "n"], "t");
  const before = harness.contents();
  for (let i = 0; i < 2000; i++) {
    const row = harness.codec.write([BigInt(i % 3) * 3_600_000_000n, BigInt(i), "n".repeat(i % 50)], [1n, "t", ""]);
    expect(exports["exchange_write"]!(exchange, row, 0)).toBe(1);
  }
  let rows = 0;
  let block = exports["exchange_first"]!(exchange, 0, 0) as number;
  while (block !== 0) {
    const end = block + 16 + harness.kernels.view().getUint32(block + 4, true);
    let touched = block + 16;
    while (touched < end) {
      let expected = touched;
      for (let i = 0; i < 32 && expected < end; i++, rows++) expected += harness.kernels.view().getUint32(expected + ROW_NEXT, true);
      touched = exports["store_touch"]!(harness.store.handle, touched, end) as number;
      expect(touched).toBe(expected);
    }
    block = harness.kernels.view().getUint32(block, true);
  }
  expect(rows).toBe(2000);
  expect(harness.contents()).toEqual(before);
  expect(harness.store.metrics().rows).toBe(1700);
  exports["arena_reset"]!(ARENA_BATCH);
});

test.each([0, 3, 6])(
  "an exchange of 2^%i groups: each holds the rows of its hashes, in their order, and a store that was warmed is not changed",
  (log2) => {
    const harness = new Harness({ partitionCount: 4 });
    const { exports } = harness.kernels;
    const destinations = 2;
    const exchange = exports["exchange_new"]!(harness.codec.layoutAddress, destinations, 4, log2) as number;
    harness.begin();
    for (let i = 0; i < 3000; i++) harness.upsert([0n, BigInt(i % 1700), "n"], "t");
    const before = harness.contents();
    const written: number[] = [];
    for (let i = 0; i < 3000; i++) {
      const row = harness.codec.write([0n, BigInt(i), "n".repeat(i % 50)], [1n, "t", ""]);
      written.push(harness.kernels.view().getUint32(row + ROW_HASH, true));
      expect(exports["exchange_write"]!(exchange, row, 0)).toBe(1);
    }
    const groupOf = (hash: number): number => Number(BigInt.asUintN(64, BigInt(hash) * 0x9e3779b97f4a7c15n) >> BigInt(64 - log2));
    for (let destination = 0; destination < destinations; destination++) {
      for (let group = 0; group < 2 ** log2; group++) {
        exports["store_warm"]!(harness.store.handle, group, log2, 1e9);
        const view = harness.kernels.view();
        const hashes: number[] = [];
        for (
          let block = exports["exchange_first"]!(exchange, destination, group) as number;
          block !== 0;
          block = view.getUint32(block, true)
        ) {
          const end = block + 16 + view.getUint32(block + 4, true);
          for (let row = block + 16; row < end; row += view.getUint32(row + ROW_NEXT, true))
            hashes.push(view.getUint32(row + ROW_HASH, true));
        }
        expect(hashes).toEqual(written.filter((hash) => (hash & 3) % destinations === destination && groupOf(hash) === group));
      }
    }
    expect(harness.contents()).toEqual(before);
    exports["arena_reset"]!(ARENA_BATCH);
  },
);

test("rows after a rewind take the place of those before it, in the blocks that are there, and count with them", () => {
  const harness = new Harness({ partitionCount: 4 });
  const { exports, view } = harness.kernels;
  const exchange = exports["exchange_new"]!(harness.codec.layoutAddress, 2, 4, 1) as number;
  const textsOf = (): { texts: Set<string>; memory: number } => {
    const texts = new Set<string>();
    for (const [destination, group] of [0, 1].flatMap((each) => [0, 1].map((other) => [each, other]))) {
      for (
        let block = exports["exchange_first"]!(exchange, destination, group) as number;
        block !== 0;
        block = view().getUint32(block, true)
      ) {
        const end = block + 16 + view().getUint32(block + 4, true);
        for (let row = block + 16; row < end; row += view().getUint32(row + ROW_NEXT, true))
          texts.add(keyText(harness.codec.keysOf(row, row)));
      }
    }
    return { texts, memory: exports["arena_bytes"]!(ARENA_BATCH) as number };
  };
  let rows = 0;
  let memory = 0;
  // Long rows make the blocks that there are too short.
  for (const [round, length] of [40, 40, 3, 40, 300_000, 40, 300_000].entries()) {
    const count = length > 1000 ? 5 : 4000;
    const keys = Array.from({ length: count }, (_, i): TestRow => [0n, BigInt(i + 10_000 * round), "n".repeat(length)]);
    for (const key of keys) expect(exports["exchange_write"]!(exchange, harness.codec.write(key, [1n, "t", ""]), 0)).toBe(1);
    rows += count;
    const found = textsOf();
    expect(found.texts).toEqual(new Set(keys.map((key) => keyText(key))));
    expect(exports["exchange_rows"]!(exchange)).toBe(rows);
    if (round === 1 || round === 3) expect(found.memory).toBe(memory);
    memory = found.memory;
    exports["exchange_rewind"]!(exchange);
    expect(textsOf().texts.size).toBe(0);
  }
  exports["arena_reset"]!(ARENA_BATCH);
});
