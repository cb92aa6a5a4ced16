/** Which seeds a test of the simulator goes through; all of them are independent of each other, so that a long run can be done in parts. */

/** MILLRACE_SEED=<seed>, or <first>-<last>; else as many from `from` on as MILLRACE_LONG=1, or a plain run, is given time for. */
export function seeds(from: number, count: { readonly short: number; readonly long: number }): readonly number[] {
  const { MILLRACE_SEED: wanted, MILLRACE_LONG: isLong } = process.env;
  const usual = `${from}-${from + (isLong === undefined ? count.short : count.long) - 1}`;
  const [first, last = first] = (wanted ?? usual).split("-").map(Number) as [number, number?];
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
