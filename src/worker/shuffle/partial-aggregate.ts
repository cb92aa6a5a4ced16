/**
 * The sending side of a shuffle: rows are aggregated in a scratch table first, then written to one lane of exchange blocks per
 * worker. In a worker; one per task.
 */
import { ARENA_SPLIT } from "../../columnar/memory-layout.ts";
import { CONTEXT_EXCHANGE, CONTEXT_MODE, CONTEXT_TABLE, MODE_EXCHANGE, MODE_SCRATCH } from "../../compile/stage-context.ts";
import type { Kernels } from "../../kernels/load.ts";
import { outOfMemory } from "../../kernels/out-of-memory.ts";
import type { ExchangeBlock } from "../../protocol/messages.ts";
import type { TaskContext } from "../query-instance.ts";
import type { StageInstance } from "../stage-instance.ts";

/** Rows of the scratch table at which it is emptied, so that it stays in the cache. */
const TABLE_ROWS_MAX = 32768;
/** If more than this share of rows survives aggregation, it is not worth its cost. */
const USELESS_RATIO = 0.6;
/** Of state per group of rows: what fits into a processor's own cache. */
const GROUP_BYTES = 1 << 20;
/** Fewer rows are not worth a group. */
const GROUP_ROWS_MIN = 512;
/** More lanes than that cost more to write than they save. */
const GROUPS_LOG2_MAX = 5;
/** Pairs that scan kernels are given room for. */
export const PAIRS = 1024;

type LaneBlock = Omit<ExchangeBlock, "worker">;

export class PartialAggregate {
  readonly #kernels: Kernels;
  readonly #stage: StageInstance;
  readonly #pipeline: number;
  readonly #exchange: number;
  readonly #destinations: number;
  readonly #groupsLog2: number;
  #table = 0;
  #rowsIn = 0;
  /** Skips the scratch table. Found out on the way; the query keeps it for later splits. */
  direct: boolean;

  /** `layout` is that of the aggregate's rows; `direct` as an earlier batch found it; `groupsLog2` from `groupsLog2Of`. */
  constructor(
    kernels: Kernels,
    stage: StageInstance,
    pipeline: number,
    layout: number,
    destinations: number,
    partitions: number,
    direct: boolean,
    groupsLog2: number,
  ) {
    this.#kernels = kernels;
    this.#stage = stage;
    this.#pipeline = pipeline;
    this.#destinations = destinations;
    this.#groupsLog2 = groupsLog2;
    this.direct = direct;
    this.#exchange = kernels.exports["exchange_new"]!(layout, destinations, partitions, groupsLog2) as number;
    if (this.#exchange === 0) throw outOfMemory(kernels);
    stage.setContext(CONTEXT_EXCHANGE, this.#exchange);
    stage.setContext(CONTEXT_MODE, direct ? MODE_EXCHANGE : MODE_SCRATCH);
    if (!direct) this.#newTable();
  }

  /** To be called after each block of `rows` rows. */
  afterBlock(rows: number): void {
    this.#rowsIn += rows;
    if (this.direct || this.#rowsInTable() < TABLE_ROWS_MAX) return;
    this.direct = this.#rowsInTable() > USELESS_RATIO * this.#rowsIn;
    this.#flushTable();
    if (this.direct) this.#stage.setContext(CONTEXT_MODE, MODE_EXCHANGE);
    else this.#newTable();
  }

  /** Rows for the exchange so far. */
  get rowsOut(): number {
    return this.#kernels.exports["exchange_rows"]!(this.#exchange) as number;
  }

  /** What waits for the one worker that there is; `rewind` when it has been dealt with. */
  waiting(): LaneBlock[] {
    return this.#lane(0);
  }

  rewind(): void {
    this.#kernels.exports["exchange_rewind"]!(this.#exchange);
  }

  finish(): LaneBlock[][] {
    if (!this.direct) this.#flushTable();
    return Array.from({ length: this.#destinations }, (_, destination) => this.#lane(destination));
  }

  #rowsInTable(): number {
    return this.#kernels.exports["flat_row_count"]!(this.#table) as number;
  }

  #newTable(): void {
    this.#rowsIn = 0;
    this.#table = (this.#kernels.exports["flat_new"]!(this.#stage.groupLayout(this.#pipeline), ARENA_SPLIT) as number) >>> 0;
    if (this.#table === 0) throw outOfMemory(this.#kernels);
    this.#stage.setContext(CONTEXT_TABLE, this.#table);
  }

  #flushTable(): void {
    if (this.#table === 0) return;
    this.#stage.call(`flush${this.#pipeline}`, this.#table);
    this.#table = 0;
  }

  #lane(destination: number): LaneBlock[] {
    const blocks: LaneBlock[] = [];
    const view = this.#kernels.view();
    const groupsLog2 = this.#groupsLog2;
    for (let group = 0; group < 1 << groupsLog2; group++) {
      let block = (this.#kernels.exports["exchange_first"]!(this.#exchange, destination, group) as number) >>> 0;
      while (block !== 0) {
        const bytes = view.getUint32(block + 4, true);
        if (bytes > 0) blocks.push({ address: block + 16, bytes, group, groupsLog2 });
        block = view.getUint32(block, true);
      }
    }
    return blocks;
  }
}

/** Into how many groups (log2) a task's rows for a worker are worth being split, from the worker's state and the rows that such a task had in the last batch. */
export function groupsLog2Of(stateBytes: number, rows: number): number {
  const groups = Math.min(stateBytes / GROUP_BYTES, rows / GROUP_ROWS_MIN);
  return groups < 4 ? 0 : Math.min(Math.floor(Math.log2(groups)), GROUPS_LOG2_MAX);
}

/** The sending side of a pipeline for `operator`; `direct`: an earlier batch found that its rows do not reduce. Whole rows never do. */
export function partialAggregate(
  context: TaskContext,
  stage: StageInstance,
  pipeline: number,
  operator: number,
  direct: boolean,
  groupsLog2 = 0,
): PartialAggregate {
  const { kernels, workerCount, program, layoutAddress } = context;
  const isDirect = direct || program.operators[operator]!.kind !== "aggregate";
  return new PartialAggregate(kernels, stage, pipeline, layoutAddress(operator), workerCount, program.partitions, isDirect, groupsLog2);
}

/**
 * Runs a scan kernel: `step(cursor, pairs)` fills up to 1024 (row, base) pairs and returns how many, 0 at the end. The rows must not be needed any
 * more when it returns: chunks of state may leave memory then.
 */
export function forEachPairs(kernels: Kernels, arena: number, step: (cursor: number, pairs: number, max: number) => number): void {
  const cursor = (kernels.exports["arena_alloc"]!(arena, 64 + 8 * PAIRS) as number) >>> 0;
  if (cursor === 0) throw outOfMemory(kernels);
  kernels.bytes().fill(0, cursor, cursor + 64);
  while (step(cursor, cursor + 64, PAIRS) > 0) kernels.exports["state_reclaim"]!();
}
