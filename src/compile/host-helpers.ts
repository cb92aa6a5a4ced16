/** JavaScript functions that generated modules may import as "host": rare steps that neither WebAssembly nor a kernel does. In workers. */
import { decimalToDouble } from "../columnar/decimal.ts";
import { ERROR_CODE, ERROR_CODES } from "../columnar/memory-layout.ts";
import { parseTimestamp } from "../columnar/parse-text.ts";
import { timeZone } from "../columnar/time-zone.ts";
import type { Kernels } from "../kernels/load.ts";

/** The helpers over one worker's memory. */
export function hostHelpers(kernels: Kernels): Record<string, (...args: never[]) => unknown> {
  const utc = timeZone("UTC");
  return {
    /** Nearest double to an unscaled decimal of the scale. */
    decimal_to_double: (unscaled: bigint, scale: number): number => decimalToDouble(unscaled, scale),

    /** Text under a view to a timestamp, with all forms that the kernel does not know (zones by name); sets the error cell if malformed. */
    parse_timestamp: (view: bigint): bigint => {
      const start = Number(view & 0xffffffffn);
      const length = Number((view >> 32n) & 0xffffffffn);
      const parsed = parseTimestamp(new TextDecoder().decode(kernels.bytes().slice(start, start + length)), utc);
      if (parsed === undefined) kernels.view().setUint32(ERROR_CODE, ERROR_CODES.cast_invalid_input, true);
      return parsed ?? 0n;
    },
  };
}
