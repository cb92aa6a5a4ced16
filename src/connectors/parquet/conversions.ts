/**
 * From the values of a Parquet column to the values of an engine's column: which kernel, and whether Spark allows it at all. In workers.
 */
import { type DataType, physicalKind, physicalWidthBytes } from "../../columnar/types.ts";
import { PHYSICAL } from "./footer.ts";
import { type LeafShape, sparkType } from "./parquet-schema.ts";

export interface Conversion {
  /** Bytes of a value in a PLAIN page; views for BINARY. */
  readonly sourceWidth: number;
  /** Bytes of a value in a block. */
  readonly width: number;
  /** `kernel(from, to, count, sourceWidth, numbers)`; null: values stay as they are. */
  readonly kernel: string | null;
  /** Values are views on 16-byte numbers, which need room of their own. */
  readonly isWide: boolean;
}

/** Bytes of a value as pages are decoded: as stored, booleans as bytes, strings as views. */
function sourceWidth({ element }: LeafShape): number {
  return element.physical === PHYSICAL.fixed ? element.typeLength : SOURCE_WIDTHS[element.physical!]!;
}
const SOURCE_WIDTHS = [1, 4, 8, 12, 4, 8, 8];

/** Null where the file's type cannot be read as `wanted`. */
export function conversion(leaf: LeafShape, wanted: DataType): Conversion | null {
  const kernel = kernelFor(leaf, sparkType(leaf), wanted);
  if (kernel === undefined) return null;
  const isWide = physicalKind(wanted) === "wide";
  return { sourceWidth: sourceWidth(leaf), width: physicalWidthBytes[physicalKind(wanted)], kernel, isWide };
}

const INTEGER_BYTES: Readonly<Record<string, number>> = { byte: 1, short: 2, integer: 4, long: 8 };

/** Undefined: not allowed. Widening is, and strings are bytes. */
function kernelFor(leaf: LeafShape, found: DataType, wanted: DataType): string | null | undefined {
  const { physical, logical } = leaf.element;
  switch (wanted.kind) {
    case "byte":
    case "short":
    case "integer":
    case "long": {
      const bytes = INTEGER_BYTES[found.kind];
      if (bytes === undefined || bytes > INTEGER_BYTES[wanted.kind]!) return undefined;
      if (physical === PHYSICAL.int64) return null;
      if (wanted.kind !== "long")
        return wanted.kind === "byte" ? "parquet_i32_to_i8" : wanted.kind === "short" ? "parquet_i32_to_i16" : null;
      return found.kind === "long" ? "parquet_u32_to_i64" : "parquet_i32_to_i64";
    }
    case "double":
      if (found.kind === "double") return null;
      if (found.kind === "float") return "parquet_f32_to_f64";
      return (INTEGER_BYTES[found.kind] ?? 8) <= 4 ? "parquet_i32_to_f64" : undefined;
    case "string":
    case "binary":
      if (found.kind !== "string" && found.kind !== "binary") return undefined;
      return physical === PHYSICAL.fixed ? "parquet_fixed_to_views" : null;
    case "decimal": {
      if (found.kind !== "decimal" || found.scale !== wanted.scale || found.precision > wanted.precision) return undefined;
      const target = wanted.precision <= 18 ? "i64" : "wide";
      if (physical === PHYSICAL.int32) return `parquet_i32_to_${target}`;
      if (physical === PHYSICAL.int64) {
        if (logical?.kind === "integer") return "parquet_u64_to_wide";
        return target === "i64" ? null : "parquet_i64_to_wide";
      }
      return physical === PHYSICAL.fixed ? `parquet_fixed_to_${target}` : `parquet_views_to_${target}`;
    }
    case "timestamp":
    case "timestamp_ntz":
      if (found.kind !== "timestamp" && found.kind !== "timestamp_ntz") return undefined;
      if (physical === PHYSICAL.int96) return "parquet_int96_to_micros";
      if (logical?.kind !== "timestamp" || logical.unit === "micros") return null;
      return logical.unit === "millis" ? "parquet_millis_to_micros" : "parquet_nanos_to_micros";
    case "boolean":
    case "float":
    case "date":
      return found.kind === wanted.kind ? null : undefined;
    default:
      return undefined;
  }
}

/** Values as they are stored: for columns whose values nobody looks at. */
export function asStored(leaf: LeafShape): Conversion {
  const width = sourceWidth(leaf);
  return { sourceWidth: width, width, kernel: null, isWide: false };
}
