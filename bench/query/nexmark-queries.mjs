/**
 * The queries of the Nexmark benchmark, q0 to q23: as frames, and once more as loops over the same rows. `nexmark.mjs` runs and checks them.
 *
 * ```
 * events    measured, where the usual number would take long
 * reads     tables that the query reads
 * frame     the query over frames of these tables
 * mode      output mode
 * keys      in update mode: how many leading columns make the key
 * line      of a query that looks at each bid by itself: its line; `keeps(bid)` where not all give one. Rows go to `noop` (q10: to files) and are counted; the
 *           digest covers the first file
 * expected  of the others: lines of the answer, from rows(table): every row in turn (numbers, milliseconds, texts); `emitted(end)` says whether
 *           a window that ends then has been closed by the watermark
 * files     where rows go to files
 * differs   where the form differs from the published SQL
 * waitsFor  what the engine lacks
 * ```
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decimalText } from "../harness/canonical.mjs";
import { F } from "../harness/engine.mjs";

const WATERMARK_DELAY = "4 seconds";
export const WATERMARK_DELAY_MS = 4000;
export const START_MS = 1_436_918_400_000;
const SIDE_ROWS = 10_000;
const WINDOW_MS = 10_000;
const SLIDE_MS = 2000;

const dollarsToEuros = (price) => decimalText(BigInt(price) * 908n, 3);
const startOf = (ms) => Math.floor(ms / WINDOW_MS) * WINDOW_MS;
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const minuteOf = (ms) => new Date(ms).toISOString().slice(11, 16);
const watermarked = (frame) => frame.withWatermark("dateTime", WATERMARK_DELAY);
const increment = (map, key) => map.set(key, (map.get(key) ?? 0) + 1);

const BANDS = { rank1: "price < 10000", rank2: "price >= 10000 AND price < 1000000", rank3: "price >= 1000000" };
const bandOf = (price) => (price < 10_000 ? 0 : price < 1_000_000 ? 1 : 2);
const bandCounts = () => Object.entries(BANDS).map(([band, condition]) => F.expr(`count_if(${condition})`).as(`${band}_bids`));
const distinctCounts = (column) => [
  F.approx_count_distinct(column).as(`total_${column}s`),
  ...Object.entries(BANDS).map(([band, condition]) =>
    F.expr(`approx_count_distinct(if(${condition}, ${column}, null))`).as(`${band}_${column}s`),
  ),
];
const APPROXIMATE = "distinct counts are approximate (approx_count_distinct) and not part of the checked answer";

/** Counts of bids in all and per price band, by key. */
function bandsByKey(rows, keyOf) {
  const counts = new Map();
  for (const bid of rows("bid")) {
    const key = keyOf(bid);
    const bands = counts.get(key) ?? [0, 0, 0];
    bands[bandOf(bid.price)]++;
    counts.set(key, bands);
  }
  return counts;
}
const bandText = (bands) => `${bands[0] + bands[1] + bands[2]},${bands.join(",")}`;
const minuteText = (minute) => (minute === undefined ? "" : `,${minute}`);

export const queries = [
  {
    name: "q0",
    title: "pass through",
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.select("auction", "bidder", "price", "dateTime", "extra"),
    line: (bid) => `${bid.auction},${bid.bidder},${bid.price},${bid.dateTime},${bid.extra}`,
  },
  {
    name: "q1",
    title: "currency",
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.selectExpr("auction", "bidder", "0.908 * price AS price", "dateTime", "extra"),
    line: (bid) => `${bid.auction},${bid.bidder},${dollarsToEuros(bid.price)},${bid.dateTime},${bid.extra}`,
  },
  {
    name: "q2",
    title: "selection",
    reads: ["bid"],
    mode: "append",
    frame: ({ bid }) => bid.filter("auction % 123 = 0").select("auction", "price"),
    keeps: (bid) => bid.auction % 123 === 0,
    line: (bid) => `${bid.auction},${bid.price}`,
  },
  {
    name: "q3",
    title: "local items",
    reads: ["person", "auction"],
    mode: "append",
    waitsFor: "joins of two streams",
    frame: ({ person, auction }) =>
      auction
        .filter("category = 10")
        .select(F.col("id").as("auction"), F.col("seller"))
        .join(person.filter("state IN ('OR', 'ID', 'CA')").select("id", "name", "city", "state"), F.expr("seller = id"))
        .select("name", "city", "state", "auction"),
  },
  { name: "q4", title: "average price by category", waitsFor: "transformWithState (aggregates of aggregates without windows)" },
  {
    name: "q5",
    title: "hot items",
    reads: ["bid"],
    mode: "append",
    differs:
      "one aggregate over the counts in place of a join with their maximum: of auctions with equal counts the one with the largest id",
    frame: ({ bid }) =>
      watermarked(bid)
        .groupBy(F.window(F.col("dateTime"), "10 seconds", "2 seconds"), F.col("auction"))
        .agg(F.count("*").as("num"))
        .groupBy("window")
        .agg(F.max("num"), F.expr("max_by(auction, num * 10000000 + auction)")),
    *expected({ rows, emitted }) {
      const windows = new Map();
      for (const bid of rows("bid")) {
        const { auction, dateTime } = bid;
        for (let start = Math.floor(dateTime / SLIDE_MS) * SLIDE_MS; start > dateTime - WINDOW_MS; start -= SLIDE_MS) {
          if (!windows.has(start)) windows.set(start, new Map());
          increment(windows.get(start), auction);
        }
      }
      for (const [start, counts] of windows) {
        if (!emitted(start + WINDOW_MS)) continue;
        let most = [0, 0];
        for (const [auction, count] of counts) if (count > most[0] || (count === most[0] && auction > most[1])) most = [count, auction];
        yield `${start},${most[0]},${most[1]}`;
      }
    },
  },
  { name: "q6", title: "average selling price by seller", waitsFor: "transformWithState (the last ten of each seller)" },
  {
    name: "q7",
    title: "highest bid",
    reads: ["bid"],
    mode: "append",
    differs: "one aggregate in place of a join with the maximum: of equal prices the bid with the largest auction",
    frame: ({ bid }) =>
      watermarked(bid)
        .groupBy(F.window(F.col("dateTime"), "10 seconds"))
        .agg(F.max("price"), ...["auction", "bidder", "dateTime"].map((column) => F.expr(`max_by(${column}, price * 10000000 + auction)`))),
    *expected({ rows, emitted }) {
      const highest = new Map();
      for (const bid of rows("bid")) {
        const candidate = [bid.price, bid.auction, bid.bidder, bid.dateTime];
        const start = startOf(bid.dateTime);
        if (!highest.has(start) || isAfter(candidate, highest.get(start))) highest.set(start, candidate);
      }
      for (const [start, bid] of highest) if (emitted(start + WINDOW_MS)) yield `${start},${bid.join(",")}`;
    },
  },
  {
    name: "q8",
    title: "new users who sell",
    reads: ["person", "auction"],
    mode: "append",
    waitsFor: "joins of two streams",
    frame: ({ person, auction }) => {
      const window = F.window(F.col("dateTime"), "10 seconds");
      const people = watermarked(person).groupBy(F.col("id"), F.col("name"), window).count().select("id", "name", "window");
      const sellers = watermarked(auction).groupBy(F.col("seller"), window).count().select("seller", F.col("window").as("selling"));
      return people.join(sellers, F.expr("id = seller AND window = selling")).select("id", "name", "window");
    },
  },
  { name: "q9", title: "winning bids", waitsFor: "transformWithState (the best bid of each auction)" },
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
    name: "q11",
    title: "bids per user session",
    reads: ["bid"],
    mode: "append",
    waitsFor: "session windows",
    frame: ({ bid }) =>
      watermarked(bid)
        .groupBy(F.col("bidder"), F.session_window(F.col("dateTime"), "10 seconds"))
        .count(),
  },
  {
    name: "q12",
    title: "bids per user and processing time",
    reads: ["bid"],
    mode: "update",
    keys: 2,
    differs: "the processing time is the batch's; the checked answer is each bidder's total",
    frame: ({ bid }) =>
      bid
        .withColumn("now", F.current_timestamp())
        .groupBy(F.window(F.col("now"), "10 seconds"), F.col("bidder"))
        .agg(F.count("*").as("bids")),
    lines(rows) {
      const totals = new Map();
      for (const [, bidder, bids] of rows) totals.set(bidder, (totals.get(bidder) ?? 0n) + bids);
      return [...totals].map(([bidder, bids]) => `${bidder},${bids}`);
    },
    *expected({ rows }) {
      const totals = new Map();
      for (const bid of rows("bid")) increment(totals, bid.bidder);
      for (const [bidder, bids] of totals) yield `${bidder},${bids}`;
    },
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
    name: "q15",
    title: "bids by day",
    events: 2_000_000,
    reads: ["bid"],
    mode: "update",
    keys: 1,
    differs: APPROXIMATE,
    frame: ({ bid }) =>
      bid
        .withColumn("day", F.expr("date_format(dateTime, 'yyyy-MM-dd')"))
        .groupBy("day")
        .agg(F.count("*").as("total_bids"), ...bandCounts(), ...distinctCounts("bidder"), ...distinctCounts("auction")),
    checked: 5,
    *expected({ rows }) {
      for (const [day, bands] of bandsByKey(rows, ({ dateTime }) => dayOf(dateTime))) yield `${day},${bandText(bands)}`;
    },
  },
  {
    name: "q16",
    title: "bids by channel and day",
    events: 2_000_000,
    reads: ["bid"],
    mode: "update",
    keys: 2,
    differs: APPROXIMATE,
    frame: ({ bid }) =>
      bid
        .withColumn("day", F.expr("date_format(dateTime, 'yyyy-MM-dd')"))
        .groupBy("channel", "day")
        .agg(
          F.expr("max(date_format(dateTime, 'HH:mm'))").as("minute"),
          F.count("*").as("total_bids"),
          ...bandCounts(),
          ...distinctCounts("bidder"),
          ...distinctCounts("auction"),
        ),
    checked: 7,
    *expected({ rows }) {
      const minutes = new Map();
      const keyOf = (bid) => {
        const key = `${bid.channel},${dayOf(bid.dateTime)}`;
        const minute = minuteOf(bid.dateTime);
        if (!(minutes.get(key) > minute)) minutes.set(key, minute);
        return key;
      };
      for (const [key, bands] of bandsByKey(rows, keyOf)) yield `${key}${minuteText(minutes.get(key))},${bandText(bands)}`;
    },
  },
  {
    name: "q17",
    title: "bids by auction and day",
    reads: ["bid"],
    mode: "update",
    keys: 2,
    frame: ({ bid }) =>
      bid
        .withColumn("day", F.expr("date_format(dateTime, 'yyyy-MM-dd')"))
        .groupBy("auction", "day")
        .agg(F.count("*").as("total_bids"), ...bandCounts(), F.min("price"), F.max("price"), F.avg("price"), F.sum("price")),
    *expected({ rows }) {
      const prices = new Map();
      const keyOf = (bid) => {
        const key = `${bid.auction},${dayOf(bid.dateTime)}`;
        const { price } = bid;
        const [least, most, sum] = prices.get(key) ?? [price, price, 0];
        prices.set(key, [Math.min(least, price), Math.max(most, price), sum + price]);
        return key;
      };
      for (const [key, bands] of bandsByKey(rows, keyOf)) {
        const [least, most, sum] = prices.get(key);
        const average = sum / (bands[0] + bands[1] + bands[2]);
        yield `${key},${bandText(bands)},${least},${most},${Math.trunc(average * 1000)},${sum}`;
      }
    },
  },
  {
    name: "q18",
    title: "last bid of each user and auction",
    events: 2_000_000,
    reads: ["bid"],
    mode: "update",
    keys: 2,
    differs: "max and max_by in place of row_number() = 1: of bids at one time the dearest",
    frame: ({ bid }) =>
      bid
        .groupBy("bidder", "auction")
        .agg(F.max("dateTime"), F.expr(`max_by(price, (unix_millis(dateTime) - ${START_MS}) * 200000000 + price)`)),
    *expected({ rows }) {
      const last = new Map();
      for (const bid of rows("bid")) {
        const key = `${bid.bidder},${bid.auction}`;
        const candidate = [bid.dateTime, bid.price];
        if (!last.has(key) || isAfter(candidate, last.get(key))) last.set(key, candidate);
      }
      for (const [key, bid] of last) yield `${key},${bid.join(",")}`;
    },
  },
  { name: "q19", title: "ten dearest bids of each auction", waitsFor: "transformWithState (the top ten of each auction)" },
  {
    name: "q20",
    title: "bids with their auctions",
    reads: ["bid", "auction"],
    mode: "append",
    waitsFor: "joins of two streams",
    frame: ({ bid, auction }) =>
      bid
        .select("auction", "bidder", "price")
        .join(auction.filter("category = 10").select("id", "itemName", "seller"), F.expr("auction = id")),
  },
  {
    name: "q21",
    title: "channel id",
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
  {
    name: "q23",
    title: "bids, bidders and their auctions",
    reads: ["bid", "person", "auction"],
    mode: "append",
    waitsFor: "joins of two streams",
    frame: ({ bid, person, auction }) =>
      bid
        .select("bidder", "price")
        .join(person.select("id", "name"), F.expr("bidder = id"))
        .join(auction.select(F.col("id").as("sold"), F.col("seller")), F.expr("seller = bidder")),
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

/** Whether the first number that differs is greater in `a`. */
function isAfter(a, b) {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at] > b[at];
  return false;
}
