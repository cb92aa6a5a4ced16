/** Which kernels the built kernels module has: a function whose kernel is not among them is interpreted. Main thread. */
import { compileKernels } from "../kernels/load.ts";

let names: ReadonlySet<string> | undefined;

export function hasKernel(name: string): boolean {
  names ??= new Set(WebAssembly.Module.exports(compileKernels()).map((entry) => entry.name));
  return names.has(name);
}
