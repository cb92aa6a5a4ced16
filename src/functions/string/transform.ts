/** Text to text, and lengths: case, parts, padding, trimming, replacing. */
import { ArithmeticError } from "../../base/errors.ts";
import { BinaryType, IntegerType, StringType } from "../../columnar/types.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { anyOf, INTEGER, STRING, strict } from "../signature.ts";
import { characterCount, characters, sliceCharacters, substring } from "./characters.ts";

const TEXT_OR_BYTES = anyOf(StringType, BinaryType);
const INT_MAX = 2_147_483_647;

function substringOf(value: string | Uint8Array, position: number, length: number): string | Uint8Array {
  if (typeof value === "string") return substring(value, position, length);
  const start = position > 0 ? position - 1 : position < 0 ? value.length + position : 0;
  const end = Math.min(start + length, value.length);
  return end <= Math.max(start, 0) ? new Uint8Array(0) : value.slice(Math.max(start, 0), end);
}

function trimmed(text: string, unwanted: string, left: boolean, right: boolean): string {
  const list = characters(text);
  const set = new Set(characters(unwanted));
  let start = 0;
  let end = list.length;
  if (left) while (start < end && set.has(list[start]!)) start++;
  if (right) while (end > start && set.has(list[end - 1]!)) end--;
  return list.slice(start, end).join("");
}

/** `trim(text)` or, as Spark has it, `trim(unwanted, text)`. */
function trimFunction(name: string, left: boolean, right: boolean, description: string, result: string, kernel: string): ScalarFunction {
  return strict({
    name,
    description,
    example: [`concat('<', ${name}('  a '), '>')`, result],
    args: [STRING, STRING],
    optional: 1,
    returns: StringType,
    kernel: (types) => (types.length === 1 ? kernel : undefined),
    evaluate: ([first, second]) => (second === undefined ? trimmed(first, " ", left, right) : trimmed(second, first, left, right)),
  });
}

function padded(text: string, length: number, pad: string, left: boolean): string {
  const missing = length - characterCount(text);
  if (length <= 0) return "";
  if (missing <= 0 || pad === "") return sliceCharacters(text, 0, length);
  const filler = sliceCharacters(pad.repeat(Math.ceil(missing / characterCount(pad))), 0, missing);
  return left ? filler + text : text + filler;
}

function padFunction(name: string, left: boolean, description: string, result: string): ScalarFunction {
  return strict({
    name,
    description,
    example: [`${name}('hi', 5, '??')`, result],
    args: [STRING, INTEGER, STRING],
    optional: 1,
    returns: StringType,
    kernel: (types) => (types.length === 3 ? `utf8_${name}` : undefined),
    evaluate: ([text, length, pad = " "]) => padded(text, length, pad, left),
  });
}

/** Part `index` (from 1, or from the end if negative); an empty delimiter does not split. */
function splitPart(text: string, delimiter: string, index: number): string {
  if (index === 0) throw new ArithmeticError("INVALID_INDEX_OF_ZERO", {});
  const parts = delimiter === "" ? [text] : text.split(delimiter);
  return parts[index > 0 ? index - 1 : parts.length + index] ?? "";
}

function translated(text: string, from: string, to: string): string {
  const [sources, targets] = [characters(from), characters(to)];
  const map = new Map<string, string>();
  for (const [index, source] of sources.entries()) if (!map.has(source)) map.set(source, targets[index] ?? "");
  return characters(text)
    .map((character) => map.get(character) ?? character)
    .join("");
}

/** First letters of words (parts between spaces) in upper case, the rest in lower case. */
function initCapital(text: string): string {
  return text
    .toLowerCase()
    .split(" ")
    .map((word) => {
      const [first = "", ...rest] = characters(word);
      return first.toUpperCase() + rest.join("");
    })
    .join(" ");
}

export const transformFunctions: readonly ScalarFunction[] = [
  strict({
    name: "upper",
    aliases: ["ucase"],
    description: "The text in upper case.",
    example: ["upper('SparkSql')", "SPARKSQL"],
    args: [STRING],
    returns: StringType,
    evaluate: ([text]) => text.toUpperCase(),
  }),
  strict({
    name: "lower",
    aliases: ["lcase"],
    description: "The text in lower case.",
    example: ["lower('SparkSql')", "sparksql"],
    args: [STRING],
    returns: StringType,
    evaluate: ([text]) => text.toLowerCase(),
  }),
  strict({
    name: "initcap",
    description: "Every word with its first letter in upper case and the others in lower case.",
    example: ["initcap('sPark sql')", "Spark Sql"],
    args: [STRING],
    returns: StringType,
    evaluate: ([text]) => initCapital(text),
  }),
  strict({
    name: "length",
    aliases: ["len", "char_length", "character_length"],
    description: "Number of characters (code points), or of bytes of a binary.",
    example: ["length('Spark SQL ')", "10"],
    args: [TEXT_OR_BYTES],
    returns: IntegerType,
    kernel: ([type]) => (type!.kind === "string" ? "utf8_length" : "utf8_octet_length"),
    cannotFail: () => true,
    evaluate: ([value]) => (typeof value === "string" ? characterCount(value) : value.length),
  }),
  strict({
    name: "octet_length",
    description: "Number of bytes; of a text in UTF-8.",
    example: ["octet_length('Spark SQL')", "9"],
    args: [TEXT_OR_BYTES],
    returns: IntegerType,
    kernel: "utf8_octet_length",
    cannotFail: () => true,
    evaluate: ([value]) => (typeof value === "string" ? new TextEncoder().encode(value).length : value.length),
  }),
  strict({
    name: "substring",
    aliases: ["substr"],
    description: "Part of a text from a position (1 is the first character, -1 the last), to its end or of a given length.",
    example: ["substring('Spark SQL', 5, 1)", "k"],
    args: [TEXT_OR_BYTES, INTEGER, INTEGER],
    optional: 1,
    returns: ([type]) => type!,
    kernel: ([type, ...rest]) => (type!.kind === "string" ? (rest.length === 2 ? "utf8_substring" : "utf8_substring_from") : undefined),
    evaluate: ([value, position, length = INT_MAX]) => substringOf(value, position, length),
  }),
  strict({
    name: "left",
    description: "The first characters.",
    example: ["left('Spark SQL', 3)", "Spa"],
    args: [TEXT_OR_BYTES, INTEGER],
    returns: ([type]) => type!,
    kernel: ([type]) => (type!.kind === "string" ? "utf8_left" : undefined),
    evaluate: ([value, length]) => substringOf(value, 1, length),
  }),
  strict({
    name: "right",
    description: "The last characters.",
    example: ["right('Spark SQL', 3)", "SQL"],
    args: [STRING, INTEGER],
    returns: StringType,
    kernel: "utf8_right",
    evaluate: ([text, length]) => (length <= 0 ? "" : substring(text, -length, length)),
  }),
  trimFunction("trim", true, true, "The text without spaces (or the given characters) at both ends.", "<a>", "utf8_trim"),
  trimFunction("ltrim", true, false, "The text without spaces (or the given characters) at its beginning.", "<a >", "utf8_ltrim"),
  trimFunction("rtrim", false, true, "The text without spaces (or the given characters) at its end.", "<  a>", "utf8_rtrim"),
  strict({
    name: "btrim",
    description: "The text without spaces, or without the characters of the second text, at both ends.",
    example: ["btrim('xyxtrimyyx', 'xy')", "trim"],
    args: [STRING, STRING],
    optional: 1,
    returns: StringType,
    evaluate: ([text, unwanted = " "]) => trimmed(text, unwanted, true, true),
  }),
  padFunction("lpad", true, "The text filled up at its left, or cut, to a length.", "???hi"),
  padFunction("rpad", false, "The text filled up at its right, or cut, to a length.", "hi???"),
  strict({
    name: "replace",
    description: "The text with every occurrence of the second replaced by the third.",
    example: ["replace('ABCabc', 'abc', 'DEF')", "ABCDEF"],
    args: [STRING, STRING, STRING],
    optional: 1,
    returns: StringType,
    kernel: (types) => (types.length === 3 ? "utf8_replace" : undefined),
    evaluate: ([text, search, replacement = ""]) => (search === "" ? text : text.replaceAll(search, () => replacement)),
  }),
  strict({
    name: "split_part",
    description: "One part of the text split at a delimiter, counted from 1, or from the end if negative.",
    example: ["split_part('11.12.13', '.', 3)", "13"],
    args: [STRING, STRING, INTEGER],
    returns: StringType,
    kernel: "utf8_split_part",
    evaluate: ([text, delimiter, index]) => splitPart(text, delimiter, index),
  }),
  strict({
    name: "repeat",
    description: "The text n times.",
    example: ["repeat('123', 2)", "123123"],
    args: [STRING, INTEGER],
    returns: StringType,
    kernel: "utf8_repeat",
    evaluate: ([text, times]) => text.repeat(Math.max(times, 0)),
  }),
  strict({
    name: "reverse",
    description: "The characters in reverse order.",
    example: ["reverse('Spark SQL')", "LQS krapS"],
    args: [STRING],
    returns: StringType,
    kernel: "utf8_reverse",
    evaluate: ([text]) => characters(text).toReversed().join(""),
  }),
  strict({
    name: "translate",
    description: "The text with characters of the second text replaced by those at the same place of the third.",
    example: ["translate('AaBbCc', 'abc', '123')", "A1B2C3"],
    args: [STRING, STRING, STRING],
    returns: StringType,
    evaluate: ([text, from, to]) => translated(text, from, to),
  }),
  strict({
    name: "ascii",
    description: "Code point of the first character; 0 for an empty text.",
    example: ["ascii('222')", "50"],
    args: [STRING],
    returns: IntegerType,
    kernel: "utf8_ascii",
    evaluate: ([text]) => text.codePointAt(0) ?? 0,
  }),
];
