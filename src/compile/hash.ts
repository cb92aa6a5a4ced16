/** The functions `hash` (Spark's Murmur3_x86_32, inline) and `xxhash64` over typed values, both with seed 42. */
import { assert } from "../base/assert.ts";
import type { DataType, PhysicalKind } from "../columnar/types.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { InlineFunctions } from "./inline-function.ts";
import type { ModuleContext } from "./module-context.ts";
import { type CompiledValue, wasmTypeOf } from "./value.ts";

const SEED = 42;

export const hashFunctions: InlineFunctions = {
  hash: {
    accepts: ({ types }) => types.every(isHashable),
    isSafe: true,
    compile(compiler, call) {
      const values = call.args.map((argument) => compiler.compile(argument));
      compileHash(compiler.f, compiler.module, values);
      return compiler.store(call.dataType);
    },
  },
  xxhash64: {
    accepts: ({ types }) => types.every(isHashable),
    isSafe: true,
    compile(compiler, call) {
      const { f, module } = compiler;
      const values = call.args.map((argument) => compiler.compile(argument));
      const hash = f.local("i64");
      f.i64(SEED);
      f.set(hash);
      for (const value of values) emitXxHash(f, module, value, hash);
      return compiler.localValue(call.dataType, hash, null);
    },
  },
};

/** Pushes the i32 hash of the values with seed 42. A null, or a struct that is null, leaves the hash as it was. */
function compileHash(f: FunctionBuilder, module: ModuleContext, values: readonly CompiledValue[]): void {
  const hash = f.local("i32");
  f.i32(SEED);
  f.set(hash);
  for (const value of values) emitHash(f, module, value, hash);
  f.get(hash);
}

/** Whether `compileHash` covers values of the type. */
function isHashable(type: DataType): boolean {
  switch (type.kind) {
    case "array":
    case "map":
      return false;
    case "struct":
      return type.fields.every((field) => isHashable(field.dataType));
    default:
      return true;
  }
}

function emitHash(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, hash: Local): void {
  if (!value.isNull) return emitPresent(f, module, value, hash);
  value.isNull();
  f.op("i32.eqz");
  f.if(() => emitPresent(f, module, value, hash));
}

function emitPresent(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, hash: Local): void {
  switch (value.physical) {
    case "i8":
    case "i16":
    case "i32":
      return emitWord(f, value.push, hash);
    case "i64":
      return emitLong(f, value.push, hash);
    case "f32":
      return emitWord(
        f,
        () => {
          pushNormalized(f, value);
          f.op("i32.reinterpret_f32");
        },
        hash,
      );
    case "f64":
      return emitLong(
        f,
        () => {
          pushNormalized(f, value);
          f.op("i64.reinterpret_f64");
        },
        hash,
      );
    case "view":
      value.push();
      f.get(hash);
      f.call(module.kernel("murmur3_bytes", ["i64", "i32"], ["i32"]));
      return f.set(hash);
    case "wide":
      value.push();
      f.get(hash);
      f.call(module.kernel("murmur3_wide", ["i64", "i32"], ["i32"]));
      return f.set(hash);
    case "struct":
      for (const field of value.fields!) emitHash(f, module, field, hash);
      return;
    case "list":
      throw new Error("millrace internal error: lists are not hashed in generated code");
  }
}

/** Kernels of the 64-bit hash by what they take. */
const XXHASH_KERNELS: Readonly<Record<Exclude<PhysicalKind, "list" | "struct">, string>> = {
  i8: "xxhash64_int",
  i16: "xxhash64_int",
  i32: "xxhash64_int",
  i64: "xxhash64_long",
  f32: "xxhash64_float",
  f64: "xxhash64_double",
  view: "xxhash64_bytes",
  wide: "xxhash64_wide",
};

function emitXxHash(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, hash: Local): void {
  const emit = (): void => {
    if (value.physical === "struct") return value.fields!.forEach((field) => emitXxHash(f, module, field, hash));
    assert(value.physical !== "list", "lists are not hashed in generated code");
    value.push();
    f.get(hash);
    f.call(module.kernel(XXHASH_KERNELS[value.physical], [wasmTypeOf(value.physical), "i64"], ["i64"]));
    f.set(hash);
  };
  if (!value.isNull) return emit();
  value.isNull();
  f.op("i32.eqz");
  f.if(emit);
}

function emitWord(f: FunctionBuilder, push: () => void, hash: Local): void {
  emitMix(f, push, hash);
  emitFinish(f, hash, 4);
}

function emitLong(f: FunctionBuilder, push: () => void, hash: Local): void {
  f.scratch("i64", (bits) => {
    push();
    f.set(bits);
    emitMix(
      f,
      () => {
        f.get(bits);
        f.op("i32.wrap_i64");
      },
      hash,
    );
    emitMix(
      f,
      () => {
        f.get(bits);
        f.i64(32n);
        f.op("i64.shr_u", "i32.wrap_i64");
      },
      hash,
    );
  });
  emitFinish(f, hash, 8);
}

/** hash = rotl(hash ^ rotl(word * c1, 15) * c2, 13) * 5 + c3 */
function emitMix(f: FunctionBuilder, push: () => void, hash: Local): void {
  f.get(hash);
  push();
  f.i32(0xcc9e2d51);
  f.op("i32.mul");
  f.i32(15);
  f.op("i32.rotl");
  f.i32(0x1b873593);
  f.op("i32.mul", "i32.xor");
  f.i32(13);
  f.op("i32.rotl");
  f.i32(5);
  f.op("i32.mul");
  f.i32(0xe6546b64);
  f.op("i32.add");
  f.set(hash);
}

function emitFinish(f: FunctionBuilder, hash: Local, lengthBytes: number): void {
  f.get(hash);
  f.i32(lengthBytes);
  f.op("i32.xor");
  f.tee(hash);
  for (const [shift, factor] of [
    [16, 0x85ebca6b],
    [13, 0xc2b2ae35],
  ] as const) {
    f.get(hash);
    f.i32(shift);
    f.op("i32.shr_u", "i32.xor");
    f.i32(factor);
    f.op("i32.mul");
    f.tee(hash);
  }
  f.get(hash);
  f.i32(16);
  f.op("i32.shr_u", "i32.xor");
  f.set(hash);
}

/** Pushes a float or double with one pattern for NaN and 0.0 for -0.0. */
function pushNormalized(f: FunctionBuilder, value: CompiledValue): void {
  const type = value.physical === "f32" ? "f32" : "f64";
  f.scratch(type, (x) => {
    value.push();
    if (type === "f32") f.f32(0);
    else f.f64(0);
    f.op(`${type}.add`);
    f.set(x);
    if (type === "f32") f.f32(Number.NaN);
    else f.f64(Number.NaN);
    f.get(x);
    f.get(x);
    f.get(x);
    f.op(`${type}.ne`, "select");
  });
}
