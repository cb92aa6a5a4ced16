/**
 * How much memory the state of a query may take: `millrace.memory.limit`, or a share of what the machine, or the control group that this process
 * is in, has. Main thread, when a query starts.
 */
import { IllegalArgumentError } from "../base/errors.ts";
import type { FileSystem } from "../base/ports.ts";
import { parseByteSize } from "../connectors/options.ts";

const MEMORY_LIMIT_KEY = "millrace.memory.limit";
/** Of all memory; the rest is for the program, other queries, and the page cache, which holds what has left the limit. */
const DEFAULT_SHARE = 0.5;
/** Where the system does not tell how much there is. */
const UNKNOWN_BYTES = 8 * 2 ** 30;

export async function memoryLimitBytes(files: FileSystem, conf: ReadonlyMap<string, string>): Promise<number> {
  const text = conf.get(MEMORY_LIMIT_KEY);
  if (text === undefined) return Math.floor((await availableBytes(files)) * DEFAULT_SHARE);
  const bytes = parseByteSize(text);
  if (!bytes) throw new IllegalArgumentError("INVALID_CONF_VALUE", { confName: MEMORY_LIMIT_KEY, confValue: text });
  return bytes;
}

/** Of the machine or of the narrowest control group around this process. */
async function availableBytes(files: FileSystem): Promise<number> {
  const total = /^MemTotal:\s*(\d+) kB/m.exec((await read(files, "/proc/meminfo")) ?? "")?.[1];
  const groups = ((await read(files, "/proc/self/cgroup")) ?? "").split("\n").flatMap((line) => {
    const [id, controllers, path] = line.split(":");
    if (path === undefined) return [];
    if (id === "0") return withParents(path).map((group) => `/sys/fs/cgroup${group}/memory.max`);
    if (!controllers!.split(",").includes("memory")) return [];
    return withParents(path).map((group) => `/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`);
  });
  const limits = await Promise.all(groups.map((path) => read(files, path)));
  const bytes = limits.flatMap((text) => (text !== null && /^\d+\s*$/.test(text) ? Number(text) : []));
  return Math.min(total === undefined ? UNKNOWN_BYTES : Number(total) * 1024, ...bytes);
}

/** `/a/b`: `/a/b`, `/a` and the root, which inside a container is the group itself. */
function withParents(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`).concat("");
}

async function read(files: FileSystem, path: string): Promise<string | null> {
  try {
    return Buffer.from(await files.readFile(path)).toString();
  } catch {
    return null;
  }
}
