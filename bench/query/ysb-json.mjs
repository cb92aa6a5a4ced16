/** YSB from NDJSON files of events of about 240 bytes: reading, parsing and the query. Two files make one durably committed batch. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { F, tableRows, timed, withSession } from "../harness/engine.mjs";
import { FIRST_MS, textSchema, usual, ysbEvents, ysbNames } from "../data/ysb.mjs";
import { Answer, outputDigest, prepareAds, prepareFile, ysbQuery } from "./ysb.mjs";

const FILES = 8;
const EVENTS_PER_MS = 100;
const CHUNK_EVENTS = 20_000;
const WARM_UP_ROUNDS = 3;
const WARM_UP_BYTES_MAX = 64 << 20;
const names = ysbNames(usual());

export const suite = {
  name: "ysb-json",
  title: "YSB from NDJSON files",
  kind: "throughput",
  events: 8_000_000,

  prepare({ directory, events }) {
    const perFile = Math.ceil(events / FILES);
    const parts = join(directory, `ysb-json-${perFile}`);
    const answerPath = join(directory, `ysb-json-${perFile}.answer`);
    let generatorSeconds = 0;
    if (!existsSync(answerPath)) {
      rmSync(parts, { recursive: true, force: true });
      mkdirSync(parts, { recursive: true });
      const answer = new Answer();
      for (let file = 0; file < FILES; file++) {
        generatorSeconds += prepareFile(join(parts, `part-${file}.json`), (path) => writeEvents(path, file, perFile, answer));
      }
      prepareFile(answerPath, (path) => writeFileSync(path, answer.digest()));
    }
    const expected = readFileSync(answerPath, "utf8");
    return { parts, ads: prepareAds(directory), events: perFile * FILES, expected, generatorSeconds };
  },

  async run({ parts, events }, { workers }) {
    return await withSession(workers, async (spark, directory) => {
      const warmUp = join(directory, "warm-up");
      mkdirSync(warmUp);
      writeFileSync(join(warmUp, "part-0.json"), readFileSync(join(parts, "part-0.json")).subarray(0, WARM_UP_BYTES_MAX));
      for (let round = 0; round < WARM_UP_ROUNDS; round++) await runOnce(spark, warmUp, `warm_up_${round}`, directory);
      const cost = await timed(() => runOnce(spark, parts, "ysb", directory));
      return { ...cost, events, digest: outputDigest(tableRows(spark, "ysb")) };
    });
  },

  native: ({ parts, ads }) => ["ysb-json", ads, ...Array.from({ length: FILES }, (_, file) => join(parts, `part-${file}.json`))],
};

async function runOnce(spark, files, name, directory) {
  const events = spark.readStream
    .format("json")
    .schema(textSchema)
    .option("maxFilesPerTrigger", "2")
    .load(files)
    .filter("event_type = 'view'")
    .select(F.col("ad_id"), F.expr("timestamp_millis(cast(event_time AS BIGINT))").as("event_time"));
  const query = await ysbQuery(spark, events)
    .writeStream.outputMode("update")
    .format("memory")
    .queryName(name)
    .trigger({ availableNow: true })
    .option("checkpointLocation", join(directory, name))
    .start();
  await query.awaitTermination();
}

function writeEvents(path, file, count, answer) {
  const next = ysbEvents(names, 2000 + file);
  const descriptor = openSync(path, "wx");
  for (let first = 0; first < count; first += CHUNK_EVENTS) {
    let text = "";
    for (let index = first; index < Math.min(count, first + CHUNK_EVENTS); index++) {
      const { texts, campaign, isView } = next();
      const [user, page, ad, adType, eventType] = texts;
      const ms = FIRST_MS + Math.floor((file * count + index) / EVENTS_PER_MS);
      text +=
        `{"user_id":"${user}","page_id":"${page}","ad_id":"${ad}","ad_type":"${adType}",` +
        `"event_type":"${eventType}","event_time":"${ms}","ip_address":"1.2.3.4"}\n`;
      if (isView) answer.add(campaign, 1, ms);
    }
    writeSync(descriptor, text);
  }
  closeSync(descriptor);
}
