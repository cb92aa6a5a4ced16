import { expect, test } from "vitest";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { rateMicroBatchSource } from "../../src/connectors/rate/rate-micro-batch-source.ts";
import { rateSchema } from "../../src/connectors/rate/rate-schema.ts";
import { rateSource, valueAtSecond } from "../../src/connectors/rate/rate-source.ts";
import { rangeSplits } from "../../src/connectors/range/range-reader.ts";
import { LongType, structField, structType } from "../../src/columnar/types.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { MemoryLog, readSplits, sourceContext } from "./reading.ts";

const kernels = makeKernels();
const noOptions = new ConnectorOptions("rate", {}, rateSource.options);

test("valueAtSecond, with and without a ramp", () => {
  expect(valueAtSecond(3, 5, 2)).toBe(8);
  expect(valueAtSecond(5, 10, 4)).toBe(30);
  expect([0, 1, 2, 3, 4, 5, 6].map((second) => valueAtSecond(second, 10, 4))).toEqual([0, 2, 6, 12, 20, 30, 40]);
  expect(valueAtSecond(7, 5, 0)).toBe(35);
});

test("rate: uniform distribution of event timestamps", async () => {
  let now = 1_000_000;
  const options = new ConnectorOptions("rate", { rowsPerSecond: "1500" }, rateSource.options);
  const log = new MemoryLog();
  const source = await rateSource.createStream!(sourceContext(options, { clock: { nowMs: () => now }, log, parallelism: 3 }));
  expect(log.files.get("0")).toMatch(/^v1\n1000000\n\{"millrace":\{\},"checksum":"[0-9a-f]{8}"\}$/);
  expect(await source.latestOffset(null, source.defaultLimit)).toBeNull();
  now += 1999;
  expect(await source.latestOffset(null, source.defaultLimit)).toBe(1);
  const splits = await source.plan(null, 1);
  expect(splits).toHaveLength(3);
  const rows = readSplits({ kernels, schema: rateSchema, options: noOptions }, splits);
  expect(rows.slice(0, 3).map((row) => row[1])).toEqual([0n, 3n, 6n]);
  rows.sort((a, b) => Number((a[1] as bigint) - (b[1] as bigint)));
  expect(rows).toEqual(Array.from({ length: 1500 }, (_, v) => [BigInt(1_000_000 + Math.round((v * 1000) / 1500)) * 1000n, BigInt(v)]));
});

test("rate: a restart goes on from the stored moment of creation; a clock that goes back stands still", async () => {
  const log = new MemoryLog();
  let now = 5000;
  await rateSource.createStream!(sourceContext(noOptions, { clock: { nowMs: () => now }, log }));
  now = 8000;
  const source = await rateSource.createStream!(sourceContext(noOptions, { clock: { nowMs: () => now }, log }));
  expect(await source.latestOffset(1, source.defaultLimit)).toBe(3);
  now = 6000;
  expect(await source.latestOffset(1, source.defaultLimit)).toBe(3);
  await source.prepareAvailableNow!();
  now = 20_000;
  expect(await source.latestOffset(3, source.defaultLimit)).toBe(3);
});

test("rate: a changed bit or a lost end of the moment of creation is an error; what version 0.1.0 wrote is read", async () => {
  const log = new MemoryLog();
  const clock = { nowMs: () => 1_700_000_000_000 };
  const start = () => rateSource.createStream!(sourceContext(noOptions, { clock, log }));
  await start();
  const bytes = Buffer.from(log.files.get("0")!);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    log.files.set("0", flipped.toString("latin1"));
    await expect(start(), `bit ${bit}`).rejects.toMatchObject({ condition: "DATA_SOURCE_LOG_MALFORMED" });
  }
  for (let length = 0; length < bytes.length; length++) {
    log.files.set("0", bytes.toString("latin1", 0, length));
    // What is left after the whole number is the older form.
    if (length === "v1\n1700000000000".length) await start();
    else await expect(start(), `${length} bytes`).rejects.toMatchObject({ condition: "DATA_SOURCE_LOG_MALFORMED" });
  }
});

test("rate: a ramp that never ends is refused", async () => {
  const options = new ConnectorOptions("rate", { rowsPerSecond: String(Number.MAX_SAFE_INTEGER), rampUpTime: "1h" }, rateSource.options);
  await expect(rateSource.createStream!(sourceContext(options))).rejects.toMatchObject({ condition: "INCORRECT_RAMP_UP_RATE" });
});

test("rate-micro-batch: basic", async () => {
  const options = new ConnectorOptions(
    "rate-micro-batch",
    { rowsPerBatch: "10", startTimestamp: "1000", advanceMillisPerBatch: "50", numPartitions: "2" },
    rateMicroBatchSource.options,
  );
  const source = await rateMicroBatchSource.createStream!(sourceContext(options));
  let start = null;
  for (const [batch, ms] of [1000, 1050, 1100].entries()) {
    const end = await source.latestOffset(start, source.defaultLimit);
    expect(end).toEqual({ offset: 10 * (batch + 1), timestamp: 1000 + 50 * (batch + 1) });
    const rows = readSplits({ kernels, schema: rateSchema, options: noOptions }, await source.plan(start, end!));
    expect(rows.map((row) => row[0])).toEqual(Array.from({ length: 10 }, () => BigInt(ms) * 1000n));
    expect(rows.map((row) => Number(row[1])).sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 10 * batch + i));
    start = end as any;
  }
  await source.prepareAvailableNow!();
  const last = await source.latestOffset(start, source.defaultLimit);
  expect(last).toEqual({ offset: 40, timestamp: 1200 });
  expect(await source.latestOffset(last, source.defaultLimit)).toEqual(last);
  await expect(source.plan({ offset: -1, timestamp: 1000 }, last!)).rejects.toMatchObject({
    condition: "MALFORMED_STATE_IN_RATE_PER_MICRO_BATCH_SOURCE.INVALID_OFFSET",
  });
  await expect(source.plan({ offset: 1, timestamp: 10 }, last!)).rejects.toMatchObject({
    condition: "MALFORMED_STATE_IN_RATE_PER_MICRO_BATCH_SOURCE.INVALID_TIMESTAMP",
  });
});

test("rate-micro-batch needs rowsPerBatch", async () => {
  const options = new ConnectorOptions("rate-micro-batch", {}, rateMicroBatchSource.options);
  await expect(rateMicroBatchSource.schema(sourceContext(options), true)).rejects.toMatchObject({
    condition: "DATA_SOURCE_OPTION_MISSING",
  });
});

test("range: end is exclusive, steps may be negative or leave 53 bits", () => {
  const schema = structType([structField("id", LongType, false)]);
  const ids = (start: bigint, end: bigint, step: bigint) =>
    readSplits({ kernels, schema, options: noOptions }, rangeSplits(start, end, step, 2)).map((row) => row[0]);
  expect(ids(0n, 5n, 1n)).toEqual([0n, 1n, 2n, 3n, 4n]);
  expect(ids(5n, 0n, -2n)).toEqual([5n, 3n, 1n]);
  expect(ids(0n, 0n, 1n)).toEqual([]);
  expect(ids(9223372036854775800n, 9223372036854775807n, 5n)).toEqual([9223372036854775800n, 9223372036854775805n]);
  expect(ids(0n, 20000n, 1n)).toHaveLength(20000);
});
