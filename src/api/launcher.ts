/**
 * What `millrace run` tells the sessions of the program that it runs, and hears from them. It lives on `globalThis` because the program
 * may have a copy of this package of its own. Set by `cli/run.ts` before the program is loaded; read by `SessionBuilder`.
 */
import type { Session } from "./session.ts";
import type { StartComparison } from "./compare-start.ts";

export interface Launcher {
  /** Settings of new sessions; what the program sets itself wins. */
  readonly conf: Readonly<Record<string, string>>;
  /** Called with every new session. */
  opened(session: Session): void;
  /** If set, streaming queries do not start: they are compared with their checkpoints, and count as ended. */
  readonly compared?: (comparison: StartComparison) => void;
}

const KEY: unique symbol = Symbol.for("millrace.launcher") as never;

export function setLauncher(launcher: Launcher): void {
  (globalThis as { [KEY]?: Launcher })[KEY] = launcher;
}

export function currentLauncher(): Launcher | undefined {
  return (globalThis as { [KEY]?: Launcher })[KEY];
}
