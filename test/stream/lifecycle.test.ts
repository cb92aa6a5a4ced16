/** Queries as programs see them: names, the manager, listeners, status. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { type MillraceError, Session, type StreamingQuery, type StreamingQueryListener } from "../../src/index.ts";
import { memoryStream } from "../../src/testing.ts";
import { testSession } from "../support/test-session.ts";

const spark = testSession();

test("names are unique among running queries, and free again afterwards", async () => {
  const input = memoryStream(spark(), "n INT");
  const start = () => input.toDF().writeStream.format("noop").queryName("numbers").start();
  const first = await start();
  expect(first.name).toBe("numbers");
  await expect(start()).rejects.toMatchObject({ condition: "STREAMING_QUERY_NAME_IN_USE" });
  await first.stop();
  const second = await start();
  expect(second.id).not.toBe(first.id);
  await second.stop();
});

test("of two starts under one name at once one is refused", async () => {
  const input = memoryStream(spark(), "n INT");
  const start = () => input.toDF().writeStream.format("noop").queryName("twice").start();
  const [first, second] = await Promise.allSettled([start(), start()]);
  expect(second).toMatchObject({ status: "rejected", reason: { condition: "STREAMING_QUERY_NAME_IN_USE" } });
  expect(await spark().streams.active()).toHaveLength(1);
  await (first as PromiseFulfilledResult<StreamingQuery>).value.stop();
});

test("a session that is stopped while a query starts stops that query too, and starts no other", async () => {
  const session = await Session.builder().master("local[1]").create();
  const frame = memoryStream(session, "n INT").toDF();
  const starting = frame.writeStream.format("noop").start();
  const stopping = session.stop();
  await expect(frame.writeStream.format("noop").start()).rejects.toMatchObject({ condition: "SESSION_STOPPED" });
  const query = await starting;
  await stopping;
  expect(await query.isActive()).toBe(false);
  await expect(session.range(3).collect()).rejects.toMatchObject({ condition: "SESSION_STOPPED" });
});

test("a start that fails closes the sources that it has opened", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const closed = once(server, "connection").then(([connection]) => once(connection as Socket, "close"));
  const lines = spark()
    .readStream.format("socket")
    .options({ host: "127.0.0.1", port: (server.address() as AddressInfo).port })
    .load();
  const failing = spark().range(1).selectExpr("CAST(1 div id AS STRING) AS value");
  const start = lines.join(failing, "value").writeStream.format("noop").start();
  await expect(start).rejects.toMatchObject({ condition: "DIVIDE_BY_ZERO" });
  await closed;
  server.close();
});

test("the manager knows running queries; one can be found by its id", async () => {
  const input = memoryStream(spark(), "n INT");
  const query = await input.toDF().writeStream.format("noop").start();
  expect((await spark().streams.active()).map(({ id }) => id)).toEqual([query.id]);
  expect((await spark().streams.get(query.id))?.runId).toBe(query.runId);
  expect(await spark().streams.get("no such id")).toBeNull();
  expect(await query.isActive()).toBe(true);
  await query.stop();
  expect(await spark().streams.active()).toEqual([]);
  expect(await spark().streams.get(query.id)).toBeNull();
  expect(await query.isActive()).toBe(false);
  expect(await query.awaitTermination()).toBe(true);
  expect(await query.exception()).toBeNull();
});

test("awaitAnyTermination: waits for the first end, remembers it until it is reset, passes an error on", async () => {
  const { streams } = spark();
  await streams.resetTerminated();
  const input = memoryStream(spark(), "n INT");
  const start = () => input.toDF().selectExpr("1 div n").writeStream.format("noop").start();
  const [first, second] = [await start(), await start()];
  expect(await streams.awaitAnyTermination(0)).toBe(false);
  const ended = streams.awaitAnyTermination();
  await first.stop();
  expect(await ended).toBe(true);
  expect(await streams.awaitAnyTermination()).toBe(true);
  await streams.resetTerminated();
  expect(await streams.awaitAnyTermination(0)).toBe(false);
  const failed = streams.awaitAnyTermination();
  input.addData(0);
  await expect(failed).rejects.toMatchObject({ condition: "STREAM_FAILED", cause: { condition: "DIVIDE_BY_ZERO" } });
  await expect(second.awaitTermination()).rejects.toMatchObject({ condition: "STREAM_FAILED" });
  await streams.resetTerminated();
});

test("listeners: started before start() returns, then progress in order, then terminated", async () => {
  const events: string[] = [];
  let sawEnd = (): void => {};
  const ended = new Promise<void>((resolve) => (sawEnd = resolve));
  const listener: StreamingQueryListener = {
    onQueryStarted: ({ name, id }) => void events.push(`started ${name} ${id.length}`),
    onQueryProgress: ({ progress }) => void events.push(`progress ${progress["batchId"]} ${progress["numInputRows"]}`),
    onQueryTerminated: ({ exception, errorClassOnException }) => {
      events.push(`terminated ${exception === null} ${errorClassOnException}`);
      sawEnd();
    },
  };
  await spark().streams.addListener(listener);
  expect(await spark().streams.listListeners()).toEqual([listener]);
  const input = memoryStream(spark(), "n INT");
  const starting = input.toDF().selectExpr("1 div n").writeStream.format("noop").queryName("listened").start();
  const query = await starting;
  expect(events).toEqual(["started listened 36"]);
  input.addData(1, 2);
  await query.processAllAvailable();
  input.addData(3);
  await query.processAllAvailable();
  input.addData(0);
  await expect(query.processAllAvailable()).rejects.toThrow("DIVIDE_BY_ZERO");
  await ended;
  expect(events).toEqual(["started listened 36", "progress 0 2", "progress 1 1", "terminated false DIVIDE_BY_ZERO"]);
  await spark().streams.removeListener(listener);
  expect(await spark().streams.listListeners()).toEqual([]);
});

test("a listener that throws harms nothing", async () => {
  const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
  const input = memoryStream(spark(), "n INT");
  const thrower: StreamingQueryListener = {
    onQueryStarted: () => {
      throw new Error("not my day");
    },
  };
  await spark().streams.addListener(thrower);
  const query = await input.toDF().writeStream.format("noop").start();
  input.addData(1);
  await query.processAllAvailable();
  await query.stop();
  await spark().streams.removeListener(thrower);
  expect(complaint).toHaveBeenCalledOnce();
  complaint.mockRestore();
});

test("status: what a query says it does", async () => {
  const input = memoryStream(spark(), "n INT");
  const seen = new Set<string>();
  const query = await input
    .toDF()
    .writeStream.foreachBatch(async () => void seen.add(JSON.stringify(await query.status())))
    .start();
  expect((await query.status()).message).toBe("Initializing sources");
  input.addData(1);
  await query.processAllAvailable();
  expect([...seen].map((text) => JSON.parse(text) as unknown)).toEqual([
    { message: "Processing new data", isDataAvailable: true, isTriggerActive: true },
  ]);
  expect((await query.status()).isTriggerActive).toBe(false);
  await query.stop();
  expect(await query.status()).toEqual({ message: "Stopped", isDataAvailable: false, isTriggerActive: false });
});

test("progress: ids, offsets, rows and the sink", async () => {
  const input = memoryStream(spark(), "n INT");
  const query = await input.toDF().filter("n > 1").writeStream.format("noop").queryName("reported").start();
  input.addData(1, 2, 3);
  await query.processAllAvailable();
  input.addData(4);
  await query.processAllAvailable();
  const last = (await query.recentProgress()).findLast(({ numInputRows }) => numInputRows > 0)!;
  await query.stop();
  expect(last).toMatchObject({
    id: query.id,
    runId: query.runId,
    name: "reported",
    batchId: 1,
    numInputRows: 1,
    sources: [{ description: "MemoryStream[n]", startOffset: 0, endOffset: 1, latestOffset: 1, numInputRows: 1 }],
    stateOperators: [],
    sink: { description: "NoopTable" },
  });
  expect(Object.keys(last["durationMs"])).toEqual([
    "addBatch",
    "commitOffsets",
    "getBatch",
    "latestOffset",
    "queryPlanning",
    "triggerExecution",
    "walCommit",
  ]);
});

describe("a foreachBatch function", () => {
  const start = async (inside: (query: StreamingQuery, batchId: number) => Promise<void>) => {
    const input = memoryStream(spark(), "n INT");
    let started = (_query: StreamingQuery): void => {};
    const query = new Promise<StreamingQuery>((resolve) => (started = resolve));
    const running = await input
      .toDF()
      .writeStream.foreachBatch(async (_frame, batchId) => inside(await query, batchId))
      .start();
    started(running);
    input.addData(1);
    return running;
  };

  test("stops its query: stop() returns at once there, and the batch is committed", async () => {
    let stopped = false;
    const query = await start(async (running) => {
      await running.stop();
      stopped = true;
    });
    expect(await query.awaitTermination()).toBe(true);
    expect(stopped).toBe(true);
    expect(await query.lastProgress()).toMatchObject({ batchId: 0, numInputRows: 1 });
    expect(await query.exception()).toBeNull();
  });

  test("is told when it waits for its own query", async () => {
    const conditions: string[] = [];
    const note = ({ condition }: MillraceError): void => void conditions.push(condition);
    const query = await start(async (running) => {
      await running.awaitTermination().catch(note);
      await running.awaitTermination(1).catch(note);
      await running.processAllAvailable().catch(note);
      await running.stop();
    });
    await query.awaitTermination();
    expect(conditions).toEqual(Array.from({ length: 3 }, () => "STREAMING_QUERY_AWAITS_ITSELF"));
  });

  test("starts and awaits another query, which may stop the outer one", async () => {
    const query = await start(async (outer) => {
      const input = memoryStream(spark(), "n INT");
      const inner = await input
        .toDF()
        .writeStream.foreachBatch(() => outer.stop())
        .start();
      input.addData(1);
      await inner.processAllAvailable();
      await inner.stop();
    });
    expect(await query.awaitTermination()).toBe(true);
  });
});
