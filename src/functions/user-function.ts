/**
 * Calls functions of the program: engine values to what rows hold, the call, and back. On the session's thread for closures, on workers for
 * functions of modules, which `loadUserModule` brings in before.
 */
import { IllegalArgumentError, MillraceError } from "../base/errors.ts";
import { fromEngine, toEngine } from "../columnar/row.ts";
import { sqlType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { typeOf } from "../plan/expr/expression-type.ts";
import type { UserFunction } from "../plan/expr/expression.ts";

type AnyFunction = (...args: unknown[]) => unknown;

const modules = new Map<string, Readonly<Record<string, unknown>>>();

/** Imports a module into this thread. Rejects with `USER_MODULE_FAILED`. */
export async function loadUserModule(url: string): Promise<void> {
  if (modules.has(url)) return;
  try {
    modules.set(url, (await import(url)) as Record<string, unknown>);
  } catch (cause) {
    throw new MillraceError("USER_MODULE_FAILED", { module: url, reason: (cause as Error)?.message ?? String(cause) }, { cause });
  }
}

/** The function that a module exports. Throws `USER_FUNCTION_NOT_FOUND`, `USER_FUNCTION_ASYNC`. */
export function exportedFunction(url: string, exportName: string): AnyFunction {
  const exports = modules.get(url) ?? {};
  const exported = Object.hasOwn(exports, exportName) ? exports[exportName] : undefined;
  if (typeof exported !== "function") {
    const names = Object.keys(exports).filter((name) => typeof exports[name] === "function");
    throw new MillraceError("USER_FUNCTION_NOT_FOUND", { module: url, exportName, exports: names.join(", ") || "no function" });
  }
  refuseAsync(exportName, exported);
  return exported as AnyFunction;
}

const ASYNC = new Set(["AsyncFunction", "AsyncGeneratorFunction"]);

/** Throws `USER_FUNCTION_ASYNC` if `fn` is declared async (its result is a promise, and rows do not wait), `INVALID_EXTERNAL_TYPE` if it is no function. */
export function refuseAsync(name: string, fn: unknown): void {
  if (typeof fn !== "function")
    throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", {
      externalType: fn === null ? "null" : typeof fn,
      type: "a function",
      expr: name,
    });
  if (ASYNC.has((fn as AnyFunction).constructor.name)) throw new MillraceError("USER_FUNCTION_ASYNC", { functionName: name });
}

interface Caller {
  readonly call: AnyFunction;
  readonly decoders: readonly ((value: Value) => unknown)[];
  /** For messages. */
  readonly what: CalledFunction;
}
const callers = new WeakMap<UserFunction, Caller>();

function callerOf(expression: UserFunction): Caller {
  const known = callers.get(expression);
  if (known) return known;
  const { implementation, args } = expression;
  const call =
    implementation.where === "session" ? implementation.call : exportedFunction(implementation.module, implementation.exportName);
  const types = args.map(typeOf);
  const what = { name: expression.name, signature: types.map((type) => sqlType(type)).join(", "), result: sqlType(expression.dataType) };
  const caller = { call, decoders: types.map((type) => fromEngine(type)), what };
  callers.set(expression, caller);
  return caller;
}

/** The result for one row. Throws `FAILED_EXECUTE_UDF` with the function's own error as cause, `USER_FUNCTION_ASYNC`. */
export function callUserFunction(expression: UserFunction, args: readonly Value[]): Value {
  const { call, decoders, what } = callerOf(expression);
  const result = guardedCall(what, () => call(...args.map((value, i) => (value === null ? null : decoders[i]!(value)))));
  return guardedCall(what, () => toEngine(result, expression.dataType, expression.name));
}

/** How a function of the program is called in messages: its name, and the SQL types of arguments and result. */
interface CalledFunction {
  readonly name: string;
  readonly signature: string;
  readonly result: string;
}

/** Does `work` of a function of the program; what it throws becomes the cause of `FAILED_EXECUTE_UDF`. */
export function guardedCall<T>(what: CalledFunction, work: () => T): T {
  let value: T;
  try {
    value = work();
  } catch (cause) {
    if (cause instanceof MillraceError && cause.condition === "USER_FUNCTION_ASYNC") throw cause;
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new MillraceError(
      "FAILED_EXECUTE_UDF",
      { functionName: `\`${what.name}\``, signature: what.signature, result: what.result, reason },
      { cause },
    );
  }
  refusePromise(what.name, value);
  return value;
}

/** Throws `USER_FUNCTION_ASYNC` if a function that was not declared async gave a promise all the same. */
export function refusePromise(name: string, value: unknown): void {
  if (typeof (value as { then?: unknown } | null)?.then !== "function") return;
  // Nobody waits for it: an error in it must not end the process.
  (value as Promise<unknown>).then(undefined, () => {});
  throw new MillraceError("USER_FUNCTION_ASYNC", { functionName: name });
}
