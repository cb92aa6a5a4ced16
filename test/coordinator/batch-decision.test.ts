/** The whole table: what lies in the checkpoint → what happens first. */
import { expect, test } from "vitest";
import { decideBatch, type BatchDecision, type RecoveryFacts } from "../../src/coordinator/batch-decision.ts";

const empty: RecoveryFacts = {
  checkpointLocation: "/c",
  offsetBatches: [],
  commitBatches: [],
  hasState: false,
  hasCommitFiles: false,
  isStateRebuildable: false,
  sinkAttempt: null,
  isAttemptAdoptable: false,
  hasGaps: false,
  isSinkAhead: false,
};
const logs = (offsetBatches: readonly number[], commitBatches: readonly number[]): RecoveryFacts => ({
  ...empty,
  offsetBatches,
  commitBatches,
  hasCommitFiles: commitBatches.length > 0,
});
const missing = (log: string, batchId: number, nextBatchId: number): BatchDecision => ({
  kind: "stop",
  condition: "CHECKPOINT_BATCH_MISSING",
  parameters: { batchId: String(batchId), fileName: `/c/${log}/${batchId}`, nextBatchId: String(nextBatchId) },
});
const notEmpty: BatchDecision = {
  kind: "stop",
  condition: "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY",
  parameters: { checkpointLocation: "/c" },
};

const table: readonly (readonly [name: string, facts: RecoveryFacts, decision: BatchDecision])[] = [
  ["an empty directory", empty, { kind: "first" }],
  ["state without offsets", { ...empty, hasState: true }, notEmpty],
  ["commits without offsets", logs([], [0]), notEmpty],
  ["stray files among the commits, without offsets", { ...empty, hasCommitFiles: true }, notEmpty],
  ["first batch planned", logs([0], []), { kind: "rerun", batchId: 0 }],
  ["first batch planned, change files of a failed attempt", { ...logs([0], []), hasState: true }, { kind: "rerun", batchId: 0 }],
  [
    "first batch held by the sink, adoptable",
    { ...logs([0], []), sinkAttempt: "a", isAttemptAdoptable: true },
    { kind: "adopt", batchId: 0, attempt: "a" },
  ],
  ["first batch held by the sink, its record lost", { ...logs([0], []), sinkAttempt: "a" }, { kind: "rerun", batchId: 0 }],
  ["first batch committed", logs([0], [0]), { kind: "next", batchId: 1 }],
  ["all committed", logs([0, 1, 2], [0, 1, 2]), { kind: "next", batchId: 3 }],
  ["all committed, old entries purged", logs([7, 8], [8]), { kind: "next", batchId: 9 }],
  ["all committed, with state, all commits purged but the last", { ...logs([7, 8], [8]), hasState: true }, { kind: "next", batchId: 9 }],
  ["newest planned", logs([0, 1, 2], [0, 1]), { kind: "rerun", batchId: 2 }],
  ["newest planned, with state", { ...logs([0, 1, 2], [0, 1]), hasState: true }, { kind: "rerun", batchId: 2 }],
  [
    "newest held by the sink, adoptable",
    { ...logs([0, 1, 2], [0, 1]), hasState: true, sinkAttempt: "a", isAttemptAdoptable: true },
    { kind: "adopt", batchId: 2, attempt: "a" },
  ],
  ["commits lag by two, without state", logs([0, 1, 2, 3], [0, 1]), { kind: "rerun", batchId: 3 }],
  ["all commits deleted, without state", logs([0, 1], []), { kind: "rerun", batchId: 1 }],
  ["commits lag by two, with state", { ...logs([0, 1, 2, 3], [0, 1]), hasState: true }, missing("commits", 2, 3)],
  [
    "all commits deleted, with state that its files tell",
    { ...logs([0, 1], []), hasState: true, isStateRebuildable: true },
    { kind: "rerun", batchId: 1 },
  ],
  ["all commits deleted, with state", { ...logs([0, 1], []), hasState: true }, missing("commits", 0, 1)],
  // MicroBatchExecutionSuite: "SPARK-38033: SS cannot be started because the commitId and offsetId are inconsistent"
  ["a hole before the newest offsets", logs([0, 1, 2, 4], [0, 1, 2]), missing("offsets", 3, 4)],
  ["only the newest offsets are left", logs([4], [4]), missing("offsets", 3, 4)],
  ["a commit beyond the offsets", logs([0, 1], [0, 1, 2]), missing("offsets", 2, 3)],
  [
    "the sink knows a later batch than the offsets",
    { ...logs([0, 1], [0, 1]), isSinkAhead: true },
    { kind: "stop", condition: "SINK_AHEAD_OF_CHECKPOINT", parameters: { checkpointLocation: "/c", batchId: "2" } },
  ],
  ["an old hole does not matter", logs([0, 3, 4], [0, 3, 4]), { kind: "next", batchId: 5 }],
];

test.each(table)("%s", (_name, facts, decision) => {
  expect(decideBatch(facts)).toEqual(decision);
});
