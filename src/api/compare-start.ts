/**
 * What a start of a streaming query would make of its checkpoint: `millrace checkpoint diff`. Plans the query as a start does and reads the checkpoint;
 * changes nothing. Main thread.
 */
import { MillraceError } from "../base/errors.ts";
import { CheckpointReader } from "../checkpoint/checkpoint-reader.ts";
import { effectiveConf, loggedConf } from "../checkpoint/offset-log.ts";
import { layoutsFor, withoutState } from "../checkpoint/operator-metadata.ts";
import type { RowField, RowLayout } from "../columnar/row-layout.ts";
import { simpleString } from "../columnar/types.ts";
import type { LogicalPlan, Read } from "../plan/logical/nodes.ts";
import type { StateOperatorMetadata } from "../state/state-metadata.ts";
import { pairAggregates, pairProblem, startText, typesText } from "../state/state-migration.ts";
import { refuseState } from "./async-progress-options.ts";
import type { QueryHandle, StartRequest } from "./executor.ts";
import type { LocalExecutor } from "./local-executor.ts";
import { checkedForStart, checkpointLocation, mayLoseState, sessionConf, sourceKey, statefulOperators } from "./streaming-start.ts";

/** A field of state rows: its type in the checkpoint and in the program; null where it is not. */
export interface FieldComparison {
  readonly name: string;
  readonly stored: string | null;
  readonly wanted: string | null;
}

export interface OperatorComparison {
  readonly operatorId: number;
  /** Names in the checkpoint and in the program; null where there is no such operator. */
  readonly stored: string | null;
  readonly wanted: string | null;
  readonly keys: readonly FieldComparison[];
  readonly values: readonly FieldComparison[];
  /** What becomes of the aggregates, in the order of the program; those that are gone last. */
  readonly aggregates: readonly AggregateComparison[];
}

/** An aggregate as SQL text, in the checkpoint and in the program; null where it is not. */
export interface AggregateComparison {
  readonly stored: string | null;
  readonly wanted: string | null;
  readonly fate: "kept" | "widened" | "new" | "lost" | "refused";
  /** Types of its state; for a new one what it begins with in groups that exist, for one that is refused the reason. */
  readonly detail: string;
}

export interface StartComparison {
  readonly queryName: string | null;
  readonly checkpointLocation: string;
  /** Batches planned so far; 0: a start would begin a new query. */
  readonly batches: number;
  readonly sources: { readonly stored: number; readonly wanted: readonly string[] };
  /** Settings that the checkpoint fixes and the session has otherwise: the stored value stays. */
  readonly settings: readonly { readonly key: string; readonly stored: string; readonly wanted: string }[];
  readonly operators: readonly OperatorComparison[];
  /** Why a start would be refused; null: it would go on. */
  readonly refusal: { readonly condition: string; readonly message: string } | null;
}

/** Throws what the analysis of the plan throws; what speaks against the checkpoint is in the result. */
export async function compareStart(executor: LocalExecutor, plan: LogicalPlan, request: StartRequest): Promise<StartComparison> {
  const { analyzed, provider, asyncIntervalMs } = await checkedForStart(executor, plan, request);
  const { path } = checkpointLocation(executor, provider, request);
  const reader = await openIfThere(executor, path);
  const newest = reader && (await reader.offsets.latest());
  const session = sessionConf(executor);
  const conf = effectiveConf(session, newest?.conf ?? null);
  const program = await executor.plan(
    executor.optimize(analyzed.plan),
    request.outputMode,
    Number(conf.get("spark.sql.shuffle.partitions")),
  );
  if (asyncIntervalMs !== null) refuseState(program);
  const wanted = statefulOperators(program);
  const schemas = newest ? await reader!.stateSchemas(await reader!.commits.latest()) : [];
  const stored = schemas.at(-1)?.operators ?? [];
  const streams = new Map(
    program.sources.flatMap(({ isStreaming, read }) => (isStreaming ? [[sourceKey(read as Read), read as Read]] : [])),
  );
  const settings = Object.entries(newest?.conf ?? {}).flatMap(([key, value]) => {
    const own = loggedConf(session)[key];
    return own === undefined || own === value ? [] : [{ key, stored: value, wanted: own }];
  });
  return {
    queryName: request.name,
    checkpointLocation: path,
    batches: newest ? newest.batchId + 1 : 0,
    sources: { stored: newest?.offsets.length ?? 0, wanted: [...streams.values()].map(describeRead) },
    settings,
    operators: newest ? compareOperators(stored, wanted) : [],
    refusal: newest ? refusalOf(stored, wanted, newest.offsets.length, streams.size, mayLoseState(executor)) : null,
  };
}

async function openIfThere({ ports }: LocalExecutor, path: string): Promise<CheckpointReader | null> {
  try {
    return await CheckpointReader.open(ports, path);
  } catch (error) {
    if (error instanceof MillraceError && error.condition === "NO_CHECKPOINT") return null;
    throw error;
  }
}

function refusalOf(
  stored: readonly StateOperatorMetadata[],
  wanted: readonly StateOperatorMetadata[],
  storedSources: number,
  sources: number,
  mayLose: boolean,
): StartComparison["refusal"] {
  try {
    if (storedSources !== sources)
      throw new MillraceError("STREAMING_SOURCE_COUNT_CHANGED", { expected: String(storedSources), actual: String(sources) });
    if (stored.length === 0 && wanted.length > 0) throw withoutState(wanted);
    if (stored.length > 0) layoutsFor(stored, wanted, mayLose);
    return null;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { condition: error.condition, message: error.message };
  }
}

function compareOperators(stored: readonly StateOperatorMetadata[], wanted: readonly StateOperatorMetadata[]): OperatorComparison[] {
  const ids = [...new Set([...stored, ...wanted].map(({ operatorId }) => operatorId))].sort((a, b) => a - b);
  return ids.map((operatorId) => {
    const [before, now] = [stored, wanted].map((operators) => operators.find((operator) => operator.operatorId === operatorId));
    const keys = compareFields(before?.layout.keys ?? [], now?.layout.keys ?? []);
    const hasKeys = keys.every((key) => key.stored === key.wanted);
    return {
      operatorId,
      stored: before?.operatorName ?? null,
      wanted: now?.operatorName ?? null,
      keys,
      values: compareFields(before?.layout.values ?? [], now?.layout.values ?? []),
      aggregates: before && now ? compareAggregates(before.layout, now.layout, hasKeys) : [],
    };
  });
}

function compareAggregates(stored: RowLayout, wanted: RowLayout, hasKeys: boolean): AggregateComparison[] {
  return pairAggregates(stored, wanted).map((pair): AggregateComparison => {
    const { stored: before, wanted: now } = pair;
    if (before === null) return { stored: null, wanted: now!.call, fate: "new", detail: startText(now!, wanted) };
    if (now === null) return { stored: before.call, wanted: null, fate: "lost", detail: typesText(before, stored) };
    const problem = hasKeys ? pairProblem(pair, stored, wanted) : "under other keys there is no state";
    if (problem !== null) return { stored: before.call, wanted: now.call, fate: "refused", detail: problem };
    const [was, is] = [typesText(before, stored), typesText(now, wanted)];
    return { stored: before.call, wanted: now.call, fate: was === is ? "kept" : "widened", detail: was === is ? is : `${was} to ${is}` };
  });
}

/** By name, and by the number of times that it was there before. */
function compareFields(stored: readonly RowField[], wanted: readonly RowField[]): FieldComparison[] {
  const named = (fields: readonly RowField[]): ReadonlyMap<string, string> => {
    const types = new Map<string, string>();
    for (const { name, dataType } of fields) {
      let unique = name;
      for (let count = 2; types.has(unique); count++) unique = `${name} (${count})`;
      types.set(unique, simpleString(dataType));
    }
    return types;
  };
  const [before, now] = [named(stored), named(wanted)];
  return [...new Set([...before.keys(), ...now.keys()])].map((name) => {
    return { name, stored: before.get(name) ?? null, wanted: now.get(name) ?? null };
  });
}

const describeRead = ({ format, paths }: Read): string => (paths.length === 0 ? format : `${format}: ${paths.join(", ")}`);

/** Stands for a query that was compared and not started. */
export class ComparedQuery implements QueryHandle {
  readonly id: string;
  readonly runId: string;
  readonly name: string | null;

  constructor(id: string, name: string | null) {
    this.id = id;
    this.runId = id;
    this.name = name;
  }

  isActive(): boolean {
    return false;
  }
  status(): ReturnType<QueryHandle["status"]> {
    return { message: "Stopped", isDataAvailable: false, isTriggerActive: false };
  }
  recentProgress(): ReturnType<QueryHandle["recentProgress"]> {
    return [];
  }
  exception(): null {
    return null;
  }
  async awaitTermination(): Promise<void> {}
  async processAllAvailable(): Promise<void> {}
  async stop(): Promise<void> {}
  async explain(): Promise<string> {
    return "";
  }
}
