/** Which seeds a test of the simulator goes through; all of them are independent of each other, so that a long run can be done in parts. */

const { MILLRACE_SEED: wanted, MILLRACE_LONG } = process.env;
export const isLong = MILLRACE_LONG !== undefined;

/** MILLRACE_SEED=<seed>, or <first>-<last>; else as many from `from` on as MILLRACE_LONG=1, or a plain run, is given time for. */
export function seeds(from: number, count: { readonly short: number; readonly long: number }): readonly number[] {
  return chosen() ?? Array.from({ length: isLong ? count.long : count.short }, (_, index) => from + index);
}

/** Of so many cases, by index: those of MILLRACE_SEED; else all with MILLRACE_LONG=1, and every `stride`-th in a plain run. */
export function caseNumbers(count: number, stride: number): readonly number[] {
  const all = chosen() ?? Array.from({ length: Math.ceil(count / (isLong ? 1 : stride)) }, (_, index) => index * (isLong ? 1 : stride));
  return all.filter((index) => index < count);
}

function chosen(): readonly number[] | null {
  if (wanted === undefined) return null;
  const [first, last = first] = wanted.split("-").map(Number) as [number, number?];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
