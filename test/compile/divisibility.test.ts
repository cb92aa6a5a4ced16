/** `x % constant = 0` and `<> 0` without a division, against BigInt. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { BooleanType, ByteType, type DataType, IntegerType, LongType, ShortType } from "../../src/columnar/types.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { call, literal } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled } from "./harness.ts";

const options = { registry: functionRegistry, timeZone: "UTC" };

test.each([
  ["byte", ByteType, 8n],
  ["short", ShortType, 16n],
  ["integer", IntegerType, 32n],
  ["long", LongType, 64n],
] as const)("%s", (_, type: DataType, bits) => {
  const [least, most] = [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
  const valueOf = (value: bigint): bigint | number => (bits === 64n ? value : Number(value));
  const clamped = (value: bigint): bigint => (value < least ? least : value > most ? most : value);
  const divisors = fc
    .oneof(fc.bigInt({ min: -200n, max: 200n }), fc.bigInt({ min: least, max: most }), fc.constantFrom(least, most, 2n, 64n, 96n, 123n))
    .map(clamped)
    .filter((divisor) => divisor !== 0n);
  const any = fc.bigInt({ min: least, max: most });
  fc.assert(
    fc.property(divisors, fc.array(fc.tuple(any, fc.bigInt({ min: -2n, max: 2n })), { maxLength: 20 }), (divisor, picks) => {
      const multiples = picks.map(([value, off]) => clamped((value / divisor) * divisor + off));
      const values = [...multiples, ...picks.map(([value]) => value), least, least + 1n, -1n, 0n, 1n, most];
      const column = { attribute: attribute(0, type), values: [null, ...values.map(valueOf)] };
      for (const name of ["%", "pmod"])
        for (const operator of ["=", "!="]) {
          const remainder = call(name, [column.attribute, literal(valueOf(divisor), type)], type, true);
          const condition = call(operator, [remainder, literal(valueOf(0n), type)], BooleanType, true);
          const expected = values.map((value) => (value % divisor === 0n) === (operator === "="));
          expect(evaluateCompiled(condition, [column], values.length + 1, options)).toEqual([null, ...expected]);
        }
    }),
    { numRuns: 200 },
  );
});
