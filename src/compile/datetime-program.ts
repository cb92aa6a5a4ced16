/**
 * Datetime patterns as programs for `kernels/assembly/datetime-format.ts`, where the form of a program stands. Main thread, while a stage is
 * compiled.
 */
import { type DateTimePattern, dateTimePattern, MONTHS, WEEKDAYS } from "../columnar/datetime-pattern.ts";
import { literalBytes } from "./literal.ts";

const [TEXT, NUMBER, YEAR, FRACTION, NAME] = [0, 1, 2, 3, 4];
/** Numbers of the fields in the kernel, by letter; the last four have none of their own. */
const FIELDS = ["M", "d", "D", "H", "k", "K", "h", "m", "s", "yy", "a", "E", "MMM"];
const DIGITS_MAX = 20;
/** What a number of any field and a year need at most, beside the digits asked for. */
const NUMBER_BYTES = 8;
/** From Sunday on. */
const DAYS_OF_WEEK = [WEEKDAYS[6]!, ...WEEKDAYS.slice(0, 6)];

/** The program of a pattern; null for patterns that have other parts (zones, eras, quarters) and for illegal ones. */
export function datetimeProgram(text: string): Uint8Array | null {
  let pattern: DateTimePattern;
  try {
    pattern = dateTimePattern(text);
  } catch {
    return null;
  }
  const code: number[] = [];
  const bytes = writeParts(pattern, code);
  return bytes === null || bytes > 0xffff ? null : Uint8Array.of(bytes & 255, bytes >> 8, ...code);
}

/** Appends instructions and returns how many bytes their text has at most, or null. */
function writeParts(parts: DateTimePattern, code: number[]): number | null {
  let total = 0;
  for (const part of parts) {
    const bytes =
      part.kind === "text"
        ? writeText(part.text, code)
        : part.kind === "optional"
          ? writeParts(part.parts, code)
          : writeField(part.letter, part.count, code);
    if (bytes === null) return null;
    total += bytes;
  }
  return total;
}

function writeText(text: string, code: number[]): number | null {
  const bytes = literalBytes(text);
  if (bytes.length > 255) return null;
  code.push(TEXT!, bytes.length, ...bytes);
  return bytes.length;
}

function writeField(letter: string, count: number, code: number[]): number | null {
  if (count > DIGITS_MAX) return null;
  switch (letter) {
    case "y":
      if (count === 2) return writeNumber("yy", count, code);
      code.push(YEAR!, count);
      return NUMBER_BYTES + count;
    case "M":
    case "L":
      if (count >= 3) return writeNames("MMM", MONTHS, count, code);
      return writeNumber("M", count, code);
    case "E":
      return writeNames("E", DAYS_OF_WEEK, count, code);
    case "a":
      return writeNames("a", ["AM", "PM"], 4, code);
    case "S":
      code.push(FRACTION!, count);
      return count;
    default:
      return FIELDS.includes(letter) ? writeNumber(letter, count, code) : null;
  }
}

function writeNumber(field: string, count: number, code: number[]): number {
  code.push(NUMBER!, FIELDS.indexOf(field), count);
  return NUMBER_BYTES + count;
}

/** Up to three letters of a name, or with four and more pattern letters all. */
function writeNames(field: string, names: readonly string[], count: number, code: number[]): number {
  const shown = names.map((name) => literalBytes(count >= 4 ? name : name.slice(0, 3)));
  const all = shown.flatMap((name) => [name.length, ...name]);
  code.push(NAME!, FIELDS.indexOf(field), all.length, ...all);
  return Math.max(...shown.map(({ length }) => length));
}
