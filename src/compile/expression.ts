/**
 * Compiles resolved expressions to instructions: the value of one row, computed at the current position of a function body.
 * `pipeline.ts` calls it on the main thread, once per expression of a stage.
 *
 * Nulls are an i32 local beside the value wherever a value can be null. Lazy functions (`and`, `coalesce`, CASE WHEN, …)
 * become branches, so what Spark does not evaluate cannot fail here either. Errors fill the error cells and leave the
 * generated function with status 1.
 */
import { assert } from "../base/assert.ts";
import { BATCH_TIMESTAMP, ERROR_CODE, ERROR_CODES, type ErrorCode, KERNEL_NULL } from "../columnar/memory-layout.ts";
import { type DataType, physicalKind, TimestampType } from "../columnar/types.ts";
import type { Call, CaseWhen, CreateStruct, Expression, Origin } from "../plan/expr/expression.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import type { FunctionBuilder, Label, Local } from "./emitter.ts";
import { typeOf } from "../plan/expr/expression-type.ts";
import { compileCast } from "./inline-cast.ts";
import { emitKernelCheck, type Fail } from "./inline-function.ts";
import { compileLiteral } from "./literal.ts";
import type { ModuleContext } from "./module-context.ts";
import { canFail, inlineFor, kernelOf } from "./tier.ts";
import { isUtc } from "./time-zone-names.ts";
import { assignNull, assignSlot, type CompiledValue, newSlot, type Scope, slotValue, wasmTypeOf } from "./value.ts";

export interface CompileOptions {
  readonly registry: FunctionRegistry;
  /** IANA name of the session time zone. */
  readonly timeZone: string;
}

/** Where an error comes from, for the module's site table. */
export interface FallibleSite {
  readonly name: string;
  readonly operands: readonly CompiledValue[];
  readonly resultType: DataType;
  readonly origin?: Origin;
}

export interface KernelCallOptions {
  /** The kernel may answer null for arguments that are not. */
  readonly mayBeNull: boolean;
  /** What an error of the kernel becomes. */
  readonly onError?: "raise" | "null";
  /** i32 arguments after the operands. */
  readonly constants?: readonly number[];
}

export class ExpressionCompiler {
  readonly f: FunctionBuilder;
  readonly module: ModuleContext;
  readonly options: CompileOptions;
  readonly #scope: Scope;

  /** Writes into `f`. The function's result must be i32, its status: 0 ok, 1 error (see the error cells). */
  constructor(f: FunctionBuilder, module: ModuleContext, scope: Scope, options: CompileOptions) {
    this.f = f;
    this.module = module;
    this.#scope = scope;
    this.options = options;
  }

  get isUtc(): boolean {
    return isUtc(this.options.timeZone);
  }

  /**
   * Emits the evaluation of a fused expression (`tierOf`). The result may be pushed as often as wanted, at places that this
   * one dominates.
   */
  compile(expression: Expression): CompiledValue {
    switch (expression.kind) {
      case "literal":
        return compileLiteral(this.f, this.module, expression.value, expression.dataType);
      case "attribute":
      case "get_field":
        return this.#load(this.place(expression));
      case "alias":
        return this.compile(expression.child);
      case "cast":
        return compileCast(this, expression);
      case "call":
        return this.#call(expression);
      case "case_when":
        return this.#caseWhen(expression);
      case "create_struct":
        return this.#createStruct(expression);
      case "batch_timestamp":
        return this.strictSafe(TimestampType, [], () => {
          this.f.i32(BATCH_TIMESTAMP);
          this.f.memory("i64.load");
        });
      default:
        throw new Error(`millrace internal error: cannot compile ${expression.kind}`);
    }
  }

  /**
   * Arguments of a function that is null if any of them is. As in Spark, after a null the later ones are not evaluated: those
   * that could fail are then null too.
   */
  compileStrict(args: readonly Expression[]): CompiledValue[] {
    const { f } = this;
    const values: CompiledValue[] = [];
    for (const argument of args) {
      const known = canFail(argument, this.options) ? this.anyNull(values) : null;
      if (!known) {
        values.push(this.compile(argument));
        continue;
      }
      const slot = newSlot(f, typeOf(argument), true);
      assignNull(f, slot);
      f.block((skip) => {
        known();
        f.brIf(skip);
        assignSlot(f, slot, this.compile(argument));
      });
      values.push(slotValue(f, slot));
    }
    return values;
  }

  /** Branches to `ifNotTrue` unless the condition is true (false and null branch). Conjuncts are tried in order. */
  compileCondition(condition: Expression, ifNotTrue: Label): void {
    const { f } = this;
    // A null on the left does not hide an error on the right.
    if (condition.kind === "call" && condition.name === "and" && !canFail(condition.args[1]!, this.options)) {
      for (const argument of condition.args) this.compileCondition(argument, ifNotTrue);
      return;
    }
    if (condition.kind === "call" && condition.name === "or") {
      f.block((isTrue) => {
        for (const argument of condition.args) {
          f.block((next) => {
            this.compileCondition(argument, next);
            f.br(isTrue);
          });
        }
        f.br(ifNotTrue);
      });
      return;
    }
    const value = this.compile(condition);
    if (value.isNull) {
      value.isNull();
      f.brIf(ifNotTrue);
    }
    value.push();
    f.op("i32.eqz");
    f.brIf(ifNotTrue);
  }

  /** Null if any of `args` is. `emit` pushes the value; it must be harmless on any bits. */
  strictSafe(dataType: DataType, args: readonly CompiledValue[], emit: () => void): CompiledValue {
    const nulls = this.anyNull(args);
    emit();
    return { ...this.store(dataType), isNull: nulls };
  }

  /**
   * Null if any of `args` is, and then `emit` does not run. `fail` inside it raises the error, or makes the result null
   * (`onError`); it does not fall through.
   */
  strictFallible(site: FallibleSite, args: readonly CompiledValue[], onError: "raise" | "null", emit: (fail: Fail) => void): CompiledValue {
    const { f } = this;
    const nulls = this.anyNull(args);
    if (onError === "raise" && nulls === null) {
      emit((code) => this.fail(code, site));
      return this.store(site.resultType);
    }
    const result = f.local(wasmTypeOf(physicalKind(site.resultType)));
    const isNull = f.local("i32");
    if (nulls) nulls();
    else f.i32(0);
    f.set(isNull);
    f.block((end) => {
      if (nulls) {
        f.get(isNull);
        f.brIf(end);
      }
      emit((code) => {
        if (onError === "raise") return this.fail(code, site);
        if (code === "kernel") this.#clearError();
        f.i32(1);
        f.set(isNull);
        f.br(end);
      });
      f.set(result);
    });
    return this.localValue(site.resultType, result, isNull);
  }

  /** Writes the error cells and returns status 1. Does not fall through. */
  fail(code: ErrorCode | "kernel", site: FallibleSite): void {
    if (code === "kernel") return this.#raiseKernelError(site);
    this.module.raise(this.f, ERROR_CODES[code], this.#site(site), this.#operandBits(site.operands));
  }

  /** A test that is true if any of the values is null; null if none can be. Evaluated here, once. */
  anyNull(values: readonly CompiledValue[]): (() => void) | null {
    const { f } = this;
    const tests = values.flatMap((value) => (value.isNull ? [value.isNull] : []));
    if (tests.length === 0) return null;
    const local = f.local("i32");
    tests.forEach((test, index) => {
      test();
      if (index > 0) f.op("i32.or");
    });
    f.set(local);
    return () => f.get(local);
  }

  /** Pops the top of the stack into a new local and makes it a value that is never null. */
  store(dataType: DataType): CompiledValue {
    const local = this.f.local(wasmTypeOf(physicalKind(dataType)));
    this.f.set(local);
    return this.localValue(dataType, local, null);
  }

  localValue(dataType: DataType, value: Local, nulls: Local | null): CompiledValue {
    const { f } = this;
    return { dataType, physical: physicalKind(dataType), push: () => f.get(value), isNull: nulls && (() => f.get(nulls)) };
  }

  /** Emits lazily evaluated alternatives: the first of them that calls `accept` with its value gives the result; none: null. */
  firstOf(
    dataType: DataType,
    nullable: boolean,
    alternatives: readonly ((accept: (value: CompiledValue) => void) => void)[],
  ): CompiledValue {
    const { f } = this;
    const slot = newSlot(f, dataType, nullable);
    f.block((done) => {
      for (const alternative of alternatives) {
        alternative((value) => {
          assignSlot(f, slot, value);
          f.br(done);
        });
      }
      if (nullable) assignNull(f, slot);
    });
    return slotValue(f, slot);
  }

  #call(call: Call): CompiledValue {
    const inline = inlineFor(call, this.options);
    if (inline) return inline.compile(this, call);
    const kernel = kernelOf(call, this.options);
    assert(kernel !== null, `${call.name} has neither an inline emitter nor a kernel`);
    const site = { name: call.name, operands: this.compileStrict(call.args), resultType: call.dataType, ...origin(call) };
    return this.kernelCall(kernel, site, { mayBeNull: call.nullable });
  }

  /** Calls a kernel with all operands of `site`; null if any of them is. */
  kernelCall(name: string, site: FallibleSite, { mayBeNull, onError = "raise", constants = [] }: KernelCallOptions): CompiledValue {
    const { f } = this;
    const kernel = this.module.kernel(
      name,
      [...site.operands.map((operand) => wasmTypeOf(operand.physical)), ...constants.map(() => "i32" as const)],
      [wasmTypeOf(physicalKind(site.resultType))],
    );
    const result = f.local(wasmTypeOf(physicalKind(site.resultType)));
    const tests = this.anyNull(site.operands);
    const isNull = tests || mayBeNull || onError === "null" ? f.local("i32") : null;
    if (isNull) {
      if (tests) tests();
      else f.i32(0);
      f.set(isNull);
    }
    f.block((end) => {
      if (tests) {
        tests();
        f.brIf(end);
      }
      for (const operand of site.operands) operand.push();
      for (const constant of constants) f.i32(constant);
      f.call(kernel);
      f.set(result);
      if (isNull && mayBeNull) {
        f.i32(0);
        f.memory("i32.load", KERNEL_NULL);
        f.if(() => {
          f.i32(0);
          f.i32(0);
          f.memory("i32.store", KERNEL_NULL);
          f.i32(1);
          f.set(isNull);
        });
      }
      emitKernelCheck(f, () => {
        if (onError === "raise") return this.#raiseKernelError(site);
        this.#clearError();
        f.i32(1);
        f.set(isNull!);
      });
    });
    return this.localValue(site.resultType, result, isNull);
  }

  #clearError(): void {
    const { f } = this;
    f.i32(0);
    f.i32(0);
    f.memory("i32.store", ERROR_CODE);
  }

  #raiseKernelError(site: FallibleSite): void {
    const { f } = this;
    const code = f.local("i32");
    f.i32(0);
    f.memory("i32.load", ERROR_CODE);
    f.set(code);
    this.module.raise(f, code, this.#site(site), this.#operandBits(site.operands));
  }

  #caseWhen(expression: CaseWhen): CompiledValue {
    const { f } = this;
    const { branches, otherwise } = expression;
    const alternatives = branches.map((branch) => (accept: (value: CompiledValue) => void) => {
      f.block((next) => {
        this.compileCondition(branch.condition, next);
        accept(this.compile(branch.value));
      });
    });
    if (otherwise) alternatives.push((accept) => accept(this.compile(otherwise)));
    return this.firstOf(typeOf(expression), true, alternatives);
  }

  /** Where a value is, without loading it: of a struct in memory only the fields that are wanted get loaded. */
  place(expression: Expression): CompiledValue {
    if (expression.kind === "attribute") return this.#scope.attribute(expression.id);
    if (expression.kind !== "get_field") return this.compile(expression);
    const struct = this.place(expression.child);
    const field = struct.fields![expression.ordinal]!;
    return { ...field, isNull: eitherNull(this.f, struct.isNull, field.isNull) };
  }

  /** The value in locals. */
  #load(value: CompiledValue): CompiledValue {
    const { f } = this;
    const isNull = this.anyNull([value]);
    if (value.fields) return { ...value, isNull, fields: value.fields.map((field) => this.#load(field)) };
    const local = f.local(wasmTypeOf(value.physical));
    value.push();
    f.set(local);
    return { ...value, push: () => f.get(local), isNull };
  }

  #createStruct(expression: CreateStruct): CompiledValue {
    const fields = expression.values.map((value) => this.compile(value));
    return { dataType: typeOf(expression), physical: "struct", push: () => {}, isNull: null, fields };
  }

  #site(site: FallibleSite): number {
    return this.module.site({
      name: site.name,
      operandTypes: site.operands.slice(0, 2).map((operand) => operand.dataType),
      resultType: site.resultType,
      ...origin(site),
    });
  }

  #operandBits(operands: readonly CompiledValue[]): (() => void)[] {
    const { f } = this;
    return operands.slice(0, 2).map((operand) => () => {
      if (operand.physical === "struct") return f.i64(0n);
      operand.push();
      const type = wasmTypeOf(operand.physical);
      if (type === "i32") f.op("i64.extend_i32_s");
      else if (type === "f32") f.op("f64.promote_f32", "i64.reinterpret_f64");
      else if (type === "f64") f.op("i64.reinterpret_f64");
    });
  }
}

function eitherNull(f: FunctionBuilder, a: CompiledValue["isNull"], b: CompiledValue["isNull"]): CompiledValue["isNull"] {
  if (!a || !b) return a ?? b;
  return () => {
    a();
    b();
    f.op("i32.or");
  };
}

const origin = (from: { readonly origin?: Origin }): { readonly origin?: Origin } => (from.origin ? { origin: from.origin } : {});
