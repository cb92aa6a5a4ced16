/** The command line of `main.mjs`. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** Settings; prints what is wrong and ends the process with 2 when something is. */
export function readArguments(args, suites) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        events: { type: "string" },
        runs: { type: "string", default: "5" },
        workers: { type: "string", default: "1" },
        data: { type: "string", default: join(tmpdir(), "millrace-bench", "data") },
        "no-native": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
      },
    });
    return {
      suites: positionals.length === 0 ? suites : positionals.map((name) => find(suites, name)),
      events: values.events === undefined ? null : count("events", values.events),
      runs: count("runs", values.runs),
      workers: values.workers.split(",").map((text) => count("workers", text)),
      directory: values.data,
      withNative: !values["no-native"],
      isJson: values.json,
      isSaved: values.save,
    };
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exit(2);
  }
}

function find(suites, name) {
  const suite = suites.find((candidate) => candidate.name === name);
  if (!suite) throw new Error(`there is no suite ${name}; there are ${suites.map((each) => each.name).join(", ")}`);
  return suite;
}

function count(name, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a positive whole number, not ${text}`);
  return value;
}
