/** `and`, `or`, `not`, null tests and the conditional functions. Untaken alternatives are not evaluated. */
import { BooleanType, type DataType, sameType } from "../columnar/types.ts";
import type { Expression } from "../plan/expr/expression.ts";
import { isComparable, pushEqual } from "./inline-comparison.ts";
import { type InlineFunction, type InlineFunctions, strictFunction } from "./inline-function.ts";
import { isFractional } from "../plan/expr/type-coercion.ts";
import type { CompiledValue } from "./value.ts";

const always = (): boolean => true;

/** Three-valued `and` (`decisive` 0) and `or` (`decisive` 1): an operand that is surely decisive decides, the right one is then not evaluated. */
function connective(decisive: 0 | 1): InlineFunction {
  return {
    accepts: always,
    isSafe: true,
    compile(compiler, call) {
      const { f } = compiler;
      let left = compiler.compile(call.args[0]!);
      for (const expression of call.args.slice(1)) left = join(left, expression);
      return left;

      function join(first: CompiledValue, expression: Expression): CompiledValue {
        const [result, isNull] = [f.local("i32"), f.local("i32")];
        first.push();
        f.set(result);
        if (first.isNull) first.isNull();
        else f.i32(0);
        f.set(isNull);
        f.block((decided) => {
          f.get(result);
          if (decisive === 0) f.op("i32.eqz");
          f.get(isNull);
          f.op("i32.eqz", "i32.and");
          f.brIf(decided);
          const second = compiler.compile(expression);
          second.push();
          f.set(result);
          if (!second.isNull) {
            // Null only if the left side is null and the right one not decisive.
            f.get(isNull);
            f.get(result);
            if (decisive === 1) f.op("i32.eqz");
            f.op("i32.and");
            f.set(isNull);
            return;
          }
          second.isNull();
          f.get(isNull);
          f.op("i32.or");
          second.isNull();
          f.get(result);
          if (decisive === 1) f.op("i32.eqz");
          f.op("i32.or", "i32.and");
          f.set(isNull);
        });
        return compiler.localValue(BooleanType, result, isNull);
      }
    },
  };
}

const negation = strictFunction(
  always,
  ({ f, args }) => {
    args[0]!.push();
    f.op("i32.eqz");
  },
  { safe: true },
);

function nullTest(wanted: boolean): InlineFunction {
  return {
    accepts: always,
    isSafe: true,
    compile(compiler, call) {
      const { f } = compiler;
      const value = compiler.compile(call.args[0]!);
      if (value.isNull) value.isNull();
      else f.i32(0);
      if (!wanted) f.op("i32.eqz");
      return compiler.store(BooleanType);
    },
  };
}

/** Never null: false for null. */
const nanTest: InlineFunction = {
  accepts: ({ types }) => isFractional(types[0]!),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    const value = compiler.compile(call.args[0]!);
    value.push();
    value.push();
    f.op(value.physical === "f32" ? "f32.ne" : "f64.ne");
    if (value.isNull) {
      value.isNull();
      f.op("i32.eqz", "i32.and");
    }
    return compiler.store(BooleanType);
  },
};

const sameTypes = (types: readonly DataType[], returnType: DataType): boolean =>
  types.every((type) => sameType(type, returnType) || type.kind === "void" || type.kind === returnType.kind);

const coalesce: InlineFunction = {
  accepts: ({ types, returnType }) => sameTypes(types, returnType),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    return compiler.firstOf(
      call.dataType,
      true,
      call.args.map((argument) => (accept) => {
        const value = compiler.compile(argument);
        f.block((next) => {
          if (value.isNull) {
            value.isNull();
            f.brIf(next);
          }
          accept({ ...value, isNull: null });
        });
      }),
    );
  },
};

/** `if(condition, then, else)`. */
const conditional: InlineFunction = {
  accepts: ({ types, returnType }) => sameTypes(types.slice(1), returnType),
  isSafe: true,
  compile(compiler, call) {
    const [condition, then, otherwise] = call.args as readonly [Expression, Expression, Expression];
    return compiler.firstOf(call.dataType, true, [
      (accept) =>
        compiler.f.block((next) => {
          compiler.compileCondition(condition, next);
          accept(compiler.compile(then));
        }),
      (accept) => accept(compiler.compile(otherwise)),
    ]);
  },
};

/** `nvl2(test, ifNotNull, ifNull)`. */
const ifNotNull: InlineFunction = {
  accepts: ({ types, returnType }) => sameTypes(types.slice(1), returnType),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    const [test, present, absent] = call.args as readonly [Expression, Expression, Expression];
    const tested = compiler.compile(test);
    return compiler.firstOf(call.dataType, true, [
      (accept) =>
        f.block((next) => {
          if (tested.isNull) {
            tested.isNull();
            f.brIf(next);
          }
          accept(compiler.compile(present));
        }),
      (accept) => accept(compiler.compile(absent)),
    ]);
  },
};

/** `nullif(a, b)`: null if they are equal, else `a`. */
const nullIf: InlineFunction = {
  accepts: ({ types, returnType }) =>
    types.every((type) => type.kind === returnType.kind && sameType(type, returnType)) && isComparable(returnType),
  isSafe: true,
  compile(compiler, call) {
    const { f } = compiler;
    const [a, b] = call.args.map((argument) => compiler.compile(argument));
    return compiler.firstOf(call.dataType, true, [
      (accept) =>
        f.block((isEqual) => {
          const anyNull = compiler.anyNull([a!, b!]);
          f.block((differ) => {
            if (anyNull) {
              anyNull();
              f.brIf(differ);
            }
            pushEqual(compiler, a!, b!);
            f.brIf(isEqual);
          });
          accept(a!);
        }),
    ]);
  },
};

export const logicFunctions: InlineFunctions = {
  and: connective(0),
  or: connective(1),
  not: negation,
  isnull: nullTest(true),
  isnotnull: nullTest(false),
  isnan: nanTest,
  coalesce,
  nvl: coalesce,
  nvl2: ifNotNull,
  if: conditional,
  nullif: nullIf,
};
