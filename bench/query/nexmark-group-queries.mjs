/** The Nexmark queries that count and compare bids, for `nexmark-queries.mjs`. */
import { F } from "../harness/engine.mjs";

const WATERMARK_DELAY = "4 seconds";
export const WATERMARK_DELAY_MS = 4000;
export const START_MS = 1_436_918_400_000;
const WINDOW_MS = 10_000;
const SLIDE_MS = 2000;

const startOf = (ms) => Math.floor(ms / WINDOW_MS) * WINDOW_MS;
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const minuteOf = (ms) => new Date(ms).toISOString().slice(11, 16);
export const watermarked = (frame) => frame.withWatermark("dateTime", WATERMARK_DELAY);
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

export const groupQueries = [
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
  {
    name: "q7",
    title: "highest bid",
    uses: 4,
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
];

/** Whether the first number that differs is greater in `a`. */
function isAfter(a, b) {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return a[at] > b[at];
  return false;
}
