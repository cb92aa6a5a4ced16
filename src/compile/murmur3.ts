/**
 * Spark's Murmur3_x86_32 with seed 42 over typed values: the function `hash`, and the hash of grouping and join keys, from which the
 * partition follows. A null, or a struct that is null, leaves the hash as it is. Main thread, while a stage is compiled.
 */
import type { FunctionBuilder, FunctionHandle, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { type CompiledValue, pushCanonical } from "./value.ts";

const SEED = 42;

/** Pushes the hash (i32) of `values`. */
export function pushMurmur3(f: FunctionBuilder, module: ModuleContext, values: readonly CompiledValue[]): void {
  const hash = f.local("i32");
  f.i32(SEED);
  f.set(hash);
  for (const value of values) mixValue(f, module, hash, value);
  f.get(hash);
}

function mixValue(f: FunctionBuilder, module: ModuleContext, hash: Local, value: CompiledValue): void {
  if (value.isNull) {
    const { isNull } = value;
    isNull();
    f.op("i32.eqz");
    f.if(() => mixValue(f, module, hash, { ...value, isNull: null }));
    return;
  }
  if (value.fields) {
    for (const field of value.fields) mixValue(f, module, hash, field);
    return;
  }
  pushCanonical(f, value);
  if (value.physical === "f32") f.op("i32.reinterpret_f32");
  else if (value.physical === "f64") f.op("i64.reinterpret_f64");
  f.get(hash);
  f.call(mixer(module, value.physical));
  f.set(hash);
}

/** Takes a value and the hash so far. */
function mixer(module: ModuleContext, physical: CompiledValue["physical"]): FunctionHandle {
  switch (physical) {
    case "i8":
    case "i16":
    case "i32":
    case "f32":
      return mixInt(module);
    case "i64":
    case "f64":
      return mixLong(module);
    case "wide":
      return module.kernel("murmur3_wide", ["i64", "i32"], ["i32"]);
    default:
      return module.kernel("murmur3_bytes", ["i64", "i32"], ["i32"]);
  }
}

function mixInt(module: ModuleContext): FunctionHandle {
  return module.helper("murmur3_int", ["i32", "i32"], ["i32"], (f) => {
    const [value, hash] = [f.param(0), f.param(1)];
    mixWord(f, hash, () => f.get(value));
    finish(f, hash, 4);
  });
}

function mixLong(module: ModuleContext): FunctionHandle {
  return module.helper("murmur3_long", ["i64", "i32"], ["i32"], (f) => {
    const [value, hash] = [f.param(0), f.param(1)];
    mixWord(f, hash, () => {
      f.get(value);
      f.op("i32.wrap_i64");
    });
    mixWord(f, hash, () => {
      f.get(value);
      f.i64(32);
      f.op("i64.shr_u", "i32.wrap_i64");
    });
    finish(f, hash, 8);
  });
}

function mixWord(f: FunctionBuilder, hash: Local, pushWord: () => void): void {
  f.get(hash);
  pushWord();
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

/** Leaves the final hash on the stack. */
function finish(f: FunctionBuilder, hash: Local, lengthBytes: number): void {
  const shiftXor = (bits: number): void => {
    f.get(hash);
    f.get(hash);
    f.i32(bits);
    f.op("i32.shr_u", "i32.xor");
  };
  f.get(hash);
  f.i32(lengthBytes);
  f.op("i32.xor");
  f.set(hash);
  shiftXor(16);
  f.i32(0x85ebca6b);
  f.op("i32.mul");
  f.set(hash);
  shiftXor(13);
  f.i32(0xc2b2ae35);
  f.op("i32.mul");
  f.set(hash);
  shiftXor(16);
}
