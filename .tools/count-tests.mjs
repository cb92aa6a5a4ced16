// Prints `N passed, N failed` from vitest's JSON report (argument: its path). Called by `.ci/run` as the last thing.
// A file that did not load has no tests in the report and counts as one failure.
import { readFileSync } from "node:fs";

const text = readFileSync(process.argv[2], "utf8");
if (text === "") {
  console.log("the test runner did not finish");
  console.log("0 passed, 1 failed");
} else {
  const report = JSON.parse(text);
  const unloaded = report.testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0).length;
  if (report.numPendingTests > 0) console.log(`${report.numPendingTests} skipped`);
  console.log(`${report.numPassedTests} passed, ${report.numFailedTests + unloaded} failed`);
}
