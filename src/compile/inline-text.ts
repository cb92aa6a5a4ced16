/** Text functions that take more than one call of a kernel: case. Main thread. */
import { type InlineConditions, emitKernelCheck, type InlineFunctions, type StrictEmission, strictFunction } from "./inline-function.ts";
import type { CompiledValue } from "./value.ts";

const isTexts = ({ types }: InlineConditions): boolean => types.every(({ kind }) => kind === "string");

/** Pushes the text in another case: a kernel knows ASCII, JavaScript the rest. */
function pushCased({ f, module, fail }: StrictEmission, text: CompiledValue, isUpper: boolean): void {
  const cased = f.local("i64");
  text.push();
  f.i32(isUpper ? 1 : 0);
  f.call(module.kernel("ascii_case", ["i64", "i32"], ["i64"]));
  f.tee(cased);
  f.i64(-1n);
  f.op("i64.eq");
  f.if(() => {
    text.push();
    f.i32(isUpper ? 1 : 0);
    f.call(module.host("change_case", ["i64", "i32"], ["i64"]));
    f.set(cased);
  });
  emitKernelCheck(f, fail);
  f.get(cased);
}

export const textFunctions: InlineFunctions = {
  lower: strictFunction(isTexts, (emission) => pushCased(emission, emission.args[0]!, false)),
  upper: strictFunction(isTexts, (emission) => pushCased(emission, emission.args[0]!, true)),
  ilike: strictFunction(
    (conditions) => conditions.types.length === 2 && isTexts(conditions),
    (emission) => {
      const { f, module, args, fail } = emission;
      for (const arg of args) pushCased(emission, arg, false);
      f.call(module.kernel("utf8_like", ["i64", "i64"], ["i32"]));
      emitKernelCheck(f, fail);
    },
  ),
};
