/** Every suite, in the order of the report. */
import { suite as checkpoint } from "./checkpoint.mjs";
import { suite as coldStart } from "./cold-start.mjs";
import { suite as consistency } from "./consistency.mjs";
import { suite as countByKey } from "./count-by-key.mjs";
import { suite as deduplicate } from "./deduplicate.mjs";
import { suite as eventLoop } from "./event-loop.mjs";
import { suite as keyedUpdates } from "./keyed-updates.mjs";
import { suite as latency } from "./latency.mjs";
import { suite as liveState } from "./live-state.mjs";
import { suite as memory } from "./memory.mjs";
import { suite as micro } from "./micro.mjs";
import { nexmarkFileSuites } from "./nexmark-files.mjs";
import { nexmarkSuites } from "./nexmark.mjs";
import { suite as restart } from "./restart.mjs";
import { suite as smallBatch } from "./small-batch.mjs";
import { suite as stateBeyondMemory } from "./state-beyond-memory.mjs";
import { suite as stations } from "./stations.mjs";
import { waitingSuites } from "./waiting.mjs";
import { suite as ysbCampaigns } from "./ysb-campaigns.mjs";
import { suite as ysbColumns } from "./ysb-columns.mjs";
import { ysbFileSuites } from "./ysb-files.mjs";

export const suites = [
  ysbColumns,
  ...ysbFileSuites,
  ysbCampaigns,
  checkpoint,
  countByKey,
  deduplicate,
  keyedUpdates,
  liveState,
  stateBeyondMemory,
  restart,
  ...nexmarkSuites,
  ...nexmarkFileSuites,
  consistency,
  stations,
  micro,
  latency,
  smallBatch,
  eventLoop,
  coldStart,
  memory,
  ...waitingSuites,
];
