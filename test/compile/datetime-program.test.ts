import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dateTimePattern, formatWithPattern } from "../../src/columnar/datetime-pattern.ts";
import { timeZone } from "../../src/columnar/time-zone.ts";
import { StringType, TimestampType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { tierOf } from "../../src/compile/tier.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { call, type Expression, literal } from "../../src/plan/expr/expression.ts";
import { attribute, evaluateCompiled } from "./harness.ts";

const time = attribute(0, TimestampType);
const utc = timeZone("UTC");
const formatted = (pattern: string): Expression => call("date_format", [time, literal(pattern, StringType)], StringType, true);
const format = (pattern: string, times: readonly (bigint | null)[]): Value[] =>
  evaluateCompiled(formatted(pattern), [{ attribute: time, values: times }], times.length);
const tier = (pattern: string, zone = "UTC"): string => tierOf(formatted(pattern), { registry: functionRegistry, timeZone: zone });

const moment = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -62_200_000_000_000_000n, max: 300_000_000_000_000_000n }),
  fc.date({ min: new Date("1899-12-01T00:00:00Z"), max: new Date("2101-01-01T00:00:00Z"), noInvalidDate: true }).map((date) => {
    return BigInt(date.getTime()) * 1000n;
  }),
  // Where years change their sign and their digits.
  fc.tuple(fc.constantFrom(-10_000, -9_999, -1, 0, 1, 999, 9_999, 10_000), fc.integer({ min: -1, max: 1 })).map(([year, micros]) => {
    return BigInt(new Date(0).setUTCFullYear(year, 0, 1)) * 1000n + BigInt(micros);
  }),
);

describe("date_format with a pattern that is known beforehand", () => {
  test("gives what Date gives", () => {
    fc.assert(
      fc.property(
        fc.array(fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }), { minLength: 1 }),
        (dates) => {
          const times = dates.map((date) => BigInt(date.getTime()) * 1000n);
          expect(format("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", times)).toEqual(dates.map((date) => date.toISOString()));
          const long = new Intl.DateTimeFormat("en-US", { dateStyle: "full", timeZone: "UTC" });
          expect(format("EEEE, MMMM d, y", times)).toEqual(dates.map((date) => long.format(date)));
          const clock = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", timeZone: "UTC" });
          expect(format("h:mm a", times)).toEqual(dates.map((date) => clock.format(date).replace("\u202f", " ")));
        },
      ),
    );
  });

  test("gives what the plain path gives, for any pattern and any time", () => {
    const field = fc
      .constantFrom(..."y6 M4 L4 d2 D3 H2 k2 K2 h2 m2 s2 S9 a1 E4".split(" "))
      .chain((form) => fc.integer({ min: 1, max: Number(form[1]) }).map((count) => form[0]!.repeat(count)));
    const text = fc.constantFrom("-", "/", " ", ":", "'T'", "''", "'déjà vu'", "[.SSS]", ", ");
    const pattern = fc.array(fc.tuple(field, text), { minLength: 1, maxLength: 6 }).map((parts) => parts.flat().join(""));
    fc.assert(
      fc.property(pattern, fc.array(fc.option(moment), { minLength: 1, maxLength: 8 }), (letters, times) => {
        expect(tier(letters)).toBe("fused");
        const parts = dateTimePattern(letters);
        expect(format(letters, times)).toEqual(times.map((micros) => (micros === null ? null : formatWithPattern(micros, parts, utc))));
      }),
      { numRuns: 500 },
    );
  });

  test.each(["yyyy-MM-dd HH:mm VV", "yyyy G", "q yyyy", "yyyy b", "yyyy-MM-dd'T", `y${"y".repeat(30)}`])(
    "other patterns stay on the plain path: %s",
    (pattern) => {
      expect(tier(pattern)).toBe("materialize");
    },
  );

  test("zones with offsets stay on the plain path", () => {
    expect(tier("HH:mm", "Europe/Paris")).toBe("materialize");
  });
});
