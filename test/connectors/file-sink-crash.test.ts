/**
 * The file sink on a disk that loses what was not synced: the process dies at every single call to the file system, the power goes, the
 * query starts again. Whatever happens, a reader sees each batch's rows exactly once.
 */
import { expect, test } from "vitest";
import { AtomicFiles } from "../../src/checkpoint/atomic-file.ts";
import { DirectoryLogStore } from "../../src/checkpoint/log-store.ts";
import { LongType, StringType, structField, structType } from "../../src/columnar/types.ts";
import { listFiles } from "../../src/connectors/file/file-listing.ts";
import { fileSink } from "../../src/connectors/file/file-sink.ts";
import { fileWriterOver } from "../../src/connectors/file/file-writer.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import type { StreamSink } from "../../src/connectors/sink.ts";
import { makeKernels } from "../scan/kernel-fixture.ts";
import { Crash, type Fault, MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { lineEncoder, lineFormat } from "./line-format.ts";
import { runTasks } from "./writing.ts";

const kernels = makeKernels();
const provider = fileSink(lineFormat);
const writer = fileWriterOver(new Map([["lines", { name: "lines", writeOptions: provider.options, encoder: lineEncoder }]]));
const schema = structType([structField("n", LongType), structField("s", StringType)]);
/** The last batch compacts. */
const LAST_BATCH = 9;

const openSink = (files: MemoryFileSystem): Promise<StreamSink> =>
  provider.create({
    ports: testPorts(files),
    options: new ConnectorOptions("lines", {}, provider.options),
    path: "/data/out",
    schema,
    partitionBy: ["s"],
    outputMode: "append",
    queryName: null,
    queryId: "query",
    attachments: {},
    timeZone: "UTC",
    openLog: (directory) => new DirectoryLogStore(files, new AtomicFiles(testPorts(files), directory), directory),
  });

async function writeBatch(files: MemoryFileSystem, sink: StreamSink, batchId: number, name: string): Promise<void> {
  const batch = { batchId, attempt: name, epoch: 1 };
  const rows = [0, 1, 2].map((i) => [BigInt(10 * batchId + i), `p${i % 2}`]);
  await sink.commit(batch, runTasks({ kernels, writer, sink, schema, files }, batch, [rows.slice(0, 2), rows.slice(2)]));
  await sink.stop();
}

async function visibleRows(files: MemoryFileSystem): Promise<number[]> {
  const options = {
    isRecursive: false,
    nameGlob: null,
    modifiedBeforeMs: null,
    modifiedAfterMs: null,
    ignoresManifest: false,
    mayMatchNothing: false,
  };
  const { files: found } = await listFiles(files, ["/data/out"], options);
  const texts = await Promise.all(found.map(async ({ path }) => new TextDecoder().decode(await files.readFile(path))));
  return texts
    .flatMap((text) => text.trim().split("\n"))
    .map((line) => (JSON.parse(line) as { n: number }).n)
    .sort((a, b) => a - b);
}

async function committedUpTo(batchId: number): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const sink = await openSink(files);
  for (let id = 0; id < batchId; id++) await writeBatch(files, sink, id, `attempt-${id}`);
  return files;
}

const expected = (lastBatch: number): number[] =>
  Array.from({ length: lastBatch + 1 }, (_, id) => [10 * id, 10 * id + 1, 10 * id + 2]).flat();

test.each([
  ["the first batch", 0],
  ["a batch that compacts", LAST_BATCH],
])("a crash at any call of %s", async (_, batchId) => {
  for (const kind of ["crash", "tear"] as Fault["kind"][]) {
    // Ends with the first run that gets through before its call number is reached.
    for (let at = 0; ; at++) {
      const files = await committedUpTo(batchId);
      files.restart();
      files.fault = { at, kind };
      let isCut = false;
      try {
        await writeBatch(files, await openSink(files), batchId, "first");
      } catch (error) {
        isCut = true;
        let cause: unknown = error;
        while (cause instanceof Error && !(cause instanceof Crash) && cause.cause) cause = cause.cause;
        expect(cause).toBeInstanceOf(Crash);
      }
      files.powerLoss(3);
      const sink = await openSink(files);
      const committed = await sink.lookup(batchId);
      if (committed === null) await writeBatch(files, sink, batchId, "second");
      else expect(committed).toBe("first");
      expect(await visibleRows(files), `${kind} at call ${at}`).toEqual(expected(batchId));
      if (!isCut) {
        expect(at).toBeGreaterThan(20);
        break;
      }
    }
  }
});
