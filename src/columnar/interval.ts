/**
 * Texts of intervals by the fields of their types (`1 02` is a DAY TO HOUR), as Spark writes and reads them. Casts, literals, formats; any thread.
 */
import { DAY_TIME_FIELDS, type IntervalType, YEAR_MONTH_FIELDS } from "./types.ts";

/** Microseconds of a day, an hour, a minute, a second. */
export const FIELD_MICROS = [86_400_000_000n, 3_600_000_000n, 60_000_000n, 1_000_000n] as const;

/** What the last field of the type counts, in microseconds or months. */
export function unitOf({ kind, end }: IntervalType): bigint {
  if (kind === "day_time_interval") return FIELD_MICROS[end]!;
  return end === 0 ? 12n : 1n;
}

/** `DAY TO HOUR`, `MONTH`. */
function intervalFields({ kind, start, end }: IntervalType): string {
  const names = kind === "day_time_interval" ? DAY_TIME_FIELDS : YEAR_MONTH_FIELDS;
  return (start === end ? names[start]! : `${names[start]} to ${names[end]}`).toUpperCase();
}

/** `INTERVAL '-1 02' DAY TO HOUR`. */
export function formatInterval(value: bigint | number, type: IntervalType): string {
  return `INTERVAL '${intervalBody(BigInt(value), type)}' ${intervalFields(type)}`;
}

function intervalBody(value: bigint, { kind, start, end }: IntervalType): string {
  const sign = value < 0n ? "-" : "";
  let rest = value < 0n ? -value : value;
  if (kind === "year_month_interval") {
    const [years, months] = [rest / 12n, rest % 12n];
    return sign + (start === end ? String(start === 0 ? years : rest) : `${years}-${months}`);
  }
  let text = sign;
  for (let field = start; field <= end; field++) {
    const unit = FIELD_MICROS[field]!;
    const separator = field === start ? "" : field === 1 ? " " : ":";
    text += separator + String(rest / unit).padStart(field === 0 ? 1 : 2, "0");
    rest %= unit;
  }
  const fraction = end === 3 ? String(rest).padStart(6, "0").replace(/0+$/, "") : "";
  return fraction === "" ? text : `${text}.${fraction}`;
}

/** The value of a text such as `1 02:03`, for exactly the fields of the type; undefined when it is none. */
export function parseIntervalBody(text: string, { kind, start, end }: IntervalType): bigint | undefined {
  if (kind === "year_month_interval") {
    const match = (start === end ? /^([+-]?)(\d{1,9})()$/ : /^([+-]?)(\d{1,9})-(\d{1,2})$/).exec(text);
    if (!match || Number(match[3]) > 11) return undefined;
    const months = BigInt(match[2]!) * (start === end && start === 1 ? 1n : 12n) + BigInt(match[3]!);
    return match[1] === "-" ? -months : months;
  }
  const fields = Array.from({ length: end - start + 1 }, (_, index) => start + index);
  const pattern = fields.map((field) => {
    const separator = field === start ? "" : field === 1 ? " +" : ":";
    return `${separator}${field === start ? String.raw`(\d{1,18})` : String.raw`(\d{1,2})`}`;
  });
  const fraction = end === 3 ? String.raw`(?:\.(\d{1,9}))?` : "";
  const match = new RegExp(`^([+-]?)${pattern.join("")}${fraction}$`).exec(text);
  if (!match) return undefined;
  let micros = 0n;
  for (const [index, field] of fields.entries()) {
    const count = BigInt(match[index + 2]!);
    if (index > 0 && count >= (field === 1 ? 24n : 60n)) return undefined;
    micros += count * FIELD_MICROS[field]!;
  }
  micros += BigInt((match[fields.length + 2] ?? "").slice(0, 6).padEnd(6, "0"));
  return match[1] === "-" ? -micros : micros;
}

/** As `parseIntervalBody`, also with the word INTERVAL, quotes and fields around it. */
export function parseIntervalText(text: string, type: IntervalType): bigint | undefined {
  const fields = intervalFields(type).replaceAll(" ", String.raw`\s+`);
  const quoted = new RegExp(String.raw`^interval\s+([+-]?)'(.*)'\s+${fields}$`, "i").exec(text);
  const value = parseIntervalBody(quoted ? quoted[2]! : text, type);
  return quoted?.[1] === "-" && value !== undefined ? -value : value;
}

/** Forms that a text may have, for messages: `[+|-]d h`, `INTERVAL [+|-]'[+|-]d h' DAY TO HOUR`. */
export function intervalForms(type: IntervalType): string {
  const { kind, start, end } = type;
  const letters = kind === "day_time_interval" ? ["d", "h", "m", "s.n"] : ["y", "m"];
  const separators = kind === "day_time_interval" ? [" ", ":", ":"] : ["-"];
  let body = letters[start]!;
  for (let field = start + 1; field <= end; field++) body += separators[field - 1]! + letters[field]!;
  return `\`[+|-]${body}\`, \`INTERVAL [+|-]'[+|-]${body}' ${intervalFields(type)}\``;
}
