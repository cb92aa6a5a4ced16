/** Looking for text in text: `like`, `ilike`, `contains`, `startswith`, `endswith`, `instr`, `locate`. */
import { BooleanType, IntegerType } from "../../columnar/types.ts";
import type { Expression } from "../../plan/expr/expression.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { INTEGER, STRING, strict } from "../signature.ts";
import { characterIndex, sliceCharacters } from "./characters.ts";
import { likePattern, matchesLike } from "./like.ts";

/** Position of `wanted` in `text` from character `start` on (0-based), counted from 1; 0 if absent. */
function positionOf(text: string, wanted: string, start: number): number {
  const skipped = sliceCharacters(text, 0, start).length;
  if (start > 0 && skipped === text.length && wanted !== "") return 0;
  const found = text.indexOf(wanted, skipped);
  return found < 0 ? 0 : characterIndex(text, found) + 1;
}

/** A pattern that escapes nothing escapes nothing wrongly. */
const isWithoutEscapes = ([, pattern]: readonly Expression[]): boolean =>
  pattern?.kind === "literal" && typeof pattern.value === "string" && !pattern.value.includes("\\");

export const matchingFunctions: readonly ScalarFunction[] = [
  strict({
    name: "like",
    description: "True if the text matches the pattern: % stands for any run of characters, _ for one.",
    example: ["'Spark' LIKE '_park'", "true"],
    args: [STRING, STRING, STRING],
    optional: 1,
    returns: BooleanType,
    kernel: (types) => (types.length === 2 ? "utf8_like" : undefined),
    cannotFail: isWithoutEscapes,
    evaluate: ([text, pattern, escape = "\\"]) => matchesLike(text, likePattern(pattern, escape)),
  }),
  strict({
    name: "ilike",
    description: "As like, whatever the case.",
    example: ["'Spark' ILIKE '_PARK'", "true"],
    args: [STRING, STRING, STRING],
    optional: 1,
    returns: BooleanType,
    evaluate: ([text, pattern, escape = "\\"]) => matchesLike(text.toLowerCase(), likePattern(pattern.toLowerCase(), escape.toLowerCase())),
  }),
  strict({
    name: "contains",
    description: "True if the second text is found in the first.",
    example: ["contains('Spark SQL', 'Spark')", "true"],
    args: [STRING, STRING],
    returns: BooleanType,
    kernel: "utf8_contains",
    cannotFail: () => true,
    evaluate: ([text, wanted]) => text.includes(wanted),
  }),
  strict({
    name: "startswith",
    description: "True if the first text begins with the second.",
    example: ["startswith('Spark SQL', 'Spark')", "true"],
    args: [STRING, STRING],
    returns: BooleanType,
    kernel: "utf8_starts_with",
    cannotFail: () => true,
    evaluate: ([text, wanted]) => text.startsWith(wanted),
  }),
  strict({
    name: "endswith",
    description: "True if the first text ends with the second.",
    example: ["endswith('Spark SQL', 'SQL')", "true"],
    args: [STRING, STRING],
    returns: BooleanType,
    kernel: "utf8_ends_with",
    cannotFail: () => true,
    evaluate: ([text, wanted]) => text.endsWith(wanted),
  }),
  strict({
    name: "instr",
    description: "Position of the second text in the first, from 1; 0 if it is not there.",
    example: ["instr('SparkSQL', 'SQL')", "6"],
    args: [STRING, STRING],
    returns: IntegerType,
    kernel: "utf8_instr",
    cannotFail: () => true,
    evaluate: ([text, wanted]) => positionOf(text, wanted, 0),
  }),
  strict({
    name: "locate",
    aliases: ["position", "charindex"],
    description: "Position of the first text in the second, from 1, looking from the given position on; 0 if it is not there.",
    example: ["locate('bar', 'foobarbar', 5)", "7"],
    args: [STRING, STRING, INTEGER],
    optional: 1,
    returns: IntegerType,
    kernel: (types) => (types.length === 2 ? "utf8_locate" : "utf8_locate_from"),
    cannotFail: () => true,
    evaluate: ([wanted, text, start = 1]) => (start < 1 ? 0 : positionOf(text, wanted, start - 1)),
  }),
];
