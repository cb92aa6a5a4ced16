import { expect, test } from "vitest";
import { sealText } from "../../src/base/sealed-text.ts";
import { CompactibleLog, readCompactibleLog } from "../../src/connectors/file/compactible-log.ts";
import { MemoryLog } from "./reading.ts";

async function fill(log: CompactibleLog, from: number, to: number): Promise<void> {
  for (let id = from; id <= to; id++) await log.add(id, [line(id)]);
}
const line = (id: number): string => `{"line":${id},"millrace":{}}`;
const lines = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => line(from + index));

test("readers see every line whether or not it has been compacted", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store, { compactInterval: 3 });
  for (let id = 0; id < 20; id++) {
    await fill(log, id, id);
    expect(await readCompactibleLog(store)).toEqual(lines(0, id));
  }
  await log.settle();
  expect(store.files.get("17.compact")!.split("\n")).toHaveLength(19);
  expect([...store.files.keys()].filter((name) => Number.parseInt(name) < 14)).toEqual([]);
});

test("a compaction that a crash cut off is made up for at the next start", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store);
  await fill(log, 0, 11);
  await log.settle();
  store.files.delete("9.compact");
  const again = new CompactibleLog(store);
  expect(await again.latest()).toBe(11);
  await again.settle();
  expect(store.files.get("9.compact")!.split("\n")).toHaveLength(11);
  expect(await again.all()).toEqual(lines(0, 11));
});

test("an entry that exists is not written again; a hole is an error that says where", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store);
  await fill(log, 0, 4);
  expect(await log.add(4, [])).toBe(false);
  store.files.delete("2");
  await expect(readCompactibleLog(store)).rejects.toThrow(/Entry \/log\/2 .* goes on to 4/);
  store.files.set("2", "w1\n");
  const damage = { condition: "DATA_SOURCE_LOG_MALFORMED", messageParameters: { file: "/log/2" } };
  await expect(readCompactibleLog(store)).rejects.toMatchObject(damage);
});

test("a log that Spark wrote, compact files without plain ones, is read and continued", async () => {
  const store = new MemoryLog();
  store.files.set("9.compact", 'v1\n{"n":1}\n{"n":2}');
  store.files.set("10", 'v1\n{"n":3}');
  store.files.set(".10.crc", "junk");
  const log = new CompactibleLog(store);
  expect(await log.latest()).toBe(10);
  expect(await log.all()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  expect(await log.add(11, ['{"n":4}'])).toBe(true);
  expect(await log.all()).toEqual(['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}']);
});

test("entries after one are removed, as far back as the log can tell them apart", async () => {
  for (const last of [-1, 0, 5, 8, 9, 12, 18, 19, 20, 23, 24, 30]) {
    const store = new MemoryLog();
    const log = new CompactibleLog(store);
    await fill(log, 0, 24);
    await log.settle();
    const back = new CompactibleLog(store);
    // 19.compact took the place of everything before 9.
    expect(await back.reachesBackTo(last), String(last)).toBe(last < 0 || last >= 9);
    if (last >= 0 && last < 9) continue;
    expect(await back.removeAfter(last)).toBe(last < 0 ? 16 : Math.max(0, 24 - last));
    expect(await readCompactibleLog(store)).toEqual(lines(0, Math.min(last, 24)));
    const again = new CompactibleLog(store);
    await fill(again, Math.min(last, 24) + 1, 40);
    await again.settle();
    expect(await again.all()).toEqual(lines(0, 40));
  }
});

test("a log that began late can be emptied only when nothing was compacted", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store);
  await fill(log, 5, 7);
  expect(await log.reachesBackTo(3)).toBe(true);
  expect(await log.removeAfter(3)).toBe(3);
  expect(store.files.size).toBe(0);
  await fill(log, 8, 9);
  await log.settle();
  expect(await log.reachesBackTo(3)).toBe(false);
});

test("a log of another version is refused, whatever its checksum", async () => {
  const store = new MemoryLog();
  const refused = async (version: string) => {
    store.files.set("0", sealText(`${version}\n${line(0)}`));
    return await readCompactibleLog(store).catch((error: { condition: string }) => error.condition);
  };
  expect(await refused("v2")).toBe("UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION");
  expect(await refused("v0")).toBe("DATA_SOURCE_LOG_MALFORMED");
});

test("every flipped bit and every cut of every file is found", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store, { compactInterval: 3 });
  await fill(log, 0, 3);
  await log.settle();
  for (const name of ["2.compact", "3"]) {
    const whole = Buffer.from(store.files.get(name)!);
    const damaged = [
      ...Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length)),
      ...Array.from({ length: 8 * whole.length }, (_, bit) => {
        const bytes = Buffer.from(whole);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        return bytes;
      }),
    ];
    for (const bytes of damaged) {
      store.files.set(name, bytes.toString());
      const found = readCompactibleLog(store).then((all) => all.map((text) => JSON.parse(text) as unknown));
      await expect(found, bytes.toString()).rejects.toThrow();
    }
    store.files.set(name, whole.toString());
  }
  expect(await readCompactibleLog(store)).toEqual(lines(0, 3));
});

test("a log that has always begun with 0 does not begin later, and ends where somebody has seen it", async () => {
  const store = new MemoryLog();
  const log = new CompactibleLog(store, { firstEntry: 0 });
  await log.reach(-1);
  await fill(log, 0, 4);
  await log.reach(4);
  const missing = (entry: string) => ({ condition: "FILE_LOG_ENTRY_MISSING", messageParameters: { entry: `/log/${entry}` } });
  await expect(log.reach(5)).rejects.toMatchObject(missing("5"));
  store.files.delete("0");
  await expect(new CompactibleLog(store, { firstEntry: 0 }).all()).rejects.toMatchObject(missing("0"));
  expect(await new CompactibleLog(store).all()).toEqual(lines(1, 4));
});
