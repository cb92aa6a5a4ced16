/** What the demo's queries have done so far: fed by progress events and rows, read by the screen and the summary. Main thread. */
import type { ProgressJson } from "../../api/executor.ts";
import type { MediumRow } from "./queries.ts";

export type QueryName = "live" | "archive";

/** One query in this run. */
export interface QueryTally {
  readonly batchMs: number[];
  /** Bids before this run and up to now, as positions in the generated stream. */
  firstPosition: number | null;
  position: number;
  lastBatchId: number;
  rowsIn: number;
  rowsOut: number;
  /** The largest state after a batch. */
  stateRows: number;
  stateBytes: number;
  /** ISO 8601; empty before the first watermark. */
  watermark: string;
}

export interface WindowTally {
  /** Bids by medium. */
  readonly bids: Map<string, bigint>;
  /** Number of the `live` batch that changed it last. */
  changedInBatch: number;
}

export class DemoTally {
  readonly queries: Readonly<Record<QueryName, QueryTally>> = { live: newTally(), archive: newTally() };
  /** By start in epoch microseconds. */
  readonly windows = new Map<bigint, WindowTally>();
  orderLines = 0;
  malformedLines = 0;

  addRow(row: MediumRow): void {
    const start = row.window.start.epochMicros;
    let window = this.windows.get(start);
    if (window === undefined) this.windows.set(start, (window = { bids: new Map(), changedInBatch: 0 }));
    window.bids.set(row.medium, row.bids);
    window.changedInBatch = this.queries.live.batchMs.length;
  }

  addProgress(name: QueryName, progress: ProgressJson): void {
    const query = this.queries[name];
    if (progress["durationMs"]?.addBatch === undefined) return;
    query.batchMs.push(progress["batchDuration"]);
    const bids = progress["sources"].find(({ endOffset }: { endOffset: unknown }) => typeof endOffset === "number");
    query.firstPosition ??= bids?.startOffset ?? 0;
    query.position = bids?.endOffset ?? 0;
    query.lastBatchId = progress["batchId"];
    query.rowsIn += progress["numInputRows"];
    query.rowsOut += Math.max(0, progress["sink"].numOutputRows);
    const [state] = progress["stateOperators"];
    query.stateRows = Math.max(query.stateRows, state?.numRowsTotal ?? 0);
    query.stateBytes = Math.max(query.stateBytes, state?.memoryUsedBytes ?? 0);
    const watermark = progress["eventTime"]?.watermark as string | undefined;
    if (watermark !== undefined && !watermark.startsWith("1970")) query.watermark = watermark;
    const orders = progress["observedMetrics"]?.orders as { lines: number; malformed: number } | undefined;
    if (name === "archive" && orders) {
      this.orderLines += orders.lines;
      this.malformedLines += orders.malformed;
    }
  }

  get rowsIn(): number {
    return this.queries.live.rowsIn + this.queries.archive.rowsIn;
  }

  /** Windows that the Parquet files hold with other numbers of bids than the live query counted. */
  differences(archived: ReadonlyMap<bigint, bigint>): { readonly compared: number; readonly different: number } {
    let compared = 0;
    let different = 0;
    for (const [start, { bids }] of this.windows) {
      const written = archived.get(start);
      if (written === undefined) continue;
      compared++;
      if ([...bids.values()].reduce((all, some) => all + some, 0n) !== written) different++;
    }
    return { compared, different };
  }
}

/** The value below which `share` of the values lie (nearest rank); 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function newTally(): QueryTally {
  return {
    batchMs: [],
    firstPosition: null,
    position: 0,
    lastBatchId: -1,
    rowsIn: 0,
    rowsOut: 0,
    stateRows: 0,
    stateBytes: 0,
    watermark: "",
  };
}
