/** `LIKE` matching in linear space and, for patterns without repeated `%`, linear time: no regular expressions. */
import { AnalysisError } from "../../base/errors.ts";
import { characters } from "./characters.ts";

/** One position of a pattern: `%`, `_`, or a character. */
type Step = { readonly kind: "any_run" | "any_one" } | { readonly kind: "exactly"; readonly character: string };

const compiled = new Map<string, readonly Step[]>();

/** Reads a pattern; throws INVALID_FORMAT.ESC_AT_THE_END or INVALID_FORMAT.ESC_IN_THE_MIDDLE. */
export function likePattern(pattern: string, escape: string): readonly Step[] {
  const key = escape + pattern;
  const known = compiled.get(key);
  if (known) return known;
  const steps: Step[] = [];
  const list = characters(pattern);
  for (let index = 0; index < list.length; index++) {
    const character = list[index]!;
    if (character === escape) {
      const next = list[++index];
      if (next === undefined) throw new AnalysisError("INVALID_FORMAT.ESC_AT_THE_END", { format: `'${pattern}'` });
      if (next !== "_" && next !== "%" && next !== escape)
        throw new AnalysisError("INVALID_FORMAT.ESC_IN_THE_MIDDLE", { format: `'${pattern}'`, char: `'${next}'` });
      steps.push({ kind: "exactly", character: next });
    } else if (character === "%") {
      if (steps.at(-1)?.kind !== "any_run") steps.push({ kind: "any_run" });
    } else steps.push(character === "_" ? { kind: "any_one" } : { kind: "exactly", character });
  }
  if (compiled.size > 1000) compiled.clear();
  compiled.set(key, steps);
  return steps;
}

/** Whether the whole of `text` matches: on a mismatch the last `%` takes in one character more. */
export function matchesLike(text: string, pattern: readonly Step[]): boolean {
  const list = characters(text);
  let at = 0;
  let step = 0;
  let runStep = -1;
  let runEnd = 0;
  while (at < list.length) {
    const current = pattern[step];
    if (current?.kind === "any_run") {
      runStep = step++;
      runEnd = at;
    } else if (current && (current.kind === "any_one" || (current.kind === "exactly" && current.character === list[at]))) {
      step++;
      at++;
    } else if (runStep >= 0) {
      step = runStep + 1;
      at = ++runEnd;
    } else return false;
  }
  while (pattern[step]?.kind === "any_run") step++;
  return step === pattern.length;
}
