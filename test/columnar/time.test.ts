/** Calendar and time zones against the platform's own `Date` and `Intl`. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { civilFromDays, daysFromCivil, dayOfYear, isoDayOfWeek, isoWeek, addMonths } from "../../src/columnar/civil-date.ts";
import { findTimeZone, timeZone } from "../../src/columnar/time-zone.ts";

const DAY_MS = 86_400_000;

describe("civil dates", () => {
  test("agree with Date where it reaches", () => {
    fc.assert(
      fc.property(fc.integer({ min: -90_000_000, max: 90_000_000 }), (days) => {
        const date = new Date(days * DAY_MS);
        const civil = civilFromDays(days);
        expect(civil).toEqual({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() });
        expect(daysFromCivil(civil.year, civil.month, civil.day)).toBe(days);
        expect(isoDayOfWeek(days) % 7).toBe(date.getUTCDay());
        expect(dayOfYear(days)).toBe(days - daysFromCivil(civil.year, 1, 1) + 1);
      }),
    );
  });

  test("weeks begin on Monday and week 1 has the first Thursday", () => {
    expect(isoWeek(daysFromCivil(2021, 1, 3))).toEqual({ week: 53, weekYear: 2020 });
    expect(isoWeek(daysFromCivil(2021, 1, 4))).toEqual({ week: 1, weekYear: 2021 });
    expect(isoWeek(daysFromCivil(2019, 12, 30))).toEqual({ week: 1, weekYear: 2020 });
  });

  test("months move to the last day where the day is missing", () => {
    expect(civilFromDays(addMonths(daysFromCivil(2024, 1, 31), 1))).toEqual({ year: 2024, month: 2, day: 29 });
    expect(civilFromDays(addMonths(daysFromCivil(2024, 3, 31), -13))).toEqual({ year: 2023, month: 2, day: 28 });
  });
});

describe("time zones", () => {
  const zones = ["America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"];
  test.each(zones)("%s: local fields as Intl prints them", (id) => {
    const format = new Intl.DateTimeFormat("en-CA", { timeZone: id, hourCycle: "h23", dateStyle: "short", timeStyle: "medium" });
    const zone = timeZone(id);
    fc.assert(
      fc.property(fc.integer({ min: -4_000_000_000, max: 16_000_000_000 }), (seconds) => {
        const local = seconds + Number(zone.offsetMicrosAt(BigInt(seconds) * 1_000_000n) / 1_000_000n);
        expect(format.format(seconds * 1000)).toBe(
          new Intl.DateTimeFormat("en-CA", { timeZone: "UTC", hourCycle: "h23", dateStyle: "short", timeStyle: "medium" }).format(
            local * 1000,
          ),
        );
      }),
      { numRuns: 200 },
    );
  });

  test.each(zones)("%s: local time and back", (id) => {
    const zone = timeZone(id);
    fc.assert(
      fc.property(fc.bigInt({ min: -4_000_000_000_000_000n, max: 16_000_000_000_000_000n }), (micros) => {
        const local = micros + zone.offsetMicrosAt(micros);
        const back = zone.localToUtc(local);
        // In the hour that comes twice the earlier moment is meant.
        expect(back === micros || (back < micros && back + zone.offsetMicrosAt(back) === local)).toBe(true);
      }),
    );
  });

  test("gaps and overlaps of Los Angeles in 2024", () => {
    const zone = timeZone("America/Los_Angeles");
    const utc = (text: string): bigint => BigInt(Date.parse(text)) * 1000n;
    expect(zone.localToUtc(utc("2024-03-10T02:30:00Z"))).toBe(utc("2024-03-10T10:30:00Z"));
    expect(zone.localToUtc(utc("2024-11-03T01:30:00Z"))).toBe(utc("2024-11-03T08:30:00Z"));
  });

  test("fixed offsets and unknown names", () => {
    expect(timeZone("+05:30").offsetMicrosAt(0n)).toBe(19_800_000_000n);
    expect(timeZone("GMT-8").offsetMicrosAt(0n)).toBe(-28_800_000_000n);
    expect(timeZone("Z").offsetMicrosAt(0n)).toBe(0n);
    expect(findTimeZone("Mars/Olympus")).toBeUndefined();
    expect(() => timeZone("Mars/Olympus")).toThrow(/INVALID_TIMEZONE/);
  });
});
