/**
 * `npm run bench:report`: writes `docs/performance.md` from `bench/results`. With `--check` it writes nothing and fails when the page is another. A test
 * does the latter.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { performancePage } from "./harness/performance-page.mjs";

const page = new URL("../docs/performance.md", import.meta.url);
const text = performancePage();
if (!process.argv.includes("--check")) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text) {
  console.error("docs/performance.md is not what bench/results say: run npm run bench:report");
  process.exitCode = 1;
}
