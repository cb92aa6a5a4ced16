// A query under test: rows go in, answers come out, nothing sleeps. Such steps run in any test runner.
//   node examples/test-kit.mjs
import { Session, functions as F } from "millrace";
import { addData, checkNewAnswer, memoryStream, startStream, stopStream, testStream } from "millrace/testing";
const { col, count } = F;

const spark = await Session.builder().appName("test-kit").master("local[2]").getOrCreate();

const clicks = memoryStream(spark, "user STRING, url STRING");
const perUser = clicks.toDF().filter(col("url").startsWith("/shop")).groupBy("user").agg(count("*").as("views"));

await testStream(
  perUser,
  { outputMode: "update" },
  addData(clicks, ["ann", "/shop/1"], ["bob", "/docs"], ["ann", "/shop/2"]),
  checkNewAnswer(["ann", 2n]),
  stopStream(),
  startStream(), // from the checkpoint: ann's two views are still known
  addData(clicks, ["ann", "/shop/3"], ["bob", "/shop/1"]),
  checkNewAnswer(["ann", 3n], ["bob", 1n]),
);

console.log("The query does what it should.");
await spark.stop();
