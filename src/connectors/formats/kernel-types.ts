/** Codes of data types in the descriptors of scanners and encoders (`TYPE_…` in `kernels/assembly/scan-block.ts`). On workers. */
import type { DataType } from "../../columnar/types.ts";

/** A value that is stepped over. */
export const TYPE_SKIPPED = 15;

/** 0: the kernels neither read nor write the type. */
export function kernelTypeCode(type: DataType): number {
  switch (type.kind) {
    case "boolean":
      return 1;
    case "byte":
      return 2;
    case "short":
      return 3;
    case "integer":
      return 4;
    case "long":
      return 5;
    case "float":
      return 6;
    case "double":
      return 7;
    case "decimal":
      return type.precision <= 18 ? 8 : 0;
    case "string":
      return 9;
    case "date":
      return 10;
    case "timestamp":
      return 11;
    case "timestamp_ntz":
      return 12;
    case "struct":
      return 13;
    case "binary":
      return 14;
    case "void":
    case "array":
    case "map":
    case "day_time_interval":
    case "year_month_interval":
      return 0;
  }
}
