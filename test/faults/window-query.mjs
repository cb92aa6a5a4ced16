/**
 * The windows of `windows.mjs` in a process of its own, for tests that kill it. `node window-query.mjs <directory> <format> <workers>`; one
 * query for each directory of a list with commas. Says `running` when the queries have started; ends with exit code 0 when all files that
 * were there are through (with a fourth argument `stay` it keeps the checkpoint and stays), with 3 when a query failed: then the last line is the error as JSON.
 */
import { Session } from "../../dist/index.js";
import { startWindows } from "./windows.mjs";

const [, , directories, format, workers, stay] = process.argv;
// Background copies of the state as often as can be.
const settings = {
  "spark.sql.streaming.minBatchesToRetain": "1",
  "millrace.workerTimeout": process.env.MILLRACE_TEST_WORKER_TIMEOUT ?? "120s",
  "spark.sql.streaming.stateStore.maintenanceInterval": "0",
  "spark.sql.streaming.stateStore.minDeltasForSnapshot": "2",
};
const spark = await Session.builder().master(`local[${workers}]`).config(settings).getOrCreate();
try {
  const queries = await Promise.all(
    directories.split(",").map((directory) => startWindows(spark, directory, { format, stays: stay === "stay" })),
  );
  process.stdout.write("running\n");
  await Promise.all(queries.map((query) => query.awaitTermination()));
} catch (error) {
  const { condition, message, cause } = error;
  process.stdout.write(`${JSON.stringify({ condition, message, cause: cause?.condition })}\n`);
  process.exitCode = 3;
}
await spark.stop();
