/** When a program's process ends: with its last query, whether the session was stopped or not; and what an unheard failure leaves behind. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root, runNode } from "../support/run-process.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-exit-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function run(body: string) {
  const file = join(directory, "program.mjs");
  const opening = `import { Session } from ${JSON.stringify(join(root, "dist/index.js"))};
const spark = await Session.builder().master("local[2]").getOrCreate();
const rows = () => spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 5).load();
`;
  writeFileSync(file, `${opening}${body}`);
  return runNode(["--unhandled-rejections=strict", file]);
}

test("a batch program ends without stop()", async () => {
  expect(await run(`console.log(await spark.range(10).count());`)).toEqual({ code: 0, stdout: "10n\n", stderr: "" });
});

test("a running query keeps the process alive; it ends with the last one", async () => {
  const body = `
let batches = 0;
const query = await rows().writeStream.foreachBatch(async () => { if (++batches === 3) await query.stop(); }).start();
process.once("beforeExit", () => console.log(batches));
`;
  expect(await run(body)).toEqual({ code: 0, stdout: "3\n", stderr: "" });
});

test("stop() of the session inside foreachBatch ends everything", async () => {
  const body = `
const query = await rows().writeStream.foreachBatch(() => spark.stop()).start();
await query.awaitTermination();
console.log((await query.lastProgress()).batchId);
`;
  expect(await run(body)).toEqual({ code: 0, stdout: "0\n", stderr: "" });
});

test("a failed query that nobody waits for says so on stderr", async () => {
  const { code, stdout, stderr } = await run(`await rows().selectExpr("1 div (value - 3)").writeStream.format("noop").start();`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(/^millrace: \[STREAM_FAILED\] .*DIVIDE_BY_ZERO/);
});
