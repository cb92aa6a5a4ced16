/** Statuses of queries, in Spark's words. Written by the micro-batch loop, read by anyone. */

/** What a query says it is doing right now. */
export interface StreamingQueryStatus {
  readonly message: string;
  readonly isDataAvailable: boolean;
  readonly isTriggerActive: boolean;
}

/** Spark's wording; tools match on it. */
export const statusMessages = {
  initializing: "Initializing sources",
  gettingOffsets: (source: string) => `Getting offsets from ${source}`,
  writingOffsets: "Writing offsets to log",
  processing: "Processing new data",
  cleaningUp: "No new data but cleaning up state",
  waitingForData: "Waiting for data to arrive",
  waitingForTrigger: "Waiting for next trigger",
  stopped: "Stopped",
  failed: (message: string) => `Terminated with exception: ${message}`,
} as const;
