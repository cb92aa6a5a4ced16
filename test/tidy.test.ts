/**
 * Style as a test: import direction, dead files, banned calls with their replacement, file headers and sizes, public docstrings,
 * generated files. Every message says what to do.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import conditions from "../src/base/error-conditions.json" with { type: "json" };
import { assemblyLayoutSource, KERNEL_STATICS } from "../src/columnar/memory-layout.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");

/** Files under a folder that end with one of `extensions`, relative to it; none where there is no such folder. */
function filesUnder(folder: string, ...extensions: string[]): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !/(?:^|\/)(?:node_modules|out|target)\//.test(file))
    .sort();
}

const kernels = filesUnder(join(source, "kernels/assembly"), ".ts");
const sources = filesUnder(source, ".ts").filter((file) => !file.startsWith("kernels/assembly/"));
const tests = filesUnder(join(root, "test"), ".ts");
const read = (file: string): string => readFileSync(join(source, file), "utf8");
const lineCount = (file: string): number => readFileSync(join(root, file), "utf8").split("\n").length;
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");

interface Import {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = read(file);
  const to = (path: string): string => relative(source, resolve(source, dirname(file), path));
  const all = (pattern: RegExp, found: (match: RegExpMatchArray) => Import): Import[] => [...text.matchAll(pattern)].map(found);
  return [
    ...all(/^(?:import|export)\s+(type\s+)?([^;"]*?)\s*(?:from\s+)?"(\.[^"]+)"/gm, ([, type, names, path]) => ({
      target: to(path!),
      isTypeOnly: type !== undefined || isListOfTypes(names!),
    })),
    ...all(/\bimport\("(\.[^"]+)"\)/g, ([, path]) => ({ target: to(path!), isTypeOnly: false })),
    // A thread's entry point: started, not imported.
    ...all(/(?:new URL|register)\("(\.[^"]+)\.js", import\.meta\.url/g, ([, path]) => ({ target: to(`${path!}.ts`), isTypeOnly: true })),
  ];
}

function isListOfTypes(names: string): boolean {
  const list = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  return list !== undefined && list.split(",").every((name) => name.trim() === "" || name.trim().startsWith("type "));
}

/** What an area may use besides `base`: code at run time, and contracts (types only) of further areas. */
interface Allowed {
  readonly code: readonly string[];
  readonly types?: readonly string[];
}

const planning = ["plan/expr", "plan", "plan/logical"];

const allowed: Readonly<Record<string, Allowed>> = {
  base: { code: [] },
  // The loader's types: a view over memory takes the kernels that work on it as an argument.
  columnar: { code: [], types: ["kernels"] },
  metrics: { code: [] },
  // `plan` holds the tree toolkit, and explain, which prints logical nodes.
  "plan/expr": { code: ["columnar", "plan"] },
  plan: { code: ["columnar", "plan/expr", "plan/logical"] },
  "plan/logical": { code: ["columnar", "plan/expr", "plan"] },
  "plan/analysis": { code: ["columnar", ...planning] },
  "plan/optimizer": { code: ["columnar", ...planning, "plan/analysis"] },
  "plan/physical": { code: ["columnar", ...planning, "plan/analysis", "plan/optimizer"] },
  sql: { code: ["columnar", "plan/expr", "plan/logical"] },
  functions: { code: ["columnar", "plan/expr", "kernels"] },
  kernels: { code: ["columnar"] },
  compile: { code: ["columnar", "kernels", "functions", "plan", "plan/expr", "plan/physical"] },
  state: { code: ["columnar", "kernels", "metrics"] },
  // The state's schema is checked when a checkpoint opens; a commit record names sources and state by their contracts.
  checkpoint: { code: ["columnar", "metrics", "state"], types: ["connectors", "coordinator"] },
  connectors: { code: ["columnar", "kernels", "metrics", "connectors/statestore"] },
  // Reads what a query left in its checkpoint.
  "connectors/statestore": { code: ["columnar", "kernels", "connectors", "checkpoint", "state"] },
  // The messages carry generated modules and the programs they belong to.
  protocol: { code: ["columnar"], types: ["compile", "connectors", "coordinator", "plan/physical", "state"] },
  // Expressions that are not generated are interpreted by the worker, hence plan/expr.
  worker: {
    code: ["protocol", "compile", "state", "connectors", "functions", "columnar", "kernels", "metrics", "plan/expr"],
    types: ["plan/physical", "coordinator"],
  },
  // Never worker: it is started by URL. Kernels: the pool compiles their module once for all workers.
  coordinator: {
    code: ["protocol", ...planning, "plan/physical", "compile", "checkpoint", "connectors", "metrics", "columnar", "kernels"],
    types: ["functions"],
  },
  // The executor wires a query together, hence compile and checkpoint.
  api: {
    code: [
      "sql",
      ...planning,
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
      "state",
    ],
    types: ["protocol"],
  },
  // Checkpoint and state: for the commands that work without a session.
  cli: { code: ["api", "metrics", "checkpoint", "state", "connectors", "columnar", "index"], types: ["coordinator"] },
  index: { code: ["api", "columnar"], types: ["connectors", "coordinator"] },
  testing: { code: ["api", "connectors", "columnar", "sql"], types: ["plan/expr", "coordinator", "metrics"] },
};

/** Row of the table that a file belongs to. */
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
    const { code, types = [] } = allowed[area]!;
    return importsOf(file)
      .filter(({ target, isTypeOnly }) => {
        const other = areaOf(target);
        return other !== area && other !== "base" && !code.includes(other) && !(isTypeOnly && types.includes(other));
      })
      .filter(({ target }) => target !== "worker/main.ts")
      .map(({ target, isTypeOnly }) => {
        const may = isTypeOnly ? [...code, ...types] : code;
        return `src/${file} must not import src/${target}: ${area} may use ${["base", ...may].join(", ")}${isTypeOnly ? "" : " at run time"}`;
      });
  });
  expect(violations).toEqual([]);
});

/** Files that can be reached from `entries` by imports. */
function reachedFrom(entries: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !file.endsWith(".ts")) return;
    reached.add(file);
    for (const { target } of importsOf(file)) visit(target);
  };
  entries.forEach(visit);
  return reached;
}

test("every source file is used", () => {
  const reached = reachedFrom(["index.ts", "testing.ts", "cli/main.ts", "worker/main.ts"].filter((file) => existsSync(join(source, file))));
  // Ambient declarations are used by the compiler only; the demo is a program that `millrace demo` runs as a user's.
  const dead = sources.filter((file) => !reached.has(file) && file !== "base/webassembly.ts" && !file.startsWith("cli/demo/"));
  expect(dead, "nothing imports these files: delete them or use them").toEqual([]);
});

test("every kernel file is built", () => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const text = read(join("kernels/assembly", file));
    for (const [, name] of text.matchAll(/\bfrom "\.\/([\w-]+)(?:\.ts)?"/g)) visit(`${name!}.ts`);
  };
  visit("index.ts");
  expect(
    kernels.filter((file) => !reached.has(file)),
    "export it from src/kernels/assembly/index.ts, or delete it",
  ).toEqual([]);
});

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Files and folders that may. */
  readonly except: readonly string[];
}

const banned: readonly Ban[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)/, instead: "the Clock port", except: ["base/node-ports.ts", "cli/"] },
  { pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/, instead: "Clock.monotonicMs", except: ["base/node-ports.ts", "cli/"] },
  { pattern: /\bMath\.random\b|\brandomUUID\b/, instead: "the Random port", except: ["base/node-ports.ts"] },
  { pattern: /\bset(?:Timeout|Interval)\(/, instead: "Scheduler.sleep", except: ["base/node-ports.ts", "cli/"] },
  {
    pattern: /"node:(?:fs|fs\/promises)"/,
    instead: "the FileSystem port",
    except: ["base/node-ports.ts", "base/lmdb-chunks.ts", "kernels/load.ts", "cli/"],
  },
  { pattern: /"lmdb"/, instead: "the chunks port", except: ["base/lmdb-chunks.ts"] },
  { pattern: /"node:(?:net|http|https|dgram|tls)"/, instead: "the Network port", except: ["base/node-ports.ts"] },
  { pattern: /"node:child_process"/, instead: "nothing: the engine starts no processes", except: ["cli/supervise.ts"] },
  { pattern: /\beval\(|new Function\(/, instead: "generated WebAssembly: no text becomes code", except: [] },
  { pattern: /\bdebugger\b/, instead: "nothing", except: [] },
  { pattern: /^\s+(?:private|protected)\s+(?!constructor)/m, instead: "#names, which hold at run time too", except: [] },
];

test("the engine touches the world through its ports", () => {
  const violations = sources.flatMap((file) => {
    const text = withoutComments(read(file));
    return banned
      .filter(({ pattern, except }) => pattern.test(text) && !except.some((prefix) => file.startsWith(prefix)))
      .map(({ pattern, instead }) => `src/${file}: ${pattern.source} is banned, use ${instead}`);
  });
  expect(violations).toEqual([]);
});

/** What the simulator may put in place of the engine's own: the ports, and the thread that runs the worker's code. */
const SIMULATED = ["coordinator/worker-thread.ts"];

test("the simulator replaces ports only", () => {
  const simulator = tests.filter((file) => file.startsWith("sim/"));
  const textOf = (file: string): string => withoutComments(readFileSync(join(root, "test", file), "utf8"));
  const text = simulator.map(textOf).join("\n");
  for (const real of ["api/local-executor.ts", "worker/runtime.ts", "worker/main.ts"]) expect(text).toContain(`/src/${real}"`);
  expect(simulator.filter((file) => /\bvi\.|\.prototype\b|fake-query|memory-file-system/.test(textOf(file)))).toEqual([]);

  // A contract of the engine is imported as a type by who implements it.
  const contracts = simulator.flatMap((file) =>
    [...textOf(file).matchAll(/^import (type )?\{([^}]*)\} from "\.\.\/\.\.\/src\/([^"]+)"/gm)].flatMap(([, type, names, target]) =>
      names!
        .split(",")
        .flatMap((name) => (type || name.trim().startsWith("type ") ? [{ name: name.trim().replace("type ", ""), target: target! }] : [])),
    ),
  );
  const harmless = ["OutputMode", "TestSink", "Envelope", "Reply", "StreamingQuery", "DataFrame", "Column", "Session"];
  const replaced = contracts.filter(
    ({ name, target }) => !target.startsWith("base/") && !SIMULATED.includes(target) && !harmless.includes(name),
  );
  expect(replaced, "coordinator, worker, checkpoint, state and sinks are the real ones").toEqual([]);
});

const everySource = [...sources.map((file) => `src/${file}`), ...kernels.map((file) => `src/kernels/assembly/${file}`)];

/** Everything people write here, `.tools` apart. */
const written = [
  ...filesUnder(source, ".ts", ".json").map((file) => `src/${file}`),
  ...["test", "bench", "native-bench", "examples", "docs"].flatMap((folder) =>
    filesUnder(join(root, folder), ".ts", ".mts", ".mjs", ".js", ".json", ".md", ".sh", ".sql", ".py").map((file) => `${folder}/${file}`),
  ),
  "README.md",
  "package.json",
  "package-lock.json",
  ".ci/run",
];

function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1} ${line.trim().slice(0, 120)}`] : [])),
  );
}

test("nothing depends on one machine", () => {
  const hosts = /\bregistry\.(?:npmjs|yarnpkg)\b|\b(?:artifactory|verdaccio)\b/;
  const folders = /["'`\s=](?:\/(?:home|Users|root|work)\/|[A-Z]:\\\\)/;
  const found = linesWith(
    written.filter((file) => file !== "test/tidy.test.ts"),
    new RegExp(`${hosts.source}|${folders.source}`),
  );
  expect(found, "name no registry, and find folders relative to the file (`import.meta.url`)").toEqual([]);
});

test("nothing is left for later", () => {
  expect(linesWith(everySource, /\b(?:TODO|FIXME|XXX|HACK|for now)\b/), "do it, or say what is so and why").toEqual([]);
});

test("every file opens with what it is", () => {
  const bare = everySource.filter((file) => !/^(?:#!.*\n)?(?:\/\*\*|\/\/)/.test(readFileSync(join(root, file), "utf8")));
  expect(bare, "begin the file with a comment: what it is, who calls it, on which thread").toEqual([]);
});

const SOURCE_LINES_MAX = 450;
const EXAMPLE_LINES_MAX = 60;
const README_LINES_MAX = 120;

test("files stay small", () => {
  const longer = (files: readonly string[], most: number): string[] =>
    files.flatMap((file) => (lineCount(file) > most + 1 ? [`${file}: ${lineCount(file)} lines, at most ${most}`] : []));
  const examples = filesUnder(join(root, "examples"), ".ts", ".mts", ".mjs", ".js").map((file) => `examples/${file}`);
  expect(longer(everySource, SOURCE_LINES_MAX), "split by concept").toEqual([]);
  expect(longer(examples, EXAMPLE_LINES_MAX), "an example shows one thing").toEqual([]);
  expect(longer(["README.md"], README_LINES_MAX), "the rest belongs into docs/").toEqual([]);
});

test("every test runs, or says why not", () => {
  const textOf = (file: string): string => readFileSync(join(root, "test", file), "utf8");
  const misplaced = tests.filter(
    (file) => /^import \{[^}]*\btest\b/m.test(textOf(file)) && !file.endsWith(".test.ts") && !/^(?:support|contract)\//.test(file),
  );
  expect(misplaced, "name it *.test.ts, or move what several tests call to test/support").toEqual([]);

  const focused = /\b(?:test|it|describe)\.(?:only|skip|todo|fails)\b/;
  expect(
    linesWith(
      tests.filter((file) => file !== "tidy.test.ts").map((file) => `test/${file}`),
      focused,
    ),
    "run it or delete it",
  ).toEqual([]);

  const silent = tests.filter((file) => {
    const text = textOf(file);
    return (
      file !== "tidy.test.ts" &&
      /\.(?:skipIf|runIf)\(/.test(text) &&
      !/console\.(?:log|info|warn)\(|skip(?:ped|s)\b|\(MILLRACE_LONG\)"|process\.platform ===/.test(text)
    );
  });
  expect(silent, "a test that is skipped prints what is missing").toEqual([]);
});

/** Where a name that `file` exports is declared; undefined for a namespace. */
function declarationOf(file: string, name: string): { readonly file: string; readonly line: number } | undefined {
  const lines = read(file).split("\n");
  const line = lines.findIndex((text) =>
    new RegExp(`^export (?:declare |abstract |async )*(?:class|function\\*?|interface) ${name}\\b`).test(text),
  );
  if (line >= 0) return { file, line };
  for (const [, names, path] of read(file).matchAll(/^export (?:type )?\{([^}]*)\} from "(\.[^"]+)"/gm)) {
    const found = names!.split(",").find(
      (each) =>
        each
          .trim()
          .replace(/^type /, "")
          .split(" as ")
          .at(-1)!
          .trim() === name,
    );
    if (found) {
      const original = found
        .trim()
        .replace(/^type /, "")
        .split(" as ")[0]!
        .trim();
      return declarationOf(relative(source, resolve(source, dirname(file), path!)), original);
    }
  }
  return undefined;
}

/** Names that an entry point exports one by one. Namespaces (`functions`, `types`) are families, described in their registry. */
function exportsOf(entry: string): string[] {
  const text = read(entry);
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from/gm)].flatMap(([, names]) =>
    names!
      .split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type /, "")
          .split(" as ")
          .at(-1)!
          .trim(),
      )
      .filter((name) => name !== ""),
  );
  const own = [...text.matchAll(/^export (?:async )?(?:class|function|interface) (\w+)/gm)].map(([, name]) => name!);
  return [...listed, ...own];
}

test("every class, function and interface that users import has a docstring", () => {
  const bare = ["index.ts", "testing.ts"].flatMap((entry) =>
    exportsOf(entry).flatMap((name) => {
      const declaration = declarationOf(entry, name);
      if (declaration === undefined) return [];
      const before = read(declaration.file).split("\n")[declaration.line - 1] ?? "";
      return /\*\/\s*$/.test(before) ? [] : [`src/${declaration.file}:${declaration.line + 1} ${name}`];
    }),
  );
  expect(bare, "say what it is for, its units and its errors").toEqual([]);
});

test("generated files are up to date", () => {
  expect(read("kernels/assembly/memory-layout.ts"), "run `npm run build`").toBe(assemblyLayoutSource());
  const { options } = JSON.parse(read("kernels/assembly/asconfig.json")) as { options: { memoryBase: number } };
  expect(options.memoryBase, "memoryBase in asconfig.json is KERNEL_STATICS of columnar/memory-layout.ts").toBe(KERNEL_STATICS);
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
