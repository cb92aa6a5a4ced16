/**
 * Flat tables (`kernels/assembly/flat-table.ts`) in generated code: the keys of the row at hand in locals, their hash, and the search for
 * a row with the same keys. Everything that runs for each row is emitted in place; nothing is written to memory before a key turns out to be
 * new. Main thread, while a stage is compiled.
 */
import { FLAT_INDEX, FLAT_MASK, FLAT_SHIFT, ROW_FIELDS, ROW_FLAGS } from "../columnar/memory-layout.ts";
import type { RowField, RowLayout } from "../columnar/row-layout.ts";
import type { FunctionBuilder, FunctionHandle, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { type CompiledValue, LOAD_OPS, pushCanonical, pushZero, STORE_OPS, wasmTypeOf } from "./value.ts";

/** Odd constants for one word each; the golden ratio and what multiplying it by itself gives. */
export const MULTIPLIERS = [
  0x9e3779b97f4a7c15n,
  0xf39cc0605cedc835n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0xd6e8feb86659fd93n,
] as const;

/** Keys of the row at hand: canonical (`pushCanonical`), nulls as zero. */
export interface KeyLocals {
  /** i64 with the null bits; null: no key can be null. */
  readonly nulls: Local | null;
  readonly keys: readonly KeyLocal[];
  /** Whether rows have null bits in their header. */
  readonly inHeader: boolean;
}

interface KeyLocal {
  readonly field: RowField;
  readonly local: Local;
  /** Follows from the other keys, as a window's end from its start: is stored, and never looked at. */
  readonly isImplied: boolean;
  /** `CompiledValue.dictionary`. */
  readonly dictionary?: Local;
}

/** Computes the keys, flattened as `layout` has them, once; `implied`: which of them follow from the others. */
export function keysInLocals(
  f: FunctionBuilder,
  layout: RowLayout,
  values: readonly CompiledValue[],
  implied: ReadonlySet<number> = new Set(),
): KeyLocals {
  const keys = values.map((value, i) => {
    const type = wasmTypeOf(value.physical);
    const local = f.local(type);
    if (value.isNull) {
      value.isNull();
      f.if(
        () => pushZero(f, type),
        () => pushCanonical(f, value),
        type,
      );
    } else pushCanonical(f, value);
    f.set(local);
    return { field: layout.keys[i]!, local, isImplied: implied.has(i), ...(value.dictionary && { dictionary: value.dictionary }) };
  });
  const inHeader = layout.version !== 1;
  if (values.every(({ isNull }) => isNull === null)) return { nulls: null, keys, inHeader };
  const nulls = f.local("i64");
  f.i64(0);
  values.forEach(({ isNull }, bit) => {
    if (!isNull) return;
    isNull();
    f.op("i64.extend_i32_u");
    f.i64(bit);
    f.op("i64.shl", "i64.or");
  });
  f.set(nulls);
  return { nulls, keys, inHeader };
}

export const distinguishing = (keys: readonly KeyLocal[]): readonly KeyLocal[] => keys.filter(({ isImplied }) => !isImplied);

/** Writes null bits and keys into the row at `row`. Null bits of values that are in the same word are clear then. */
export function storeKeys(f: FunctionBuilder, row: Local, { nulls, keys, inHeader }: KeyLocals): void {
  f.get(row);
  if (nulls) f.get(nulls);
  else f.i64(0);
  f.memory(inHeader ? "i64.store32" : "i64.store", inHeader ? ROW_FLAGS : ROW_FIELDS);
  for (const { field, local } of keys) {
    f.get(row);
    f.get(local);
    f.memory(STORE_OPS[field.physical], field.offset);
  }
}

/** Emits `find`, which sets `row`, unless the keys are those that it has found a row for last time in this block. */
export function emitUnlessSame(f: FunctionBuilder, { nulls, keys }: KeyLocals, row: Local, find: () => void): void {
  const found = f.local("i32");
  const current = [...(nulls ? [nulls] : []), ...distinguishing(keys).map(({ local }) => local)];
  const last = current.map(({ type }) => f.local(type));
  f.get(found);
  f.i32(0);
  f.op("i32.ne");
  current.forEach((local, i) => {
    f.get(local);
    f.get(last[i]!);
    f.op(`${local.type}.eq`, "i32.and");
  });
  f.if(
    () => {
      f.get(found);
      f.set(row);
    },
    () => {
      find();
      f.get(row);
      f.set(found);
      current.forEach((local, i) => {
        f.get(local);
        f.set(last[i]!);
      });
    },
  );
}

/**
 * Pushes a hash (i32) of the keys. Only the table itself goes by it, so it is not Spark's: words are multiplied independently of each
 * other, which takes a quarter of the time of Murmur3.
 */
export function pushKeyHash(f: FunctionBuilder, module: ModuleContext, { keys }: KeyLocals): void {
  f.scratch("i64", (word) => {
    f.i64(0);
    distinguishing(keys).forEach(({ field, local }, i) => {
      f.get(local);
      if (field.isVariable) f.call(hashView(module));
      else {
        pushBits(f, local);
        f.set(word);
        pushFolded(f, word);
      }
      f.i64(MULTIPLIERS[i % MULTIPLIERS.length]!);
      f.op("i64.mul", "i64.add");
      // More keys than constants: the order of keys must count.
      if (i % MULTIPLIERS.length === MULTIPLIERS.length - 1) {
        f.i64(31);
        f.op("i64.rotl");
      }
    });
    f.set(word);
    pushFolded(f, word);
    f.i64(MULTIPLIERS[0]);
    f.op("i64.mul");
    f.i64(32);
    f.op("i64.shr_u", "i32.wrap_i64");
  });
}

/** Turns the value of `local`, on the stack, into an i64. */
export function pushBits(f: FunctionBuilder, { type }: Local): void {
  if (type === "f32") f.op("i32.reinterpret_f32", "i64.extend_i32_u");
  else if (type === "f64") f.op("i64.reinterpret_f64");
  else if (type === "i32") f.op("i64.extend_i32_u");
}

/** Pushes the word with its upper half mixed into the lower: products carry changes upwards only. */
function pushFolded(f: FunctionBuilder, word: Local): void {
  f.get(word);
  f.get(word);
  f.i64(32);
  f.op("i64.shr_u", "i64.xor");
}

/** Hash (i64) of a string's bytes, 32 at a time. Reads up to 7 bytes behind the string (buffers are padded) and ignores them. */
export function hashView(module: ModuleContext): FunctionHandle {
  return module.helper("hash_view", ["i64"], ["i64"], (f) => {
    const address = f.local("i32");
    const left = f.local("i32");
    const state = f.local("i64");
    const word = f.local("i64");
    viewParts(f, f.param(0), address, left);
    f.get(left);
    f.op("i64.extend_i32_u");
    f.set(state);
    const mixWord = (offset: number, multiplier: number): void => {
      f.get(address);
      f.memory("i64.load", offset);
      f.set(word);
      pushFolded(f, word);
      f.i64(MULTIPLIERS[multiplier]!);
      f.op("i64.mul");
    };
    const rounds = (bytes: number): void =>
      f.block((done) => {
        f.loop((again) => {
          f.get(left);
          f.i32(bytes);
          f.op("i32.lt_u");
          f.brIf(done);
          f.get(state);
          f.i64(27);
          f.op("i64.rotl");
          f.i64(MULTIPLIERS[0]);
          f.op("i64.mul");
          for (let offset = 0; offset < bytes; offset += 8) {
            mixWord(offset, 1 + offset / 8);
            f.op("i64.add");
          }
          f.set(state);
          f.get(address);
          f.i32(bytes);
          f.op("i32.add");
          f.set(address);
          f.get(left);
          f.i32(bytes);
          f.op("i32.sub");
          f.set(left);
          f.br(again);
        });
      });
    rounds(32);
    rounds(8);
    f.get(left);
    f.if(() => {
      f.get(state);
      f.i64(27);
      f.op("i64.rotl");
      f.get(address);
      f.memory("i64.load");
      f.i64(64);
      f.get(left);
      f.i32(3);
      f.op("i32.shl", "i64.extend_i32_u", "i64.sub", "i64.shl");
      f.op("i64.xor");
      f.set(word);
      pushFolded(f, word);
      f.i64(MULTIPLIERS[4]);
      f.op("i64.mul");
      f.set(state);
    });
    f.get(state);
  });
}

function viewParts(f: FunctionBuilder, view: Local, address: Local, length: Local): void {
  f.get(view);
  f.op("i32.wrap_i64");
  f.set(address);
  f.get(view);
  f.i64(32);
  f.op("i64.shr_u", "i32.wrap_i64");
  f.set(length);
}

/** Whether two strings of equal length have equal bytes. Reads behind them as `hashView` does. */
function equalBytes(module: ModuleContext): FunctionHandle {
  return module.helper("equal_bytes", ["i64", "i64"], ["i32"], (f) => {
    const [a, b, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
    viewParts(f, f.param(1), b, left);
    f.get(f.param(0));
    f.op("i32.wrap_i64");
    f.set(a);
    const pushDifference = (): void => {
      for (const side of [a, b]) {
        f.get(side);
        f.memory("i64.load");
      }
      f.op("i64.xor");
    };
    f.block((done) => {
      f.loop((again) => {
        f.get(left);
        f.i32(8);
        f.op("i32.lt_u");
        f.brIf(done);
        pushDifference();
        f.op("i64.eqz", "i32.eqz");
        f.if(() => {
          f.i32(0);
          f.op("return");
        });
        for (const [local, step] of [
          [a, 8],
          [b, 8],
          [left, -8],
        ] as const) {
          f.get(local);
          f.i32(step);
          f.op("i32.add");
          f.set(local);
        }
        f.br(again);
      });
    });
    f.get(left);
    f.op("i32.eqz");
    f.if(() => {
      f.i32(1);
      f.op("return");
    });
    pushDifference();
    f.i64(64);
    f.get(left);
    f.i32(3);
    f.op("i32.shl", "i64.extend_i32_u", "i64.sub", "i64.shl", "i64.eqz");
  });
}

/** Emits the search: `row` becomes the (first) row with these keys in the flat table at `table`, or 0. */
export function emitFind(f: FunctionBuilder, module: ModuleContext, table: Local, hash: Local, keys: KeyLocals, row: Local): void {
  f.scratch("i32", (offset) => {
    f.scratch("i64", (pair) => {
      f.get(hash);
      f.get(table);
      f.memory("i32.load", FLAT_SHIFT);
      f.op("i32.shr_u");
      f.i32(3);
      f.op("i32.shl");
      f.set(offset);
      f.block((done) => {
        f.loop((again) => {
          f.get(table);
          f.memory("i32.load", FLAT_INDEX);
          f.get(offset);
          f.op("i32.add");
          f.memory("i64.load");
          f.tee(pair);
          f.i64(32);
          f.op("i64.shr_u", "i32.wrap_i64");
          f.tee(row);
          f.op("i32.eqz");
          f.brIf(done);
          f.block((differs) => {
            f.get(pair);
            f.op("i32.wrap_i64");
            f.get(hash);
            f.op("i32.ne");
            f.brIf(differs);
            emitCompare(f, module, keys, row, () => f.brIf(differs));
            f.br(done);
          });
          f.get(offset);
          f.i32(8);
          f.op("i32.add");
          f.get(table);
          f.memory("i32.load", FLAT_MASK);
          f.op("i32.and");
          f.set(offset);
          f.br(again);
        });
      });
    });
  });
}

/** Pushes the null bits of the keys in the row at `row`, as an i64. */
function pushKeyNulls(f: FunctionBuilder, row: Local, { keys, inHeader }: Pick<KeyLocals, "keys" | "inHeader">): void {
  f.get(row);
  if (!inHeader) return f.memory("i64.load", ROW_FIELDS);
  f.memory("i64.load32_u", ROW_FLAGS);
  f.i64(2 ** keys.length - 1);
  f.op("i64.and");
}

/** Pushes, and has `branch` consume, an i32 for each part of the keys that may differ. */
function emitCompare(f: FunctionBuilder, module: ModuleContext, compared: KeyLocals, row: Local, branch: () => void): void {
  const { nulls, keys } = compared;
  if (keys.length > 0) {
    // Keys that cannot be null here may be null in the table.
    pushKeyNulls(f, row, compared);
    if (nulls) f.get(nulls);
    else f.i64(0);
    f.op("i64.ne");
    branch();
  }
  for (const { field, local } of distinguishing(keys)) {
    const pushField = (): void => {
      f.get(row);
      f.memory(LOAD_OPS[field.physical], field.offset);
    };
    if (!field.isVariable) {
      pushField();
      pushWord(f, local);
      f.get(local);
      pushWord(f, local);
      f.op(local.type === "i64" || local.type === "f64" ? "i64.ne" : "i32.ne");
      branch();
      continue;
    }
    // Lengths first.
    pushField();
    f.get(local);
    f.op("i64.xor");
    f.i64(32);
    f.op("i64.shr_u", "i64.eqz", "i32.eqz");
    branch();
    pushField();
    f.get(local);
    f.call(equalBytes(module));
    f.op("i32.eqz");
    branch();
  }
}

/** Floats are compared by their bits: NaN is equal to NaN. */
function pushWord(f: FunctionBuilder, { type }: Local): void {
  if (type === "f32") f.op("i32.reinterpret_f32");
  else if (type === "f64") f.op("i64.reinterpret_f64");
}
