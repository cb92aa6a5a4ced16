/** Rows as the lines that answers are digests of; the forms are those of the table in `bench/README.md`. */

/** Lines of rows as a memory sink holds them (values by position, of `schema`). */
export function linesOf(rows, schema) {
  const texts = schema.fields.map(({ dataType }) => textOf(dataType));
  return rows.map((row) => row.map((value, column) => (value === null ? "null" : texts[column](value))).join(","));
}

/** Of rows in update mode only the last of each key, which is the first `keys` columns. */
export function lastOfEachKey(rows, keys) {
  return [...new Map(rows.map((row) => [row.slice(0, keys).join(), row])).values()];
}

function textOf(dataType) {
  switch (dataType.kind) {
    case "timestamp":
      return (micros) => String(micros / 1000n);
    case "date":
      return (days) => new Date(Number(days) * 86_400_000).toISOString().slice(0, 10);
    case "struct":
      return ([start]) => String(start / 1000n);
    case "decimal":
      return (unscaled) => decimalText(unscaled, dataType.scale);
    case "double":
      return (value) => String(Math.trunc(value * 1000));
    default:
      return String;
  }
}

export function decimalText(unscaled, scale) {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}
