/**
 * Whether an integer is a multiple of a constant, without dividing. Main thread, while an expression is compiled (`inline-comparison.ts`).
 */
import { BooleanType } from "../columnar/types.ts";
import type { Call, Expression } from "../plan/expr/expression.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { InlineFunction } from "./inline-function.ts";
import type { CompiledValue } from "./value.ts";

/** `value % divisor` compared with 0; the divisor is at least 2. */
interface Divisibility {
  readonly value: Expression;
  readonly divisor: bigint;
  readonly bits: 32 | 64;
}

const BITS: Readonly<Record<string, 32 | 64>> = { byte: 32, short: 32, integer: 32, long: 64 };

/** `general`, a comparison for equality or (`negated`) its opposite, that computes no remainder where it compares one with 0. */
export function withDivisibility(general: InlineFunction, negated: boolean): InlineFunction {
  return {
    ...general,
    compile(compiler, call) {
      const asked = divisibilityOf(call);
      if (!asked) return general.compile(compiler, call);
      const value = compiler.compile(asked.value);
      return compiler.strictSafe(BooleanType, [value], () => {
        pushIsMultiple(compiler.f, value, asked);
        if (negated) compiler.f.op("i32.eqz");
      });
    },
  };
}

/** What a comparison of two values asks, if it is that. */
function divisibilityOf({ args }: Call): Divisibility | null {
  const [remainder, zero] = args;
  if (remainder?.kind !== "call" || (remainder.name !== "%" && remainder.name !== "pmod") || zero?.kind !== "literal") return null;
  const [value, constant] = remainder.args;
  const bits = BITS[remainder.dataType.kind];
  if (bits === undefined || zero.value === null || BigInt(zero.value as bigint | number) !== 0n) return null;
  if (constant?.kind !== "literal" || constant.value === null) return null;
  const signed = BigInt(constant.value as bigint | number);
  const divisor = signed < 0n ? -signed : signed;
  return divisor < 2n ? null : { value: value!, divisor, bits };
}

/**
 * Pushes i32 1 if the value is a multiple, else 0. Multiplying by the inverse of the divisor's odd part maps its multiples, and nothing else,
 * to the numbers from -limit to limit; those of a power of two besides have as many zero bits at their end.
 */
function pushIsMultiple(f: FunctionBuilder, value: CompiledValue, { divisor, bits }: Divisibility): void {
  const type = bits === 64 ? "i64" : "i32";
  const constant = (number: bigint): void => (bits === 64 ? f.i64(number) : f.i32(Number(BigInt.asIntN(32, number))));
  let zeros = 0n;
  while (((divisor >> zeros) & 1n) === 0n) zeros++;
  const odd = divisor >> zeros;
  value.push();
  if (odd === 1n) {
    constant(divisor - 1n);
    f.op(`${type}.and`, `${type}.eqz`);
    return;
  }
  const limit = ((2n ** BigInt(bits - 1) - 1n) / odd) & -(1n << zeros);
  constant(inverse(odd, bits));
  f.op(`${type}.mul`);
  constant(limit);
  f.op(`${type}.add`);
  if (zeros > 0n) {
    constant(zeros);
    f.op(`${type}.rotr`);
  }
  constant((2n * limit) >> zeros);
  f.op(`${type}.le_u`);
}

/** Of an odd number, modulo 2^bits; each round doubles the bits that are right. */
function inverse(odd: bigint, bits: number): bigint {
  let found = odd;
  for (let right = 3; right < bits; right *= 2) found = BigInt.asUintN(bits, found * (2n - odd * found));
  return found;
}
