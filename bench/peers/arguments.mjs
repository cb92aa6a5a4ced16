/** The command line of `bench:peers`. */
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { queries, systems } from "./queries.mjs";

/** Settings; prints what is wrong and ends the process with 2 when something is. */
export function readArguments(args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        systems: { type: "string", default: Object.keys(systems).join(",") },
        events: { type: "string" },
        rounds: { type: "string", default: "3" },
        cores: { type: "string", default: String(availableParallelism()) },
        home: { type: "string", default: join(process.env["XDG_CACHE_HOME"] ?? tmpdir(), "millrace-peers") },
        prepare: { type: "boolean", default: false },
        check: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
      },
    });
    if (values.save && (values.check || values.prepare)) throw new Error("--save needs measurements: leave --check and --prepare out");
    return {
      queries: positionals.length === 0 ? queries : positionals.map((name) => find("query", name, queries)),
      systems: values.systems.split(",").flatMap((name) => withSiblings(name)),
      events: values.events === undefined ? null : count("events", values.events),
      rounds: values.check ? 0 : count("rounds", values.rounds),
      cores: count("cores", values.cores),
      home: values.home,
      isOnlyPrepared: values.prepare,
      isJson: values.json,
      isSaved: values.save,
    };
  } catch (error) {
    console.error(`bench:peers: ${error.message}`);
    process.exit(2);
  }
}

function find(kind, name, list) {
  const found = list.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}; there are ${list.map((each) => each.name).join(", ")}`);
  return found;
}

/** `spark` stands for all that Spark runs. */
function withSiblings(name) {
  const names = Object.keys(systems);
  if (!names.includes(name)) throw new Error(`there is no system ${name}; there are ${names.join(", ")}`);
  return names.filter((other) => other === name || other.startsWith(`${name}-`));
}

function count(name, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a positive whole number, not ${text}`);
  return value;
}
