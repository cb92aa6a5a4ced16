/**
 * A module hook: where a program has no `millrace` of its own, its imports of `millrace` mean the package that `millrace run` belongs to.
 * Registered by `run.ts`; runs on Node's loader thread.
 */
import type { InitializeHook, ResolveHook } from "node:module";

let root = "";

/** `root`: URL of this package's directory. */
export const initialize: InitializeHook<{ readonly root: string }> = (data) => {
  root = data.root;
};

export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!/^millrace(\/|$)/.test(specifier) || (error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    // Inside this package the name resolves to itself.
    return await nextResolve(specifier, { ...context, parentURL: `${root}dist/index.js` });
  }
};
