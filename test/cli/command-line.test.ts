/** `millrace` without a query: help, versions, wrong command lines, what is not there yet. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { millrace, root } from "../support/run-process.ts";

test("--help lists the commands and the exit codes, --version the package's version", async () => {
  const help = await millrace(["--help"]);
  expect(help.code).toBe(0);
  for (const part of ["demo", "run", "checkpoint", "Exit codes:", "64  the command line is wrong"]) expect(help.stdout).toContain(part);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(await millrace(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test.each([
  [["dmeo"], "(Did you mean demo?)"],
  [["demo", "--secnods", "3"], "(Did you mean --seconds?)"],
  [["demo", "--seconds", "never"], "It must be a positive number."],
  [["run"], "missing required argument 'program'"],
  [["run", "x.mjs", "--conf", "novalue"], "It must have the form key=value."],
  [["checkpoint", "inspct", "x"], "unknown command 'inspct'"],
  [["checkpoint", "rollback", "d"], "required option '--to <batch>' not specified"],
  [["state", "d", "--parquet", "x", "--json"], "cannot be used with option"],
  [["state", "d", "--operators", "--batch", "1"], "cannot be used with option"],
  [[], "Usage: millrace"],
])("a wrong command line ends with 64: %j", async (args, message) => {
  const { code, stdout, stderr } = await millrace(args);
  expect(code).toBe(64);
  expect(stderr).toContain(message);
  expect(stdout).toBe("");
});

test.each([["sql"], ["serve", "--port", "80"]])("what is not there yet says so: %s", async (...args) => {
  const { code, stderr } = await millrace(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[UNSUPPORTED_FEATURE\.NOT_YET\] .*is not part of this version/);
  expect(stderr).not.toContain("    at ");
});
