/** The functions `hash` (Spark's Murmur3_x86_32) and `xxhash64` over typed values, both with seed 42. */
import { assert } from "../base/assert.ts";
import type { DataType, PhysicalKind } from "../columnar/types.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { InlineFunctions } from "./inline-function.ts";
import { pushMurmur3 } from "./murmur3.ts";
import type { ModuleContext } from "./module-context.ts";
import { type CompiledValue, wasmTypeOf } from "./value.ts";

const SEED = 42;

export const hashFunctions: InlineFunctions = {
  hash: {
    accepts: ({ types }) => types.every(isHashable),
    isSafe: true,
    compile(compiler, call) {
      const values = call.args.map((argument) => compiler.compile(argument));
      pushMurmur3(compiler.f, compiler.module, values);
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

/** Whether generated code hashes values of the type. */
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
