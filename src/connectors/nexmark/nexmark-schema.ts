/** What the Nexmark source produces: options, tables, schemas and the fixed texts of the generator. Both threads. */
import { IntegerType, LongType, StringType, type StructType, structField, structType, TimestampType } from "../../columnar/types.ts";
import { choiceOption, integerOption, type OptionSpecs } from "../options.ts";

export type NexmarkTable = "all" | "person" | "auction" | "bid";
/** In the kernel's numbering. */
export const NEXMARK_TABLES: readonly NexmarkTable[] = ["all", "person", "auction", "bid"];

export const nexmarkOptions: OptionSpecs = {
  table: choiceOption("Which events become rows; `all` gives event_type and one struct for each kind", NEXMARK_TABLES, "all"),
  events: integerOption("Events of all kinds in total; unlimited if not given", null),
  firstEvent: integerOption("Number of the first event: runs that follow each other give one stream", 0),
  rowsPerBatch: integerOption("Events of all kinds in one micro-batch", 1_000_000, 1),
  eventsPerSecond: integerOption("Events for each second of event time", 10_000, 1),
  seed: integerOption("Runs with one seed are equal, byte by byte", 1),
  startTime: integerOption("Event time of event 0, epoch milliseconds", 1_436_918_400_000),
  outOfOrderGroupSize: integerOption("Events are shuffled inside groups of so many", 1, 1),
};

const required = (name: string, type: typeof LongType) => structField(name, type, false);

const PERSON = structType([
  required("id", LongType),
  required("name", StringType),
  required("emailAddress", StringType),
  required("creditCard", StringType),
  required("city", StringType),
  required("state", StringType),
  required("dateTime", TimestampType),
  required("extra", StringType),
]);
const AUCTION = structType([
  required("id", LongType),
  required("itemName", StringType),
  required("description", StringType),
  required("initialBid", LongType),
  required("reserve", LongType),
  required("dateTime", TimestampType),
  required("expires", TimestampType),
  required("seller", LongType),
  required("category", LongType),
  required("extra", StringType),
]);
const BID = structType([
  required("auction", LongType),
  required("bidder", LongType),
  required("price", LongType),
  required("channel", StringType),
  required("url", StringType),
  required("dateTime", TimestampType),
  required("extra", StringType),
]);
/** Exactly one of the three structs is not null: the one of `event_type` (0 person, 1 auction, 2 bid). */
const ALL = structType([
  structField("event_type", IntegerType, false),
  structField("person", PERSON),
  structField("auction", AUCTION),
  structField("bid", BID),
]);

export const NEXMARK_SCHEMAS: Readonly<Record<NexmarkTable, StructType>> = { all: ALL, person: PERSON, auction: AUCTION, bid: BID };

/** Texts in the order that the kernel numbers them. */
export const NEXMARK_TEXTS: readonly string[] = [
  ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"],
  ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"],
  ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"],
  ["AZ", "CA", "ID", "OR", "WA", "WY"],
  ["Google", "Facebook", "Baidu", "Apple"],
  ["channel-", "https://www.nexmark.com/", "item.htm?query=1", "&channel_id="],
].flat();

const FRACTION_BITS = 256n;

/** The integer square root. */
function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(2).length >> 1) + 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/**
 * 10^(i/256) in units of 2^-24, i = 0 … 256: one decade of the log-uniform prices, between which the generator interpolates. Made with whole
 * numbers, since `Math.pow` may differ in its last bit from one machine to the next.
 */
export const NEXMARK_DECADE: readonly number[] = (() => {
  let step = 10n << FRACTION_BITS;
  for (let power = 1; power < 256; power *= 2) step = squareRoot(step << FRACTION_BITS);
  const knots: number[] = [];
  for (let knot = 1n << FRACTION_BITS; knots.length <= 256; knot = (knot * step) >> FRACTION_BITS)
    knots.push(Number((knot + (1n << (FRACTION_BITS - 25n))) >> (FRACTION_BITS - 24n)));
  return knots;
})();

const MASK = (1n << 64n) - 1n;

/** The generator's key: the seed, mixed once, so that neighbouring seeds have nothing in common. */
export function nexmarkKey(seed: number): bigint {
  let z = (BigInt(seed) + 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}
