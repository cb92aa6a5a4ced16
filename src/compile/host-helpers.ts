/** JavaScript functions that generated modules may import as "host": rare steps that neither WebAssembly nor a kernel does. In workers. */
import { decimalToDouble, divideHalfEven, divideHalfUp } from "../columnar/decimal.ts";
import { ARENA_BLOCK, ERROR_CODE, ERROR_CODES, PADDING_BYTES } from "../columnar/memory-layout.ts";
import { parseTimestamp } from "../columnar/parse-text.ts";
import { timeZone } from "../columnar/time-zone.ts";
import { decodeUtf8, decodeWide } from "../columnar/value-bytes.ts";
import { roundDouble } from "../functions/math/rounding.ts";
import type { Kernels } from "../kernels/load.ts";

/** The helpers over one worker's memory. */
export function hostHelpers(kernels: Kernels): Record<string, (...args: never[]) => unknown> {
  const utc = timeZone("UTC");
  const textOf = (view: bigint): string => {
    const start = Number(view & 0xffffffffn);
    return decodeUtf8(kernels.bytes(), start, start + Number((view >> 32n) & 0xffffffffn));
  };
  return {
    /** Nearest double to an unscaled decimal of the scale. */
    decimal_to_double: (unscaled: bigint, scale: number): number => decimalToDouble(unscaled, scale),

    /** The same of the wide number under a view. */
    wide_to_double: (view: bigint, scale: number): number =>
      decimalToDouble(decodeWide(kernels.bytes(), Number(view & 0xffffffffn)), scale),

    /** A double rounded to `scale` digits, halves to the even neighbour (1) or away from zero (0). */
    round_double: (value: number, scale: number, isEven: number): number =>
      roundDouble(value, scale, isEven ? divideHalfEven : divideHalfUp),

    /** Text under a view to a timestamp, with all forms that the kernel does not know (zones by name); sets the error cell if malformed. */
    parse_timestamp: (view: bigint): bigint => {
      const parsed = parseTimestamp(textOf(view), utc);
      if (parsed === undefined) kernels.view().setUint32(ERROR_CODE, ERROR_CODES.cast_invalid_input, true);
      return parsed ?? 0n;
    },

    /** The text in upper (1) or lower case (0), in the block's arena. Without memory the error cell is set. */
    change_case: (view: bigint, isUpper: number): bigint => {
      const text = textOf(view);
      const bytes = Buffer.from(isUpper ? text.toUpperCase() : text.toLowerCase());
      const address = (kernels.exports["arena_alloc"]!(ARENA_BLOCK, bytes.length + PADDING_BYTES) as number) >>> 0;
      if (address !== 0) kernels.bytes().set(bytes, address);
      return (BigInt(bytes.length) << 32n) | BigInt(address);
    },
  };
}
