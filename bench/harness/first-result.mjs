/** What the suite `cold-start` starts: imports Millrace, runs a `batch` query or a `stream` (first argument), prints when the result was there. */
const importStart = performance.now();
const { Session } = await import("../../dist/index.js");
const importEnd = performance.now();
const spark = await Session.builder().master("local[1]").getOrCreate();

async function batchResult() {
  return Number(await spark.range(1000).filter("id % 100 = 0").count());
}

async function streamResult() {
  const { memoryStream } = await import("../../dist/testing.js");
  const input = memoryStream(spark, "value INT");
  const counts = input.toDF().groupBy("value").count();
  const query = await counts.writeStream.outputMode("update").format("memory").queryName("counts").start();
  input.addData(1, 2, 3, 3);
  await query.processAllAvailable();
  return spark.executor.memoryTables.get("counts").rows().length;
}

const result = process.argv[2] === "batch" ? await batchResult() : await streamResult();
const end = performance.now();
const { user, system } = process.cpuUsage();
await spark.stop();
console.log(
  JSON.stringify({
    result,
    processMs: end,
    importMs: importEnd - importStart,
    fromImportMs: end - importStart,
    cpuMs: (user + system) / 1000,
  }),
);
