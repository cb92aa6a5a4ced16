// Test runner settings. Tests import `../src/x.ts` for types; at run time the path is mapped to the built
// `dist/x.js`, so that tests, worker threads and users all run the very same compiled files.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  resolve: { alias: [{ find: /^(?:\.\.\/)+src\/(.+)\.ts$/, replacement: `${root}dist/$1.js` }] },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//] } },
    reporters: process.env.CI ? ["default"] : ["default"],
  },
});
