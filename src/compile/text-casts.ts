/** Which casts from and to text a kernel does (`kernels/assembly/text-casts.ts`). Used by `inline-cast.ts` on the main thread. */
import type { DataType, TypeKind } from "../columnar/types.ts";
import { integerBits } from "./inline-arithmetic.ts";
import { hasKernel } from "./kernel-names.ts";

/** Casts from and to text that kernels do; `constants` follow the value. */
export function textKernel(
  from: DataType,
  to: DataType,
  utc: boolean,
): { readonly kernel: string; readonly constants: readonly number[] } | null {
  const found = from.kind === "string" ? parser(to) : to.kind === "string" ? formatter(from) : null;
  return found && hasKernel(found.kernel) && (utc || from.kind !== "timestamp") ? found : null;
}

function parser(to: DataType): { kernel: string; constants: number[] } | null {
  const bits = integerBits(to);
  if (bits !== undefined && bits < 64) return { kernel: "parse_int", constants: [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] };
  const kernels: Partial<Record<TypeKind, string>> = { long: "parse_long", boolean: "parse_boolean", date: "parse_date" };
  const kernel = kernels[to.kind];
  return kernel === undefined ? null : { kernel, constants: [] };
}

function formatter(from: DataType): { kernel: string; constants: number[] } | null {
  const kernels: Partial<Record<TypeKind, string>> = {
    byte: "format_int",
    short: "format_int",
    integer: "format_int",
    long: "format_long",
    date: "format_date",
    timestamp: "format_timestamp",
  };
  const kernel = kernels[from.kind];
  return kernel === undefined ? null : { kernel, constants: [] };
}
