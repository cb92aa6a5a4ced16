/**
 * The queries of the Nexmark benchmark, q0 to q23: as frames, and once more as loops over the same rows. `nexmark.mjs` and
 * `nexmark-files.mjs` run and check them.
 *
 * ```
 * events    measured, where the usual number would take long
 * uses      how often `nexmark.mjs` reads its pool in a micro-batch, where a row costs little; to the answer it is as if it read it once
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
import { F } from "../harness/engine.mjs";
import { bidQueries } from "./nexmark-bid-queries.mjs";
import { groupQueries, watermarked } from "./nexmark-group-queries.mjs";

const joinQueries = [
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
  { name: "q6", title: "average selling price by seller", waitsFor: "transformWithState (the last ten of each seller)" },
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

const numberOf = ({ name }) => Number(name.slice(1));
export const queries = [...bidQueries, ...groupQueries, ...joinQueries].sort((a, b) => numberOf(a) - numberOf(b));

/** What the report says of where the rows of a query go. */
export const sinkOf = ({ files, line, mode }) => `${files ? `${files.format} files` : line ? "noop" : "memory"}, ${mode}`;
