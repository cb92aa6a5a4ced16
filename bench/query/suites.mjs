/** Every suite, in the order of the report. */
import { suite as coldStart } from "./cold-start.mjs";
import { suite as countByKey } from "./count-by-key.mjs";
import { suite as deduplicate } from "./deduplicate.mjs";
import { suite as eventLoop } from "./event-loop.mjs";
import { suite as memory } from "./memory.mjs";
import { suite as smallBatch } from "./small-batch.mjs";
import { suite as ysbColumns } from "./ysb-columns.mjs";
import { suite as ysbJson } from "./ysb-json.mjs";

export const suites = [ysbColumns, ysbJson, countByKey, deduplicate, smallBatch, eventLoop, coldStart, memory];
