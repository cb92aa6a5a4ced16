/** The pages under docs/ are true: generated ones are up to date, links and file names lead somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, runNode } from "./support/run-process.ts";

const folder = join(root, "docs");

test("docs/errors.md lists the conditions that there are", async () => {
  const { stdout } = await runNode([".tools/error-docs.mjs", "--print"]);
  expect(readFileSync(join(folder, "errors.md"), "utf8"), "run `node .tools/error-docs.mjs`").toBe(stdout);
});

test("links and paths lead to files", () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), "utf8");
    for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) expect(existsSync(join(folder, target!)), `${name}: ${target}`).toBe(true);
    for (const [, path] of text.matchAll(/`((?:src|test|docs|examples|\.tools)\/[\w./-]*)`/g))
      expect(existsSync(join(root, path!)), `${name}: ${path}`).toBe(true);
  }
});
