/** The only place that compiles generated modules: bytes → `WebAssembly.Module`, remembered by content. Main thread. */
import { createHash } from "node:crypto";

const modules = new Map<string, WebAssembly.Module>();
/** Queries of one program repeat; more than this many distinct stages are not worth remembering. */
const MODULES_MAX = 256;

/** Equal bytes give the same module, so a query that is started again is not compiled again. */
export function loadModule(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const key = createHash("sha256").update(bytes).digest("base64");
  const known = modules.get(key);
  if (known) return known;
  const module = new WebAssembly.Module(bytes);
  if (modules.size >= MODULES_MAX) modules.delete(modules.keys().next().value!);
  modules.set(key, module);
  return module;
}
