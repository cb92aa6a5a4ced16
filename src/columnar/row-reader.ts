/** Fields of one row (`row-layout.ts`) as values, from JavaScript: for results that are single rows. In a worker. */
import type { Kernels } from "../kernels/load.ts";
import { variableValue } from "./list-encoding.ts";
import type { RowField } from "./row-layout.ts";
import type { Value } from "./values.ts";

/** The value of `field` in the row at `row`, whose slots are relative to `base`. */
export function readRowField({ bytes, view }: Pick<Kernels, "bytes" | "view">, row: number, base: number, field: RowField): Value {
  const memory = view();
  if ((memory.getBigUint64(row + field.nullsOffset, true) >> BigInt(field.nullBit)) & 1n) return null;
  const at = row + field.offset;
  switch (field.physical) {
    case "i8":
      return field.dataType.kind === "boolean" ? memory.getInt8(at) !== 0 : memory.getInt8(at);
    case "i16":
      return memory.getInt16(at, true);
    case "i32":
      return memory.getInt32(at, true);
    case "i64":
      return memory.getBigInt64(at, true);
    case "f32":
      return memory.getFloat32(at, true);
    case "f64":
      return memory.getFloat64(at, true);
    default: {
      const start = base + memory.getUint32(at, true);
      return variableValue(field.dataType, bytes(), start, start + memory.getUint32(at + 4, true));
    }
  }
}
