/** Death of a simulated process at a named step of the commit protocol. */
import { type FailpointName, observeFailpoints } from "../../src/base/failpoint.ts";
import { Gone, type Process } from "./machine.ts";

/** Has a process die when it reaches `point` for the `hit`-th time; `observeFailpoints(null)` takes that back. */
export function killAt(point: FailpointName, hit: number): (process: Process) => void {
  let left = hit;
  return (process) =>
    observeFailpoints((name) => {
      if (name !== point || --left !== 0) return;
      process.kill();
      throw new Gone();
    });
}
