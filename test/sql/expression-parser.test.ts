/** The grammar of expressions, as tables of text and tree. Precedence and literal types are those of Spark's grammar and documentation. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ParseError } from "../../src/base/errors.ts";
import type { Expression } from "../../src/plan/expr/expression.ts";
import { parseExpression, parseIdentifier, parseSelectItems } from "../../src/sql/parser.ts";
import { printExpression } from "./print-expression.ts";

const tree = (text: string): string => printExpression(parseExpression(text));

function table(title: string, rows: readonly (readonly [text: string, expected: string])[]): void {
  describe(title, () => {
    test.each(rows)("%s", (text, expected) => expect(tree(text)).toBe(expected));
  });
}

table("precedence", [
  ["a + b * c", "+(a, *(b, c))"],
  ["a - b - c", "-(-(a, b), c)"],
  ["a / b % c div d", "div(%(/(a, b), c), d)"],
  ["(a + b) * c", "*(+(a, b), c)"],
  ["a and b and c", "and(and(a, b), c)"],
  ["a or b or c or d", "or(or(a, b), or(c, d))"],
  ["a or b and not c", "or(a, and(b, not(c)))"],
  ["not a = b", "not(=(a, b))"],
  ["! a and b", "and(not(a), b)"],
  ["a = b is null", "isnull(=(a, b))"],
  ["a | b ^ c & d << e + f", "|(a, ^(b, &(c, shiftleft(d, +(e, f)))))"],
  ["a >> 1 >>> 2", "shiftrightunsigned(shiftright(a, 1:int), 2:int)"],
  ["a > b", ">(a, b)"],
  ["-a * b", "*(negative(a), b)"],
  ["- - a", "negative(negative(a))"],
  ["~a + +b", "+(~(a), positive(b))"],
  ["a || b || c", "concat(concat(a, b), c)"],
  ["a < b + 1", "<(a, +(b, 1:int))"],
  ["a between 1 and 2 and b", "and(between(a, 1:int, 2:int), b)"],
  ["a -1", "-(a, 1:int)"],
  ["a*-1", "*(a, -1:int)"],
]);

table("comparison", [
  ["a = b", "=(a, b)"],
  ["a == b", "=(a, b)"],
  ["a != b", "!=(a, b)"],
  ["a <> b", "!=(a, b)"],
  ["a <=> null", "<=>(a, null:void)"],
  ["a >= 1", ">=(a, 1:int)"],
  ["a !> 1", "<=(a, 1:int)"],
]);

table("predicates", [
  ["a is null", "isnull(a)"],
  ["a is not null", "isnotnull(a)"],
  ["a is true", "<=>(a, true:boolean)"],
  ["a is not false", "not(<=>(a, false:boolean))"],
  ["a is unknown", "isnull(a)"],
  ["a is distinct from b", "not(<=>(a, b))"],
  ["a is not distinct from b", "<=>(a, b)"],
  ["a not between 1 and 2", "not(between(a, 1:int, 2:int))"],
  ["a in (1, 2)", "in(a, 1:int, 2:int)"],
  ["a not in ('x')", 'not(in(a, "x":string))'],
  ["a like 'x%'", 'like(a, "x%":string)'],
  ["a not like 'x!_' escape '!'", 'not(like(a, "x!_":string, "!":string))'],
  ["a ilike 'x'", 'ilike(a, "x":string)'],
  ["a rlike '^x'", 'rlike(a, "^x":string)'],
  ["a regexp '^x'", 'rlike(a, "^x":string)'],
  ["a like any ('x', 'y')", 'or(like(a, "x":string), like(a, "y":string))'],
  ["a not like all ('x', 'y')", 'and(not(like(a, "x":string)), not(like(a, "y":string)))'],
]);

table("literals", [
  ["1", "1:int"],
  ["2147483648", "2147483648:bigint"],
  ["3000000000", "3000000000:bigint"],
  ["-2147483648", "-2147483648:int"],
  ["-9223372036854775808", "-9223372036854775808:bigint"],
  ["9223372036854775808", "9223372036854775808:decimal(19,0)"],
  ["1L", "1:bigint"],
  ["1S", "1:smallint"],
  ["-128Y", "-128:tinyint"],
  ["1.5", "15:decimal(2,1)"],
  ["0.05", "5:decimal(2,2)"],
  [".5", "5:decimal(1,1)"],
  ["1.", "1:decimal(1,0)"],
  ["-1.50", "-150:decimal(3,2)"],
  ["1.5D", "1.5:double"],
  ["1.5F", "1.5:float"],
  ["0.1f", `${Math.fround(0.1)}:float`],
  ["1.5BD", "15:decimal(2,1)"],
  ["1e3", "1000:double"],
  ["1E-3", "0.001:double"],
  ["1e3BD", "1000:decimal(4,0)"],
  ["'it''s'", '"it\'s":string'],
  ["'a' 'b'", '"ab":string'],
  ['"double"', '"double":string'],
  [String.raw`'\t\n\\ \' \u00e9 \U0001F600 \101 \q \%'`, `${JSON.stringify("\t\n\\ ' é 😀 A q \\%")}:string`],
  [String.raw`r'\n'`, `${JSON.stringify(String.raw`\n`)}:string`],
  ["X'1F'", "1f:binary"],
  ["x'1F0'", "01f0:binary"],
  ["true", "true:boolean"],
  ["FALSE", "false:boolean"],
  ["null", "null:void"],
  ["DATE '2024-02-29'", `${Date.UTC(2024, 1, 29) / 86_400_000}:date`],
  ["date '2024-2'", `${Date.UTC(2024, 1, 1) / 86_400_000}:date`],
  ["timestamp '2024-01-01 00:00:00.123456 Europe/Berlin'", `${Date.UTC(2023, 11, 31, 23)}123456:timestamp`.replace("000123456", "123456")],
  ["TIMESTAMP '2024-01-01T00:00:00+02:00'", `${Date.UTC(2023, 11, 31, 22)}000:timestamp`],
  ["TIMESTAMP '2024-01-01 00:00:00'", 'cast("2024-01-01 00:00:00":string to timestamp)'],
  ["TIMESTAMP_NTZ '2024-01-01 10:00'", `${Date.UTC(2024, 0, 1, 10)}000:timestamp_ntz`],
]);

const second = 1_000_000n;
table("intervals", [
  ["interval '1' day", `${86_400n * second}:interval day`],
  ["INTERVAL 1 day 2 hours", `${93_600n * second}:interval day to hour`],
  ["interval -1.5 seconds", `${(-3n * second) / 2n}:interval second`],
  ["interval '1 10:00' day to minute", `${122_400n * second}:interval day to minute`],
  ["interval '-1 10:00:00.5' day to second", `${-(122_400n * second + second / 2n)}:interval day to second`],
  ["interval -'1 02:03' day to minute", `${-(93_780n * second)}:interval day to minute`],
  ["interval '90:30' minute to second", `${5_430n * second}:interval minute to second`],
  ["interval '2-3' year to month", "27:interval year to month"],
  ["interval 2 years 1 month", "25:interval year to month"],
  ["interval 0 months", "0:interval month"],
  ["interval '1 week'", `${604_800n * second}:interval day`],
  ["interval '1 minute 30 seconds'", `${90n * second}:interval minute to second`],
  ["interval + 1", "+(interval, 1:int)"],
]);

table("names", [
  ["a.b.c", "a.b.c"],
  ["`a b`.`c``d`", "`a b`.`c`d`"],
  ["`__proto__`", "__proto__"],
  ["constructor", "constructor"],
  ["1abc", "1abc"],
  ["window.end", "window.end"],
  ["end", "end"],
  ["user", "user"],
  ["größe", "`größe`"],
  ["*", "*"],
  ["t.*", "t.*"],
  ["a[0]", "a[0:int]"],
  ["a['b'].c", 'a["b":string]["c":string]'],
  ["f(x).y", 'f(x)["y":string]'],
  ["a AS b", "a as b"],
  ["a + 1 b", "+(a, 1:int) as b"],
  ["a as `b c`", "a as b c"],
]);

table("calls and special forms", [
  ["upper(a)", "upper(a)"],
  ["pi()", "pi()"],
  ["count(*)", "count(1:int)"],
  ["count(distinct a, b)", "count(distinct a, b)"],
  ["sum(all a)", "sum(a)"],
  ["sum(a) filter (where b > 1)", "sum(a) filter >(b, 1:int)"],
  ["first(a ignore nulls)", "first(a ignore nulls)"],
  ["last(a) ignore nulls", "last(a ignore nulls)"],
  ["last(a) respect nulls", "last(a)"],
  ["current_date", "current_date()"],
  ["current_timestamp()", "current_timestamp()"],
  ["cast(a as decimal(10,2))", "cast(a to decimal(10,2))"],
  ["try_cast(a as array<array<int>>)", "try_cast(a to array<array<int>>)"],
  ["a::bigint::string", "cast(cast(a to bigint) to string)"],
  ["-1::string", "cast(-1:int to string)"],
  ["case when a then 1 else 2 end", "case(when a then 1:int else 2:int)"],
  ["case a when 1 then 'x' when 2 then 'y' end", 'case(when =(a, 1:int) then "x":string when =(a, 2:int) then "y":string)'],
  ["case 'a' when 'b' then 1 end", 'case(when =("a":string, "b":string) then 1:int)'],
  ["extract(year from ts)", 'extract("year":string, ts)'],
  ["substring(s from 2 for 3)", "substring(s, 2:int, 3:int)"],
  ["substr(s, 2)", "substr(s, 2:int)"],
  ["trim(s)", "trim(s)"],
  ["trim(both 'x' from s)", 'trim("x":string, s)'],
  ["trim(leading from s)", "ltrim(s)"],
  ["trim(trailing 'x' from s)", 'rtrim("x":string, s)'],
  ["position('a' in s)", 'position("a":string, s)'],
  ["overlay(s placing 'x' from 2 for 1)", 'overlay(s, "x":string, 2:int, 1:int)'],
  ["dateadd(day, 1, d)", 'timestampadd("DAY":string, 1:int, d)'],
  ["date_add(d, 1)", "date_add(d, 1:int)"],
  ["datediff(a, b)", "datediff(a, b)"],
  ["struct(a as x, b)", "struct(a as x, b)"],
  ["(a, b)", "struct(a, b)"],
  ["like(a, 'x')", 'like(a, "x":string)'],
  ["if(a, b, c)", "if(a, b, c)"],
  ["a /* b /* c */ d */ + -- e\n 1", "+(a, 1:int)"],
]);

test("ten thousand conditions make a shallow tree", () => {
  const depth = (expression: Expression): number =>
    expression.kind === "unresolved_function" ? 1 + Math.max(...expression.args.map(depth)) : 0;
  expect(depth(parseExpression(`a = 1${" or a = 1".repeat(9_999)}`))).toBe(1 + Math.ceil(Math.log2(10_000)));
});

test("select items", () => {
  expect(parseSelectItems("a + 1 AS b, *, t.*, count(*) c").map(printExpression)).toEqual([
    "+(a, 1:int) as b",
    "*",
    "t.*",
    "count(1:int) as c",
  ]);
});

test("identifiers", () => {
  expect(parseIdentifier("a.b.`c d`")).toEqual(["a", "b", "c d"]);
  expect(() => parseIdentifier("a.")).toThrow(ParseError);
});

test("origins point into the text", () => {
  const expression = parseExpression("  upper(a) || b");
  if (expression.kind !== "unresolved_function") throw new Error("expected a function");
  expect(expression.origin).toEqual({ text: "  upper(a) || b", start: 2, stop: 15 });
  const [first, last] = expression.args;
  expect(first).toMatchObject({ origin: { start: 2, stop: 10 } });
  expect(last).toMatchObject({ origin: { start: 14, stop: 15 } });
});

describe("errors", () => {
  const failure = (text: string): ParseError => {
    try {
      parseExpression(text);
    } catch (error) {
      expect(error).toBeInstanceOf(ParseError);
      return error as ParseError;
    }
    throw new Error(`${text} parsed`);
  };

  test.each([
    ["", "PARSE_EMPTY_STATEMENT"],
    [" -- nothing", "PARSE_EMPTY_STATEMENT"],
    ["a +", "PARSE_SYNTAX_ERROR"],
    ["a b c", "PARSE_SYNTAX_ERROR"],
    ["(a", "PARSE_SYNTAX_ERROR"],
    ["a)", "PARSE_SYNTAX_ERROR"],
    ["a in ()", "PARSE_SYNTAX_ERROR"],
    ["a and and b", "PARSE_SYNTAX_ERROR"],
    ["case when a then end", "PARSE_SYNTAX_ERROR"],
    ["a > > b", "PARSE_SYNTAX_ERROR"],
    ["'abc", "PARSE_SYNTAX_ERROR"],
    ["`abc", "PARSE_SYNTAX_ERROR"],
    ["a § b", "PARSE_SYNTAX_ERROR"],
    ["/* open", "UNCLOSED_BRACKETED_COMMENT"],
    ["cast(a as uuid)", "UNSUPPORTED_DATATYPE"],
    ["128Y", "INVALID_NUMERIC_LITERAL_RANGE"],
    ["1e400", "INVALID_NUMERIC_LITERAL_RANGE"],
    ["123456789012345678901234567890123456789", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"],
    ["date '2023-02-29'", "INVALID_TYPED_LITERAL"],
    ["timestamp 'soon'", "INVALID_TYPED_LITERAL"],
    ["x'1g'", "INVALID_TYPED_LITERAL"],
    ["point '1,2'", "UNSUPPORTED_TYPED_LITERAL"],
    ["interval 1 month 1 day", "CANNOT_PARSE_INTERVAL"],
    ["interval 'soon'", "CANNOT_PARSE_INTERVAL"],
    ["a like 'x' escape 'yy'", "INVALID_ESCAPE_CHAR"],
    ["transform(a, x -> x + 1)", "UNSUPPORTED_FEATURE.NOT_YET"],
    ["rank() over (order by a)", "UNSUPPORTED_FEATURE.NOT_YET"],
    ["a in (select 1)", "UNSUPPORTED_FEATURE.NOT_YET"],
    ["posexplode(a) as (b, c)", "UNSUPPORTED_FEATURE.NOT_YET"],
    ["(".repeat(100_000), "FAILED_TO_PARSE_TOO_COMPLEX"],
    ["- ".repeat(3) + "~".repeat(100_000), "FAILED_TO_PARSE_TOO_COMPLEX"],
    [`a${" + a".repeat(100_000)}`, "FAILED_TO_PARSE_TOO_COMPLEX"],
    [`a${"[0]".repeat(100_000)}`, "FAILED_TO_PARSE_TOO_COMPLEX"],
    ["not ".repeat(100_000), "FAILED_TO_PARSE_TOO_COMPLEX"],
  ])("refusal %#", (text, condition) => expect(failure(text).condition).toBe(condition));

  test("name the place and what was found", () => {
    const error = failure("a +\n  * )");
    expect(error.messageParameters).toEqual({ error: "')'", hint: ": extra input ')'" });
    expect(error.queryContext).toEqual({ fragment: ")", start: 8, stop: 9, line: 2, column: 5 });
    expect(failure("a +").messageParameters).toEqual({ error: "end of input", hint: "" });
    expect(failure("a +").sqlState).toBe("42601");
  });

  test("nothing but ParseError comes out of any text", () => {
    const words =
      "a b 1 1.5 ( ) [ ] , . :: + - * / not and or case when then else end in is null like between interval day date 'x' \"y\" `z` cast as struct < > count distinct".split(
        " ",
      );
    const sentence = fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((parts) => parts.join(" "));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), sentence), (text) => {
        try {
          parseExpression(text);
        } catch (error) {
          if (!(error instanceof ParseError)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });
});
