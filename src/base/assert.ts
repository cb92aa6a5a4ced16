/** Assertions for our own mistakes. Users never cause them; what users cause is a `MillraceError` (`base/errors.ts`). */

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`millrace internal error: ${message}`);
}

/** Ends a `switch` over a tagged union: the compiler rejects the call while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`millrace internal error: unexpected ${JSON.stringify(value)}`);
}
