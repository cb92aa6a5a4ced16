// Rows per CPU second of a sliding count and sum, by panes and with a row per window, by how many windows a row belongs to.
//   node bench/micro/window-panes.mjs [append|update|complete] [keys] [rows per batch] [ratios, comma separated]
import { functions as F, Session } from "../../dist/index.js";

const [mode = "append", keys = "1000", rowsPerBatch = "200000", ratios = "1,5,30,60"] = process.argv.slice(2);
const SLIDE_SECONDS = 10;
const MEASURED = 10;

for (const ratio of ratios.split(",").map(Number)) {
  const line = [`size/slide ${String(ratio).padStart(2)}`];
  for (const panes of ["false", "true"]) {
    const spark = await Session.builder()
      .master("local[1]")
      .config({ "spark.sql.session.timeZone": "UTC", "millrace.windowPanes.enabled": panes })
      .create();
    const query = await spark.readStream
      .format("rate-micro-batch")
      .option("rowsPerBatch", rowsPerBatch)
      .option("advanceMillisPerBatch", String(1000 * SLIDE_SECONDS))
      .option("startTimestamp", "1700000000000")
      .load()
      .withWatermark("timestamp", "10 seconds")
      .groupBy(F.expr(`value % ${keys}`), F.window(F.col("timestamp"), `${SLIDE_SECONDS * ratio} seconds`, `${SLIDE_SECONDS} seconds`))
      .agg(F.count("*").as("n"), F.sum("value").as("sum"))
      .writeStream.outputMode(mode)
      .format("noop")
      .start();
    const rowsSoFar = async () => (await query.recentProgress()).reduce((sum, { numInputRows }) => sum + numInputRows, 0);
    const until = async (rows) => {
      while ((await rowsSoFar()) < rows) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await until(Number(rowsPerBatch) * (ratio + 3));
    const [rowsBefore, before] = [await rowsSoFar(), process.cpuUsage()];
    await until(rowsBefore + Number(rowsPerBatch) * MEASURED);
    const [rowsAfter, used] = [await rowsSoFar(), process.cpuUsage(before)];
    line.push(
      `${panes === "true" ? "panes" : "rows"} ${((rowsAfter - rowsBefore) / (used.user + used.system)).toFixed(2).padStart(6)} M rows/CPU s`,
    );
    await query.stop();
    await spark.stop();
  }
  console.log(line.join("  "));
}
