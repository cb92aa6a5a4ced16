/**
 * Expressions that look like functions but have a grammar of their own: CASE, CAST, EXTRACT, SUBSTRING … FROM, TRIM, POSITION,
 * OVERLAY, date arithmetic with a unit. Called by the expression parser when one of these words begins an operand.
 */
import { StringType } from "../columnar/types.ts";
import { literal, type CaseWhen, type Cast, type Expression } from "../plan/expr/expression.ts";
import { readDataType } from "./ddl.ts";
import { functionAt, readExpression, readValue } from "./expression-parser.ts";
import type { TokenCursor } from "./token-cursor.ts";

/** Undefined: the text is an ordinary function or column of that name, and nothing has been taken. */
type Form = (cursor: TokenCursor) => Expression | undefined;

const DATE_UNITS = new Set("YEAR QUARTER MONTH WEEK DAY DAYOFYEAR HOUR MINUTE SECOND MILLISECOND MICROSECOND".split(" "));

/** By the upper-case word they begin with. */
export const specialForms: Readonly<Record<string, Form>> = {
  CASE: readCase,
  CAST: (cursor) => readCast(cursor, "ansi"),
  TRY_CAST: (cursor) => readCast(cursor, "try"),
  EXTRACT: readExtract,
  SUBSTRING: readSubstring,
  SUBSTR: readSubstring,
  TRIM: readTrim,
  POSITION: readPosition,
  OVERLAY: readOverlay,
  TIMESTAMPADD: (cursor) => readUnitCall(cursor, "timestampadd"),
  DATEADD: (cursor) => readUnitCall(cursor, "timestampadd"),
  DATE_ADD: (cursor) => readUnitCall(cursor, "timestampadd"),
  TIMESTAMPDIFF: (cursor) => readUnitCall(cursor, "timestampdiff"),
  DATEDIFF: (cursor) => readUnitCall(cursor, "timestampdiff"),
  DATE_DIFF: (cursor) => readUnitCall(cursor, "timestampdiff"),
};

/** CASE WHEN c THEN v … ELSE v END, or CASE x WHEN v THEN … */
function readCase(cursor: TokenCursor): Expression | undefined {
  const following = cursor.peek(1);
  if (following.kind === "end" || (following.kind === "symbol" && !"(-+~*".includes(following.key))) return undefined;
  const start = cursor.next().start;
  const subject = cursor.at("WHEN") ? undefined : readExpression(cursor);
  const branches: { condition: Expression; value: Expression }[] = [];
  while (cursor.accept("WHEN")) {
    const tested = readExpression(cursor);
    const condition = subject === undefined ? tested : functionAt(cursor, start, "=", [subject, tested]);
    cursor.expect("THEN");
    branches.push({ condition, value: readExpression(cursor) });
  }
  if (branches.length === 0) throw cursor.syntaxError();
  const otherwise = cursor.accept("ELSE") ? readExpression(cursor) : null;
  cursor.expect("END");
  return Object.freeze<CaseWhen>({ kind: "case_when", branches, otherwise });
}

function readCast(cursor: TokenCursor, mode: Cast["mode"]): Expression | undefined {
  const start = open(cursor);
  if (start === undefined) return undefined;
  const child = readExpression(cursor);
  cursor.expect("AS");
  const to = readDataType(cursor);
  cursor.expect(")");
  return Object.freeze<Cast>({ kind: "cast", child, to, mode, origin: cursor.originFrom(start) });
}

function readExtract(cursor: TokenCursor): Expression | undefined {
  if (cursor.peek(3).key !== "FROM") return undefined;
  const start = open(cursor);
  if (start === undefined) return undefined;
  const field = cursor.identifier();
  cursor.expect("FROM");
  const source = readValue(cursor);
  cursor.expect(")");
  return functionAt(cursor, start, "extract", [literal(field, StringType), source]);
}

function readSubstring(cursor: TokenCursor): Expression | undefined {
  const name = cursor.peek().value;
  const start = open(cursor);
  if (start === undefined) return undefined;
  const args = cursor.at(")") ? [] : cursor.list(() => readExpression(cursor));
  if (args.length === 1 && cursor.accept("FROM")) {
    args.push(readValue(cursor));
    if (cursor.accept("FOR")) args.push(readValue(cursor));
  }
  cursor.expect(")");
  return functionAt(cursor, start, name, args);
}

const TRIM_FUNCTIONS: Readonly<Record<string, string>> = { BOTH: "trim", LEADING: "ltrim", TRAILING: "rtrim" };

/** TRIM([BOTH | LEADING | TRAILING] [characters] FROM text). */
function readTrim(cursor: TokenCursor): Expression | undefined {
  const direction = cursor.peek(2).key;
  const start = open(cursor);
  if (start === undefined) return undefined;
  const isDirection = Object.hasOwn(TRIM_FUNCTIONS, direction) && !cursor.at(direction, ")") && !cursor.at(direction, ",");
  if (isDirection) cursor.next();
  const args: Expression[] = [];
  if (cursor.at(")")) {
    cursor.next();
    return functionAt(cursor, start, "trim", args);
  }
  if (!(isDirection && cursor.at("FROM"))) args.push(...cursor.list(() => readExpression(cursor)));
  if (args.length <= 1 && cursor.accept("FROM")) args.push(readExpression(cursor));
  else if (isDirection) throw cursor.syntaxError(": missing 'FROM'");
  cursor.expect(")");
  return functionAt(cursor, start, isDirection ? TRIM_FUNCTIONS[direction]! : "trim", args);
}

function readPosition(cursor: TokenCursor): Expression | undefined {
  const start = open(cursor);
  if (start === undefined) return undefined;
  const args = cursor.at(")") ? [] : [readValue(cursor)];
  if (args.length === 1 && cursor.accept("IN")) args.push(readValue(cursor));
  else while (cursor.accept(",")) args.push(readExpression(cursor));
  cursor.expect(")");
  return functionAt(cursor, start, "position", args);
}

/** OVERLAY(text PLACING replacement FROM position [FOR length]). */
function readOverlay(cursor: TokenCursor): Expression | undefined {
  const start = open(cursor);
  if (start === undefined) return undefined;
  const args = cursor.at(")") ? [] : cursor.list(() => readExpression(cursor));
  if (args.length === 1 && cursor.accept("PLACING")) {
    args.push(readValue(cursor));
    cursor.expect("FROM");
    args.push(readValue(cursor));
    if (cursor.accept("FOR")) args.push(readValue(cursor));
  }
  cursor.expect(")");
  return functionAt(cursor, start, "overlay", args);
}

/** `DATEADD(DAY, 1, d)`: the first argument is a unit, not a column. */
function readUnitCall(cursor: TokenCursor, name: string): Expression | undefined {
  if (!DATE_UNITS.has(cursor.peek(2).key) || cursor.peek(3).key !== ",") return undefined;
  const start = open(cursor);
  if (start === undefined) return undefined;
  const unit = literal(cursor.next().key, StringType);
  cursor.expect(",");
  const first = readExpression(cursor);
  cursor.expect(",");
  const args = [unit, first, readExpression(cursor)];
  cursor.expect(")");
  return functionAt(cursor, start, name, args);
}

/** Takes the word and `(`; undefined if no parenthesis follows. Returns where the word began. */
function open(cursor: TokenCursor): number | undefined {
  if (cursor.peek(1).key !== "(") return undefined;
  const start = cursor.next().start;
  cursor.next();
  return start;
}
