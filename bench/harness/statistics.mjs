/** Medians, percentiles and their texts. */

/** The value at `percent` of the ascending order; the nearest rank. */
export function percentile(values, percent) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1))];
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median with smallest and largest. */
export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Three significant digits, without an exponent. */
export function short(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

/** `12.3 (11.9 to 12.8)`; only the first where there is one value. */
export function spreadText({ median: middle, min, max }) {
  return min === max ? short(middle) : `${short(middle)} (${short(min)} to ${short(max)})`;
}
