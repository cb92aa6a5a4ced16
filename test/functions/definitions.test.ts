/** Every definition keeps its promises: documented examples hold, names are unique, planned names are told from unknown ones. */
import { describe, expect, test } from "vitest";
import { functionRegistry } from "../../src/functions/registry.ts";
import { evaluateSql } from "./support/expressions.ts";

const definitions = [...new Set(functionRegistry.names().map((name) => functionRegistry.find(name)!))];

describe("definitions", () => {
  test.each(definitions.filter((definition) => definition.example).map((definition) => [definition.name, ...definition.example!]))(
    "%s: %s is %s",
    (_name, expression, result) => {
      expect(evaluateSql(expression).text).toBe(result);
    },
  );

  test("every scalar function has an example", () => {
    const without = definitions.filter((definition) => definition.kind === "scalar" && !definition.example).map(({ name }) => name);
    expect(without).toEqual([]);
  });

  test("look-up ignores case and knows aliases", () => {
    expect(functionRegistry.find("MEAN")).toBe(functionRegistry.find("avg"));
    expect(functionRegistry.find("explode")?.kind).toBe("planned");
    expect(functionRegistry.find("no_such_function")).toBeUndefined();
  });
});
