/** Prints what went wrong: the typed error's own text, and no stack unless MILLRACE_DEBUG is set. Used by `main.ts` and `run`. */
import { MillraceError } from "../base/errors.ts";
import type { Terminal } from "./terminal.ts";

export function reportError(error: unknown, terminal: Terminal): void {
  terminal.error(`${errorText(error)}\n`);
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return `millrace: ${String(error)}`;
  if (process.env["MILLRACE_DEBUG"]) return error.stack ?? error.message;
  // By name, too: a program may have thrown an error of another copy of this package.
  if (error instanceof MillraceError || "condition" in error) return error.message;
  const where = /\(?(file:\/\/[^\s)]+|\/[^\s)]+:\d+:\d+)\)?/.exec(error.stack?.slice(error.message.length) ?? "")?.[1];
  return `${error.name}: ${error.message}${where === undefined ? "" : `\n    at ${where}`}\nMILLRACE_DEBUG=1 shows the whole stack.`;
}
