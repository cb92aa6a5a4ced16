/**
 * Column names as `col("a.b")` takes them: parts separated by dots, a part in backquotes taken as it is. Unlike identifiers of SQL
 * text, a plain part may hold any character but these two, so that `col("count(1)")` works.
 */
import { AnalysisError } from "../base/errors.ts";

/** Throws `INVALID_ATTRIBUTE_NAME_SYNTAX`. */
export function parseAttributeName(name: string): string[] {
  const invalid = (): Error => new AnalysisError("INVALID_ATTRIBUTE_NAME_SYNTAX", { name: `\`${name}\`` });
  const parts: string[] = [];
  let position = 0;
  for (;;) {
    if (name[position] === "`") {
      const quoted = /`((?:[^`]|``)+)`/y;
      quoted.lastIndex = position;
      const match = quoted.exec(name);
      if (match === null) throw invalid();
      parts.push(match[1]!.replaceAll("``", "`"));
      position = quoted.lastIndex;
    } else {
      const plain = /[^`.]+/y;
      plain.lastIndex = position;
      const match = plain.exec(name);
      if (match === null) throw invalid();
      parts.push(match[0]);
      position = plain.lastIndex;
    }
    if (position === name.length) return parts;
    if (name[position] !== ".") throw invalid();
    position++;
  }
}
