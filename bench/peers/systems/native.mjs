/** The native programs in `npm run bench:peers`: each command is a process of its own that reads the same files. Driven as `spark.py` is. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const NATIVE = fileURLToPath(new URL("../../../native-bench/programs/target/release/native-bench", import.meta.url));
const spec = JSON.parse(process.argv[2]);

const programs = {
  ysb: (files, part) => ["ysb-json", spec.sides[part].ads, ...files],
  project: (files, part) => ["filter-json", ...(part === "check" ? ["--lines"] : []), ...files],
};

async function native(part) {
  const files = readdirSync(spec.data[part])
    .sort()
    .map((name) => join(spec.data[part], name));
  const { stdout } = await promisify(execFile)(NATIVE, ["--threads", String(spec.cores), ...programs[spec.program](files, part)]);
  return JSON.parse(stdout);
}

/** Of a run its own clocks and peak count, not those of this process. */
const commands = {
  check: async () => ({ digest: (await native("check")).digest }),
  run: async () => {
    const { digest: _, ...cost } = await native("full");
    return cost;
  },
};

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
answer({ pid: process.pid, version: "rustc" });
for await (const line of createInterface({ input: process.stdin })) answer(await commands[line.trim()]());
