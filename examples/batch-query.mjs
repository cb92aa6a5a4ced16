// The same frames without a stream: a batch query, read from files and printed.
//   node examples/batch-query.mjs [directory]
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Session, functions as F } from "millrace";
const { avg, col, count, desc, round, when } = F;

const root = process.argv[2] ?? "out/batch-query";
mkdirSync(root, { recursive: true });
writeFileSync(join(root, "orders.csv"), "id,country,amount\n1,NL,120.50\n2,DE,80.00\n3,NL,35.25\n4,FR,210.00\n5,DE,64.10\n6,NL,12.00\n");

const spark = await Session.builder().appName("batch-query").getOrCreate();

const orders = spark.read.schema("id INT, country STRING, amount DECIMAL(10,2)").option("header", true).csv(join(root, "orders.csv"));

await orders
  .groupBy("country")
  .agg(count("*").as("orders"), round(avg("amount"), 2).as("average"), count(when(col("amount").geq(100), 1)).as("large"))
  .orderBy(desc("orders"), col("country"))
  .show();

const [best] = await orders.orderBy(desc("amount")).take(1);
console.log(`The largest order is ${best.id} over ${best.amount}.`);
await spark.stop();
