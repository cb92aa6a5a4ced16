/**
 * transformWithState sketched on the state store's contract: a processor with value, list and map state, time to live and timers, on column families
 * with restarts in between, and the same processor on maps.
 */
import fc from "fast-check";
import { describe, test } from "vitest";
import { rowLayout } from "../../src/columnar/row-layout.ts";
import { NumberedRows } from "./numbered-rows.ts";
import type { TestRow } from "./row-codec.ts";
import { byTime, first, long, modes, run, second, text, time } from "./sketch.ts";
import type { Family, FamilySpec, StateWorkers } from "./state-workers.ts";

describe.each(modes)("$name", (mode) => {
  test("transformWithState: value, list and map state, time to live, timers in the order of their times", () => {
    const [VALUE, LIST, MAP, MAP_ORDER, EXPIRY, TIMERS] = [1, 2, 3, 4, 5, 6];
    const family = (operatorId: number, layout: FamilySpec["layout"], group = first): FamilySpec => ({ operatorId, layout, group });
    const families: readonly FamilySpec[] = [
      family(VALUE, rowLayout([text("key")], [text("value")])),
      family(LIST, rowLayout([text("key"), long("number")], [long("count"), text("value")])),
      family(MAP, rowLayout([text("key"), text("entry")], [long("number"), text("value"), long("expiry")])),
      family(MAP_ORDER, rowLayout([text("key"), long("number")], [long("count"), text("entry")])),
      family(EXPIRY, rowLayout([time("expiry"), text("key"), text("entry")], [], byTime), second),
      family(TIMERS, rowLayout([time("at"), text("key")], [], byTime), second),
    ];
    const TTL = 17n;
    type Call =
      | { readonly kind: "setValue" | "append" | "putEntry"; readonly key: string; readonly entry: string; readonly word: string }
      | { readonly kind: "clearValue" | "clearList" | "removeEntry"; readonly key: string; readonly entry: string }
      | { readonly kind: "addTimer" | "removeTimer"; readonly key: string; readonly after: number };
    interface Batch {
      readonly calls: readonly Call[];
      readonly now: bigint;
    }
    /** State as a stateful processor sees it. */
    interface Handle {
      value(key: string): string | null;
      setValue(key: string, value: string | null): void;
      list(key: string): readonly string[];
      append(key: string, word: string): void;
      clearList(key: string): void;
      entries(key: string): readonly (readonly [string, string])[];
      putEntry(key: string, entry: string, word: string, expiry: bigint): void;
      removeEntry(key: string, entry: string): void;
      addTimer(at: bigint, key: string): void;
      removeTimer(at: bigint, key: string): void;
      /** Timers up to now, in order, which are then gone. */
      fire(now: bigint): readonly (readonly [bigint, string])[];
      /** Lets entries go whose time to live is over. */
      expire(now: bigint): void;
    }

    const onStore = (workers: StateWorkers): Handle => {
      const [value, map, expiries, timers] = [VALUE, MAP, EXPIRY, TIMERS].map((id) => workers.family(id!)) as [
        Family,
        Family,
        Family,
        Family,
      ];
      const [list, order] = [new NumberedRows(workers.family(LIST)), new NumberedRows(workers.family(MAP_ORDER))];
      const removeEntry = (key: string, entry: string): void => {
        const known = map.get([key, entry]);
        if (known === null) return;
        map.remove([key, entry]);
        expiries.remove([known[2]!, key, entry]);
        const moved = order.removeAt([key], Number(known[0]));
        if (moved === null) return;
        const other = map.get([key, moved[1]!])!;
        map.put([key, moved[1]!], [known[0]!, other[1]!, other[2]!]);
      };
      return {
        value: (key) => (value.get([key])?.[0] as string | undefined) ?? null,
        setValue: (key, to) => void (to === null ? value.remove([key]) : value.put([key], [to])),
        list: (key) => list.rows([key]).map(([, word]) => word as string),
        append: (key, word) => void list.add([key], [0n, word]),
        clearList: (key) => list.clear([key]),
        entries: (key) => order.rows([key]).map(([, entry]) => [entry as string, map.get([key, entry!])![1] as string]),
        putEntry: (key, entry, word, expiry) => {
          const known = map.get([key, entry]);
          if (known !== null) expiries.remove([known[2]!, key, entry]);
          const number = known?.[0] ?? BigInt(order.add([key], [0n, entry]));
          map.put([key, entry], [number, word, expiry]);
          expiries.put([expiry, key, entry], []);
        },
        removeEntry,
        addTimer: (at, key) => timers.put([at, key], []),
        removeTimer: (at, key) => void timers.remove([at, key]),
        fire: (now) => {
          const due = timers.due(now).map(({ keys }) => keys as [bigint, string]);
          timers.evict(now);
          return due.toSorted(([a, key], [b, other]) => Number(a - b) || (key < other ? -1 : 1));
        },
        expire: (now) => {
          for (const { keys } of expiries.due(now)) removeEntry(keys[1] as string, keys[2] as string);
        },
      };
    };
    const inMaps = (): Handle => {
      const [values, lists] = [new Map<string, string>(), new Map<string, string[]>()];
      const maps = new Map<string, Map<string, [string, bigint]>>();
      let timers: [bigint, string][] = [];
      const without = (at: bigint, key: string) => timers.filter(([other, of]) => other !== at || of !== key);
      return {
        value: (key) => values.get(key) ?? null,
        setValue: (key, to) => void (to === null ? values.delete(key) : values.set(key, to)),
        list: (key) => lists.get(key) ?? [],
        append: (key, word) => void lists.set(key, [...(lists.get(key) ?? []), word]),
        clearList: (key) => void lists.delete(key),
        entries: (key) => [...(maps.get(key) ?? [])].map(([entry, [word]]) => [entry, word] as const),
        putEntry: (key, entry, word, expiry) =>
          void maps.set(key, (maps.get(key) ?? new Map<string, [string, bigint]>()).set(entry, [word, expiry])),
        removeEntry: (key, entry) => void maps.get(key)?.delete(entry),
        addTimer: (at, key) => void (timers = [...without(at, key), [at, key]]),
        removeTimer: (at, key) => void (timers = without(at, key)),
        fire: (now) => {
          const due = timers.filter(([at]) => at <= now).toSorted(([a, key], [b, other]) => Number(a - b) || (key < other ? -1 : 1));
          timers = timers.filter(([at]) => at > now);
          return due;
        },
        expire: (now) => {
          for (const entries of maps.values()) for (const [entry, [, expiry]] of entries) if (expiry <= now) entries.delete(entry);
        },
      };
    };
    /** The processor: does the calls of a batch, then shows what its keys hold, what fired, in which order. */
    const process = (handle: Handle, { calls, now }: Batch): readonly TestRow[] => {
      handle.expire(now);
      for (const call of calls) {
        const { kind, key } = call;
        if (kind === "setValue") handle.setValue(key, (handle.value(key) ?? "") + call.word);
        else if (kind === "clearValue") handle.setValue(key, null);
        else if (kind === "append") handle.append(key, call.word);
        else if (kind === "clearList") handle.clearList(key);
        else if (kind === "putEntry") handle.putEntry(key, call.entry, call.word, now + TTL);
        else if (kind === "removeEntry") handle.removeEntry(key, call.entry);
        else if (kind === "addTimer") handle.addTimer(now + BigInt(call.after), key);
        else if (kind === "removeTimer") handle.removeTimer(now + BigInt(call.after), key);
      }
      const shown = ["a", "b", "c"].flatMap((key): TestRow[] => [
        [key, "value", handle.value(key)],
        [key, "list", ...handle.list(key)],
        [
          key,
          "map",
          ...handle
            .entries(key)
            .map(([entry, word]) => `${entry}=${word}`)
            .sort(),
        ],
      ]);
      return [...shown, ...handle.fire(now).map(([at, key]): TestRow => ["fired", at, key])];
    };

    const [key, entry] = [fc.constantFrom("a", "b", "c"), fc.constantFrom("p", "q", "r", "s")];
    const word = fc.constantFrom("x", "yy", "w".repeat(600));
    const call: fc.Arbitrary<Call> = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom("setValue", "append", "putEntry"), key, entry, word }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("clearValue", "clearList", "removeEntry"), key, entry }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("addTimer", "addTimer", "removeTimer"), key, after: fc.nat(40) }) },
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ calls: fc.array(call, { maxLength: 15 }), step: fc.nat(12) }), { minLength: 4, maxLength: 9 }),
        (raw) => {
          let now = 0n;
          const batches = raw.map(({ calls, step }): Batch => ({ calls, now: (now += BigInt(step)) }));
          const handle = inMaps();
          const expected = batches.map((batch) => process(handle, batch));
          run(families, mode, batches, (workers, batch) => process(onStore(workers), batch), expected);
        },
      ),
      { numRuns: 8, interruptAfterTimeLimit: 20_000 },
    );
  });
});
