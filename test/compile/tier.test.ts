import { describe, expect, test } from "vitest";
import { canFail, splitTierThree, tierOf } from "../../src/compile/tier.ts";
import { BooleanType, DoubleType, LongType, StringType } from "../../src/columnar/types.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { call, type Expression, literal } from "../../src/plan/expr/expression.ts";
import { attribute } from "./harness.ts";

const options = { registry: functionRegistry, timeZone: "UTC" };
const x = attribute(0, DoubleType, false);
const y = attribute(1, DoubleType, true);
const flag = attribute(2, BooleanType, false);
/** `exp` has neither an inline emitter nor a kernel. */
const exp = (child: Expression): Expression => call("exp", [child], DoubleType, true);
const plus = (a: Expression, b: Expression): Expression => call("+", [a, b], DoubleType, true);
const split = (expression: Expression) => splitTierThree(expression, options, () => 100);

describe("what generated code cannot compute is taken out", () => {
  test("nothing, if all is fused", () => {
    expect(tierOf(plus(x, y), options)).toBe("fused");
    expect(split(plus(x, y))).toEqual({ hoisted: [], rest: plus(x, y) });
  });

  test("the outermost call without a compiled form", () => {
    const { hoisted, rest } = split(plus(exp(plus(exp(x), x)), x));
    expect(hoisted).toEqual([{ id: 100, expression: exp(plus(exp(x), x)), resultType: DoubleType }]);
    expect(rest).toMatchObject({ name: "+", args: [{ kind: "attribute", id: 100, nullable: true }, x] });
    expect(tierOf(rest, options)).toBe("fused");
  });

  test("the whole conditional, when only some rows would evaluate it", () => {
    const conditional = call("if", [flag, exp(x), x], DoubleType, true);
    expect(split(plus(x, conditional)).hoisted.map(({ expression }) => expression)).toEqual([conditional]);
    const caseWhen: Expression = { kind: "case_when", branches: [{ condition: flag, value: exp(x) }], otherwise: null };
    expect(split(caseWhen).hoisted.map(({ expression }) => expression)).toEqual([caseWhen]);
  });

  test("the condition alone, which every row evaluates", () => {
    const condition = call("<", [exp(x), literal(1, DoubleType)], BooleanType, true);
    const { hoisted } = split(call("if", [condition, x, y], DoubleType, true));
    expect(hoisted.map(({ expression }) => expression)).toEqual([exp(x)]);
  });

  test("a strict call, when an argument before it may be null", () => {
    expect(split(plus(y, exp(x))).hoisted.map(({ expression }) => expression)).toEqual([plus(y, exp(x))]);
    expect(split(plus(x, exp(x))).hoisted.map(({ expression }) => expression)).toEqual([exp(x)]);
  });

  test("functions of local time, outside UTC", () => {
    const hour = call("hour", [attribute(3, { kind: "timestamp" })], LongType, true);
    expect(tierOf(hour, options)).toBe("fused");
    expect(tierOf(hour, { ...options, timeZone: "America/New_York" })).toBe("materialize");
  });
});

describe("what can fail", () => {
  const [text, other] = [attribute(4, StringType, true), attribute(5, StringType, true)];
  const like = (pattern: Expression): Expression => call("like", [text, pattern], BooleanType, true);

  test.each([
    ["contains", call("contains", [text, other], BooleanType, true), false],
    ["length", call("length", [text], LongType, true), false],
    ["a pattern without escapes", like(literal("%a_", StringType)), false],
    ["a pattern that ends with an escape", like(literal("a\\", StringType)), true],
    ["a pattern of a column", like(other), true],
    ["a kernel that says nothing", call("repeat", [text, literal(2, LongType)], StringType, true), true],
    ["what the interpreter computes", call("like", [text, literal("a%", StringType), literal("/", StringType)], BooleanType, true), true],
    ["an argument that can", call("contains", [like(other), text], BooleanType, true), true],
  ])("%s: %s", (_name, expression, expected) => expect(canFail(expression, options)).toBe(expected));
});
