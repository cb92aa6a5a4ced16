/** The command line of `main.mjs`. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { suggest } from "../../dist/base/errors.js";

/** Settings; prints what is wrong and ends the process with 2 when something is. */
export function readArguments(args, suites) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        all: { type: "boolean", default: false },
        events: { type: "string" },
        runs: { type: "string" },
        workers: { type: "string" },
        data: { type: "string", default: join(tmpdir(), "millrace-bench", "data") },
        "no-native": { type: "boolean", default: false },
        prepare: { type: "boolean", default: false },
        "in-process": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
      },
    });
    const [command, ...rest] = positionals;
    const isCompare = command === "compare";
    if (isCompare && rest.length === 0) throw new Error("compare takes a commit, and then suites");
    const unused = ["prepare", "save", "no-native", "in-process"].find((name) => isCompare && values[name]);
    if (unused) throw new Error(`compare takes no --${unused}`);
    if (isCompare && values.workers?.includes(",")) throw new Error("compare takes one number of --workers");
    return {
      compareWith: isCompare ? rest[0] : null,
      suites: find(suites, isCompare ? rest.slice(1) : positionals),
      events: values.events === undefined ? undefined : count("events", values.events),
      /** Null: as many as a suite has, by default five. */
      runs: values.runs === undefined ? null : count("runs", values.runs),
      /** With `--all` each suite has its own. */
      workers: values.workers?.split(",").map((text) => count("workers", text)) ?? null,
      isAll: values.all,
      directory: values.data,
      isPrepareOnly: values.prepare,
      withNative: !values["no-native"],
      /** For tests: no process for each run, so no peak of its own either. */
      isInProcess: values["in-process"],
      isJson: values.json,
      isSaved: values.save,
    };
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exit(2);
  }
}

/** Suites by their names or their groups' names, each once; all if none is named. */
function find(suites, wanted) {
  if (wanted.length === 0) return suites;
  const [names, groups] = [suites.map(({ name }) => name), [...new Set(suites.map(({ group }) => group))]];
  const found = wanted.flatMap((name) => {
    const some = suites.filter((suite) => suite.name === name || suite.group === name);
    if (some.length > 0) return some;
    const [closest] = suggest(name, [...names, ...groups], 1);
    throw new Error(
      `there is no suite ${name}; did you mean ${closest}? There are ${names.join(", ")}, and the groups ${groups.join(", ")}`,
    );
  });
  return [...new Set(found)];
}

function count(name, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a positive whole number, not ${text}`);
  return value;
}
