/** `round` and `bround` to a number of digits behind the point that is known. Main thread. */
import type { DecimalType } from "../columnar/types.ts";
import type { Call } from "../plan/expr/expression.ts";
import type { FunctionBuilder } from "./emitter.ts";
import { integerBits } from "./inline-arithmetic.ts";
import { fromNarrow, fromWide } from "./inline-decimal-cast.ts";
import { isNarrowDecimal } from "./inline-decimal.ts";
import type { InlineConditions, InlineFunction, InlineFunctions } from "./inline-function.ts";
import type { ModuleContext } from "./module-context.ts";
import type { CompiledValue } from "./value.ts";

/** With more digits products are no longer near enough to be judged by. */
const SCALE_MAX = 15;
/** Below it a product is exact to 2^-12. */
const SCALED_MAX = 2 ** 40;
const NEAR_HALF = 2 ** -10;

function scaleOf({ args: [, scale] }: Call): number | null {
  if (scale === undefined) return 0;
  return scale.kind === "literal" && typeof scale.value === "number" ? scale.value : null;
}

const accepts =
  (isEven: boolean) =>
  ({ types: [type], call }: InlineConditions): boolean => {
    const scale = scaleOf(call);
    if (scale === null || scale < 0) return false;
    if (type!.kind === "decimal") return !isEven;
    return type!.kind === "double" ? scale <= SCALE_MAX : integerBits(type!) !== undefined;
  };

/**
 * Pushes the double rounded. What is written as a decimal of `scale` digits is the nearest double to a whole number over a power of ten: the whole
 * number next to the product, unless that lies so near to a half that the product's own error may decide.
 */
function pushRounded(f: FunctionBuilder, module: ModuleContext, value: CompiledValue, scale: number, isEven: boolean): void {
  const [scaled, whole] = [f.local("f64"), f.local("f64")];
  value.push();
  f.f64(10 ** scale);
  f.op("f64.mul");
  f.tee(scaled);
  f.op("f64.nearest");
  f.set(whole);
  f.get(scaled);
  f.op("f64.abs");
  f.f64(SCALED_MAX);
  f.op("f64.lt");
  f.get(scaled);
  f.get(whole);
  f.op("f64.sub", "f64.abs");
  f.f64(0.5 - NEAR_HALF);
  f.op("f64.lt", "i32.and");
  f.if(
    () => {
      // A zero has no sign.
      f.get(whole);
      f.f64(10 ** scale);
      f.op("f64.div");
      f.f64(0);
      f.op("f64.add");
    },
    () => {
      value.push();
      f.i32(scale);
      f.i32(isEven ? 1 : 0);
      f.call(module.host("round_double", ["f64", "i32", "i32"], ["f64"]));
    },
    "f64",
  );
}

const rounded = (isEven: boolean): InlineFunction => ({
  accepts: accepts(isEven),
  compile(compiler, call) {
    const { f, module } = compiler;
    const value = compiler.compile(call.args[0]!);
    const type = value.dataType;
    if (type.kind === "double") return compiler.strictSafe(type, [value], () => pushRounded(f, module, value, scaleOf(call)!, isEven));
    if (type.kind !== "decimal") return value;
    const convert = (isNarrowDecimal(type) ? fromNarrow : fromWide)(type, call.dataType as DecimalType)!;
    const site = { name: call.name, operands: [value], resultType: call.dataType, ...(call.origin && { origin: call.origin }) };
    return compiler.strictFallible(site, [value], "raise", (fail) => convert(f, value, fail, compiler));
  },
});

export const roundFunctions: InlineFunctions = { round: rounded(false), bround: rounded(true) };
