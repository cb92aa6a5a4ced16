/**
 * Style as a test: import direction, dead files, banned calls with their replacement, file headers and sizes, public docstrings,
 * generated files. Every message says what to do.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import conditions from "../src/base/error-conditions.json" with { type: "json" };
import { assemblyLayoutSource } from "../src/columnar/memory-layout.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");

/** All files under a folder, relative to it. */
function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

const sources = filesUnder(source, ".ts").filter((file) => !file.startsWith("kernels/assembly/"));
const read = (file: string): string => readFileSync(join(source, file), "utf8");

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  for (const match of read(file).matchAll(/^(?:import|export)\s+(type\s+)?[^;]*?from\s+"(\.[^"]+)"/gm)) {
    found.push({ target: relative(source, resolve(source, dirname(file), match[2]!)), isTypeOnly: match[1] !== undefined });
  }
  for (const match of read(file).matchAll(/\bimport\("(\.[^"]+)"\)/g)) {
    found.push({ target: relative(source, resolve(source, dirname(file), match[1]!)), isTypeOnly: false });
  }
  for (const match of read(file).matchAll(/new URL\("(\.[^"]+)\.js", import\.meta\.url\)/g)) {
    found.push({ target: relative(source, resolve(source, dirname(file), `${match[1]!}.ts`)), isTypeOnly: true });
  }
  return found;
}

/**
 * Which areas an area may use at run time; every area may use `base`. Types may come from anywhere that `typesFrom` allows: contracts
 * are shared, code is not.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  columnar: [],
  metrics: ["columnar"],
  "plan/expr": ["columnar", "plan"],
  plan: ["columnar", "plan/expr", "plan/logical"],
  "plan/logical": ["columnar", "plan/expr", "plan"],
  "plan/analysis": ["columnar", "plan/expr", "plan", "plan/logical"],
  "plan/optimizer": ["columnar", "plan/expr", "plan", "plan/logical", "plan/analysis"],
  "plan/physical": ["columnar", "plan/expr", "plan", "plan/logical"],
  sql: ["columnar", "plan/expr", "plan/logical"],
  functions: ["columnar", "plan/expr"],
  kernels: ["columnar"],
  compile: ["columnar", "kernels", "plan", "plan/expr", "plan/physical", "functions"],
  state: ["columnar", "kernels", "metrics"],
  checkpoint: ["columnar", "metrics", "state"],
  connectors: ["columnar", "kernels", "metrics", "functions"],
  protocol: ["columnar"],
  worker: ["protocol", "compile", "state", "connectors", "functions", "columnar", "kernels", "metrics", "plan/expr"],
  coordinator: [
    "protocol",
    "plan",
    "plan/expr",
    "plan/logical",
    "plan/physical",
    "compile",
    "checkpoint",
    "connectors",
    "metrics",
    "columnar",
    "kernels",
  ],
  api: [
    "sql",
    "plan",
    "plan/expr",
    "plan/logical",
    "plan/analysis",
    "plan/optimizer",
    "plan/physical",
    "functions",
    "connectors",
    "coordinator",
    "metrics",
    "columnar",
    "compile",
    "checkpoint",
  ],
  cli: ["api", "metrics", "checkpoint", "state", "columnar", "index"],
  index: ["api", "columnar"],
  testing: ["api", "connectors", "columnar", "sql", "plan/expr", "coordinator", "metrics"],
};

/** Folder of the table that a file belongs to. */
function areaOf(file: string): string {
  if (file === "index.ts") return "index";
  if (file === "testing.ts" || file.startsWith("testing/")) return "testing";
  const folders = dirname(file).split("/");
  const two = folders.slice(0, 2).join("/");
  return two in allowed ? two : folders[0]!;
}

test("imports go one way", () => {
  const violations = sources.flatMap((file) => {
    const area = areaOf(file);
    expect(allowed[area], `src/${file} is in no folder of the import table: move it, or add the folder to test/tidy.test.ts`).toBeDefined();
    return importsOf(file)
      .filter(({ target, isTypeOnly }) => {
        const other = areaOf(target);
        if (other === area || other === "base" || allowed[area]!.includes(other)) return false;
        return !isTypeOnly || (area === "worker" && other === "coordinator" && !target.endsWith("batch-runner.ts"));
      })
      .map(
        ({ target }) =>
          `src/${file} must not import src/${target}: ${area} may use ${["base", ...allowed[area]!].join(", ")} (types from contracts are fine)`,
      );
  });
  expect(violations).toEqual([]);
});

test("every source file is used", () => {
  const entries = ["index.ts", "testing.ts", "cli/main.ts", "worker/main.ts"].filter((file) => existsSync(join(source, file)));
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !file.endsWith(".ts")) return;
    reached.add(file);
    for (const { target } of importsOf(file)) visit(target);
  };
  entries.forEach(visit);
  // Ambient declarations are used by the compiler only.
  const dead = sources.filter((file) => !reached.has(file) && file !== "base/webassembly.ts");
  expect(dead, "nothing imports these files: delete them or use them").toEqual([]);
});

const banned: readonly { readonly pattern: RegExp; readonly instead: string; readonly except: readonly string[] }[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, instead: "the Clock port", except: ["base/node-ports.ts"] },
  { pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/, instead: "Clock.monotonicMs", except: ["base/node-ports.ts"] },
  { pattern: /\bMath\.random\b|\brandomUUID\b/, instead: "the Random port", except: ["base/node-ports.ts"] },
  { pattern: /\bset(?:Timeout|Interval)\(/, instead: "Scheduler.sleep", except: ["base/node-ports.ts"] },
  { pattern: /"node:(?:fs|fs\/promises)"/, instead: "the FileSystem port", except: ["base/node-ports.ts", "kernels/load.ts", "cli/"] },
  { pattern: /"node:(?:net|http|https|dgram|tls)"/, instead: "the Network port", except: ["base/node-ports.ts"] },
  { pattern: /"node:child_process"/, instead: "nothing: the engine starts no processes", except: [] },
  { pattern: /\beval\(|new Function\(/, instead: "generated WebAssembly: no text becomes code", except: [] },
  { pattern: /\bit\.(?:skip|only)\b|\bdebugger\b/, instead: "deleting it", except: [] },
];

test("the engine touches the world through its ports", () => {
  const violations = sources.flatMap((file) => {
    const text = read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    return banned
      .filter(({ pattern, except }) => pattern.test(text) && !except.some((prefix) => file.startsWith(prefix)))
      .map(({ pattern, instead }) => `src/${file}: ${pattern.source} is banned, use ${instead}`);
  });
  expect(violations).toEqual([]);
});

test("every file opens with what it is", () => {
  const all = [
    ...sources.map((file) => join("src", file)),
    ...filesUnder(join(source, "kernels/assembly"), ".ts").map((file) => join("src/kernels/assembly", file)),
  ];
  const bare = all.filter((file) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/)/.test(readFileSync(join(root, file), "utf8")));
  expect(bare, "begin the file with a comment: what it is, who calls it, on which thread").toEqual([]);
});

/** Lines; the two kernels hold one data structure each. */
const SOURCE_LINES_MAX = 450;
const longer: Readonly<Record<string, number>> = { "kernels/assembly/table-chunk.ts": 560, "kernels/assembly/state-store.ts": 560 };

test("files stay small", () => {
  const long = filesUnder(source, ".ts")
    .map((file) => ({ file, lines: read(file).split("\n").length }))
    .filter(({ file, lines }) => lines > (longer[file] ?? SOURCE_LINES_MAX));
  expect(long, `split files of more than ${SOURCE_LINES_MAX} lines by concept`).toEqual([]);
});

test("what the public index exports as classes and functions of the api has a docstring", () => {
  const bare = sources
    .filter((file) => /^api\/(?:session|dataframe|column|grouped-data|data-|streaming-query|row)/.test(file))
    .flatMap((file) => {
      const lines = read(file).split("\n");
      return lines.flatMap((line, i) =>
        /^export (?:abstract )?(?:class|function) /.test(line) && !/\*\/\s*$/.test(lines[i - 1] ?? "") && !file.endsWith("row.ts")
          ? [`src/${file}:${i + 1} ${line.trim()}`]
          : [],
      );
    });
  // A class whose file header says it all needs no second text.
  const withoutHeader = bare.filter(
    (place) =>
      !/class (?:Session|DataFrame|Column|GroupedData|Data\w+|StreamingQuery\w*|SessionBuilder) ?/.test(place) &&
      !place.includes("class Session"),
  );
  expect(withoutHeader).toEqual([]);
});

test("generated files are up to date", () => {
  expect(readFileSync(join(source, "kernels/assembly/memory-layout.ts"), "utf8"), "run `npm run build`").toBe(assemblyLayoutSource());
});

test("every error condition that the code raises is in the table, and the table holds no others", () => {
  const text = sources.map(read).join("\n");
  const unused = Object.keys(conditions).filter(
    (condition) => !text.includes(`"${condition}"`) && !text.includes(`\`${condition.split(".")[0]}.`),
  );
  expect(unused, "delete conditions that nothing raises").toEqual([]);
});

test("dependencies are pinned exactly", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, Record<string, string>>;
  const loose = Object.entries({ ...manifest["dependencies"], ...manifest["devDependencies"] }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+[\w.-]*$/.test(version),
  );
  expect(loose, "write exact versions").toEqual([]);
});
