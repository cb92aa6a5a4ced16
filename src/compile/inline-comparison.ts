/**
 * Comparisons, `in`, `greatest`, `least`. NaN equals NaN and is greater than every number, -0.0 equals 0.0, strings and
 * binaries compare by unsigned bytes, structs are equal field by field with nulls equal to each other.
 */
import { BooleanType, type DataType, sameType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import type { Call, Expression } from "../plan/expr/expression.ts";
import { withDivisibility } from "./divisibility.ts";
import type { FunctionBuilder, Label } from "./emitter.ts";
import type { ExpressionCompiler } from "./expression.ts";
import { type InlineConditions, type InlineFunction, type InlineFunctions } from "./inline-function.ts";
import { literalBytes } from "./literal.ts";
import type { CompiledValue } from "./value.ts";
import { assignSlot, newSlot, slotValue } from "./value.ts";

type Order = "lt" | "le" | "gt" | "ge";

/** Literals up to this many bytes are compared in place, eight bytes at a time. */
const INLINE_BYTES_MAX = 32;

export function isComparable(type: DataType): boolean {
  switch (type.kind) {
    case "array":
    case "map":
      return false;
    case "struct":
      return type.fields.every((field) => isComparable(field.dataType));
    default:
      return true;
  }
}
const isOrderable = (type: DataType): boolean => type.kind !== "struct" && isComparable(type);

/** Both sides have one type; decimals at least one scale and one width. */
function isPair(a: DataType, b: DataType): boolean {
  if (a.kind === "decimal" && b.kind === "decimal") return a.scale === b.scale && a.precision <= 18 === b.precision <= 18;
  return a.kind === b.kind && (a.kind !== "struct" || sameShape(a, b));
}
function sameShape(a: DataType, b: DataType): boolean {
  if (a.kind !== "struct" || b.kind !== "struct") return sameType(a, b);
  return a.fields.length === b.fields.length && a.fields.every((field, i) => isPair(field.dataType, b.fields[i]!.dataType));
}
const allPairs = (types: readonly DataType[]): boolean => types.every((type) => isPair(types[0]!, type));

/** Pushes i32 1 if the two values, neither of them null, are equal. */
export function pushEqual(
  compiler: ExpressionCompiler,
  a: CompiledValue,
  b: CompiledValue,
  literals: readonly (Value | undefined)[] = [],
): void {
  const { f } = compiler;
  switch (a.physical) {
    case "i8":
    case "i16":
    case "i32":
      a.push();
      b.push();
      return f.op("i32.eq");
    case "i64":
      a.push();
      b.push();
      return f.op("i64.eq");
    case "f32":
    case "f64":
      a.push();
      b.push();
      f.op(`${a.physical}.eq`);
      for (const side of [a, b]) {
        side.push();
        side.push();
        f.op(`${a.physical}.ne`);
      }
      return f.op("i32.and", "i32.or");
    case "view": {
      const literal = literals.findIndex((value) => value !== undefined && value !== null);
      const bytes = literal < 0 ? undefined : literalBytes(literals[literal]!);
      if (bytes && bytes.length <= INLINE_BYTES_MAX) return pushEqualsBytes(f, literal === 0 ? b : a, bytes);
      return pushEqualViews(compiler, a, b);
    }
    case "wide":
      a.push();
      b.push();
      f.call(compiler.module.kernel("compare_wide", ["i64", "i64"], ["i32"]));
      return f.op("i32.eqz");
    case "struct":
      return pushEqualStructs(compiler, a, b);
    case "list":
      throw new Error("millrace internal error: lists are not compared in generated code");
  }
}

function pushEqualsBytes(f: FunctionBuilder, value: CompiledValue, bytes: Uint8Array): void {
  value.push();
  f.i64(32n);
  f.op("i64.shr_u");
  f.i64(bytes.length);
  f.op("i64.eq");
  if (bytes.length === 0) return;
  f.if(
    () => {
      const padded = new DataView(new ArrayBuffer(Math.ceil(bytes.length / 8) * 8));
      bytes.forEach((byte, index) => padded.setUint8(index, byte));
      for (let offset = 0; offset < bytes.length; offset += 8) {
        value.push();
        f.op("i32.wrap_i64");
        f.memory("i64.load", offset);
        f.i64(padded.getBigInt64(offset, true));
        f.op("i64.xor");
        const rest = bytes.length - offset;
        if (rest < 8) {
          f.i64(64 - 8 * rest);
          f.op("i64.shl");
        }
        if (offset > 0) f.op("i64.or");
      }
      f.op("i64.eqz");
    },
    () => f.i32(0),
    "i32",
  );
}

function pushEqualViews(compiler: ExpressionCompiler, a: CompiledValue, b: CompiledValue): void {
  const { f } = compiler;
  a.push();
  b.push();
  f.op("i64.xor");
  f.i64(32n);
  f.op("i64.shr_u", "i64.eqz");
  f.if(
    () => {
      a.push();
      b.push();
      f.call(compiler.module.kernel("equal_views", ["i64", "i64"], ["i32"]));
    },
    () => f.i32(0),
    "i32",
  );
}

function pushEqualStructs(compiler: ExpressionCompiler, a: CompiledValue, b: CompiledValue): void {
  const { f } = compiler;
  const equal = f.local("i32");
  f.i32(0);
  f.set(equal);
  f.block((differ) => {
    a.fields!.forEach((field, index) => {
      pushNullSafeEqual(compiler, field, b.fields![index]!);
      f.op("i32.eqz");
      f.brIf(differ);
    });
    f.i32(1);
    f.set(equal);
  });
  f.get(equal);
}

/** Pushes i32 1 if both are null, or neither is and they are equal. */
function pushNullSafeEqual(
  compiler: ExpressionCompiler,
  a: CompiledValue,
  b: CompiledValue,
  literals: readonly (Value | undefined)[] = [],
): void {
  const { f } = compiler;
  const anyNull = compiler.anyNull([a, b]);
  if (!anyNull) return pushEqual(compiler, a, b, literals);
  anyNull();
  f.if(
    () => {
      if (a.isNull) a.isNull();
      else f.i32(0);
      if (b.isNull) b.isNull();
      else f.i32(0);
      f.op("i32.and");
    },
    () => pushEqual(compiler, a, b, literals),
    "i32",
  );
}

/** Pushes i32 1 if `a order b`; neither is null. */
function pushOrdered(compiler: ExpressionCompiler, a: CompiledValue, b: CompiledValue, order: Order): void {
  const { f } = compiler;
  switch (a.physical) {
    case "i8":
    case "i16":
    case "i32":
    case "i64":
      a.push();
      b.push();
      return f.op(`${a.physical === "i64" ? "i64" : "i32"}.${order}_s`);
    case "f32":
    case "f64": {
      const type = a.physical;
      // a > b is b < a; a <= b is not (b < a).
      const [left, right] = order === "gt" || order === "le" ? [b, a] : [a, b];
      left!.push();
      right!.push();
      f.op(`${type}.lt`);
      right!.push();
      right!.push();
      f.op(`${type}.ne`);
      left!.push();
      left!.push();
      f.op(`${type}.eq`, "i32.and", "i32.or");
      if (order === "le" || order === "ge") f.op("i32.eqz");
      return;
    }
    case "view":
    case "wide":
      a.push();
      b.push();
      f.call(compiler.module.kernel(a.physical === "view" ? "compare_views" : "compare_wide", ["i64", "i64"], ["i32"]));
      f.i32(0);
      return f.op(`i32.${order}_s`);
    default:
      throw new Error(`millrace internal error: ${a.physical} values have no order in generated code`);
  }
}

/** Kinds whose comparison reads memory: not to be done on the undefined bits of a null. */
const readsMemory = (value: CompiledValue): boolean =>
  value.physical === "view" || value.physical === "wide" || value.physical === "struct";

function comparison(
  accepts: (type: DataType) => boolean,
  push: (compiler: ExpressionCompiler, a: CompiledValue, b: CompiledValue, call: Call) => void,
): InlineFunction {
  return {
    accepts: ({ types }) => types.length === 2 && allPairs(types) && accepts(types[0]!),
    isSafe: true,
    compile(compiler, call) {
      const [a, b] = compiler.compileStrict(call.args);
      return compare(compiler, call.name, a!, b!, () => push(compiler, a!, b!, call));
    },
  };
}

/** A comparison's value: null if a side is; `emit` pushes it for two values that are not. */
function compare(compiler: ExpressionCompiler, name: string, a: CompiledValue, b: CompiledValue, emit: () => void): CompiledValue {
  if (!readsMemory(a)) return compiler.strictSafe(BooleanType, [a, b], emit);
  return compiler.strictFallible({ name, operands: [a, b], resultType: BooleanType }, [a, b], "raise", emit);
}

const literalsOf = (call: Call): (Value | undefined)[] =>
  call.args.map((argument) => (argument.kind === "literal" ? argument.value : undefined));

const equality = withDivisibility(
  comparison(isComparable, (compiler, a, b, call) => pushEqual(compiler, a, b, literalsOf(call))),
  false,
);
const inequality = withDivisibility(
  comparison(isComparable, (compiler, a, b, call) => {
    pushEqual(compiler, a, b, literalsOf(call));
    compiler.f.op("i32.eqz");
  }),
  true,
);

const ordering = (order: Order): InlineFunction => comparison(isOrderable, (compiler, a, b) => pushOrdered(compiler, a, b, order));

const nullSafeEquality: InlineFunction = {
  accepts: ({ types }) => types.length === 2 && allPairs(types) && isComparable(types[0]!),
  isSafe: true,
  compile(compiler, call) {
    const [a, b] = call.args.map((argument) => compiler.compile(argument));
    pushNullSafeEqual(compiler, a!, b!, literalsOf(call));
    return compiler.store(BooleanType);
  },
};

/** `between(value, low, high)`: `value >= low and value <= high` with every argument evaluated once. */
const between: InlineFunction = {
  accepts: ({ types }) => types.length === 3 && allPairs(types) && isOrderable(types[0]!),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    const [value, low, high] = call.args.map((argument) => compiler.compile(argument));
    const above = compare(compiler, call.name, value!, low!, () => pushOrdered(compiler, value!, low!, "ge"));
    const below = compare(compiler, call.name, value!, high!, () => pushOrdered(compiler, value!, high!, "le"));
    const anyNull = compiler.anyNull([above, below]);
    above.push();
    below.push();
    f.op("i32.and");
    const result = compiler.store(BooleanType);
    if (!anyNull) return result;
    // A side that is surely false decides.
    const isNull = f.local("i32");
    anyNull();
    for (const side of [above, below]) {
      side.push();
      if (side.isNull) {
        side.isNull();
        f.op("i32.or");
      }
      f.op("i32.and");
    }
    f.set(isNull);
    return { ...result, isNull: () => f.get(isNull) };
  },
};

/** `value in (a, b, …)`: null if the value is null, or if nothing matches and a candidate is null. */
const membership: InlineFunction = {
  accepts: ({ types }) => allPairs(types) && isComparable(types[0]!),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    const [needle, ...candidates] = call.args as readonly [Expression, ...Expression[]];
    const value = compiler.compile(needle);
    const [result, isNull] = [f.local("i32"), f.local("i32")];
    f.i32(0);
    f.set(result);
    if (value.isNull) value.isNull();
    else f.i32(0);
    f.set(isNull);
    f.block((done) => {
      if (value.isNull) {
        f.get(isNull);
        f.brIf(done);
      }
      for (const expression of candidates) {
        const literal = expression.kind === "literal" ? expression.value : undefined;
        const candidate = compiler.compile(expression);
        f.block((next) => {
          if (candidate.isNull) {
            f.get(isNull);
            candidate.isNull();
            f.op("i32.or");
            f.set(isNull);
            candidate.isNull();
            f.brIf(next);
          }
          pushEqual(compiler, value, candidate, [undefined, literal]);
          f.op("i32.eqz");
          f.brIf(next);
          f.i32(1);
          f.set(result);
          f.i32(0);
          f.set(isNull);
          f.br(done);
        });
      }
    });
    return compiler.localValue(BooleanType, result, isNull);
  },
};

/** `greatest` and `least`: nulls are skipped; null if all are. */
function extreme(order: "gt" | "lt"): InlineFunction {
  return {
    accepts: ({ types }: InlineConditions) => allPairs(types) && isOrderable(types[0]!),
    isSafe: true,
    compile(compiler, call) {
      const { f } = compiler;
      const slot = newSlot(f, call.dataType, true);
      f.i32(1);
      f.set(slot.nulls!);
      // What is known of the slot so far.
      let known: "null" | "not null" | null = "null";
      for (const argument of call.args) {
        const value = compiler.compile(argument);
        f.block((skip: Label) => {
          if (value.isNull) {
            value.isNull();
            f.brIf(skip);
          }
          const skipIfWorse = (): void => {
            pushOrdered(compiler, value, slotValue(f, slot), order);
            f.op("i32.eqz");
            f.brIf(skip);
          };
          if (known === "not null") skipIfWorse();
          else if (known === null) {
            f.get(slot.nulls!);
            f.op("i32.eqz");
            f.if(skipIfWorse);
          }
          assignSlot(f, slot, { ...value, isNull: null });
        });
        if (!value.isNull) known = "not null";
        else if (known === "null") known = null;
      }
      return known === "not null" ? { ...slotValue(f, slot), isNull: null } : slotValue(f, slot);
    },
  };
}

export const comparisonFunctions: InlineFunctions = {
  "=": equality,
  "!=": inequality,
  "<=>": nullSafeEquality,
  "<": ordering("lt"),
  "<=": ordering("le"),
  ">": ordering("gt"),
  ">=": ordering("ge"),
  between,
  in: membership,
  greatest: extreme("gt"),
  least: extreme("lt"),
};
