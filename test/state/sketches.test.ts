/**
 * Operators to come, sketched on the state store's contract: stream-stream joins, session windows, flatMapGroupsWithState (transformWithState has a
 * file of its own). Each is a few plain functions over column families, runs with restarts in between, and is compared with the same in
 * arrays and maps over all input.
 */
import fc from "fast-check";
import { describe, test } from "vitest";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { NumberedRows } from "./numbered-rows.ts";
import { keyText, type TestRow } from "./row-codec.ts";
import { byTime, first, long, modes, run, second, text, time, WIDTH } from "./sketch.ts";
import type { FamilySpec, StateWorkers } from "./state-workers.ts";

const bucketEndOf = (at: bigint): bigint => at - (((at % WIDTH) + WIDTH) % WIDTH) + WIDTH - 1n;

const ordered = (rows: readonly TestRow[]): readonly TestRow[] => rows.toSorted((a, b) => (keyText(a) < keyText(b) ? -1 : 1));

describe.each(modes)("$name", (mode) => {
  test("left outer stream-stream join on a key and a range of times", () => {
    const [LEFT, RIGHT] = [1, 2];
    /** A pair: equal keys, and the right row comes up to so much later. */
    const RANGE = 15n;
    const sideFamily = (operatorId: number): FamilySpec => ({
      operatorId,
      layout: rowLayout([time("end"), long("key"), long("number")], [long("count"), long("at"), long("id"), long("isMatched")], byTime),
      group: second,
    });
    interface Row {
      readonly key: bigint;
      readonly at: bigint;
      readonly id: bigint;
    }
    interface Batch {
      readonly left: readonly Row[];
      readonly right: readonly Row[];
      /** Before the batch, and after it. */
      readonly late: bigint;
      readonly watermark: bigint;
    }
    const isPair = (l: Row, r: Row): boolean => l.key === r.key && r.at >= l.at && r.at <= l.at + RANGE;

    /** The rows of a key in the buckets of times low to high, as numbered rows of each bucket. */
    const matches = (side: NumberedRows, key: bigint, low: bigint, high: bigint) => {
      const found: { prefix: TestRow; number: number; at: bigint; id: bigint; isMatched: boolean }[] = [];
      for (let end = bucketEndOf(low); end <= bucketEndOf(high); end += WIDTH) {
        side.rows([end, key]).forEach((values, i) => {
          const [, at, id, isMatched] = values as [bigint, bigint, bigint, bigint];
          if (at >= low && at <= high) found.push({ prefix: [end, key], number: i + 1, at, id, isMatched: isMatched === 1n });
        });
      }
      return found;
    };
    /** Calls `gone` for the rows up to `bound`; those of the bucket that it cuts go one by one, earlier buckets whole. */
    const evict = (side: NumberedRows, bound: bigint, gone: (key: bigint, values: TestRow) => void): void => {
      const end = bucketEndOf(bound);
      for (const { keys, values } of side.family.due(bound)) if (keys[2] !== 0n) gone(keys[1] as bigint, values);
      side.family.evict(bound);
      if (end === bound) return;
      const cut = side.family.between(end - WIDTH, end).filter(({ keys, values }) => keys[2] !== 0n && (values[1] as bigint) <= bound);
      // The last row takes the place of one that goes: from the highest number down, it is one that stays.
      for (const { keys, values } of cut.toSorted((a, b) => Number((b.keys[2] as bigint) - (a.keys[2] as bigint)))) {
        gone(keys[1] as bigint, values);
        side.removeAt(keys.slice(0, 2), Number(keys[2]));
      }
    };
    const join = (workers: StateWorkers, { left, right, late, watermark }: Batch): readonly TestRow[] => {
      const [l, r] = [new NumberedRows(workers.family(LEFT)), new NumberedRows(workers.family(RIGHT))];
      const out: TestRow[] = [];
      for (const { key, at, id } of left) {
        if (at <= late) continue;
        const found = matches(r, key, at, at + RANGE);
        out.push(...found.map((other): TestRow => [key, id, other.id]));
        l.add([bucketEndOf(at), key], [0n, at, id, found.length > 0 ? 1n : 0n]);
      }
      for (const { key, at, id } of right) {
        if (at <= late) continue;
        for (const other of matches(l, key, at - RANGE, at)) {
          out.push([key, other.id, id]);
          if (!other.isMatched) l.set(other.prefix, other.number, [0n, other.at, other.id, 1n]);
        }
        r.add([bucketEndOf(at), key], [0n, at, id, 0n]);
      }
      evict(l, watermark - RANGE, (key, [, , id, isMatched]) => {
        if (isMatched === 0n) out.push([key, id!, null]);
      });
      evict(r, watermark, () => undefined);
      return ordered(out);
    };

    /** Over all rows that were in time: pairs in the batch of their second row, rows without a pair when none can come any more. */
    const model = (batches: readonly Batch[]): readonly (readonly TestRow[])[] => {
      const inTime = (side: "left" | "right") =>
        batches.flatMap((batch, index) => batch[side].filter(({ at }) => at > batch.late).map((row) => ({ ...row, index })));
      const [left, right] = [inTime("left"), inTime("right")];
      return batches.map(({ late, watermark }, index) => {
        const pairs = left.flatMap((l) =>
          right.filter((r) => isPair(l, r) && Math.max(l.index, r.index) === index).map((r) => [l.key, l.id, r.id]),
        );
        const passed = left.filter((l) => l.index <= index && l.at + RANGE <= watermark && l.at + RANGE > late);
        const alone = passed.filter((l) => !right.some((r) => r.index <= index && isPair(l, r)));
        return ordered([...pairs, ...alone.map((l) => [l.key, l.id, null])]);
      });
    };

    const row = fc.record({ key: fc.nat(3), at: fc.nat(40) });
    const input = fc.array(
      fc.record({ left: fc.array(row, { maxLength: 12 }), right: fc.array(row, { maxLength: 12 }), step: fc.nat(14) }),
      {
        minLength: 4,
        maxLength: 9,
      },
    );
    fc.assert(
      fc.property(input, (raw) => {
        let [watermark, ids] = [-1n, 0n];
        const batches = raw.map(({ left, right, step }): Batch => {
          const late = watermark;
          // Some rows are late, and most are not.
          const rows = (side: typeof left): Row[] =>
            side.map(({ key, at }) => ({ key: BigInt(key), at: late + BigInt(at) - 6n, id: ids++ }));
          watermark += BigInt(step);
          return { left: rows(left), right: rows(right), late, watermark };
        });
        run([sideFamily(LEFT), sideFamily(RIGHT)], mode, batches, join, model(batches));
      }),
      { numRuns: 8, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("session windows: overlapping sessions are merged, and leave when the watermark has passed their end", () => {
    const [SESSIONS, ENDS] = [1, 2];
    const GAP = 7n;
    const families: readonly FamilySpec[] = [
      {
        operatorId: SESSIONS,
        layout: rowLayout([long("key"), long("number")], [long("count"), long("start"), long("end"), long("events")]),
        group: first,
      },
      // A key's sessions do not overlap: each has an end of its own.
      { operatorId: ENDS, layout: rowLayout([time("end"), long("key")], [], byTime), group: second },
    ];
    interface Batch {
      readonly events: readonly { readonly key: bigint; readonly at: bigint }[];
      readonly late: bigint;
      readonly watermark: bigint;
    }
    const sessions = (workers: StateWorkers, { events, late, watermark }: Batch): readonly TestRow[] => {
      const [open, ends] = [new NumberedRows(workers.family(SESSIONS)), workers.family(ENDS)];
      for (const { key, at } of events) {
        if (at <= late) continue;
        let [start, end, count] = [at, at + GAP, 1n];
        // From the last row down: the one that takes the place of a removed row has been looked at.
        const known = open.rows([key]);
        for (let number = known.length; number > 0; number--) {
          const [, otherStart, otherEnd, otherCount] = known[number - 1] as bigint[];
          if (otherStart! >= at + GAP || otherEnd! <= at) continue;
          if (otherStart! < start) start = otherStart!;
          if (otherEnd! > end) end = otherEnd!;
          count += otherCount!;
          open.removeAt([key], number);
          ends.remove([otherEnd!, key]);
        }
        open.add([key], [0n, start, end, count]);
        ends.put([end, key], []);
      }
      const out: TestRow[] = [];
      for (const { keys } of ends.due(watermark)) {
        const [end, key] = keys as [bigint, bigint];
        const rows = open.rows([key]);
        const index = rows.findIndex((row) => row[2] === end);
        const [, start, , count] = rows[index]!;
        out.push([key, start!, end, count!]);
        open.removeAt([key], index + 1);
      }
      ends.evict(watermark);
      return ordered(out);
    };
    const model = (batches: readonly Batch[]): readonly (readonly TestRow[])[] =>
      batches.map(({ late, watermark }, index) => {
        const events = batches.slice(0, index + 1).flatMap((batch) => batch.events.filter(({ at }) => at > batch.late));
        const out: TestRow[] = [];
        for (const key of new Set(events.map((event) => event.key))) {
          let session: [bigint, bigint, bigint] | null = null;
          const close = (): void => {
            if (session !== null && session[1] > late && session[1] <= watermark) out.push([key, ...session]);
          };
          for (const at of events.flatMap((event) => (event.key === key ? [event.at] : [])).toSorted((a, b) => Number(a - b))) {
            if (session !== null && at < session[1]) session = [session[0], at + GAP, session[2] + 1n];
            else {
              close();
              session = [at, at + GAP, 1n];
            }
          }
          close();
        }
        return ordered(out);
      });

    const event = fc.record({ key: fc.nat(4), at: fc.nat(45) });
    fc.assert(
      fc.property(
        fc.array(fc.record({ events: fc.array(event, { maxLength: 25 }), step: fc.nat(15) }), { minLength: 4, maxLength: 9 }),
        (raw) => {
          let watermark = -1n;
          const batches = raw.map(({ events, step }): Batch => {
            const late = watermark;
            watermark += BigInt(step);
            return { events: events.map(({ key, at }) => ({ key: BigInt(key), at: late + BigInt(at) - 4n })), late, watermark };
          });
          run(families, mode, batches, sessions, model(batches));
        },
      ),
      { numRuns: 8, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("flatMapGroupsWithState: one value per key, with a timeout that each call sets anew or not", () => {
    const [GROUPS, TIMEOUTS] = [1, 2];
    const families: readonly FamilySpec[] = [
      { operatorId: GROUPS, layout: rowLayout([text("key")], [text("state"), long("timeout")]), group: (keys) => keys },
      { operatorId: TIMEOUTS, layout: rowLayout([time("timeout"), text("key")], [], byTime), group: second },
    ];
    interface Batch {
      readonly rows: readonly { readonly key: string; readonly word: string }[];
      /** Processing time. */
      readonly now: bigint;
    }
    interface Group {
      readonly state: string;
      readonly timeout: bigint | null;
    }
    /** What a user would write: keeps words until one says to stop; short words set a timeout, others none. */
    const update = (known: Group | undefined, words: readonly string[], now: bigint): Group | null => {
      if (words.includes("stop")) return null;
      const state = (known?.state ?? "") + words.join("");
      return { state, timeout: words.at(-1)!.length < 3 ? now + 12n + BigInt(state.length % 5) : null };
    };
    const groupsOf = (rows: Batch["rows"]): Map<string, string[]> => {
      const groups = new Map<string, string[]>();
      for (const { key, word } of rows) groups.set(key, [...(groups.get(key) ?? []), word]);
      return groups;
    };

    const operator = (workers: StateWorkers, { rows, now }: Batch): readonly TestRow[] => {
      const [groups, timeouts] = [workers.family(GROUPS), workers.family(TIMEOUTS)];
      const out: TestRow[] = [];
      const known = (key: string): Group | undefined => {
        const values = groups.get([key]);
        return values === null ? undefined : { state: values[0] as string, timeout: values[1] as bigint | null };
      };
      for (const [key, words] of groupsOf(rows)) {
        const before = known(key);
        const after = update(before, words, now);
        if (before && before.timeout !== null) timeouts.remove([before.timeout, key]);
        if (after === null) groups.remove([key]);
        else groups.put([key], [after.state, after.timeout]);
        if (after !== null && after.timeout !== null) timeouts.put([after.timeout, key], []);
        out.push([key, after?.state ?? "stopped"]);
      }
      for (const { keys } of timeouts.due(now)) {
        const key = keys[1] as string;
        out.push([key, `timed out: ${known(key)!.state}`]);
        groups.remove([key]);
      }
      timeouts.evict(now);
      return ordered(out);
    };
    const model = (batches: readonly Batch[]): readonly (readonly TestRow[])[] => {
      const groups = new Map<string, Group>();
      return batches.map(({ rows, now }) => {
        const out: TestRow[] = [];
        for (const [key, words] of groupsOf(rows)) {
          const after = update(groups.get(key), words, now);
          if (after === null) groups.delete(key);
          else groups.set(key, after);
          out.push([key, after?.state ?? "stopped"]);
        }
        for (const [key, { state, timeout }] of groups) {
          if (timeout === null || timeout > now) continue;
          out.push([key, `timed out: ${state}`]);
          groups.delete(key);
        }
        return ordered(out);
      });
    };

    const row = fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      word: fc.constantFrom("x", "yy", "long word", "z".repeat(900), "stop"),
    });
    fc.assert(
      fc.property(
        fc.array(fc.record({ rows: fc.array(row, { maxLength: 8 }), step: fc.nat(14) }), { minLength: 4, maxLength: 10 }),
        (raw) => {
          let now = 0n;
          const batches = raw.map(({ rows, step }): Batch => ({ rows, now: (now += BigInt(step)) }));
          run(families, mode, batches, operator, model(batches));
        },
      ),
      { numRuns: 8, interruptAfterTimeLimit: 20_000 },
    );
  });
});
