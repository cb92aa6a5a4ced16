/**
 * Counts texts that do not come to an end: JSON files in `<directory>/in` → count by text, update mode, in a process of its own, for `memory-cap.test.ts`.
 * Each batch becomes a file `<directory>/out/<batch>.json` with the number of texts and the sum of their counts. `node growing-state.mjs <directory>`; ends
 * with exit code 0 when all files are through, with 3 when the query failed: then it prints the condition.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { functions as F, Session } from "../../dist/index.js";

const [, , directory] = process.argv;
const output = join(directory, "out");
mkdirSync(output, { recursive: true });
const spark = await Session.builder().master("local[2]").getOrCreate();
const query = await spark.readStream
  .schema("text STRING")
  .option("maxFilesPerTrigger", 1)
  .json(join(directory, "in"))
  .groupBy("text")
  .agg(F.count("*").as("n"))
  .writeStream.outputMode("update")
  .option("checkpointLocation", join(directory, "checkpoint"))
  .foreachBatch(async (frame, batchId) => {
    const [{ texts, sum }] = await frame.agg(F.count("*").as("texts"), F.sum("n").as("sum")).collect();
    const path = join(output, `${batchId}.json`);
    writeFileSync(`${path}.new`, JSON.stringify([Number(texts), Number(sum)]));
    renameSync(`${path}.new`, path);
  })
  .trigger({ availableNow: true })
  .start();
try {
  await query.awaitTermination();
} catch (error) {
  process.stdout.write(String(error.cause?.condition));
  process.exitCode = 3;
}
await spark.stop();
