/** `millrace run --supervise`: a process that aborts is started again and its query goes on; one that ends is not; signals reach it. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { millrace } from "../support/run-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** A query from rate-micro-batch to files; `after` is called with the number of each batch. */
function program(directory: string, after: string): string {
  const path = join(directory, "program.mjs");
  writeFileSync(
    path,
    `import { Session } from "millrace";
    import { appendFileSync, readFileSync } from "node:fs";
    const [directory] = process.argv.slice(2);
    appendFileSync(directory + "/starts", "+");
    const starts = readFileSync(directory + "/starts", "utf8").length;
    const spark = await Session.builder().master("local[1]").getOrCreate();
    spark.streams.addListener({ onQueryProgress: ({ progress }) => after(progress.batchId) });
    const query = await spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load()
      .writeStream.format("json").option("path", directory + "/out").option("checkpointLocation", directory + "/checkpoint").start();
    function after(batch) { ${after} }
    await query.awaitTermination();`,
  );
  return path;
}

test("a process that aborts twice is started again, and every row is there once", async () => {
  const directory = temporaryDirectory();
  const after = "if (starts < 3 && batch >= 2 * starts) process.abort(); if (batch >= 8) void query.stop();";
  const { code, stderr } = await millrace(["run", "--supervise", program(directory, after), directory]);
  expect(code).toBe(0);
  expect(stderr.match(/^millrace: The program's process was ended by SIGABRT\. It is started again\.$/gm)).toHaveLength(2);
  expect(readFileSync(join(directory, "starts"), "utf8")).toBe("+++");
  const manifest = join(directory, "out/_spark_metadata");
  const newest = Math.max(...readdirSync(manifest).map((name) => Number.parseInt(name)));
  expect(newest).toBeGreaterThanOrEqual(8);
  const parts = readdirSync(join(directory, "out")).filter((name) => name.endsWith(".json"));
  const listed = readdirSync(manifest)
    .map((name) => readFileSync(join(manifest, name), "utf8"))
    .join("\n");
  const values = parts
    .filter((name) => listed.includes(name))
    .flatMap((name) =>
      readFileSync(join(directory, "out", name), "utf8")
        .trim()
        .split("\n"),
    )
    .map((line) => (JSON.parse(line) as { value: number }).value)
    .sort((a, b) => a - b);
  expect(values).toEqual(Array.from({ length: 10 * (newest + 1) }, (_, value) => value));
});

test("a program that ends is not started again; one that keeps dying is given up", async () => {
  const directory = temporaryDirectory();
  const failing = join(directory, "failing.mjs");
  writeFileSync(failing, "process.exitCode = 7;");
  expect(await millrace(["run", "--supervise", failing])).toEqual({ code: 7, stdout: "", stderr: "" });
  const dying = join(directory, "dying.mjs");
  writeFileSync(dying, 'process.kill(process.pid, "SIGKILL"); await new Promise(() => setInterval(() => {}, 1000));');
  const { code, stderr } = await millrace(["run", "--supervise", dying]);
  expect(code).toBe(1);
  expect(stderr.match(/SIGKILL\. It is started again/g)).toHaveLength(4);
  expect(stderr).toContain("for the 5th time in a row");
});

test("SIGTERM ends the queries in good order", async () => {
  const directory = temporaryDirectory();
  const after = 'if (batch === 2) console.log("running");';
  const { code, stdout, stderr } = await millrace(["run", "--supervise", program(directory, after), directory], {
    onOutput: (text, child) => void (text.includes("running") && child.kill("SIGTERM")),
  });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "running\n", stderr: "" });
  expect(existsSync(join(directory, "checkpoint/commits/2"))).toBe(true);
});
