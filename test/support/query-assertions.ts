/** What streaming cases assert about progress (Spark's StateStoreMetricsTest and `assertEventStats`). */
import { expect } from "vitest";
import type { StreamingQuery } from "../../src/index.ts";
import { assertOnQuery, type Step } from "../../src/testing.ts";

export interface StateRows {
  /** After the newest batch. */
  readonly total?: number;
  /** The others: in all batches of this run since the last such assertion. */
  readonly updated?: number;
  readonly dropped?: number;
  readonly removed?: number;
}

/** Batch of the last assertion per run of a query. */
const checkedBatches = new Map<string, number>();

/** Numbers of one stateful operator; 0 is the one nearest to the output. */
export function stateRows(expected: StateRows, operator = 0): Step {
  return assertOnQuery(
    async (query) => {
      const key = `${query.runId} ${operator}`;
      const recent = await query.recentProgress();
      const lastChecked = checkedBatches.get(key) ?? -1;
      const since = recent.filter(({ batchId, durationMs }) => "addBatch" in durationMs && batchId > lastChecked);
      const sum = (name: string): number => since.reduce((total, progress) => total + progress["stateOperators"][operator][name], 0);
      const actual = {
        total: recent.at(-1)!["stateOperators"][operator]["numRowsTotal"],
        updated: sum("numRowsUpdated"),
        dropped: sum("numRowsDroppedByWatermark"),
        removed: sum("numRowsRemoved"),
      };
      checkedBatches.set(key, since.at(-1)?.["batchId"] ?? lastChecked);
      expect(actual).toMatchObject(expected);
    },
    `stateRows(${JSON.stringify(expected)})`,
  );
}

/** Times in the progress of the newest batch with data, in event seconds. */
export function eventSeconds(expected: { readonly [key in "min" | "max" | "avg" | "watermark"]?: number }): Step {
  return assertOnQuery(
    async (query) => {
      const withData = (await query.recentProgress()).findLast(({ numInputRows }) => numInputRows > 0)!;
      expect(secondsOf(withData["eventTime"])).toEqual(expected);
    },
    `eventSeconds(${JSON.stringify(expected)})`,
  );
}

/** The watermark of the newest progress, in event milliseconds. */
export async function newestWatermarkMs(query: StreamingQuery): Promise<number> {
  return Date.parse((await query.lastProgress())!["eventTime"]["watermark"]);
}

function secondsOf(eventTime: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(eventTime).map(([key, text]) => [key, Date.parse(text) / 1000]));
}
