/** The Nexmark queries that look at each bid by itself, for `nexmark-queries.mjs`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decimalText } from "../harness/canonical.mjs";
import { F } from "../harness/engine.mjs";

const SIDE_ROWS = 10_000;

const dollarsToEuros = (price) => decimalText(BigInt(price) * 908n, 3);
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const minuteOf = (ms) => new Date(ms).toISOString().slice(11, 16);

export const bidQueries = [
  {
    name: "q0",
    title: "pass through",
    uses: 4,
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.select("auction", "bidder", "price", "dateTime", "extra"),
    line: (bid) => `${bid.auction},${bid.bidder},${bid.price},${bid.dateTime},${bid.extra}`,
  },
  {
    name: "q1",
    title: "currency",
    uses: 4,
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.selectExpr("auction", "bidder", "0.908 * price AS price", "dateTime", "extra"),
    line: (bid) => `${bid.auction},${bid.bidder},${dollarsToEuros(bid.price)},${bid.dateTime},${bid.extra}`,
  },
  {
    name: "q2",
    title: "selection",
    uses: 4,
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.filter("auction % 123 = 0").select("auction", "price"),
    keeps: (bid) => bid.auction % 123 === 0,
    line: (bid) => `${bid.auction},${bid.price}`,
  },
  {
    name: "q10",
    title: "log to files by day and minute",
    events: 2_000_000,
    reads: ["bid"],
    mode: "append",
    files: { format: "csv", partitionBy: ["day", "minute"], lines: csvLines },
    frame: ({ bid }) =>
      bid.selectExpr(
        "auction",
        "bidder",
        "price",
        "dateTime",
        "extra",
        "date_format(dateTime, 'yyyy-MM-dd') AS day",
        "date_format(dateTime, 'HH:mm') AS minute",
      ),
    line: (bid) =>
      `${bid.auction},${bid.bidder},${bid.price},${bid.dateTime},${bid.extra},${dayOf(bid.dateTime)},${minuteOf(bid.dateTime)}`,
  },
  {
    name: "q13",
    title: "join with a static table",
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }, spark) => {
      const side = spark.createDataFrame(
        Array.from({ length: SIDE_ROWS }, (_, i) => [BigInt(i), `${i}`]),
        "key BIGINT, value STRING",
      );
      return bid
        .withColumn("key", F.expr(`auction % ${SIDE_ROWS}`))
        .join(side, "key")
        .select("auction", "bidder", "price", "dateTime", "value");
    },
    line: (bid) => `${bid.auction},${bid.bidder},${bid.price},${bid.dateTime},${bid.auction % SIDE_ROWS}`,
  },
  {
    name: "q14",
    title: "calculation",
    reads: ["bid"],
    mode: "append",
    differs: "count_char is length(extra) - length(replace(extra, 'c', ''))",
    frame: ({ bid }) =>
      bid
        .selectExpr(
          "auction",
          "bidder",
          "0.908 * price AS price",
          `CASE WHEN hour(dateTime) >= 8 AND hour(dateTime) <= 18 THEN 'dayTime'
                WHEN hour(dateTime) <= 6 OR hour(dateTime) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType`,
          "dateTime",
          "extra",
          "length(extra) - length(replace(extra, 'c', '')) AS c_counts",
        )
        .filter("price > 1000000 AND price < 50000000"),
    keeps: ({ price }) => price * 908 > 1_000_000_000 && price * 908 < 50_000_000_000,
    line: (bid) => {
      const hour = new Date(bid.dateTime).getUTCHours();
      const type = hour >= 8 && hour <= 18 ? "dayTime" : hour <= 6 || hour >= 20 ? "nightTime" : "otherTime";
      const { extra } = bid;
      return `${bid.auction},${bid.bidder},${dollarsToEuros(bid.price)},${type},${bid.dateTime},${extra},${extra.split("c").length - 1}`;
    },
  },
  {
    name: "q21",
    title: "channel id",
    events: 2_000_000,
    reads: ["bid"],
    mode: "append",
    differs: "locate and substring in place of the regular expression: channel_id is the last parameter of every url",
    frame: ({ bid }) =>
      bid
        .selectExpr(
          "auction",
          "bidder",
          "price",
          "channel",
          `CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3'
           ELSE CASE WHEN locate('channel_id=', url) > 0 THEN substring(url, locate('channel_id=', url) + 11) END END AS channel_id`,
        )
        .filter("channel_id IS NOT NULL"),
    keeps: (bid) => channelId(bid) !== undefined,
    line: (bid) => `${bid.auction},${bid.bidder},${bid.price},${bid.channel},${channelId(bid)}`,
  },
  {
    name: "q22",
    title: "folders of urls",
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) =>
      bid.selectExpr(
        "auction",
        "bidder",
        "price",
        "channel",
        ...[4, 5, 6].map((part) => `split_part(url, '/', ${part}) AS dir${part - 3}`),
      ),
    line: (bid) => `${bid.auction},${bid.bidder},${bid.price},${bid.channel},${bid.url.split("/").slice(3, 6)}`,
  },
];

/** Rows of q10's CSV files; day and minute are in their paths. */
function csvLines(directory) {
  const paths = readdirSync(directory, { recursive: true }).filter((path) => path.endsWith(".csv") && path.startsWith("day="));
  return paths.flatMap((path) => {
    const folders = path.split("/").slice(0, 2);
    const values = folders.map((folder) => decodeURIComponent(folder.slice(folder.indexOf("=") + 1)));
    const lines = readFileSync(join(directory, path), "utf8").trimEnd().split("\n");
    return lines.map((line) =>
      [...line.split(",").map((field, column) => (column === 3 ? Date.parse(field) : field)), ...values].join(","),
    );
  });
}

function channelId({ channel, url }) {
  const known = ["apple", "google", "facebook", "baidu"].indexOf(channel.toLowerCase());
  return known >= 0 ? `${known}` : /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1];
}
