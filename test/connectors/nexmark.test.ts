import { expect, test } from "vitest";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { NEXMARK_DECADE, nexmarkOptions } from "../../src/connectors/nexmark/nexmark-schema.ts";
import { nexmarkSource } from "../../src/connectors/nexmark/nexmark-source.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { twinEvent } from "./nexmark-twin.ts";
import { readSplits, sourceContext } from "./reading.ts";

const kernels = makeKernels();

async function generate(entries: Record<string, string>, first: number, count: number, wanted?: string[]): Promise<Value[][]> {
  const options = new ConnectorOptions("nexmark", entries, nexmarkOptions);
  const schema = await nexmarkSource.schema(sourceContext(options), true);
  return readSplits({ kernels, schema, options, ...(wanted && { wanted }) }, [{ reader: "nexmark", first, count }]);
}

const parameters = (seed: number, rate = 10_000n, group = 1n) => ({ seed, rate, group, startMs: 1_436_918_400_000n });

test.each(["person", "auction", "bid"])(
  "table %s holds exactly the events of that kind, as the plain generator makes them",
  async (table) => {
    const rows = await generate({ table, seed: "7" }, 0, 1500);
    const events = Array.from({ length: 1500 }, (_, n) => twinEvent(BigInt(n), parameters(7)));
    expect(rows).toEqual(events.filter(({ kind }) => kind === table).map(({ row }) => row));
  },
);

test("a run may start anywhere, at any rate, out of order, across blocks", async () => {
  const first = 123_456_789_012;
  const rows = await generate({ seed: "42", eventsPerSecond: "7777777", outOfOrderGroupSize: "100" }, first, 9000);
  expect(rows).toHaveLength(9000);
  const numbers = [0, 1, 49, 50, 8191, 8192, 8999];
  for (const at of numbers) {
    const { kind, row } = twinEvent(BigInt(first + at), parameters(42, 7_777_777n, 100n));
    const type = ["person", "auction", "bid"].indexOf(kind);
    expect(rows[at]).toEqual([type, ...[0, 1, 2].map((struct) => (struct === type ? row : null))]);
  }
});

test("splits of a range give the same rows as the range in one piece", async () => {
  const options = new ConnectorOptions("nexmark", { table: "bid", events: "20000" }, nexmarkOptions);
  const context = sourceContext(options, { parallelism: 3 });
  const schema = await nexmarkSource.schema(context, false);
  const splits = await nexmarkSource.planBatch!(context);
  expect(splits.length).toBeGreaterThan(6);
  const rows = readSplits({ kernels, schema, options }, splits);
  expect(rows).toEqual(readSplits({ kernels, schema, options }, [{ reader: "nexmark", first: 0, count: 20000 }]));
  expect(rows).toHaveLength(20000 * 0.92);
});

test("columns that nobody looks at are not made, the others stay as they are", async () => {
  const all = await generate({ table: "bid", seed: "3" }, 0, 500);
  const some = await generate({ table: "bid", seed: "3" }, 0, 500, ["price", "url"]);
  expect(some).toEqual(all.map((row) => [null, null, row[2], null, row[4], null, null]));
});

test("prices are log-uniform from 1 to a million dollars, half of the bids go to hot auctions", async () => {
  const rows = await generate({ table: "bid" }, 1_000_000, 100_000, ["auction", "bidder", "price", "channel", "extra"]);
  const prices = rows.map((row) => Number(row[2]));
  expect(Math.min(...prices)).toBeGreaterThanOrEqual(100);
  expect(Math.max(...prices)).toBeLessThanOrEqual(100_000_000);
  for (let decade = 2; decade < 8; decade++) {
    const share = prices.filter((price) => price >= 10 ** decade && price < 10 ** (decade + 1)).length / rows.length;
    expect(share).toBeCloseTo(1 / 6, 2);
  }
  const share = (predicate: (row: Value[]) => boolean) => rows.filter(predicate).length / rows.length;
  expect(share((row) => (row[0] as bigint) % 100n === 0n)).toBeCloseTo(0.5 + 0.5 / 100, 1);
  expect(share((row) => (row[1] as bigint) % 100n === 1n)).toBeCloseTo(0.75, 1);
  expect(share((row) => !(row[3] as string).startsWith("channel-"))).toBeCloseTo(0.5, 1);
  const mean = rows.reduce((sum, row) => sum + (row[6] as string).length + 32, 0) / rows.length;
  expect(mean).toBeGreaterThan(98);
  expect(mean).toBeLessThan(102);
});

test("offsets are event numbers: bounded runs end, available-now of an unbounded run is one batch", async () => {
  const bounded = await nexmarkSource.createStream!(
    sourceContext(new ConnectorOptions("nexmark", { events: "2500", rowsPerBatch: "1000" }, nexmarkOptions)),
  );
  const limit = bounded.defaultLimit;
  expect(await bounded.latestOffset(null, limit)).toBe(1000);
  expect(await bounded.latestOffset(2000, limit)).toBe(2500);
  expect(await bounded.latestOffset(2500, limit)).toBe(2500);
  const splits = await bounded.plan(1000, 2500);
  expect(splits[0]).toMatchObject({ reader: "nexmark", first: 1000 });
  expect(splits.reduce((sum, split) => sum + (split["count"] as number), 0)).toBe(1500);

  const unbounded = await nexmarkSource.createStream!(
    sourceContext(new ConnectorOptions("nexmark", { rowsPerBatch: "10" }, nexmarkOptions)),
  );
  await unbounded.prepareAvailableNow!();
  expect(await unbounded.latestOffset(5, unbounded.defaultLimit)).toBe(15);
  expect(await unbounded.latestOffset(15, unbounded.defaultLimit)).toBe(15);
});

test("firstEvent lets runs follow each other, in a batch and in a stream", async () => {
  const options = (entries: Record<string, string>) => new ConnectorOptions("nexmark", { table: "bid", ...entries }, nexmarkOptions);
  const second = sourceContext(options({ firstEvent: "1000", events: "500" }));
  const schema = await nexmarkSource.schema(second, false);
  const rows = readSplits({ kernels, schema, options: second.options }, await nexmarkSource.planBatch!(second));
  expect(rows).toEqual(await generate({ table: "bid" }, 1000, 500));
  const stream = await nexmarkSource.createStream!(second);
  expect(await stream.latestOffset(null, stream.defaultLimit)).toBe(1500);
  expect((await stream.plan(null, 1500))[0]).toMatchObject({ first: 1000 });
});

test("the price table is ten to the i/256, to the last unit", () => {
  expect(NEXMARK_DECADE).toEqual(Array.from({ length: 257 }, (_, i) => Math.round(10 ** (i / 256) * 2 ** 24)));
});
