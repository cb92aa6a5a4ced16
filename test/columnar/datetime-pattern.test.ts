import fc from "fast-check";
import { expect, test } from "vitest";
import { dateTimePattern, formatWithPattern } from "../../src/columnar/datetime-pattern.ts";
import { timeZone } from "../../src/columnar/time-zone.ts";

test("the text that is kept for a second is the one that would be made anew, in every zone, before 1970 too", () => {
  const zones = ["UTC", "America/New_York", "Asia/Kolkata", "+05:45"].map(timeZone);
  const moments = fc.tuple(
    fc.integer({ min: -3, max: 3 }),
    fc.integer({ min: -1, max: 1 }),
    fc.constantFrom(...zones),
    fc.constantFrom(0n, -5_000_000_000n, 1_700_000_000n),
  );
  fc.assert(
    fc.property(
      fc.array(moments, { minLength: 2, maxLength: 30 }),
      fc.constantFrom("yyyy-MM-dd HH:mm:ss", "HH:mm[:ss]XXX", "D"),
      (all, text) => {
        for (const [second, micros, zone, base] of all) {
          const moment = (base + BigInt(second)) * 1_000_000n + BigInt(micros);
          // A pattern with a fraction keeps nothing.
          const anew = formatWithPattern(moment, dateTimePattern(`${text}SSSSSS`), zone).slice(0, -6);
          expect(formatWithPattern(moment, dateTimePattern(text), zone)).toBe(anew);
        }
      },
    ),
  );
});
