import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { socketSource } from "../../src/connectors/socket/socket-source.ts";
import type { Offset, StreamSource } from "../../src/connectors/source.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { readSplits, sourceContext } from "./reading.ts";

const peers: Socket[] = [];
const server = createServer((socket) => peers.push(socket));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => {
  peers.forEach((socket) => socket.destroy());
  server.close();
});
const kernels = makeKernels();
const address = { host: "127.0.0.1", port: String((server.address() as AddressInfo).port) };

async function open(entries: Record<string, string>) {
  const options = new ConnectorOptions("socket", { ...address, ...entries }, socketSource.options);
  const context = sourceContext(options, { ports: { ...nodePorts(), clock: { nowMs: () => 5000, monotonicMs: () => 0 } } });
  const schema = await socketSource.schema(context, true);
  return { source: await socketSource.createStream!(context), reading: { kernels, schema, options } };
}

/** Polls, as the query's loop does, until `offset` is there. */
async function reach(source: StreamSource, offset: number): Promise<Offset> {
  for (;;) {
    const latest = await source.latestOffset(null, source.defaultLimit);
    if (latest !== null && Number(latest) >= offset) return latest;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("lines are rows, offsets count lines, a part of a line waits for the rest", async () => {
  const { source, reading } = await open({});
  while (peers.length < 1) await new Promise((resolve) => setImmediate(resolve));
  peers[0]!.write("hello\r\nwor");
  expect(await reach(source, 0)).toBe(0);
  peers[0]!.write("ld é\nlast");
  expect(await reach(source, 1)).toBe(1);
  const rows = async (start: Offset | null, end: Offset) => {
    const splits = await source.plan(start, end);
    return readSplits(reading, splits, source.attachments!(splits));
  };
  expect(await rows(null, 1)).toEqual([["hello"], ["world é"]]);
  await source.commit(0);
  expect(await rows(0, 1)).toEqual([["world é"]]);
  peers[0]!.end();
  expect(await reach(source, 2)).toBe(2);
  expect(await rows(1, 2)).toEqual([["last"]]);
  await expect(source.plan(null, 2)).rejects.toMatchObject({ condition: "SOCKET_SOURCE_FAILED" });
  await source.stop();
});

test("includeTimestamp adds the time of arrival; host and port are required", async () => {
  const { source, reading } = await open({ includeTimestamp: "true" });
  while (peers.length < 2) await new Promise((resolve) => setImmediate(resolve));
  peers[1]!.write("x\n");
  await reach(source, 0);
  const splits = await source.plan(null, 0);
  expect(readSplits(reading, splits, source.attachments!(splits))).toEqual([["x", 5_000_000n]]);
  await source.stop();
  const options = new ConnectorOptions("socket", { host: "localhost" }, socketSource.options);
  await expect(socketSource.schema(sourceContext(options), true)).rejects.toThrow(/port/);
});

test("nobody listens: the error names the address", async () => {
  const options = new ConnectorOptions("socket", { host: "127.0.0.1", port: "1" }, socketSource.options);
  await expect(socketSource.createStream!(sourceContext(options, { ports: nodePorts() }))).rejects.toThrow(/127\.0\.0\.1:1 failed/);
});
