/** What becomes of an error of the disk while a worker writes to the checkpoint. On worker threads. */
import { CheckpointError, MillraceError } from "../base/errors.ts";

/** Does `work` on what is at `path`; an error that is not typed becomes a `CHECKPOINT_WRITE_FAILED`. */
export function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new CheckpointError("CHECKPOINT_WRITE_FAILED", { path, reason: (cause as Error).message }, { cause });
  }
}
