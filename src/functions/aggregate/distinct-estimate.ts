/**
 * `approx_count_distinct`: HyperLogLog++ with 512 one-byte registers over xxhash64, relative standard deviation 5 %.
 * The oracle here and the kernels in `kernels/assembly/sketch.ts` compute the same numbers.
 */
import { AnalysisError } from "../../base/errors.ts";
import { LongType, type DataType } from "../../columnar/types.ts";
import { call, literal } from "../../plan/expr/expression.ts";
import type { AggregateFunction, AggregateOracle } from "../../plan/expr/function-registry.ts";
import { allNotNull, when } from "../../plan/expr/null-logic.ts";
import { xxhash64Row } from "../hash/hash.ts";
import { checkCount } from "../signature.ts";
import { biases, rawEstimates } from "./estimate-bias.ts";

const PRECISION = 9;
const REGISTERS = 1 << PRECISION;
const ALPHA_M2 = (0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS;
/** Up to this many, and up to 2.5 times the registers by the raw estimate, empty registers are counted instead. */
const LINEAR_COUNTING_MAX = 400;

/** Distinct values that the registers stand for. */
function estimate(registers: Uint8Array): bigint {
  let inverse = 0;
  let empty = 0;
  for (const register of registers) {
    inverse += 2 ** -register;
    if (register === 0) empty++;
  }
  const raw = ALPHA_M2 / inverse;
  if (empty > 0) {
    const linear = REGISTERS * Math.log(REGISTERS / empty);
    if (linear <= LINEAR_COUNTING_MAX || raw <= 2.5 * REGISTERS) return BigInt(Math.round(linear));
  }
  return BigInt(Math.round(raw < 5 * REGISTERS ? raw - biasOf(raw) : raw));
}

/** Known biases that are averaged. */
const NEIGHBOURS = 6;

/** Mean of the biases measured at the raw estimates nearest to `raw`. */
function biasOf(raw: number): number {
  const at = rawEstimates.findIndex((estimated) => estimated >= raw);
  const distance = (index: number): number => (raw - rawEstimates[index]!) ** 2;
  let low = Math.max((at < 0 ? rawEstimates.length : at) - NEIGHBOURS + 1, 0);
  let high = Math.min(low + NEIGHBOURS, rawEstimates.length);
  while (high < rawEstimates.length && distance(high) < distance(low)) {
    low++;
    high++;
  }
  return biases.slice(low, high).reduce((sum, bias) => sum + bias, 0) / (high - low);
}

function registersOracle(type: DataType): AggregateOracle<Uint8Array> {
  return {
    initial: () => new Uint8Array(REGISTERS),
    update: (registers, [value]) => {
      if (value === null) return registers;
      const hash = BigInt.asUintN(64, xxhash64Row([value!], [type]));
      const index = Number(hash >> BigInt(64 - PRECISION));
      const rest = BigInt.asUintN(64, hash << BigInt(PRECISION)) | (1n << BigInt(PRECISION - 1));
      const rank = 64 - rest.toString(2).length + 1;
      const next = registers.slice();
      next[index] = Math.max(next[index]!, rank);
      return next;
    },
    merge: (left, right) => left.map((register, index) => Math.max(register, right[index]!)),
    evaluate: estimate,
  };
}

export const distinctEstimateFunction: AggregateFunction = {
  kind: "aggregate",
  name: "approx_count_distinct",
  description: "Estimated number of distinct values that are not null, with a relative standard deviation of 5 %.",
  resolve: (args) => {
    checkCount("approx_count_distinct", args, 1, 2);
    if (args.length === 2 && Number(args[1]!.sql) !== 0.05)
      throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", {
        feature: `A relative standard deviation of ${args[1]!.sql} in approx_count_distinct`,
        remedy: "Leave the argument out: it is 0.05.",
      });
    return { argumentTypes: args.map((arg) => arg.dataType), returnType: LongType, nullable: false };
  },
  plan: () => ({
    form: "sketch",
    lengthBytes: REGISTERS,
    input: (args) => when(allNotNull([args[0]!]), call("xxhash64", [args[0]!], LongType, false), literal(null, LongType)),
    updateKernel: "hll_update",
    mergeKernel: "hll_merge",
    evaluateKernel: "hll_evaluate",
  }),
  oracle: ([type]) => registersOracle(type!),
};
