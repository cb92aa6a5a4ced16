/** What all frames, readers and writers of one session share. Made by `Session`. */
import type { Executor } from "./executor.ts";
import type { RuntimeConf } from "./runtime-conf.ts";

export interface SessionState {
  readonly executor: Executor;
  readonly conf: RuntimeConf;
  /** A number for a frame's plan, unique in the session. */
  nextPlanId(): number;
}
