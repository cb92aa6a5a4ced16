/** Strings by code points (Spark counts characters so, JavaScript counts UTF-16 units). ASCII and other BMP text takes the short way. */

/** True if every unit of `text` is a code point of its own. */
function isSimple(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdfff) return false;
  }
  return true;
}

/** The characters of `text`, one string each. */
export const characters = (text: string): readonly string[] => (isSimple(text) ? text.split("") : Array.from(text));

export function characterCount(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}

/** Characters `start` (inclusive) to `end` (exclusive), both clamped. */
export function sliceCharacters(text: string, start: number, end: number): string {
  if (end <= start || end <= 0) return "";
  if (isSimple(text)) return text.slice(Math.max(start, 0), end);
  return Array.from(text).slice(Math.max(start, 0), end).join("");
}

/** SQL's `substring`: positions count from 1, negative ones from the end, 0 is 1. */
export function substring(text: string, position: number, length: number): string {
  const count = characterCount(text);
  const start = position > 0 ? position - 1 : position < 0 ? count + position : 0;
  return sliceCharacters(text, start, Math.min(start + length, count));
}

/** Index in code points of a UTF-16 index. */
export const characterIndex = (text: string, unitIndex: number): number => characterCount(text.slice(0, unitIndex));
