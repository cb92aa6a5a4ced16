/**
 * Decimals as unscaled `bigint`s: rescaling, rounding, text. The scale is kept by the caller (it is in the type).
 * Used on every thread by casts, arithmetic and formatting.
 */

const POWERS: bigint[] = [1n];

/** 10 to the power of `exponent` (not negative). */
export function powerOfTen(exponent: number): bigint {
  while (POWERS.length <= exponent) POWERS.push(POWERS.at(-1)! * 10n);
  return POWERS[exponent]!;
}

export const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** Quotient rounded half away from zero (Java's HALF_UP). */
export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const remainder = dividend % divisor;
  if (absolute(remainder) * 2n < absolute(divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** Quotient rounded half to even. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const doubled = absolute(dividend % divisor) * 2n;
  if (doubled < absolute(divisor) || (doubled === absolute(divisor) && quotient % 2n === 0n)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

/** The unscaled value at scale `to`, rounded half up when digits are dropped. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * powerOfTen(to - from);
  return divideHalfUp(unscaled, powerOfTen(from - to));
}

/** True if `unscaled` has at most `precision` digits. */
export function fitsPrecision(unscaled: bigint, precision: number): boolean {
  return absolute(unscaled) < powerOfTen(precision);
}

/** Plain digits, e.g. `-0.05`; never an exponent. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  const digits = absolute(unscaled)
    .toString()
    .padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** A decimal literal such as `-12.50` or `1e-3`, exactly; undefined if `text` is none. Scale may be negative. */
export function parseDecimal(text: string): { readonly unscaled: bigint; readonly scale: number } | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$/.exec(text);
  if (!match || (match[2] === "" && !match[3])) return undefined;
  const fraction = match[3] ?? "";
  const unscaled = BigInt(match[2] + fraction);
  return { unscaled: match[1] === "-" ? -unscaled : unscaled, scale: fraction.length - Number(match[4] ?? 0) };
}

/** The decimal nearest to a finite double's shortest text, as Java's `BigDecimal.valueOf`. */
export function decimalFromDouble(value: number): { readonly unscaled: bigint; readonly scale: number } {
  return parseDecimal(String(value))!;
}

/** Double nearest to the decimal. */
export function decimalToDouble(unscaled: bigint, scale: number): number {
  return Number(`${unscaled}e-${scale}`);
}
