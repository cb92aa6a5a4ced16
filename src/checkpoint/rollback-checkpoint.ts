/**
 * Takes a checkpoint back to an earlier batch: `millrace checkpoint rollback`. Only records are removed, newest first, and every step leaves a
 * checkpoint that a query can continue; state files that nobody lists any more, and records that were only prepared, are swept by the next start. Main thread.
 */
import { CheckpointError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import { Checkpoint } from "./checkpoint.ts";
import { CheckpointReader } from "./checkpoint-reader.ts";

/**
 * Makes `batchId` the newest batch of the checkpoint in the absolute directory `path`; returns the batches that it forgot, newest first. Throws a
 * `CheckpointError`: `NO_CHECKPOINT`, `CONCURRENT_CHECKPOINT_USE`, `CHECKPOINT_BATCH_NOT_RETAINED`, and what is wrong with the
 * files that the batch needs; nothing is changed then.
 */
export async function rollbackCheckpoint(ports: Ports, path: string, batchId: number): Promise<readonly number[]> {
  await CheckpointReader.open(ports, path);
  const checkpoint = await Checkpoint.open(ports, path);
  try {
    const { offsets, commits, inventory } = checkpoint;
    const record = await commits.get(batchId);
    if (record === null || (await offsets.get(batchId)) === null) {
      throw new CheckpointError("CHECKPOINT_BATCH_NOT_RETAINED", {
        path,
        batchId: String(batchId),
        oldest: String(inventory.commitBatches[0] ?? "none"),
        newest: String(inventory.commitBatches.at(-1) ?? "none"),
      });
    }
    checkpoint.resumeFrom(record);
    await checkpoint.stateStart(batchId);
    const forgotten = [...new Set([...inventory.commitBatches, ...inventory.offsetBatches])]
      .filter((id) => id > batchId)
      .sort((a, b) => b - a);
    for (const id of forgotten) {
      // In this order, and each durable: a commit without its offsets would be a damaged checkpoint.
      await commits.remove(id);
      await ports.files.syncDirectory(commits.directory);
      await offsets.remove(id);
      await ports.files.syncDirectory(offsets.directory);
    }
    return forgotten;
  } finally {
    await checkpoint.close();
  }
}
