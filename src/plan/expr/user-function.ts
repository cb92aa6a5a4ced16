/** Functions of the program in expressions and plans: what they are, and whether they need the session's thread. Main thread; module functions travel to workers. */
import type { Expression, UserFunction, UserImplementation } from "./expression.ts";
import { contains } from "../tree.ts";

const ids = new WeakMap<UserImplementation, number>();
let lastId = 0;

/** A call of a user function; `args` may be unresolved. */
export function userFunction(
  name: string,
  implementation: UserImplementation,
  dataType: UserFunction["dataType"],
  args: readonly Expression[],
): UserFunction {
  const id = ids.get(implementation) ?? ++lastId;
  ids.set(implementation, id);
  return Object.freeze({ kind: "user_function", id, name, implementation, args, dataType });
}

/** Whether a closure is called somewhere in `expression`: it can only run where it was made. */
export const needsSession = (expression: Expression): boolean =>
  contains(expression, (node) => node.kind === "user_function" && node.implementation.where === "session");
