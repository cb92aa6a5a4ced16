/** Opens the executor that runs queries in this process. Called by `Session.builder().getOrCreate()`. */
import type { ExecutorFactory } from "./executor.ts";
import { notYet } from "./column.ts";

export const openLocalExecutor: ExecutorFactory = () => Promise.reject(notYet("Local execution", "Use a session over another executor."));
