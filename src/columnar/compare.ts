/**
 * Order and equality of values as Spark has them: NaN equals NaN and is the greatest, -0.0 equals 0.0, strings go by
 * UTF-8 bytes, structs and arrays by their parts, nulls inside them first. Used on every thread.
 */
import type { DataType } from "./types.ts";
import type { Value } from "./values.ts";

/** Negative, 0 or positive. Nulls come first and equal each other. Maps have no order: they compare entry by entry. */
export function compareValues(type: DataType, a: Value, b: Value): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  switch (type.kind) {
    case "string":
      return compareStrings(a as string, b as string);
    case "binary":
      return compareBytes(a as Uint8Array, b as Uint8Array);
    case "float":
    case "double":
      return compareDoubles(a as number, b as number);
    case "struct": {
      const [left, right] = [a as readonly Value[], b as readonly Value[]];
      for (const [index, field] of type.fields.entries()) {
        const order = compareValues(field.dataType, left[index]!, right[index]!);
        if (order !== 0) return order;
      }
      return 0;
    }
    case "array":
      return compareLists(type.elementType, a as readonly Value[], b as readonly Value[]);
    case "map": {
      const [left, right] = [a as readonly [Value, Value][], b as readonly [Value, Value][]];
      const keys = compareLists(
        type.keyType,
        left.map((entry) => entry[0]),
        right.map((entry) => entry[0]),
      );
      return (
        keys ||
        compareLists(
          type.valueType,
          left.map((entry) => entry[1]),
          right.map((entry) => entry[1]),
        )
      );
    }
    default:
      return a < b ? -1 : a > b ? 1 : 0;
  }
}

export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0);
}

/** By UTF-8 bytes, which is the order of code points; UTF-16 units differ from it above U+FFFF. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const [left, right] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (left !== right) return codeOrder(left) - codeOrder(right);
  }
  return a.length - b.length;
}

/** Surrogates (0xD800 to 0xDFFF) stand for code points above all other units. */
const codeOrder = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return a[index]! - b[index]!;
  return a.length - b.length;
}

function compareLists(elementType: DataType, a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const order = compareValues(elementType, a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
