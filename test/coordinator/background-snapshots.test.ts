/** When the copies of state in the background ask workers for a slice. */
import { expect, test } from "vitest";
import { BackgroundSnapshots } from "../../src/coordinator/background-snapshots.ts";
import type { WorkerPool } from "../../src/coordinator/worker-pool.ts";
import type { PhysicalProgram } from "../../src/plan/physical/program.ts";
import type { ChunkReply, Command } from "../../src/protocol/messages.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";

/** One worker whose pass takes `slices` slices. */
function copying(slices: number) {
  const asked: string[] = [];
  const sent: string[] = [];
  const chunk = { operatorId: 0, partition: 0, bucket: 0n, code: 1, offset: 0, bytes: 1024 };
  const pool = {
    size: 1,
    each: async (make: (index: number) => Extract<Command, { kind: "stage" }>) => {
      asked.push(make(0).begins);
      return [{ chunks: [chunk], removed: [], retired: [], isDone: asked.length === slices, elapsedMs: 1 }];
    },
    writer: {
      index: 1,
      send: async ({ request }: Extract<Command, { kind: "chunks" }>): Promise<ChunkReply> => {
        sent.push(request.kind === "write" ? `write ${request.slices[0]!.batchId} of ${request.newestBatch}` : request.kind);
        return { batchId: null, file: null };
      },
    },
  };
  const target = { path: "/c", queryId: "q", inode: 1, bootId: "b", memoryLimitBytes: 1e9, schemas: [] };
  const program = { operators: [], partitions: 1 } as unknown as PhysicalProgram;
  const settings = { intervalMs: 0, minDeltas: 1000 };
  const ports = testPorts(new MemoryFileSystem());
  const snapshots = new BackgroundSnapshots(pool as unknown as WorkerPool, 0, program, ports, target, settings);
  const commit = (batchId: number): void => snapshots.committed(batchId, 1, [{ stateBytes: 1e6, changeBytes: 1000 }]);
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { asked, sent, snapshots, commit, settled };
}

test("a batch waits for one slice; between batches the copying goes on", async () => {
  const { asked, sent, snapshots, commit, settled } = copying(5);
  commit(0);
  snapshots.begun();
  await settled();
  expect(asked).toEqual(["changed"]);
  commit(1);
  snapshots.begun();
  await settled();
  expect(asked).toEqual(["changed", "no"]);
  snapshots.aborted();
  await settled();
  expect(asked.length).toBe(5);
  expect(sent).toEqual(["write 0 of 0", "write 1 of 1", "write 1 of 1", "write 1 of 1", "write 1 of 1", "endPass"]);
});

test("a slice holds what was committed when it was asked for, not what is when it is written", async () => {
  const { sent, snapshots, commit, settled } = copying(2);
  commit(0);
  // The worker has the command already.
  commit(1);
  await settled();
  await snapshots.stop();
  expect(sent[0]).toBe("write 0 of 1");
});
