/**
 * Entry points of the SQL parser: text in, unresolved plan pieces out. Called by the API and the analyzer, on the thread that
 * builds a plan. Nothing here evaluates anything. Every failure is a `ParseError` with line and column.
 */
import type { Expression } from "../plan/expr/expression.ts";
import { readNamedExpression } from "./expression-parser.ts";
import { TokenCursor } from "./token-cursor.ts";

export { parseDataType, parseSchema, parseTypeOrSchema, schemaToDdl, treeString } from "./ddl.ts";
export { schemaToJson } from "../columnar/schema-json.ts";
export { dataTypeFromJson, schemaFromJson } from "./schema-json.ts";

/** One expression, `expr("a + 1 AS b")`. Throws `ParseError`: `PARSE_SYNTAX_ERROR`, `PARSE_EMPTY_STATEMENT` and those of literals. */
export function parseExpression(text: string): Expression {
  const cursor = new TokenCursor(text);
  const expression = readNamedExpression(cursor);
  cursor.expectEnd();
  return expression;
}

/** One or more select items: `"a, b + 1 AS c, t.*"`. */
export function parseSelectItems(text: string): Expression[] {
  const cursor = new TokenCursor(text);
  const items = cursor.list(() => readNamedExpression(cursor));
  cursor.expectEnd();
  return items;
}

/** The parts of a dotted name: "a.b.`c d`" has three. Throws `ParseError`. */
export function parseIdentifier(text: string): string[] {
  const cursor = new TokenCursor(text);
  const parts = [cursor.identifier()];
  while (cursor.accept(".")) parts.push(cursor.identifier());
  cursor.expectEnd();
  return parts;
}
