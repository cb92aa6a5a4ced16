/** Writes the data of many suites before they are measured: the groups side by side, a process for each core; within a group suites share their files. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.mjs", import.meta.url));

/** Rejects when one of them fails. */
export async function prepareGroups(suites, { directory, events }) {
  const waiting = [...new Set(suites.filter(({ waitsFor }) => !waitsFor).map(({ group }) => group))];
  const sized = events === undefined ? [] : ["--events", String(events)];
  const work = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift())
      await ended(group, spawn(process.execPath, [MAIN, group, "--prepare", "--data", directory, ...sized], { stdio: "inherit" }));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

function ended(group, child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => (code === 0 ? resolve() : reject(new Error(`the data of ${group} failed with ${signal ?? code}`))));
  });
}
