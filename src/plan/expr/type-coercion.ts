/**
 * Type rules of Spark's ANSI mode: common types of several expressions, implicit and explicit casts, decimal results.
 * Called by the analyzer and by the `resolve` rules of functions; pure, main thread.
 */
import {
  arrayType,
  decimalType,
  DoubleType,
  intervalType,
  LongType,
  mapType,
  structField,
  structType,
  TimestampNTZType,
  TimestampType,
  sameType,
  type DataType,
  type DecimalType,
  type IntervalType,
  type TypeKind,
} from "../../columnar/types.ts";

const MAX_PRECISION = 38;
/** Digits after the point that a result keeps when its precision has to be cut to 38. */
const MIN_ADJUSTED_SCALE = 6;

const INTEGRAL: readonly TypeKind[] = ["byte", "short", "integer", "long"];
const NUMERIC_ORDER: readonly TypeKind[] = [...INTEGRAL, "float", "double"];

export const isIntegral = (type: DataType): boolean => INTEGRAL.includes(type.kind);
export const isNumeric = (type: DataType): boolean => type.kind === "decimal" || NUMERIC_ORDER.includes(type.kind);
export const isAtomic = (type: DataType): boolean =>
  type.kind !== "void" && type.kind !== "array" && type.kind !== "map" && type.kind !== "struct";
const isDateTime = (type: DataType): boolean => type.kind === "date" || type.kind === "timestamp" || type.kind === "timestamp_ntz";
export const isFractional = (type: DataType): type is { kind: "float" } | { kind: "double" } =>
  type.kind === "float" || type.kind === "double";
export const isInterval = (type: DataType): type is IntervalType =>
  type.kind === "day_time_interval" || type.kind === "year_month_interval";

/** True if the type has an order (`<`, min, sort). Maps have none. */
export function isOrderable(type: DataType): boolean {
  switch (type.kind) {
    case "map":
      return false;
    case "array":
      return isOrderable(type.elementType);
    case "struct":
      return type.fields.every((field) => isOrderable(field.dataType));
    default:
      return true;
  }
}

/** The decimal that holds every value of an integral type. */
export function decimalForType(type: DataType): DecimalType | undefined {
  switch (type.kind) {
    case "byte":
      return decimalType(3, 0);
    case "short":
      return decimalType(5, 0);
    case "integer":
      return decimalType(10, 0);
    case "long":
      return decimalType(20, 0);
    case "decimal":
      return type;
    default:
      return undefined;
  }
}

/** Cuts a precision over 38: whole digits are kept, the scale shrinks to no less than 6 (or what it was). */
function adjustedDecimal(precision: number, scale: number): DecimalType {
  if (precision <= MAX_PRECISION) return decimalType(precision, scale);
  const wholeDigits = precision - scale;
  return decimalType(MAX_PRECISION, Math.max(MAX_PRECISION - wholeDigits, Math.min(scale, MIN_ADJUSTED_SCALE)));
}

/** Precision and scale simply capped at 38. */
export function boundedDecimal(precision: number, scale: number): DecimalType {
  return decimalType(Math.min(precision, MAX_PRECISION), Math.min(scale, MAX_PRECISION));
}

/** Result type of `+ - * / % div` on decimals. */
export function decimalResult(operator: "+" | "-" | "*" | "/" | "%" | "pmod" | "div", a: DecimalType, b: DecimalType): DecimalType {
  const [wholeA, wholeB] = [a.precision - a.scale, b.precision - b.scale];
  const scale = Math.max(a.scale, b.scale);
  switch (operator) {
    case "+":
    case "-":
      return adjustedDecimal(Math.max(wholeA, wholeB) + scale + 1, scale);
    case "*":
      return adjustedDecimal(a.precision + b.precision + 1, a.scale + b.scale);
    case "/": {
      const resultScale = Math.max(MIN_ADJUSTED_SCALE, a.scale + b.precision + 1);
      return adjustedDecimal(wholeA + b.scale + resultScale, resultScale);
    }
    case "%":
    case "pmod":
      return adjustedDecimal(Math.min(wholeA, wholeB) + scale, scale);
    case "div":
      return boundedDecimal(wholeA + b.scale === 0 ? 1 : wholeA + b.scale, 0);
  }
}

/** The decimal that holds both; whole digits go before fraction digits where 38 are not enough. */
function widerDecimal(a: DecimalType, b: DecimalType): DecimalType {
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
  return precision <= MAX_PRECISION
    ? decimalType(precision, scale)
    : decimalType(MAX_PRECISION, Math.max(0, scale - (precision - MAX_PRECISION)));
}

/** The type to which both convert without loss, strings and decimals aside; undefined if there is none. */
export function tightestCommonType(a: DataType, b: DataType): DataType | undefined {
  if (sameType(a, b)) return a;
  if (a.kind === "void") return b;
  if (b.kind === "void") return a;
  const [rankA, rankB] = [NUMERIC_ORDER.indexOf(a.kind), NUMERIC_ORDER.indexOf(b.kind)];
  if (rankA >= 0 && rankB >= 0) {
    const wider = rankA > rankB ? a : b;
    // A float cannot hold every integer: the pair meets in double.
    return wider.kind === "float" ? DoubleType : wider;
  }
  if (isDateTime(a) && isDateTime(b)) return a.kind === "timestamp" || b.kind === "timestamp" ? TimestampType : TimestampNTZType;
  if (isInterval(a) && isInterval(b) && a.kind === b.kind) return intervalType(a.kind, Math.min(a.start, b.start), Math.max(a.end, b.end));
  return commonComplexType(a, b, tightestCommonType);
}

/** The type that operands of a comparison, branches of a CASE and the like are cast to; undefined if they do not fit together. */
export function widerTypeForTwo(a: DataType, b: DataType): DataType | undefined {
  return tightestCommonType(a, b) ?? commonWithDecimal(a, b) ?? commonWithString(a, b) ?? commonComplexType(a, b, widerTypeForTwo);
}

/** `widerTypeForTwo` over a list; strings are looked at last, so that their place does not matter. */
export function widerTypeOf(types: readonly DataType[]): DataType | undefined {
  const ordered = [...types.filter((type) => type.kind === "string"), ...types.filter((type) => type.kind !== "string")];
  let common: DataType | undefined = ordered[0];
  for (const type of ordered.slice(1)) common = common && widerTypeForTwo(common, type);
  return common;
}

function commonWithDecimal(a: DataType, b: DataType): DataType | undefined {
  if (a.kind !== "decimal" && b.kind !== "decimal") return undefined;
  if (a.kind === "double" || b.kind === "double" || a.kind === "float" || b.kind === "float") return DoubleType;
  const [left, right] = [decimalForType(a), decimalForType(b)];
  return left && right && widerDecimal(left, right);
}

/** A string takes the other side's type; next to whole numbers bigint, next to other numbers double. */
function commonWithString(a: DataType, b: DataType): DataType | undefined {
  if (b.kind === "string") return a.kind === "string" ? a : commonWithString(b, a);
  if (a.kind !== "string") return undefined;
  if (isIntegral(b)) return LongType;
  if (isNumeric(b)) return DoubleType;
  return isAtomic(b) && !isInterval(b) ? b : undefined;
}

function commonComplexType(a: DataType, b: DataType, common: (a: DataType, b: DataType) => DataType | undefined): DataType | undefined {
  if (a.kind === "array" && b.kind === "array") {
    const element = common(a.elementType, b.elementType);
    return element && arrayType(element, a.containsNull || b.containsNull);
  }
  if (a.kind === "map" && b.kind === "map") {
    const key = common(a.keyType, b.keyType);
    const value = common(a.valueType, b.valueType);
    return key && value && mapType(key, value, a.valueContainsNull || b.valueContainsNull);
  }
  if (a.kind === "struct" && b.kind === "struct" && a.fields.length === b.fields.length) {
    const fields = [];
    for (const [index, left] of a.fields.entries()) {
      const right = b.fields[index]!;
      const type = common(left.dataType, right.dataType);
      if (!type || left.name.toLowerCase() !== right.name.toLowerCase()) return undefined;
      fields.push(structField(left.name, type, left.nullable || right.nullable));
    }
    return structType(fields);
  }
  return undefined;
}

/** The type that an argument of type `from` is cast to where `to` is expected, or undefined where no implicit cast exists. */
export function implicitCast(from: DataType, to: DataType): DataType | undefined {
  if (sameType(from, to) || from.kind === "void") return to;
  if (from.kind === "string") return isAtomic(to) ? to : undefined;
  return canStoreAssign(from, to) ? to : undefined;
}

/** Conversions that are safe enough to happen unasked (Spark's ANSI store assignment). */
function canStoreAssign(from: DataType, to: DataType): boolean {
  if (sameType(from, to) || from.kind === "void") return true;
  if (isNumeric(from) && isNumeric(to)) return true;
  if (isAtomic(from) && to.kind === "string") return true;
  if (isDateTime(from) && isDateTime(to)) return true;
  if (isInterval(from) && from.kind === to.kind) return true;
  if (from.kind === "array" && to.kind === "array") return canStoreAssign(from.elementType, to.elementType);
  if (from.kind === "map" && to.kind === "map")
    return canStoreAssign(from.keyType, to.keyType) && canStoreAssign(from.valueType, to.valueType);
  if (from.kind === "struct" && to.kind === "struct")
    return (
      from.fields.length === to.fields.length &&
      from.fields.every((field, index) => canStoreAssign(field.dataType, to.fields[index]!.dataType))
    );
  return false;
}

/** Whether `CAST(x AS to)` is allowed at all in ANSI mode; values may still fail at run time. */
export function canCast(from: DataType, to: DataType): boolean {
  if (sameType(from, to) || from.kind === "void") return true;
  if (to.kind === "string") return true;
  switch (from.kind) {
    case "string":
      return isAtomic(to);
    case "binary":
      return false;
    case "boolean":
      return isNumeric(to);
    case "date":
      return isDateTime(to);
    case "timestamp":
      return isDateTime(to) || isNumeric(to);
    case "timestamp_ntz":
      return isDateTime(to);
    case "day_time_interval":
    case "year_month_interval":
      return isIntegral(to) || to.kind === "decimal" || from.kind === to.kind;
    case "array":
      return to.kind === "array" && canCast(from.elementType, to.elementType);
    case "map":
      return to.kind === "map" && canCast(from.keyType, to.keyType) && canCast(from.valueType, to.valueType);
    case "struct":
      return (
        to.kind === "struct" &&
        from.fields.length === to.fields.length &&
        from.fields.every((field, index) => canCast(field.dataType, to.fields[index]!.dataType))
      );
    default:
      // Numbers. Exact ones may count the months or seconds of an interval.
      return (
        isNumeric(to) ||
        to.kind === "boolean" ||
        to.kind === "timestamp" ||
        ((isIntegral(from) || from.kind === "decimal") && isInterval(to))
      );
  }
}
