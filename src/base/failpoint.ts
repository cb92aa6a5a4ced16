/**
 * Named points of the commit protocol at which a test can kill the process: `MILLRACE_FAILPOINT=after-offsets-log` or, for the
 * third time the point is reached, `MILLRACE_FAILPOINT=after-offsets-log:3`. Without the variable a call costs one comparison.
 * Called by the micro-batch loop, the checkpoint and the stage runner, on any thread.
 */

/** Every failpoint, in the order a batch reaches them. */
export const FAILPOINTS = [
  "before-offsets-log",
  "after-offsets-log",
  "before-change-files",
  "after-change-files",
  "before-commit-prepared",
  "after-commit-prepared",
  "before-sink-commit",
  "after-sink-commit",
  "before-commits-log",
  "after-commits-log",
  "during-log-write",
  "after-log-link",
  "before-source-commit",
  "after-source-commit",
  "during-purge",
  "during-sweep",
  "before-chunk-transaction",
  "after-chunk-transaction",
  "before-chunk-version",
  "after-chunk-version",
  "before-snapshot",
  "after-snapshot",
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];

const [wantedName = "", wantedHit = "1"] = (process.env["MILLRACE_FAILPOINT"] ?? "").split(":");
let hits = 0;

let observer: ((name: FailpointName) => void) | null = null;

/** Has `reached` called at every failpoint: the simulator kills its processes there. Null: nobody is told. */
export function observeFailpoints(reached: typeof observer): void {
  observer = reached;
}

/** Kills this process at once, as `kill -9` would, if the environment asks for it here. */
export function failpoint(name: FailpointName): void {
  if (name === wantedName && ++hits === Number(wantedHit)) process.kill(process.pid, "SIGKILL");
  observer?.(name);
}
