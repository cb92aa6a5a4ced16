/** Cases of Spark's file source, file sink, rate and Trigger.AvailableNow suites over the whole engine, titles kept. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { functions as F, type StreamingQuery } from "../../src/index.ts";
import {
  advanceManualClock,
  checkAnswer,
  checkNewAnswer,
  manualClock,
  processAllAvailable,
  startStream,
  stopStream,
  testStream,
} from "../../src/testing.ts";
import { onWorkers } from "../support/every-way.ts";
import { inSuccessiveSessions } from "../support/successive-sessions.ts";
import { testSession } from "../support/test-session.ts";
import { withEventTime } from "../support/windowed-counts.ts";

const { col, count, window } = F;
const spark = testSession();

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "millrace-files-"))));
afterEach(() => rmSync(directory, { recursive: true }));

/** A file that appears all at once; files are read in the order of their times. */
function putFile(folder: string, name: string, text: string, second: number): void {
  mkdirSync(folder, { recursive: true });
  const hidden = join(folder, `.${name}`);
  writeFileSync(hidden, text);
  utimesSync(hidden, 1_700_000_000 + second, 1_700_000_000 + second);
  renameSync(hidden, join(folder, name));
}

async function batchesWithData(query: StreamingQuery): Promise<number> {
  return (await query.recentProgress()).filter(({ numInputRows }) => numInputRows > 0).length;
}

inSuccessiveSessions("multiple sources", "value BIGINT", async (sessions) => {
  const files = join(directory, "in");
  const written: bigint[] = [];
  const run = async (): Promise<number> => {
    const fileRows = sessions.session.readStream.schema("value BIGINT").option("maxFilesPerTrigger", 1).json(files);
    const query = await sessions.input
      .toDF()
      .union(fileRows)
      .writeStream.foreachBatch(async (batch) => void written.push(...(await batch.collect()).map((row) => row["value"] as bigint)))
      .option("checkpointLocation", join(directory, "checkpoint"))
      .trigger({ availableNow: true })
      .start();
    await query.awaitTermination();
    return await batchesWithData(query);
  };
  const sorted = () => written.map(Number).sort((a, b) => a - b);

  for (const value of [1, 2, 3]) sessions.add(value);
  for (const value of [7, 8, 9]) putFile(files, `${value}.json`, `{"value":${value}}\n`, value);
  expect(await run()).toBe(3);
  expect(sorted()).toEqual([1, 2, 3, 7, 8, 9]);

  await sessions.next();
  expect(await run()).toBe(0);
  for (const value of [4, 5, 6]) sessions.add(value);
  for (const value of [10, 11, 12]) putFile(files, `${value}.json`, `{"value":${value}}\n`, value);
  await sessions.next();
  expect(await run()).toBe(3);
  expect(sorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

inSuccessiveSessions("read data from outputs of another streaming query", "value STRING", async (sessions) => {
  const output = join(directory, "out");
  const seen: string[] = [];
  let [writing, reading]: StreamingQuery[] = [];
  const startWriting = async (): Promise<void> => {
    writing = await sessions.input
      .toDF()
      .writeStream.format("text")
      .option("checkpointLocation", join(directory, "checkpoint"))
      .start(output);
  };
  const startReading = async (): Promise<void> => {
    const frame = sessions.session.readStream.text(output).filter(col("value").contains("keep"));
    reading = await frame.writeStream
      .foreachBatch(async (batch) => void seen.push(...(await batch.collect()).map((row) => row["value"] as string)))
      .option("checkpointLocation", join(directory, "checkpoint of the reader"))
      .start();
  };
  const restart = async (): Promise<void> => {
    await Promise.all([writing!.stop(), reading!.stop()]);
    await sessions.next();
    await startWriting();
    await startReading();
  };
  const write = async (...rows: readonly string[]): Promise<void> => {
    sessions.add(...rows);
    await writing!.processAllAvailable();
  };
  const stray = (name: string) => writeFileSync(join(output, name), "should not be read\n");

  await startWriting();
  await write("keep2", "drop1");
  stray("should_not_keep_0.txt");
  await startReading();
  await reading!.processAllAvailable();
  expect(seen).toEqual(["keep2"]);
  await restart();
  await write("keep3", "drop2");
  await reading!.processAllAvailable();
  expect(seen).toEqual(["keep2", "keep3"]);
  stray("should_not_keep_1.txt");
  await restart();
  await write("keep4");
  await reading!.processAllAvailable();
  expect(seen).toEqual(["keep2", "keep3", "keep4"]);
  await Promise.all([reading!.stop(), writing!.stop()]);
  expect((await sessions.session.read.text(output).collect()).map(({ value }) => value).sort()).toEqual([
    "drop1",
    "drop2",
    "keep2",
    "keep3",
    "keep4",
  ]);
});

for (const format of ["parquet", "json", "csv"]) {
  inSuccessiveSessions(`writing with aggregation: ${format}`, "value INT", async (sessions) => {
    const output = join(directory, "out");
    const start = (): Promise<StreamingQuery> =>
      withEventTime(sessions.input, "10 seconds")
        .groupBy(window(col("eventTime"), "5 seconds").as("window"))
        .agg(count("*").as("count"))
        .select(
          col("window").getField("start").cast("long").as("start"),
          col("window").getField("end").cast("long").as("end"),
          col("count"),
        )
        .writeStream.format(format)
        .option("checkpointLocation", join(directory, "checkpoint"))
        .start(output);
    let query = await start();
    const restart = async (): Promise<void> => {
      await query.stop();
      await sessions.next();
      query = await start();
    };
    const add = async (...rows: readonly number[]): Promise<number[][]> => {
      sessions.add(...rows);
      await query.processAllAvailable();
      const written = await sessions.session.read.format(format).schema("start BIGINT, end BIGINT, count BIGINT").load(output).collect();
      return written.map((row) => Object.values(row).map(Number)).sort((a, b) => a[0]! - b[0]!);
    };
    expect(await add(100)).toEqual([]);
    await restart();
    expect(await add(104, 123)).toEqual([[100, 105, 2]]);
    await restart();
    expect(await add(140)).toEqual([
      [100, 105, 2],
      [120, 125, 1],
    ]);
    await query.stop();
  });
}

onWorkers("uniform distribution of event timestamps", async (nextWorkers) => {
  const rate = spark().readStream.format("rate").option("rowsPerSecond", 1500).load();
  const second = (from: number) =>
    Array.from({ length: 1500 }, (_, v) => [new Date(from + Math.round((v * 1000) / 1500)), from === 0 ? v : v + 1500]);
  const clock = manualClock(0);
  const start = () => startStream({ trigger: { processingTime: 10 }, clock, workers: nextWorkers() });
  await testStream(
    rate,
    {},
    start(),
    advanceManualClock(1000),
    checkNewAnswer(...second(0)),
    stopStream(),
    start(),
    advanceManualClock(1000),
    checkNewAnswer(...second(1000)),
  );
});

onWorkers("RatePerMicroBatch: basic", async (nextWorkers) => {
  const rate = spark()
    .readStream.format("rate-micro-batch")
    .options({ rowsPerBatch: 10, startTimestamp: 1000, advanceMillisPerBatch: 50 })
    .load();
  const batch = (number: number) => Array.from({ length: 10 }, (_, i) => [new Date(1000 + 50 * number), 10 * number + i]);
  const once = () => startStream({ trigger: { once: true }, workers: nextWorkers() });
  const availableNow = () => startStream({ trigger: { availableNow: true }, workers: nextWorkers() });
  await testStream(
    rate,
    {},
    once(),
    processAllAvailable(),
    checkNewAnswer(...batch(0)),
    stopStream(),
    availableNow(),
    processAllAvailable(),
    checkNewAnswer(...batch(1)),
    stopStream(),
    once(),
    processAllAvailable(),
    checkAnswer(...batch(0), ...batch(1), ...batch(2)),
  );
});
