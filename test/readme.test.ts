/** README.md is true: its programs run, its commands exist, its links lead somewhere, and it stays short. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { millrace, root, runNode } from "./support/run-process.ts";

const text = readFileSync(join(root, "README.md"), "utf8");

function blocks(...languages: readonly string[]): string[] {
  return [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].filter(([, language]) => languages.includes(language!)).map(([, , code]) => code!);
}

test("it has fewer than 110 lines", () => {
  expect(text.split("\n").length).toBeLessThan(110);
});

test("every program runs, and the streaming query writes what it promises", async () => {
  const programs = blocks("ts", "js");
  expect(programs.length).toBeGreaterThan(0);
  // Inside the package, so that "millrace" resolves to it; dist is not in the repository.
  const directory = mkdtempSync(join(root, "dist/readme-"));
  try {
    mkdirSync(join(directory, "data/clicks"), { recursive: true });
    const click = (ts: string): string => `${JSON.stringify({ user: "ann", url: "/docs", ts })}\n`;
    writeFileSync(join(directory, "data/clicks/1.json"), click("2026-01-01T12:00:05Z") + click("2026-01-01T12:00:50Z"));
    writeFileSync(join(directory, "data/clicks/2.json"), click("2026-01-01T13:00:00Z"));
    for (const program of programs) {
      writeFileSync(join(directory, "program.mjs"), program);
      const { code, stderr } = await runNode(["program.mjs"], { cwd: directory });
      expect(stderr).toBe("");
      expect(code).toBe(0);
    }
    const readBack = `import { Session } from "millrace";
      const spark = await Session.builder().master("local[1]").getOrCreate();
      for (const { url, views } of await spark.read.parquet("out/views").collect()) console.log(url, views);
      await spark.stop();`;
    writeFileSync(join(directory, "read-back.mjs"), readBack);
    expect((await runNode(["read-back.mjs"], { cwd: directory })).stdout).toBe("/docs 2n\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("npm scripts and commands that it names exist; the cheap ones run", async () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
  const lines = blocks("sh").flatMap((block) => block.trim().split("\n"));
  for (const line of lines) {
    const [command = ""] = line.split("#");
    const [program, ...args] = command.trim().split(/\s+/);
    if (program === "npm") expect(scripts, line).toHaveProperty(args[0] === "run" ? args[1]! : args[0]!);
    else {
      expect([program, args[0]], line).toEqual(["npx", "millrace"]);
      expect((await millrace(args.slice(1))).code, line).toBe(0);
    }
  }
});

test("its links lead to files", () => {
  for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) expect(existsSync(join(root, target!)), target).toBe(true);
});
