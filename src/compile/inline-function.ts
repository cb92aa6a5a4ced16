/**
 * The form of tier-1 functions: emitters that write a function's instructions in place. One table per concept
 * (`inline-arithmetic.ts`, …), all of them together in `inline-functions.ts`. Main thread.
 */
import { ERROR_CODE, type ErrorCode } from "../columnar/memory-layout.ts";
import type { DataType } from "../columnar/types.ts";
import type { Call } from "../plan/expr/expression.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { ExpressionCompiler } from "./expression.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";

/** What the choice of a function's tier depends on. */
export interface InlineConditions {
  /** `types[i]` of argument i. */
  readonly types: readonly DataType[];
  readonly returnType: DataType;
  /** Session time zone is UTC all year and all history. */
  readonly isUtc: boolean;
  /** The call itself, for functions that need a literal argument. */
  readonly call: Call;
}

export interface InlineFunction {
  /** Whether the emitter covers these types; otherwise the function goes to a kernel or to tier 3. */
  accepts(conditions: InlineConditions): boolean;
  /** Cannot fail by itself, whatever its arguments are. */
  readonly isSafe?: boolean;
  /** Emits the evaluation at the current position. */
  compile(compiler: ExpressionCompiler, call: Call): CompiledValue;
}

export type InlineFunctions = Readonly<Record<string, InlineFunction>>;

/** Emits "this row's evaluation is in error": does not fall through. `kernel`: the error is in the error cell already. */
export type Fail = (code: ErrorCode | "kernel") => void;

/** Pushes the converted value. Failing does not fall through. */
export type Conversion = (f: FunctionBuilder, value: CompiledValue, fail: Fail, compiler: ExpressionCompiler) => void;

/** Fails if a kernel has set the error cell. */
export function emitKernelCheck(f: FunctionBuilder, fail: Fail): void {
  f.i32(0);
  f.memory("i32.load", ERROR_CODE);
  f.if(() => fail("kernel"));
}

export interface StrictEmission {
  readonly f: FunctionBuilder;
  readonly module: ModuleContext;
  readonly args: readonly CompiledValue[];
  readonly call: Call;
  readonly fail: Fail;
}

/**
 * A function that is null if any argument is null. `emit` pushes the result. With `safe`, it neither fails nor traps on any
 * bits, so it runs for null arguments too and needs no branch.
 */
export function strictFunction(
  accepts: (conditions: InlineConditions) => boolean,
  emit: (emission: StrictEmission) => void,
  options: { readonly safe?: boolean; readonly onError?: "raise" | "null" } = {},
): InlineFunction {
  return {
    accepts,
    isSafe: options.safe === true || options.onError === "null",
    compile(compiler, call) {
      const { f, module } = compiler;
      const args = compiler.compileStrict(call.args);
      if (options.safe) return compiler.strictSafe(call.dataType, args, () => emit({ f, module, args, call, fail: unexpectedFail }));
      const site = { name: call.name, operands: args, resultType: call.dataType, ...(call.origin && { origin: call.origin }) };
      return compiler.strictFallible(site, args, options.onError ?? "raise", (fail) => emit({ f, module, args, call, fail }));
    },
  };
}

function unexpectedFail(code: ErrorCode | "kernel"): never {
  throw new Error(`millrace internal error: an emitter marked safe fails with ${code}`);
}
