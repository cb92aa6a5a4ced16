/** `sum`, `try_sum`, `avg`. Whole numbers sum to bigint and average to double; decimals keep their digits. */
import { fitsPrecision, divideHalfUp, powerOfTen } from "../../columnar/decimal.ts";
import {
  BooleanType,
  DayTimeIntervalType,
  decimalType,
  DoubleType,
  LongType,
  YearMonthIntervalType,
  type DataType,
  type DecimalType,
} from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { call, cast, literal, type Expression } from "../../plan/expr/expression.ts";
import type { AggregateFunction, AggregateOracle, DeclarativeAggregate } from "../../plan/expr/function-registry.ts";
import { allNotNull, falseLiteral, isNull, when } from "../../plan/expr/null-logic.ts";
import { boundedDecimal, isIntegral, isInterval, isNumeric } from "../../plan/expr/type-coercion.ts";
import { arithmeticOverflow, decimalOutOfRange, intervalOverflow } from "../arithmetic-errors.ts";
import { checkCount, coerceAll, type TypeSpec } from "../signature.ts";
import { add, as, both, divide, equals } from "./builders.ts";

const SUMMABLE: TypeSpec = {
  required: '("NUMERIC" or "INTERVAL DAY TO SECOND" or "INTERVAL YEAR TO MONTH")',
  coerce: (from) =>
    isNumeric(from) || isInterval(from)
      ? from
      : from.kind === "string" || from.kind === "void" || from.kind === "timestamp"
        ? DoubleType
        : undefined,
};

function sumType(type: DataType): DataType {
  if (isIntegral(type)) return LongType;
  if (type.kind === "decimal") return boundedDecimal(type.precision + 10, type.scale);
  return type.kind === "float" ? DoubleType : type;
}

function averageType(type: DataType): DataType {
  if (type.kind === "decimal") return boundedDecimal(type.precision + 4, type.scale + 4);
  if (isNumeric(type)) return DoubleType;
  return type.kind === "day_time_interval" ? DayTimeIntervalType : YearMonthIntervalType;
}

/** What an average sums in. */
function averageSumType(type: DataType): DataType {
  return type.kind === "decimal" ? sumType(type) : averageType(type);
}

/** Adds `value` to a sum that is null while there is nothing in it. What is added to nothing is added to 0: -0.0 becomes 0.0. */
function accumulate(sum: Expression, value: Expression, type: DataType): Expression {
  const first = type.kind === "double" ? add(literal(0, type), value, type) : value;
  const added = when(isNull(sum), first, add(sum, value, type));
  return when(allNotNull([value]), added, sum);
}

function sumPlan(type: DataType): DeclarativeAggregate {
  return {
    form: "declarative",
    buffer: [{ name: "sum", dataType: type, nullable: true, initial: null }],
    update: ([sum], [value]) => [accumulate(sum!, as(value!, type), type)],
    merge: ([left], [right]) => [accumulate(left!, right!, type)],
    evaluate: ([sum]) => sum!,
  };
}

/** As `sumPlan`, but an overflow makes the sum null for good: null with `is_empty` false. */
function trySumPlan(type: DataType): DeclarativeAggregate {
  const tryAdd = (left: Expression, right: Expression): Expression => call("try_add", [left, right], type, true);
  return {
    form: "declarative",
    buffer: [
      { name: "sum", dataType: type, nullable: true, initial: null },
      { name: "is_empty", dataType: BooleanType, nullable: false, initial: true },
    ],
    update: ([sum, isEmpty], [value]) => {
      const present = allNotNull([value!]);
      const converted = as(value!, type);
      return [
        when(present, when(isEmpty, converted, tryAdd(sum!, converted)), sum!),
        present ? both(isEmpty!, isNull(value!)) : falseLiteral,
      ];
    },
    merge: ([left, leftEmpty], [right, rightEmpty]) => [
      when(leftEmpty, right!, when(rightEmpty, left!, tryAdd(left!, right!))),
      both(leftEmpty!, rightEmpty!),
    ],
    evaluate: ([sum]) => sum!,
  };
}

const zeroCount = literal(0n, LongType);

function averagePlan(type: DataType, returnType: DataType): DeclarativeAggregate {
  const summed = averageSumType(type);
  return {
    form: "declarative",
    buffer: [
      { name: "sum", dataType: summed, nullable: true, initial: null },
      { name: "count", dataType: LongType, nullable: false, initial: 0n },
    ],
    update: ([sum, count], [value]) => [
      accumulate(sum!, as(value!, summed), summed),
      when(allNotNull([value!]), add(count!, literal(1n, LongType), LongType), count!),
    ],
    merge: ([leftSum, leftCount], [rightSum, rightCount]) => [
      accumulate(leftSum!, rightSum!, summed),
      add(leftCount!, rightCount!, LongType),
    ],
    evaluate: ([sum, count]) => {
      const divisor =
        summed.kind === "decimal" ? cast(count!, decimalType(20, 0)) : summed.kind === "double" ? cast(count!, DoubleType) : count!;
      const average = divide(sum!, divisor, returnType);
      return when(equals(count!, zeroCount), literal(null, returnType), average);
    },
  };
}

/** Exact sum of what is not null; doubles in order of arrival. */
type SumState = { readonly sum: number | bigint | null; readonly count: bigint };

function sumOracle(argument: DataType, type: DataType, finish: (state: SumState) => Value): AggregateOracle<SumState> {
  const plus = (left: number | bigint, right: number | bigint): number | bigint => {
    if (type.kind === "double") return (left as number) + (right as number);
    const result = BigInt(left) + BigInt(right);
    if (type.kind === "decimal") {
      if (!fitsPrecision(result, type.precision)) throw decimalOutOfRange(result, type.scale, type);
      return result;
    }
    if (BigInt.asIntN(64, result) !== result)
      throw type.kind === "long" ? arithmeticOverflow("long overflow", "try_sum") : intervalOverflow("try_add");
    return type.kind === "year_month_interval" ? Number(result) : result;
  };
  // What is added to nothing is added to 0: -0.0 becomes 0.0.
  const convert = (value: Value): number | bigint =>
    type.kind === "double" ? 0 + Number(value) : isIntegral(argument) ? BigInt(value as number | bigint) : (value as number | bigint);
  return {
    initial: () => ({ sum: null, count: 0n }),
    update: (state, [value]) =>
      value === null ? state : { sum: state.sum === null ? convert(value!) : plus(state.sum, convert(value!)), count: state.count + 1n },
    merge: (left, right) => ({
      sum: left.sum === null ? right.sum : right.sum === null ? left.sum : plus(left.sum, right.sum),
      count: left.count + right.count,
    }),
    evaluate: finish,
  };
}

function averageOf(state: SumState, argument: DataType, returnType: DataType): Value {
  if (state.count === 0n) return null;
  if (returnType.kind === "decimal") {
    const shift = returnType.scale - (argument as DecimalType).scale;
    const average = divideHalfUp((state.sum as bigint) * powerOfTen(shift), state.count);
    if (!fitsPrecision(average, returnType.precision)) throw decimalOutOfRange(average, returnType.scale, returnType);
    return average;
  }
  if (returnType.kind === "double") return (state.sum as number) / Number(state.count);
  const average = divideHalfUp(BigInt(state.sum!), state.count);
  return returnType.kind === "year_month_interval" ? Number(average) : average;
}

export const sumFunctions: readonly AggregateFunction[] = [
  {
    kind: "aggregate",
    name: "sum",
    description: "Sum of the values that are not null; null if there are none.",
    resolve: (args) => {
      checkCount("sum", args, 1);
      const argumentTypes = coerceAll("sum", args, [SUMMABLE]);
      return { argumentTypes, returnType: sumType(argumentTypes[0]!), nullable: true };
    },
    plan: (_types, returnType) => sumPlan(returnType),
    oracle: (types, returnType) => sumOracle(types[0]!, returnType, (state) => state.sum),
  },
  {
    kind: "aggregate",
    name: "try_sum",
    description: "Sum, or null if it overflows.",
    resolve: (args) => {
      checkCount("try_sum", args, 1);
      const argumentTypes = coerceAll("try_sum", args, [SUMMABLE]);
      return { argumentTypes, returnType: sumType(argumentTypes[0]!), nullable: true };
    },
    plan: (_types, returnType) => trySumPlan(returnType),
    oracle: (types, returnType) => tolerant(sumOracle(types[0]!, returnType, (state) => state.sum)),
  },
  {
    kind: "aggregate",
    name: "avg",
    aliases: ["mean"],
    description: "Average of the values that are not null; null if there are none.",
    resolve: (args) => {
      checkCount("avg", args, 1);
      const argumentTypes = coerceAll("avg", args, [SUMMABLE]);
      return { argumentTypes, returnType: averageType(argumentTypes[0]!), nullable: true };
    },
    plan: (types, returnType) => averagePlan(types[0]!, returnType),
    oracle: (types, returnType) => sumOracle(types[0]!, averageSumType(types[0]!), (state) => averageOf(state, types[0]!, returnType)),
  },
];

/** State `"overflow"` stays and evaluates to null. */
function tolerant<State>(exact: AggregateOracle<State>): AggregateOracle<State | "overflow"> {
  const guard = (compute: () => State): State | "overflow" => {
    try {
      return compute();
    } catch {
      return "overflow";
    }
  };
  return {
    initial: () => exact.initial(),
    update: (state, args) => (state === "overflow" ? state : guard(() => exact.update(state, args))),
    merge: (left, right) => (left === "overflow" || right === "overflow" ? "overflow" : guard(() => exact.merge(left, right))),
    evaluate: (state) => (state === "overflow" ? null : exact.evaluate(state)),
  };
}
