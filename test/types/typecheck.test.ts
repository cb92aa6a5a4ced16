/** Runs the compiler over the type tests: every `@ts-expect-error` must be an error, and nothing else. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("row types follow the frames", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const run = (): string => {
    try {
      return execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "test/tsconfig.json"], {
        cwd: root,
        encoding: "utf8",
      });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  expect(
    run()
      .split("\n")
      .filter((line) => line.startsWith("test/types/")),
  ).toEqual([]);
});
