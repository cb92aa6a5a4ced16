import { expect, test } from "vitest";
import { ARENA_BATCH, ROW_NEXT } from "../../src/columnar/memory-layout.ts";
import { Harness } from "./store-harness.ts";

test("rows of an exchange block are touched in groups up to its end; state and late buckets stay as they are", () => {
  const harness = new Harness({ partitionCount: 4 });
  const { exports } = harness.kernels;
  const exchange = exports["exchange_new"]!(harness.codec.layoutAddress, 1, 4) as number;
  harness.begin();
  for (let i = 0; i < 5000; i++) harness.upsert([0n, BigInt(i % 1700), "n"], "t");
  const before = harness.contents();
  for (let i = 0; i < 2000; i++) {
    const row = harness.codec.write([BigInt(i % 3) * 3_600_000_000n, BigInt(i), "n".repeat(i % 50)], [1n, "t", ""]);
    expect(exports["exchange_write"]!(exchange, row, 0)).toBe(1);
  }
  let rows = 0;
  let block = exports["exchange_first"]!(exchange, 0) as number;
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
