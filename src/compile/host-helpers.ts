/** JavaScript functions that generated modules may import as "host": rare steps that WebAssembly has no instruction for. Workers. */

export const hostHelpers = {
  /** Nearest double to `unscaled / 10^scale`, correctly rounded. */
  decimal_to_double: (unscaled: bigint, scale: number): number => Number(`${unscaled}e-${scale}`),
} as const;
