/** What a session loads first: the worker threads boot while the rest of the engine is loaded. Called by `Session.builder`, main thread. */
import { IllegalArgumentError } from "../base/errors.ts";
import { bootThreads } from "../coordinator/worker-thread.ts";
import type { Executor, ExecutorSettings } from "./executor.ts";

/** Throws `INVALID_CONF_VALUE` when there is to be no worker. */
export async function localExecutor(settings: ExecutorSettings): Promise<Executor> {
  if (settings.workers < 1) throw new IllegalArgumentError("INVALID_CONF_VALUE", { key: "master", value: String(settings.workers) });
  const loading = import("./local-executor.ts");
  bootThreads(settings.workers);
  const { LocalExecutor } = await loading;
  const executor = new LocalExecutor(settings);
  executor.pool.warmUp();
  return executor;
}
