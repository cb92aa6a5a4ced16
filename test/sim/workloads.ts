/**
 * The queries that the simulator runs, each with a model that computes in plain TypeScript what every micro-batch must put out, from the rows
 * of the files that the batch consists of.
 */
import { functions as F, type DataFrame, type Session } from "../../src/index.ts";
import type { OutputMode } from "../../src/connectors/sink.ts";
import type { Dice } from "./dice.ts";

const { col, count, lit, sum, window } = F;

export interface Row {
  /** Event time, seconds; null: none. */
  readonly second: number | null;
  readonly key: string | null;
  readonly value: number | null;
}

/** A row of output, as values in column order: times as seconds, numbers as they are. */
export type OutputRow = readonly (string | number | null)[];

/** Where the rows go: the file sink; `foreachBatch` into a store that keeps one result per batch id; a sink that knows what it holds. */
export type SinkKind = "files" | "foreachBatch" | "store";

export interface Workload {
  readonly name: string;
  readonly sink: SinkKind;
  readonly outputMode: OutputMode;
  readonly columns: readonly string[];
  query(input: DataFrame<any>): DataFrame<any>;
  model(): Model;
}

/** One query from its first batch on. */
export interface Model {
  batch(rows: readonly Row[]): OutputRow[];
}

const SCHEMA = "ts TIMESTAMP, key STRING, value BIGINT";
const DELAY_S = 5;
const DELAY = `${DELAY_S} seconds`;

class Totals {
  n = 0;
  total: number | null = null;

  add(value: number | null, rows = 1): void {
    this.n += rows;
    if (value !== null) this.total = (this.total ?? 0) + value;
  }
}

/** The watermark as Spark moves it: a batch uses what the batches before it saw. 0 = not set. */
class Watermark {
  late = 0;
  evict = 0;
  #next = 0;

  begin(): void {
    this.evict = this.#next;
  }

  end(rows: readonly Row[]): void {
    this.late = this.evict;
    for (const { second } of rows) if (second !== null) this.#next = Math.max(this.#next, second - DELAY_S);
  }
}

/** Counts and sums per window and key. */
class Windows {
  readonly groups = new Map<string, { readonly start: number; readonly key: string | null; readonly totals: Totals }>();
  readonly touched = new Set<string>();
  readonly #lengthS: number;
  readonly #slideS: number;

  constructor(lengthS: number, slideS = lengthS) {
    this.#lengthS = lengthS;
    this.#slideS = slideS;
  }

  add(second: number, key: string | null, value: number | null, late: number, rows = 1): void {
    const last = Math.floor(second / this.#slideS) * this.#slideS;
    for (let start = last; start > second - this.#lengthS; start -= this.#slideS) {
      if (late > 0 && start + this.#lengthS <= late) continue;
      const id = JSON.stringify([start, key]);
      const group = this.groups.get(id) ?? { start, key, totals: new Totals() };
      group.totals.add(value, rows);
      this.groups.set(id, group);
      this.touched.add(id);
    }
  }

  /** Takes out what the watermark has passed. */
  evict(watermark: number) {
    const due = [...this.groups].filter(([, { start }]) => watermark > 0 && start + this.#lengthS <= watermark);
    for (const [id] of due) this.groups.delete(id);
    return due.map(([, group]) => group);
  }
}

const aggregates = [count("*").as("n"), sum("value").as("total")] as const;
const seconds = (column: string) => col(column).cast("long").as("start");

const filtered: Workload = {
  name: "filter and project, files to files",
  sink: "files",
  outputMode: "append",
  columns: ["start", "key", "twice"],
  query: (input) => input.filter(col("value").gt(0)).select(seconds("ts"), "key", col("value").multiply(2).as("twice")),
  model: () => ({
    batch: (rows) => rows.filter(({ value }) => value !== null && value > 0).map(({ second, key, value }) => [second, key, value! * 2]),
  }),
};

function windowed(name: string, lengthS: number, slideS: number): Workload {
  return {
    name,
    sink: "files",
    outputMode: "append",
    columns: ["start", "key", "n", "total"],
    query: (input) =>
      input
        .withWatermark("ts", DELAY)
        .groupBy(window("ts", `${lengthS} seconds`, `${slideS} seconds`), "key")
        .agg(...aggregates)
        .select(seconds("window.start"), "key", "n", "total"),
    model: () => {
      const watermark = new Watermark();
      const windows = new Windows(lengthS, slideS);
      return {
        batch(rows) {
          watermark.begin();
          for (const { second, key, value } of rows) if (second !== null) windows.add(second, key, value, watermark.late);
          watermark.end(rows);
          return windows.evict(watermark.late).map(({ start, key, totals }) => [start, key, totals.n, totals.total]);
        },
      };
    },
  };
}

const updatedWindows: Workload = {
  name: "windows, update mode",
  sink: "foreachBatch",
  outputMode: "update",
  columns: ["start", "key", "n", "total"],
  query: (input) =>
    input
      .withWatermark("ts", DELAY)
      .groupBy(window("ts", "10 seconds"), "key")
      .agg(...aggregates)
      .select(seconds("window.start"), "key", "n", "total"),
  model: () => {
    const watermark = new Watermark();
    const windows = new Windows(10);
    return {
      batch(rows) {
        watermark.begin();
        windows.touched.clear();
        for (const { second, key, value } of rows) if (second !== null) windows.add(second, key, value, watermark.late);
        const updated = [...windows.touched].map((id) => windows.groups.get(id)!);
        watermark.end(rows);
        const result = updated.map(({ start, key, totals }): OutputRow => [start, key, totals.n, totals.total]);
        windows.evict(watermark.late);
        return result;
      },
    };
  },
};

function totalsByKey(outputMode: "update" | "complete", sink: SinkKind): Workload {
  return {
    name: `unbounded count and sum, ${outputMode} mode`,
    sink,
    outputMode,
    columns: ["key", "n", "total"],
    query: (input) => input.groupBy("key").agg(...aggregates),
    model: () => {
      const totals = new Map<string | null, Totals>();
      return {
        batch(rows) {
          for (const { key, value } of rows) {
            const group = totals.get(key) ?? new Totals();
            group.add(value);
            totals.set(key, group);
          }
          const changed = new Set(rows.map(({ key }) => key));
          return [...totals].filter(([key]) => outputMode === "complete" || changed.has(key)).map(([key, { n, total }]) => [key, n, total]);
        },
      };
    },
  };
}

const chained: Workload = {
  name: "windows of windows",
  sink: "files",
  outputMode: "append",
  columns: ["start", "key", "n", "total"],
  query: (input) =>
    input
      .withWatermark("ts", DELAY)
      .groupBy(window("ts", "5 seconds"), "key")
      .agg(...aggregates)
      .groupBy(window(col("window"), "20 seconds"))
      .agg(sum("n").as("n"), sum("total").as("total"))
      .select(seconds("window.start"), lit("all").as("key"), "n", "total"),
  model: () => {
    const watermark = new Watermark();
    const inner = new Windows(5);
    const outer = new Windows(20);
    return {
      batch(rows) {
        watermark.begin();
        const { late } = watermark;
        for (const { second, key, value } of rows) if (second !== null) inner.add(second, key, value, late);
        watermark.end(rows);
        for (const { start, totals } of inner.evict(watermark.late)) outer.add(start, "all", totals.total, late, totals.n);
        return outer.evict(watermark.late).map(({ start, totals }) => [start, "all", totals.n, totals.total]);
      },
    };
  },
};

const distinctPairs: Workload = {
  name: "distinct",
  sink: "store",
  outputMode: "append",
  columns: ["key", "rest"],
  query: (input) => input.select("key", col("value").mod(5).as("rest")).distinct(),
  model: () => {
    const seen = new Set<string>();
    return {
      batch(rows) {
        const fresh = new Map<string, OutputRow>();
        for (const { key, value } of rows) {
          const row: OutputRow = [key, value === null ? null : value % 5];
          const id = JSON.stringify(row);
          if (!seen.has(id)) fresh.set(id, row);
          seen.add(id);
        }
        return [...fresh.values()];
      },
    };
  },
};

/** Rows that the watermark leaves, of each id the first one until `expiry`, seconds; the id of a row. */
function deduplicated(
  name: string,
  apply: (input: DataFrame<any>) => DataFrame<any>,
  idOf: (row: Row) => string,
  expiry: (second: number) => number,
): Workload {
  return {
    name,
    sink: "files",
    outputMode: "append",
    columns: ["start", "key"],
    query: (input) => apply(input.filter("ts IS NOT NULL").withWatermark("ts", DELAY)).select(seconds("ts"), "key"),
    model: () => {
      const watermark = new Watermark();
      const kept = new Map<string, number>();
      return {
        batch(rows) {
          watermark.begin();
          const passed: OutputRow[] = [];
          for (const row of rows) {
            const { second, key } = row;
            if (second === null || (watermark.late > 0 && second <= watermark.late) || kept.has(idOf(row))) continue;
            kept.set(idOf(row), expiry(second));
            passed.push([second, key]);
          }
          watermark.end(rows);
          for (const [id, until] of kept) if (watermark.late > 0 && until <= watermark.late) kept.delete(id);
          return passed;
        },
      };
    },
  };
}

export const WORKLOADS: readonly Workload[] = [
  filtered,
  windowed("tumbling windows", 10, 10),
  windowed("sliding windows", 10, 5),
  updatedWindows,
  totalsByKey("update", "store"),
  totalsByKey("complete", "foreachBatch"),
  chained,
  distinctPairs,
  deduplicated(
    "duplicates by key and time dropped",
    (input) => input.dropDuplicates(["key", "ts"]),
    ({ key, second }) => JSON.stringify([key, second]),
    (second) => second,
  ),
  deduplicated(
    "duplicates by key dropped within the watermark",
    (input) => input.dropDuplicatesWithinWatermark("key"),
    ({ key }) => JSON.stringify(key),
    (second) => second + DELAY_S,
  ),
];

/** The input of a query. */
export function readInput(spark: Session, directory: string, filesPerTrigger: number): DataFrame<any> {
  return spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", filesPerTrigger).json(directory);
}

const KEYS = ["a", "b", "c", "ключ", "", null, "a longer key that is not kept inline"];

/** Rows of the input file with this number: later ones have later times, with some rows, and files, that come late. */
export function randomRows(dice: Dice, number: number): Row[] {
  const base = 1_700_000_000 + number * 7;
  const lateness = dice.chance(0.1) ? 1 : 0.1;
  return Array.from({ length: dice.between(1, 12) }, (): Row => {
    const isLate = dice.chance(lateness);
    const second = dice.chance(0.03) ? null : base + (isLate ? -dice.below(40) : dice.below(11));
    return { second, key: dice.pick(KEYS), value: dice.chance(0.1) ? null : dice.between(-1000, 1000) };
  });
}
