/** `millrace run`: settings, arguments, exit codes, signals, languages. Programs lie outside the package, as users' do. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

function program(code: string, name = "program.mjs"): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, code);
  return path;
}

const session = `import { Session, functions as F } from "millrace";
const spark = await Session.builder().config("program.own", "from the program").getOrCreate();
`;

test("settings and arguments reach the program; its own settings win; a session left open does not hold it", async () => {
  const path = program(`${session}
    for (const key of ["spark.sql.session.timeZone", "program.own"]) console.log(await spark.conf.get(key));
    console.log(process.argv.slice(2).join(" "), (await spark.range(3).collect()).length);`);
  const result = await millrace([
    "run",
    path,
    "--conf",
    "spark.sql.session.timeZone=Asia/Tokyo",
    "--conf",
    "program.own=x",
    "--",
    "a",
    "--b",
  ]);
  expect(result).toEqual({ code: 0, stdout: "Asia/Tokyo\nfrom the program\na --b 3\n", stderr: "" });
});

test("a wrong setting is refused by the session", async () => {
  const { code, stderr } = await millrace(["run", program(session), "--conf", "spark.sql.shuffle.partition=3"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[SQL_CONF_NOT_FOUND\].*spark\.sql\.shuffle\.partitions/);
});

test("the program's own exit code stays, and --conf can say how many workers", async () => {
  const path = program(`${session} console.log(await spark.conf.get("spark.master")); process.exitCode = 7;`);
  const result = await millrace(["run", path, "--conf", "spark.master=local[1]"]);
  expect(result).toEqual({ code: 7, stdout: "local[1]\n", stderr: "" });
});

const failing = `${session}
  const rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load();
  const query = await rows.select(F.expr("1 / (value - 5)").as("x")).writeStream.format("noop").start();`;

test.each([
  ["waits for it", "await query.awaitTermination();"],
  ["does not wait for it", ""],
])("a failed query fails the run when the program %s", async (_, end) => {
  const { code, stderr } = await millrace(["run", program(failing + end)]);
  expect(code).toBe(1);
  expect(stderr).toContain("DIVIDE_BY_ZERO");
  expect(stderr.match(/STREAM_FAILED/g)).toHaveLength(1);
  expect(stderr).not.toContain("    at ");
});

test("an error of the program shows where it was thrown, and its stack with MILLRACE_DEBUG", async () => {
  const path = program("const f = () => { throw new TypeError('no'); };\nf();\n");
  const plain = await millrace(["run", path]);
  expect(plain.code).toBe(1);
  expect(plain.stderr).toContain(`TypeError: no\n    at file://${path}:1:`);
  const debug = await millrace(["run", path], { env: { MILLRACE_DEBUG: "1" } });
  expect(debug.stderr).toContain(`${path}:2:1`);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s stops the queries after their batch and lets the program end", async (signal) => {
  const path = program(`${session}
    const rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load();
    const query = await rows.writeStream.format("noop").trigger({ processingTime: 50 }).start();
    console.log("ready");
    await query.awaitTermination();
    console.log("after the query", await query.isActive());`);
  let sent = false;
  const result = await millrace(["run", path], {
    onOutput: (stdout, child) => {
      if (!sent && stdout.includes("ready")) sent = child.kill(signal);
    },
  });
  expect(result).toEqual({ code: 0, stdout: "ready\nafter the query false\n", stderr: "" });
});

test.each([
  ["query.sql", "UNSUPPORTED_FEATURE.NOT_YET"],
  ["program.py", "PROGRAM_CANNOT_RUN"],
  ["program.ts", "npm install tsx"],
])("%s cannot be run and says why", async (name, message) => {
  const { code, stderr } = await millrace(["run", program("", name)]);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test("TypeScript runs where tsx is installed", async () => {
  const path = program("console.log('typed');\n", "program.ts");
  const tsx = join(path, "../node_modules/tsx");
  mkdirSync(tsx, { recursive: true });
  writeFileSync(join(tsx, "package.json"), JSON.stringify({ name: "tsx", exports: { "./esm/api": "./api.mjs" } }));
  // Stands for tsx: a loader that takes the program as JavaScript.
  writeFileSync(
    join(tsx, "api.mjs"),
    `import { register } from "node:module";
     const hook = 'export const load = async (url, context, next) => next(url, url.endsWith(".ts") ? { ...context, format: "module" } : context);';
     export const register_ = () => register("data:text/javascript," + encodeURIComponent(hook));
     export { register_ as register };`,
  );
  expect(await millrace(["run", path])).toEqual({ code: 0, stdout: "typed\n", stderr: "" });
});

test("a program that is not there", async () => {
  const { code, stderr } = await millrace(["run", "nowhere.mjs"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[PATH_NOT_FOUND\]/);
});
