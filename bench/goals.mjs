/** The goals, per core: what the first tables of `docs/performance.md` hold our numbers against. Suites by name; `peers` is the query of `bench:peers`. */
export const goals = [
  { title: "YSB from columns, a checkpoint each second", suite: "ysb-columns", floor: 10, goal: 20 },
  { title: "YSB, NDJSON files", suite: "ysb-json", peers: "ysb-json", floor: 3, goal: 8 },
  { title: "YSB, text and from_json", suite: "ysb-text", peers: "ysb-text", floor: 3, goal: 8 },
  { title: "YSB, Parquet files", suite: "ysb-parquet", peers: "ysb-parquet", floor: 10, goal: 40 },
  { title: "YSB, Kafka to Kafka", suite: "ysb-kafka", floor: 0.5, goal: 1 },
  { title: "Filter and project, NDJSON", suite: "filter-json", peers: "project-json", floor: 4, goal: 10 },
  { title: "Filter and project, Parquet", suite: "filter-parquet", peers: "project-parquet", floor: 20, goal: 60 },
  { title: "Filter and project, NDJSON to Parquet files", suite: "json-to-parquet", peers: "json-to-parquet", floor: 2, goal: 5 },
  { title: "Count by key, 1 M keys, update mode", suite: "count-by-key", peers: "count-by-key", floor: 5, goal: 10 },
  { title: "Count by key, state 4x over the memory limit", suite: "state-beyond-memory", floor: 0.5, goal: 1 },
  { title: "Stream-stream join, time range", suite: "stream-join", floor: 1.5, goal: 3 },
  ...["q0", "q1", "q2"].map((query) => ({
    title: `Nexmark ${query}, Parquet`,
    suite: `nexmark-${query}-parquet`,
    peers: query,
    floor: 10,
    goal: 30,
  })),
  { title: "Nexmark q3", suite: "nexmark-q3", floor: 5, goal: 12 },
  { title: "Nexmark q5, sliding", suite: "nexmark-q5-parquet", peers: "q5", floor: 4, goal: 8 },
  { title: "Nexmark q7 as one aggregate", suite: "nexmark-q7-parquet", peers: "q7", floor: 10, goal: 25 },
  { title: "Nexmark q8", suite: "nexmark-q8", floor: 5, goal: 10 },
  { title: "Nexmark q11, sessions", suite: "nexmark-q11", floor: 5, goal: 10 },
  { title: "Nexmark q12", suite: "nexmark-q12-parquet", peers: "q12", floor: 5, goal: 10 },
  { title: "Text group-by, 1BRC form", suite: "stations", floor: 5, goal: 12 },
];

/** Figures of suites that are not rates: the suite, the figure, its floor and goal. */
export const figureGoals = [
  { title: "Small micro-batch, ms", suite: "small-batch", figure: "p50Ms", floor: "5", goal: "" },
  { title: "Small micro-batch above the device, ms", suite: "small-batch", figure: "aboveDeviceP50Ms", floor: "", goal: "1" },
  { title: "Latency p99 at 100,000/s, stateless, ms", suite: "latency", figure: "stateless.p99Ms", floor: "20", goal: "5" },
  { title: "Latency p99 at 100,000/s, windowed, ms", suite: "latency", figure: "windowed.p99Ms", floor: "50", goal: "15" },
  { title: "Event-loop delay p99 beside a query, ms", suite: "event-loop", figure: "beside.delayP99Ms", floor: "10", goal: "2" },
  { title: "Checkpoint each second of events, % of the time", suite: "checkpoint", figure: "costPercent", floor: "20", goal: "10" },
  { title: "Restart, ms", suite: "restart", figure: "restartMs", floor: "2000 at 1 GB", goal: "500 at 1 GB" },
  { title: "Import to first batch, ms", suite: "cold-start", figure: "importToFirstMicroBatchMs", floor: "300", goal: "150" },
  { title: "Memory after the last batch over that in the middle, MB", suite: "memory", figure: "grownMb", floor: "", goal: "0" },
];
