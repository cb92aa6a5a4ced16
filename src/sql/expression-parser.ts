/**
 * Expressions of SQL text: recursive descent for the logical levels, precedence climbing for the operators. Produces unresolved
 * expressions with the positions they came from; `special-forms.ts` has the functions with a grammar of their own.
 */
import { BooleanType, IntegerType, StringType, VoidType } from "../columnar/types.ts";
import {
  alias,
  literal,
  unresolvedAttribute,
  unresolvedFunction,
  type Cast,
  type Expression,
  type UnresolvedFunction,
} from "../plan/expr/expression.ts";
import { readDataType } from "./ddl.ts";
import { intervalLiteral, numberLiteral, startsInterval, typedLiteral } from "./literals.ts";
import { specialForms } from "./special-forms.ts";
import type { TokenCursor } from "./token-cursor.ts";

/** Words that cannot begin an operand unless quoted; they are what separates operands. */
const SEPARATORS = new Set("AND OR NOT IN BETWEEN LIKE ILIKE RLIKE REGEXP IS AS WHEN THEN ELSE DIV".split(" "));
/** Those of them that are also functions. */
const CALLABLE_SEPARATORS = new Set(["LIKE", "ILIKE", "RLIKE", "REGEXP"]);
/** Words that may follow an expression and so are never its alias. */
const NOT_AN_ALIAS = new Set(
  "FROM WHERE GROUP HAVING ORDER SORT CLUSTER DISTRIBUTE LIMIT OFFSET UNION EXCEPT INTERSECT MINUS LATERAL WINDOW ON USING JOIN INNER LEFT RIGHT FULL CROSS ASC DESC NULLS ESCAPE FOR PLACING FILTER OVER END THEN ELSE WHEN AND OR NOT".split(
    " ",
  ),
);
/** Functions that may be written without parentheses. */
const BARE_FUNCTIONS = new Set(["CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP"]);

/** Operators in a row (`1 + 1 + …`) nest as deep as they are many: this many at most, so that no later walk runs out of stack. */
const CHAIN_MAX = 500;

interface InfixOperator {
  readonly keys: readonly string[];
  readonly functionName: string;
  readonly level: number;
}
/** Binary operators above the predicates, loosest first; a longer spelling comes before its prefix. */
const INFIX: readonly InfixOperator[] = [
  ...[["="], ["=="]].map((keys) => ({ keys, functionName: "=", level: 1 })),
  { keys: ["<=>"], functionName: "<=>", level: 1 },
  ...[["!="], ["<>"]].map((keys) => ({ keys, functionName: "!=", level: 1 })),
  { keys: ["<="], functionName: "<=", level: 1 },
  { keys: ["!>"], functionName: "<=", level: 1 },
  { keys: [">="], functionName: ">=", level: 1 },
  { keys: ["!<"], functionName: ">=", level: 1 },
  { keys: ["|"], functionName: "|", level: 2 },
  { keys: ["^"], functionName: "^", level: 3 },
  { keys: ["&"], functionName: "&", level: 4 },
  { keys: ["<<"], functionName: "shiftleft", level: 5 },
  { keys: [">", ">", ">"], functionName: "shiftrightunsigned", level: 5 },
  { keys: [">", ">"], functionName: "shiftright", level: 5 },
  { keys: ["<"], functionName: "<", level: 1 },
  { keys: [">"], functionName: ">", level: 1 },
  { keys: ["+"], functionName: "+", level: 6 },
  { keys: ["-"], functionName: "-", level: 6 },
  { keys: ["||"], functionName: "concat", level: 6 },
  { keys: ["*"], functionName: "*", level: 7 },
  { keys: ["/"], functionName: "/", level: 7 },
  { keys: ["%"], functionName: "%", level: 7 },
  { keys: ["DIV"], functionName: "div", level: 7 },
];
const PREFIX: Readonly<Record<string, string>> = { "-": "negative", "+": "positive", "~": "~" };

/** `a`, `a AS b`, `*`, `t.*`. */
export function readNamedExpression(cursor: TokenCursor): Expression {
  const expression = readExpression(cursor);
  if (cursor.at("AS", "(")) throw notYet(cursor, "A list of names for one expression", "Give one name.");
  if (cursor.accept("AS")) return alias(expression, cursor.identifier());
  const token = cursor.peek();
  if (token.kind === "quoted" || (token.kind === "word" && !NOT_AN_ALIAS.has(token.key))) return alias(expression, cursor.identifier());
  return expression;
}

/** A full expression: OR is the loosest operator. */
export function readExpression(cursor: TokenCursor): Expression {
  return cursor.nested(() => readOr(cursor));
}

/** An operand of a predicate: comparison and everything that binds tighter. */
export function readValue(cursor: TokenCursor): Expression {
  return readInfix(cursor, 1);
}

function readOr(cursor: TokenCursor): Expression {
  return readChain(cursor, "OR", readAnd);
}

function readAnd(cursor: TokenCursor): Expression {
  return readChain(cursor, "AND", readNot);
}

interface Operand {
  readonly expression: Expression;
  readonly start: number;
  readonly stop: number;
}

/** Operands between which `key` stands, as a balanced tree (as Spark makes it), so that a thousand conditions do not nest a thousand deep. */
function readChain(cursor: TokenCursor, key: "AND" | "OR", read: (cursor: TokenCursor) => Expression): Expression {
  const operands: Operand[] = [];
  do {
    const { start } = cursor.peek();
    const expression = read(cursor);
    operands.push({ expression, start, stop: cursor.originFrom(start).stop });
  } while (cursor.accept(key));
  const combine = (low: number, high: number): Expression => {
    if (low === high) return operands[low]!.expression;
    const middle = low + ((high - low) >> 1);
    const origin = { text: cursor.text, start: operands[low]!.start, stop: operands[high]!.stop };
    return unresolvedFunction(key.toLowerCase(), [combine(low, middle), combine(middle + 1, high)], { origin });
  };
  return combine(0, operands.length - 1);
}

function readNot(cursor: TokenCursor): Expression {
  const start = cursor.peek().start;
  if (cursor.accept("NOT") || cursor.accept("!")) {
    const operand = cursor.nested(() => readNot(cursor));
    return functionAt(cursor, start, "not", [operand]);
  }
  return readPredicate(cursor, start);
}

/** `value [NOT] BETWEEN … | IN … | LIKE … | IS …`. At most one, as in Spark's grammar. */
function readPredicate(cursor: TokenCursor, start: number): Expression {
  const value = readValue(cursor);
  if (cursor.accept("IS")) {
    const isNegated = cursor.accept("NOT");
    return readIs(cursor, start, value, isNegated);
  }
  const isNegated = PREDICATES.has(cursor.peek(1).key) && cursor.accept("NOT");
  const predicate = cursor.peek().key;
  if (!PREDICATES.has(predicate)) return value;
  cursor.next();
  const make = (name: string, args: readonly Expression[]): Expression => functionAt(cursor, start, name, args);
  const negate = (expression: Expression): Expression => (isNegated ? make("not", [expression]) : expression);
  switch (predicate) {
    case "BETWEEN": {
      const low = readValue(cursor);
      cursor.expect("AND");
      return negate(make("between", [value, low, readValue(cursor)]));
    }
    case "IN": {
      cursor.expect("(");
      refuseSubquery(cursor);
      const candidates = cursor.list(() => readExpression(cursor));
      cursor.expect(")");
      return negate(make("in", [value, ...candidates]));
    }
    case "RLIKE":
    case "REGEXP":
      return negate(make("rlike", [value, readValue(cursor)]));
    default: {
      const name = predicate.toLowerCase();
      const quantifier = cursor.peek().key;
      if ((quantifier === "ANY" || quantifier === "SOME" || quantifier === "ALL") && cursor.peek(1).key === "(") {
        cursor.next();
        const matches = readArguments(cursor).map((pattern) => negate(make(name, [value, pattern])));
        if (matches.length === 0) throw cursor.syntaxError();
        return matches.reduce((left, right) => make(quantifier === "ALL" ? "and" : "or", [left, right]));
      }
      const pattern = readValue(cursor);
      if (!cursor.accept("ESCAPE")) return negate(make(name, [value, pattern]));
      const escape = cursor.expectKind("string");
      if ([...escape.value].length !== 1) {
        throw cursor.error("INVALID_ESCAPE_CHAR", { sqlExpr: `"${escape.value}"` }, escape);
      }
      return negate(make(name, [value, pattern, literal(escape.value, StringType)]));
    }
  }
}
const PREDICATES = new Set(["BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "REGEXP"]);

function readIs(cursor: TokenCursor, start: number, value: Expression, isNegated: boolean): Expression {
  const make = (name: string, args: readonly Expression[]): UnresolvedFunction => functionAt(cursor, start, name, args);
  if (cursor.accept("NULL") || cursor.accept("UNKNOWN")) return make(isNegated ? "isnotnull" : "isnull", [value]);
  if (cursor.accept("DISTINCT", "FROM")) {
    const equal = make("<=>", [value, readValue(cursor)]);
    return isNegated ? equal : make("not", [equal]);
  }
  const expected = cursor.peek().key;
  if (!cursor.accept("TRUE") && !cursor.accept("FALSE")) throw cursor.syntaxError();
  const equal = make("<=>", [value, literal(expected === "TRUE", BooleanType)]);
  return isNegated ? make("not", [equal]) : equal;
}

function readInfix(cursor: TokenCursor, levelMin: number): Expression {
  const start = cursor.peek().start;
  let left = readPrefix(cursor);
  for (let links = 0; ; links++) {
    if (links > CHAIN_MAX) throw cursor.error("FAILED_TO_PARSE_TOO_COMPLEX", {});
    const operator = INFIX.find(({ keys }) => cursor.at(...keys) && isAdjacent(cursor, keys.length));
    if (operator === undefined || operator.level < levelMin) return left;
    for (const _ of operator.keys) cursor.next();
    left = functionAt(cursor, start, operator.functionName, [left, readInfix(cursor, operator.level + 1)]);
  }
}

/** Whether the next `count` tokens have nothing between them. */
function isAdjacent(cursor: TokenCursor, count: number): boolean {
  for (let ahead = 1; ahead < count; ahead++) if (cursor.peek(ahead - 1).stop !== cursor.peek(ahead).start) return false;
  return true;
}

function readPrefix(cursor: TokenCursor): Expression {
  const token = cursor.peek();
  if (!Object.hasOwn(PREFIX, token.key)) return readPostfix(cursor, token.start, readPrimary(cursor));
  cursor.next();
  if (token.key === "-" && cursor.peek().kind === "number")
    return readPostfix(cursor, token.start, numberLiteral(cursor, cursor.next(), true));
  const operand = cursor.nested(() => readPrefix(cursor));
  return functionAt(cursor, token.start, PREFIX[token.key]!, [operand]);
}

/** `base.field`, `base[index]`, `base::type`. */
function readPostfix(cursor: TokenCursor, start: number, base: Expression): Expression {
  let result = base;
  for (let links = 0; ; links++) {
    if (links > CHAIN_MAX) throw cursor.error("FAILED_TO_PARSE_TOO_COMPLEX", {});
    if (cursor.accept("[")) {
      const extraction = readExpression(cursor);
      cursor.expect("]");
      result = extractAt(cursor, start, result, extraction);
    } else if (cursor.accept(".")) {
      if (cursor.accept("*")) {
        if (result.kind !== "unresolved_attribute") throw cursor.syntaxError();
        return { kind: "unresolved_star", target: result.nameParts };
      }
      const name = cursor.identifier();
      result =
        result.kind === "unresolved_attribute"
          ? unresolvedAttribute([...result.nameParts, name], cursor.originFrom(start))
          : extractAt(cursor, start, result, literal(name, StringType));
    } else if (cursor.accept("::")) {
      const to = readDataType(cursor);
      result = Object.freeze<Cast>({ kind: "cast", child: result, to, mode: "ansi", origin: cursor.originFrom(start) });
    } else {
      return result;
    }
  }
}

function extractAt(cursor: TokenCursor, start: number, child: Expression, extraction: Expression): Expression {
  return Object.freeze({ kind: "unresolved_extract_value", child, extraction, origin: cursor.originFrom(start) });
}

function readPrimary(cursor: TokenCursor): Expression {
  const token = cursor.peek();
  switch (token.kind) {
    case "number":
      return numberLiteral(cursor, cursor.next(), false);
    case "string":
      return literal(readStrings(cursor), StringType);
    case "symbol":
      if (cursor.accept("*")) return Object.freeze({ kind: "unresolved_star" });
      if (token.key === "(") return readParenthesized(cursor);
      throw cursor.syntaxError();
    case "end":
      throw cursor.syntaxError();
    case "word":
    case "quoted":
      return readWord(cursor);
  }
}

/** Adjacent strings are one. */
function readStrings(cursor: TokenCursor): string {
  let text = cursor.expectKind("string").value;
  while (cursor.peek().kind === "string") text += cursor.next().value;
  return text;
}

function readParenthesized(cursor: TokenCursor): Expression {
  const start = cursor.expect("(").start;
  refuseSubquery(cursor);
  const expressions = cursor.list(() => readNamedExpression(cursor));
  cursor.expect(")");
  if (cursor.at("->")) throw notYet(cursor, "A lambda function", "Use the functions that take no lambda.");
  if (expressions.length > 1) return functionAt(cursor, start, "struct", expressions);
  if (expressions[0]!.kind === "alias") throw cursor.syntaxError();
  return expressions[0]!;
}

function readWord(cursor: TokenCursor): Expression {
  const token = cursor.peek();
  const isFollowedBy = (key: string): boolean => cursor.peek(1).key === key;
  if (token.kind === "word") {
    if (token.key === "NULL") return cursor.next() && literal(null, VoidType);
    if (token.key === "TRUE" || token.key === "FALSE") return cursor.next() && literal(token.key === "TRUE", BooleanType);
    if (token.key === "INTERVAL" && startsInterval(cursor)) return intervalLiteral(cursor);
    const special = Object.hasOwn(specialForms, token.key) ? specialForms[token.key]!(cursor) : undefined;
    if (special !== undefined) return special;
    if (cursor.peek(1).kind === "string") return cursor.next() && typedLiteral(cursor, token, readStrings(cursor));
    const isCall = isFollowedBy("(") && CALLABLE_SEPARATORS.has(token.key);
    if (SEPARATORS.has(token.key) && !isCall) throw cursor.syntaxError();
    if (BARE_FUNCTIONS.has(token.key) && !isFollowedBy("(") && !isFollowedBy("."))
      return cursor.next() && functionAt(cursor, token.start, token.value.toLowerCase(), []);
  }
  if (isFollowedBy("->")) throw notYet(cursor, "A lambda function", "Use the functions that take no lambda.");
  const nameParts = [cursor.identifier()];
  while (cursor.at(".") && isName(cursor, 1)) {
    cursor.next();
    nameParts.push(cursor.identifier());
  }
  if (cursor.at("(")) return readCall(cursor, token.start, nameParts.join("."));
  return unresolvedAttribute(nameParts, cursor.originFrom(token.start));
}

function isName(cursor: TokenCursor, ahead: number): boolean {
  const kind = cursor.peek(ahead).kind;
  return kind === "word" || kind === "quoted";
}

/** `(DISTINCT a, b IGNORE NULLS) FILTER (WHERE …)` after a function's name. */
function readCall(cursor: TokenCursor, start: number, name: string): Expression {
  cursor.expect("(");
  let isDistinct = false;
  let ignoreNulls = false;
  let args: Expression[] = [];
  if (!cursor.accept(")")) {
    refuseSubquery(cursor);
    if (!cursor.at("DISTINCT", ",") && !cursor.at("DISTINCT", ")")) isDistinct = cursor.accept("DISTINCT");
    if (!isDistinct && !cursor.at("ALL", ",") && !cursor.at("ALL", ")")) cursor.accept("ALL");
    args = cursor.list(() => (name.toLowerCase() === "struct" ? readNamedExpression(cursor) : readArgument(cursor)));
    ignoreNulls = readNullTreatment(cursor);
    cursor.expect(")");
  }
  let filter: Expression | undefined;
  if (cursor.at("FILTER", "(", "WHERE")) {
    cursor.accept("FILTER", "(", "WHERE");
    filter = readExpression(cursor);
    cursor.expect(")");
  }
  ignoreNulls = readNullTreatment(cursor) || ignoreNulls;
  if (cursor.at("OVER")) throw notYet(cursor, "A window function (OVER)", "Group by window(...) instead.");
  const countsRows = name.toLowerCase() === "count" && !isDistinct && args.length === 1 && isPlainStar(args[0]!);
  return functionAt(cursor, start, name, countsRows ? [literal(1, IntegerType)] : args, {
    ...(isDistinct && { isDistinct }),
    ...(filter && { filter }),
    ...(ignoreNulls && { ignoreNulls }),
  });
}

/** `(a, b)`. */
function readArguments(cursor: TokenCursor): Expression[] {
  cursor.expect("(");
  if (cursor.accept(")")) return [];
  const args = cursor.list(() => readArgument(cursor));
  cursor.expect(")");
  return args;
}

function readArgument(cursor: TokenCursor): Expression {
  if (cursor.peek(1).key === "=>") throw notYet(cursor, "A named argument", "Give the arguments by position.");
  return readExpression(cursor);
}

/** `IGNORE NULLS` or `RESPECT NULLS`; whether nulls are ignored. */
function readNullTreatment(cursor: TokenCursor): boolean {
  if (cursor.accept("IGNORE", "NULLS")) return true;
  cursor.accept("RESPECT", "NULLS");
  return false;
}

const isPlainStar = (expression: Expression): boolean => expression.kind === "unresolved_star" && expression.target === undefined;

function refuseSubquery(cursor: TokenCursor): void {
  if (cursor.at("SELECT") || (cursor.at("WITH") && isName(cursor, 1))) throw notYet(cursor, "A subquery", "Use a join.");
}

/** An `UNSUPPORTED_FEATURE.NOT_YET` at the current token. */
function notYet(cursor: TokenCursor, feature: string, remedy: string): Error {
  return cursor.error("UNSUPPORTED_FEATURE.NOT_YET", { feature, remedy });
}

/** A function whose text began at `start` and ends with the last token taken. */
export function functionAt(
  cursor: TokenCursor,
  start: number,
  name: string,
  args: readonly Expression[],
  rest: Partial<UnresolvedFunction> = {},
): UnresolvedFunction {
  return unresolvedFunction(name, args, { ...rest, origin: cursor.originFrom(start) });
}
