// Test runner settings. Tests import `../src/x.ts` for types; at run time the path is mapped to the built
// `dist/x.js`, so that tests, worker threads and users all run the very same compiled files. `test/mutation` has tests run on an engine of its own,
// MILLRACE_TEST_ENGINE, with a bug in it.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));
const engine = process.env.MILLRACE_TEST_ENGINE ?? `${root}dist`;

export default defineConfig({
  root,
  resolve: { alias: [{ find: /^(?:\.\.\/)+src\/(.+)\.ts$/, replacement: `${engine}/$1.js` }] },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//, /millrace-mutation/] } },
    reporters: process.env.CI ? ["default"] : ["default"],
  },
});
