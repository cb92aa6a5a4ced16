/**
 * Writes a data set of the benchmark and prints where it lies, as JSON:
 *
 *     node bench/data.mjs <set> --form columns|ndjson|parquet|csv --directory D [--events N] [--files K] [--seed S] [--rate R] [--skew]
 *
 * `rate` is events per second of event time. What is there already is not written again; `seconds` are those of the first time.
 */
import { parseArgs } from "node:util";
import { sets, writeSet } from "./data/sets.mjs";

const number = (name, text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a positive whole number, not ${text}`);
  return value;
};

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      form: { type: "string" },
      directory: { type: "string" },
      events: { type: "string" },
      files: { type: "string" },
      seed: { type: "string" },
      rate: { type: "string" },
      skew: { type: "boolean", default: false },
    },
  });
  const [name, ...rest] = positionals;
  if (!sets[name] || rest.length > 0) throw new Error(`give one set of ${Object.keys(sets).join(", ")}`);
  if (!sets[name].forms.includes(values.form)) throw new Error(`--form must be one of ${sets[name].forms.join(", ")}`);
  if (values.directory === undefined) throw new Error("--directory is missing");
  const numbers = Object.fromEntries(
    ["events", "files", "seed", "rate"].filter((key) => values[key] !== undefined).map((key) => [key, number(key, values[key])]),
  );
  console.log(
    JSON.stringify(await writeSet(name, { ...numbers, form: values.form, directory: values.directory, hasSkew: values.skew }), null, 2),
  );
} catch (error) {
  console.error(`bench/data: ${error.message}`);
  process.exitCode = 1;
}
