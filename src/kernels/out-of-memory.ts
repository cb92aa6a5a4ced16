/** The error of a worker whose memory is used up. On workers. */
import { MillraceError } from "../base/errors.ts";
import { MEMORY_REFUSED } from "../columnar/memory-layout.ts";
import type { Kernels } from "./load.ts";

const PAGE_BYTES = 65_536;

/** To be thrown when a kernel has found no memory: names what it asked for. */
export function outOfMemory(kernels: Pick<Kernels, "view">): MillraceError {
  return new MillraceError("WORKER_OUT_OF_MEMORY", { bytes: String(kernels.view().getUint32(MEMORY_REFUSED, true) * PAGE_BYTES) });
}
