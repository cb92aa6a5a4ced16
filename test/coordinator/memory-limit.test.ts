/** Where the memory for state comes from that nobody has set. */
import { expect, test } from "vitest";
import { memoryLimitBytes } from "../../src/coordinator/memory-limit.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";

const MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000 kB\n";
const HALF_OF_ALL = 8_000_000 * 1024;
const gib = 2 ** 30;

const limit = (texts: Readonly<Record<string, string>>, conf: Readonly<Record<string, string>> = {}): Promise<number> => {
  const files = new MemoryFileSystem();
  for (const [path, text] of Object.entries(texts)) files.overwrite(path, Buffer.from(text));
  return memoryLimitBytes(files, new Map(Object.entries(conf)));
};

test("half of the machine's memory, or of the narrowest control group around the process", async () => {
  expect(await limit({ "/proc/meminfo": MEMINFO })).toBe(HALF_OF_ALL);
  const v2 = { "/proc/meminfo": MEMINFO, "/proc/self/cgroup": "0::/outer/inner\n" };
  expect(await limit({ ...v2, "/sys/fs/cgroup/outer/inner/memory.max": "max\n" })).toBe(HALF_OF_ALL);
  expect(await limit({ ...v2, "/sys/fs/cgroup/outer/inner/memory.max": `${4 * gib}\n` })).toBe(2 * gib);
  expect(await limit({ ...v2, "/sys/fs/cgroup/outer/memory.max": `${2 * gib}\n` })).toBe(gib);
  // Inside a container the group is the root.
  expect(await limit({ ...v2, "/sys/fs/cgroup/memory.max": `${2 * gib}\n` })).toBe(gib);
  const v1 = { "/proc/meminfo": MEMINFO, "/proc/self/cgroup": "5:cpu:/a\n4:memory,hugetlb:/b\n" };
  expect(await limit({ ...v1, "/sys/fs/cgroup/memory/b/memory.limit_in_bytes": `${gib}\n` })).toBe(gib / 2);
  expect(await limit({ ...v1, "/sys/fs/cgroup/memory/b/memory.limit_in_bytes": "9223372036854771712\n" })).toBe(HALF_OF_ALL);
});

test("what is set decides; where the system tells nothing there is a default", async () => {
  expect(await limit({ "/proc/meminfo": MEMINFO }, { "millrace.memory.limit": "3g" })).toBe(3 * gib);
  expect(await limit({})).toBe(4 * gib);
  await expect(limit({}, { "millrace.memory.limit": "some" })).rejects.toMatchObject({ condition: "INVALID_CONF_VALUE" });
});
