/** Single values as text inside SQL: numbers as Java prints them, dates and times in UTC. Main thread, for messages and plans only. */

/** As Java's `Double.toString`: `1.0`, `1.0E10`, `1.0E-4`, `NaN`, `Infinity`. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/** The decimal `unscaled` x 10^-scale, in plain notation. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const sign = unscaled < 0n ? "-" : "";
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** `2024-01-31` of days since the epoch. */
export function dateText(epochDays: number): string {
  return timestampText(BigInt(epochDays) * 86_400_000_000n).slice(0, -9);
}

/** `2024-01-31 12:00:00[.ffffff]` of microseconds since the epoch, in UTC, for any year. */
export function timestampText(epochMicros: bigint): string {
  const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;
  const seconds = floorDivide(epochMicros, 1_000_000n);
  const micros = epochMicros - seconds * 1_000_000n;
  const days = floorDivide(seconds, 86_400n);
  const secondOfDay = seconds - days * 86_400n;
  // Civil date from days, by eras of 400 years that start on 1 March.
  const shifted = days + 719_468n;
  const era = floorDivide(shifted, 146_097n);
  const dayOfEra = shifted - era * 146_097n;
  const yearOfEra = (dayOfEra - dayOfEra / 1460n + dayOfEra / 36_524n - dayOfEra / 146_096n) / 365n;
  const dayOfYear = dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const monthFromMarch = (5n * dayOfYear + 2n) / 153n;
  const day = dayOfYear - (153n * monthFromMarch + 2n) / 5n + 1n;
  const month = monthFromMarch < 10n ? monthFromMarch + 3n : monthFromMarch - 9n;
  const year = yearOfEra + era * 400n + (month <= 2n ? 1n : 0n);
  const pad = (value: bigint, width = 2): string => value.toString().padStart(width, "0");
  const clock = `${pad(secondOfDay / 3600n)}:${pad((secondOfDay / 60n) % 60n)}:${pad(secondOfDay % 60n)}`;
  const fraction = micros === 0n ? "" : `.${pad(micros, 6).replace(/0+$/, "")}`;
  return `${year < 0n ? `-${pad(-year, 4)}` : pad(year, 4)}-${pad(month)}-${pad(day)} ${clock}${fraction}`;
}
