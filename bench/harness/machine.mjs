/** Where and on what the numbers were measured. */
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { firstLine } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    commit: firstLine("git", ["-C", ROOT, "describe", "--always", "--dirty"]) ?? "unknown",
    /** Over the last minute, our own work included. */
    load: Number(loadavg()[0].toFixed(1)),
  };
}
