/** The kernel that takes the statistics of a block's event times, against a loop over BigInts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { makeKernels } from "../scan/kernel-fixture.ts";

const kernels = makeKernels();
const { arena_alloc: allocate, event_times: eventTimes } = kernels.exports as Record<string, (...args: number[]) => number>;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];
const [values, validity, cell] = [allocate!(0, 8 * 64), allocate!(0, 64), allocate!(0, 32)] as const;

const time = fc.oneof(
  fc.bigInt({ min: LEAST, max: MOST }),
  fc.bigInt({ min: 1_700_000_000_000_000n, max: 1_700_000_100_000_000n }),
  fc.constantFrom(0n, -1n, 1n, LEAST, MOST, 2n ** 32n, -(2n ** 32n)),
);
const block = fc.array(fc.tuple(time, fc.boolean()), { maxLength: 40 });

test("largest, least, sum and count of the times that are not null, over several blocks", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(block, fc.boolean()), { minLength: 1, maxLength: 4 }), (blocks) => {
      const view = kernels.view();
      view.setBigInt64(cell, LEAST, true);
      view.setBigInt64(cell + 8, MOST, true);
      view.setFloat64(cell + 16, 0, true);
      view.setBigInt64(cell + 24, 0n, true);
      const times: bigint[] = [];
      for (const [rows, hasNulls] of blocks) {
        rows.forEach(([micros, isValid], row) => {
          view.setBigInt64(values + 8 * row, micros, true);
          view.setUint8(validity + row, isValid ? 1 : 0);
          if (isValid || !hasNulls) times.push(micros);
        });
        eventTimes!(values, hasNulls ? validity : 0, rows.length, cell);
      }
      const extreme = (better: (a: bigint, b: bigint) => boolean, none: bigint): bigint =>
        times.reduce((best, each) => (better(each, best) ? each : best), none);
      expect(view.getBigInt64(cell, true)).toBe(extreme((a, b) => a > b, LEAST));
      expect(view.getBigInt64(cell + 8, true)).toBe(extreme((a, b) => a < b, MOST));
      expect(view.getBigInt64(cell + 24, true)).toBe(BigInt(times.length));
      const sum = times.reduce((total, each) => total + each, 0n);
      const magnitude = times.reduce((total, each) => total + (each < 0n ? -each : each), 0n);
      expect(Math.abs(view.getFloat64(cell + 16, true) - Number(sum))).toBeLessThanOrEqual(Number(magnitude) * 2 ** -50);
    }),
    { numRuns: 500 },
  );
});
