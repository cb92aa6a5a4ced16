/** Operators on dates, timestamps and intervals: what `math/arithmetic.ts` asks first. */
import { addMonths, MICROS_PER_DAY } from "../../columnar/civil-date.ts";
import { localParts, timeZone } from "../../columnar/time-zone.ts";
import {
  DateType,
  DayTimeIntervalType,
  DoubleType,
  IntegerType,
  intervalType,
  LongType,
  sameType,
  StringType,
  TimestampNTZType,
  TimestampType,
  YearMonthIntervalType,
  type DataType,
  type DecimalType,
  type TypeKind,
} from "../../columnar/types.ts";
import { formatTimestamp } from "../../columnar/format.ts";
import { divideHalfUp, powerOfTen } from "../../columnar/decimal.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, EvaluationContext, Resolution } from "../../plan/expr/function-registry.ts";
import { isNumeric, tightestCommonType } from "../../plan/expr/type-coercion.ts";
import { arithmeticOverflow, dateTimeOverflow, intervalDividedByZero, intervalOverflow } from "../arithmetic-errors.ts";
import { resolution, unexpectedInput } from "../signature.ts";

const isInterval = (kind: TypeKind): boolean => kind === "day_time_interval" || kind === "year_month_interval";
const isDateTimeKind = (kind: TypeKind): boolean => kind === "date" || kind === "timestamp" || kind === "timestamp_ntz";
const DATE_STEP_KINDS: readonly TypeKind[] = ["byte", "short", "integer", "void"];

/** Types of an operator that has a date, timestamp or interval among its operands; undefined for all others. */
export function resolveDateTime(operator: string, args: readonly ArgumentInfo[]): Resolution | undefined {
  const [left, right] = args as [ArgumentInfo, ArgumentInfo];
  const [a, b] = [left.dataType, right.dataType];
  if (!isDateTimeKind(a.kind) && !isDateTimeKind(b.kind) && !isInterval(a.kind) && !isInterval(b.kind)) return undefined;
  const done = (types: readonly DataType[], result: DataType): Resolution => resolution(types, result, args);
  if (operator === "+" || operator === "-") {
    if (isInterval(b.kind) && isMovable(a.kind)) {
      const [moved, result] = shiftTypes(a, right);
      return done([moved, b], result);
    }
    if (operator === "+" && isInterval(a.kind) && isMovable(b.kind)) {
      const [moved, result] = shiftTypes(b, left);
      return done([a, moved], result);
    }
    if (operator === "+" && a.kind === "void" && b.kind !== "date") return done([isInterval(b.kind) ? b : DayTimeIntervalType, b], b);
    if (b.kind === "void" && a.kind !== "date") {
      if (isInterval(a.kind)) return done([a, a], a);
      return operator === "+" ? done([a, DayTimeIntervalType], a) : done([a, a], DayTimeIntervalType);
    }
    if (isInterval(a.kind) && a.kind === b.kind) {
      const common = tightestCommonType(a, b)!;
      return done([common, common], common);
    }
    if (a.kind === "date" && DATE_STEP_KINDS.includes(b.kind)) return done([a, IntegerType], DateType);
    if (operator === "+" && b.kind === "date" && DATE_STEP_KINDS.includes(a.kind)) return done([IntegerType, b], DateType);
    if (operator === "-" && a.kind === "date" && b.kind === "date") return done([a, b], DAYS);
    if (operator === "-" && isTimeOperand(a.kind) && isTimeOperand(b.kind)) {
      if (a.kind === "date" && b.kind === "string") return done([a, DateType], DAYS);
      if (a.kind === "string" && b.kind === "date") return done([DateType, b], DAYS);
      const ntz = a.kind !== "timestamp" && b.kind !== "timestamp";
      const common = ntz ? TimestampNTZType : TimestampType;
      return done([common, common], DayTimeIntervalType);
    }
    return refuse(operator, args);
  }
  if (operator === "div" && isInterval(a.kind) && a.kind === b.kind) return done([a, b], LongType);
  const factor = (type: DataType): DataType | undefined =>
    isNumeric(type) ? type : type.kind === "string" || type.kind === "void" ? DoubleType : undefined;
  if ((operator === "*" || operator === "/") && isInterval(a.kind) && factor(b)) return done([a, factor(b)!], allFields(a));
  if (operator === "*" && isInterval(b.kind) && factor(a)) return done([factor(a)!, b], allFields(b));
  return undefined;
}

/** A multiple or a part of an interval may have any field. */
const allFields = ({ kind }: DataType): DataType => (kind === "day_time_interval" ? DayTimeIntervalType : YearMonthIntervalType);
const DAYS = intervalType("day_time_interval", 0, 0);

/** What a moved moment may be: strings become timestamps. */
const isMovable = (kind: TypeKind): boolean => isDateTimeKind(kind) || kind === "string";
const isTimeOperand = (kind: TypeKind): boolean => isMovable(kind) || kind === "void";

/** A sum or difference that no rule covers, with the error of the rule that comes closest. */
function refuse(operator: string, args: readonly ArgumentInfo[]): undefined {
  const [left, right] = args as [ArgumentInfo, ArgumentInfo];
  const step = left.dataType.kind === "date" ? right : right.dataType.kind === "date" ? left : undefined;
  if (step && !isDateTimeKind(step.dataType.kind) && !isInterval(step.dataType.kind))
    return unexpectedInput(
      `date_${operator === "+" ? "add" : "sub"}(${(step === right ? left : right).sql}, ${step.sql})`,
      1,
      '("INT" or "SMALLINT" or "TINYINT")',
      step,
    );
  const interval = isInterval(left.dataType.kind) ? left : isInterval(right.dataType.kind) ? right : undefined;
  if (!interval) return undefined;
  const moved = interval === right ? left : right;
  return unexpectedInput(`${moved.sql} ${operator} ${interval.sql}`, 0, '"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)"', moved);
}

/** A date moved by whole days or months stays a date; moved by a time it becomes a timestamp. */
function shiftTypes(moved: DataType, interval: ArgumentInfo): [DataType, DataType] {
  if (moved.kind === "string") return [TimestampType, StringType];
  if (moved.kind !== "date" || interval.dataType.kind === "year_month_interval") return [moved, moved];
  return sameType(interval.dataType, DAYS) ? [DateType, DateType] : [TimestampType, TimestampType];
}

/** The value, or undefined if the operands are plain numbers. */
export function evaluateDateTime(
  operator: string,
  args: readonly Value[],
  types: readonly DataType[],
  returnType: DataType,
  context: EvaluationContext,
): Value | undefined {
  const [a, b] = [types[0]!.kind, types[1]!.kind];
  if (isDateTimeKind(a) && isDateTimeKind(b)) {
    const difference =
      a === "date"
        ? BigInt((args[0] as number) - (args[1] as number)) * MICROS_PER_DAY
        : between(args[1] as bigint, args[0] as bigint, a, context);
    return checkedLong(difference, () => arithmeticOverflow("long overflow"));
  }
  if (isDateTimeKind(a) || isDateTimeKind(b)) {
    const [moved, by] = isDateTimeKind(a) ? [0, 1] : [1, 0];
    const result = shift(args[moved]!, types[moved]!, args[by]!, types[by]!, operator === "-", context);
    return returnType.kind === "string" ? formatTimestamp(result as bigint, timeZone(context.timeZone)) : result;
  }
  if (operator === "div" && isInterval(a)) {
    if (Number(args[1] as bigint | number) === 0) throw intervalDividedByZero();
    return BigInt(args[0] as bigint | number) / BigInt(args[1] as bigint | number);
  }
  if (!isInterval(returnType.kind)) return undefined;
  if (operator === "*")
    return isInterval(a) ? scale(args[0]!, args[1]!, types[1]!, returnType) : scale(args[1]!, args[0]!, types[0]!, returnType);
  if (operator === "/") return divide(args[0]!, args[1]!, types[1]!, returnType);
  const [left, right] = [BigInt(args[0] as bigint | number), BigInt(args[1] as bigint | number)];
  return intervalOf(operator === "+" ? left + right : left - right, returnType, operator === "+" ? "try_add" : "try_subtract");
}

/** Local time passed, so that a day with a clock change still counts 24 hours. */
function between(start: bigint, end: bigint, kind: TypeKind, context: EvaluationContext): bigint {
  if (kind !== "timestamp") return end - start;
  const zone = timeZone(context.timeZone);
  return end + zone.offsetMicrosAt(end) - (start + zone.offsetMicrosAt(start));
}

function shift(moved: Value, type: DataType, by: Value, byType: DataType, back: boolean, context: EvaluationContext): Value {
  const sign = back ? -1 : 1;
  if (type.kind === "date") {
    if (byType.kind === "year_month_interval") return addMonths(moved as number, sign * (by as number));
    const days = byType.kind === "day_time_interval" ? Number((by as bigint) / MICROS_PER_DAY) : (by as number);
    const result = (moved as number) + sign * days;
    if ((result | 0) !== result) throw arithmeticOverflow("integer overflow");
    return result;
  }
  const micros = moved as bigint;
  if (byType.kind === "day_time_interval") {
    const interval = back ? -(by as bigint) : (by as bigint);
    // Whole days move the local date, the rest is time passed.
    const days = (interval / MICROS_PER_DAY) * MICROS_PER_DAY;
    const zone = timeZone(type.kind === "timestamp" ? context.timeZone : "UTC");
    const shifted = days === 0n ? micros : zone.localToUtc(micros + zone.offsetMicrosAt(micros) + days);
    return checkedLong(shifted + interval - days, () => dateTimeOverflow("add an interval to a timestamp"));
  }
  return addMonthsToTimestamp(micros, sign * (by as number), type.kind === "timestamp" ? context.timeZone : "UTC");
}

/** The local date moves by months, the local time of day stays. */
function addMonthsToTimestamp(micros: bigint, months: number, zoneId: string): bigint {
  const zone = timeZone(zoneId);
  const { days, microsOfDay } = localParts(micros, zone);
  return zone.localToUtc(BigInt(addMonths(days, months)) * MICROS_PER_DAY + microsOfDay);
}

function scale(interval: Value, factor: Value, factorType: DataType, type: DataType): Value {
  const units = BigInt(interval as bigint | number);
  const overflow = "try_multiply";
  if (factorType.kind === "decimal")
    return intervalOf(divideHalfUp(units * (factor as bigint), powerOfTen(factorType.scale)), type, overflow);
  if (factorType.kind === "float" || factorType.kind === "double")
    return intervalOf(roundHalfUp(Number(units) * (factor as number)), type, overflow);
  return intervalOf(units * BigInt(factor as bigint | number), type, overflow);
}

function divide(interval: Value, divisor: Value, divisorType: DataType, type: DataType): Value {
  if (Number(divisor as bigint | number) === 0) throw intervalDividedByZero();
  const units = BigInt(interval as bigint | number);
  if (divisorType.kind === "float" || divisorType.kind === "double")
    return intervalOf(roundHalfUp(Number(units) / (divisor as number)), type, "try_divide");
  const decimals = divisorType.kind === "decimal" ? (divisorType as DecimalType).scale : 0;
  return intervalOf(divideHalfUp(units * powerOfTen(decimals), BigInt(divisor as bigint | number)), type, "try_divide");
}

function roundHalfUp(value: number): bigint {
  if (!Number.isFinite(value)) throw intervalOverflow("try_multiply");
  return BigInt(value < 0 ? -Math.round(-value) : Math.round(value));
}

function intervalOf(units: bigint, type: DataType, suggestion: string): Value {
  if (type.kind === "day_time_interval") return checkedLong(units, () => intervalOverflow(suggestion));
  if (BigInt.asIntN(32, units) !== units) throw intervalOverflow(suggestion);
  return Number(units);
}

function checkedLong(value: bigint, error: () => Error): bigint {
  if (BigInt.asIntN(64, value) !== value) throw error();
  return value;
}
