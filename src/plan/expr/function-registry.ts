/**
 * What a function is: one definition holding name, documentation, type rules, null rules and meaning.
 * Definitions live in `src/functions`; analysis, compiler and interpreter see them only through `FunctionRegistry`.
 *
 * Three tiers of execution, decided per function:
 * 1. inline WebAssembly: `compile/inline.ts` has an emitter under the function's name;
 * 2. kernel: `kernel` names an export of the AssemblyScript module, called once per row;
 * 3. otherwise the compiler ends the fused loop and calls `evaluate` over materialised columns.
 * `evaluate` always exists: it is the oracle of the property tests and folds constants.
 */
import type { DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { Expression } from "./expression.ts";

export interface ArgumentInfo {
  readonly dataType: DataType;
  readonly nullable: boolean;
  /** The value, if the argument is a literal (undefined otherwise; null for a null literal). */
  readonly literal?: Value;
  /** Pretty form of the argument for error messages. */
  readonly sql: string;
}

export interface Resolution {
  /** The types the arguments must have; the analyzer casts to them. */
  readonly argumentTypes: readonly DataType[];
  readonly returnType: DataType;
  readonly nullable: boolean;
}

/** What an evaluation may depend on besides its arguments. */
export interface EvaluationContext {
  /** Epoch microseconds; the batch's clock. */
  readonly batchTimestampMicros: bigint;
  /** IANA name; `spark.sql.session.timeZone`. */
  readonly timeZone: string;
}

interface FunctionDocumentation {
  /** Canonical name, lower case, as in Spark's registry: `upper`, `+`, `count`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One sentence. */
  readonly description: string;
  /** A SQL expression and its result, e.g. `["upper('a')", "A"]`; executed by the tests. */
  readonly example?: readonly [expression: string, result: string];
}

export interface ScalarFunction extends FunctionDocumentation {
  readonly kind: "scalar";
  /** Type rule; throws an `AnalysisError` (`DATATYPE_MISMATCH.*`, `WRONG_NUM_ARGS.*`) when the arguments do not fit. */
  resolve(args: readonly ArgumentInfo[]): Resolution;
  /**
   * `strict`: null if any argument is null, and then `evaluate` is not called.
   * `custom`: the function sees nulls itself.
   */
  readonly nulls: "strict" | "custom";
  /** False for `rand` and the like. Default true. */
  readonly deterministic?: boolean;
  /** True if not all arguments are always evaluated (`and`, `coalesce`, `if`): the compiler keeps the laziness. */
  readonly lazy?: boolean;
  /**
   * Tier 2: export of the kernels module. ABI: every argument as its WebAssembly value (`physicalKind`), strict functions
   * only; returns the result's WebAssembly value. A kernel that must return null or fail sets the error or null cell
   * (`columnar/memory-layout.ts`) and returns 0.
   */
  readonly kernel?: string;
  /** As `kernel`, where it depends on the number or types of the arguments; undefined: tier 3 for these. Goes before `kernel`. */
  kernelFor?(argumentTypes: readonly DataType[]): string | undefined;
  /** Whether the kernel computes a value for whatever these arguments are. Default: it may fail. */
  cannotFail?(args: readonly Expression[]): boolean;
  /** True if the session's time zone matters. Kernels of such functions compute in UTC: other zones take tier 3. */
  readonly usesTimeZone?: boolean;
  /** The meaning, one row at a time. `types` are the argument types after coercion. May throw a MillraceError. */
  evaluate(args: readonly Value[], types: readonly DataType[], returnType: DataType, context: EvaluationContext): Value;
}

/** Aggregates whose buffer is updated, merged and finished by ordinary expressions: they run compiled without further work. */
export interface DeclarativeAggregate {
  readonly form: "declarative";
  /** Buffer fields in order. */
  readonly buffer: readonly { readonly name: string; readonly dataType: DataType; readonly nullable: boolean; readonly initial: Value }[];
  /** New buffer values from the old ones and the arguments of one row. */
  update(buffer: readonly Expression[], args: readonly Expression[]): readonly Expression[];
  /** New values of `left` after taking in `right`. `left` holds rows that come before those of `right`. */
  merge(left: readonly Expression[], right: readonly Expression[]): readonly Expression[];
  evaluate(buffer: readonly Expression[]): Expression;
  /** Most rows leave the buffers as they are. */
  readonly isMostlyKept?: boolean;
  /** An update by rows in turn leaves what an update by one of them does, a row without a null here and the last that is not worse. */
  readonly choice?: {
    by(args: readonly Expression[]): Expression;
    /** Whether, of two rows, the later one is worse by these values. */
    keepsOld(old: Expression, next: Expression): Expression;
  };
}

/**
 * Aggregates over a buffer of bytes kept inside the row (`sketch`, fixed length, e.g. HLL++ registers; zero-initialised)
 * or a growing list (`list`, collect_list).
 */
export type KernelAggregate =
  | {
      readonly form: "sketch";
      readonly lengthBytes: number;
      /** Maps the arguments of a row to the one value given to `updateKernel`; null skips the row. */
      input(args: readonly Expression[]): Expression;
      /** Kernel `(bufferAddress: i32, value) -> void`. */
      readonly updateKernel: string;
      /** Kernel `(leftAddress: i32, rightAddress: i32) -> void`. */
      readonly mergeKernel: string;
      /** Kernel `(bufferAddress: i32) -> value of the return type`. */
      readonly evaluateKernel: string;
    }
  | { readonly form: "list"; readonly elementType: DataType };

/** The plain meaning of an aggregate, used by the interpreter and as oracle. */
export interface AggregateOracle<State = unknown> {
  initial(): State;
  update(state: State, args: readonly Value[]): State;
  merge(left: State, right: State): State;
  evaluate(state: State): Value;
}

export interface AggregateFunction extends FunctionDocumentation {
  readonly kind: "aggregate";
  /** Another order of the rows gives another result, beyond rounding. */
  readonly dependsOnOrder?: true;
  resolve(args: readonly ArgumentInfo[], options: { readonly ignoreNulls: boolean }): Resolution;
  plan(
    argumentTypes: readonly DataType[],
    returnType: DataType,
    options: { readonly ignoreNulls: boolean },
  ): DeclarativeAggregate | KernelAggregate;
  oracle(argumentTypes: readonly DataType[], returnType: DataType, options: { readonly ignoreNulls: boolean }): AggregateOracle<any>;
}

/**
 * Functions that are not computed by themselves: the analyzer rewrites them (`window`, `window_time`, `current_timestamp`,
 * `current_date`), or refuses them (`rank`, planned ones). `planned` names exist in Spark but not here yet.
 */
export interface SpecialFunction extends FunctionDocumentation {
  readonly kind: "special" | "planned";
}

export type FunctionDefinition = ScalarFunction | AggregateFunction | SpecialFunction;

export interface FunctionRegistry {
  /** By canonical name or alias, case-insensitive. */
  find(name: string): FunctionDefinition | undefined;
  scalar(name: string): ScalarFunction;
  aggregate(name: string): AggregateFunction;
  names(): readonly string[];
}
