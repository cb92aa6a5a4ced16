/**
 * Starts a streaming query: analysis and checks first, then checkpoint, sources, sink and runner, in that order, so that nothing is touched
 * by a query that cannot run. Main thread.
 */
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Ports } from "../base/ports.ts";
import { AnalysisError } from "../base/errors.ts";
import { AtomicFiles } from "../checkpoint/atomic-file.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { DirectoryLogStore } from "../checkpoint/log-store.ts";
import { effectiveConf } from "../checkpoint/offset-log.ts";
import { agreeOnLayouts } from "../checkpoint/operator-metadata.ts";
import { localPath } from "../connectors/file/file-listing.ts";
import { ConnectorOptions } from "../connectors/options.ts";
import type { SinkProvider, StreamSink } from "../connectors/sink.ts";
import type { StreamSource } from "../connectors/source.ts";
import { AsyncProgress } from "../coordinator/async-progress.ts";
import { LoadedQuery } from "../coordinator/loaded-query.ts";
import { memoryLimitBytes } from "../coordinator/memory-limit.ts";
import { MicroBatchExecution } from "../coordinator/micro-batch-execution.ts";
import { BackgroundSnapshots } from "../coordinator/background-snapshots.ts";
import { readStreamingConf } from "../coordinator/streaming-conf.ts";
import { StageRunner } from "../coordinator/stage-runner.ts";
import { tailOutput } from "../coordinator/tail.ts";
import { checkStreaming } from "../plan/analysis/unsupported-operations.ts";
import { schemaOf } from "../plan/expr/expression.ts";
import type { LogicalPlan, Read } from "../plan/logical/nodes.ts";
import { type RowLayout, withNullWords } from "../columnar/row-layout.ts";
import type { KeyedOperator, PhysicalProgram } from "../plan/physical/program.ts";
import { progressJson } from "../metrics/query-progress.ts";
import type { CheckpointTarget, OutputTarget } from "../protocol/messages.ts";
import { asyncProgressIntervalMs, asyncProgressOptions, refuseState } from "./async-progress-options.ts";
import type { ExplainMode, QueryHandle, StartRequest } from "./executor.ts";
import { explainText } from "./explain-text.ts";
import type { StateOperatorMetadata, StateSchema } from "../state/state-metadata.ts";
import type { LocalExecutor } from "./local-executor.ts";

const CHECKPOINT_OPTION = "checkpointLocation";
const CHECKPOINT_CONF = "spark.sql.streaming.checkpointLocation";

export async function startStreamingQuery(executor: LocalExecutor, plan: LogicalPlan, request: StartRequest): Promise<LocalQuery> {
  const { ports, functions } = executor;
  const { analyzed, provider, asyncIntervalMs } = await checkedForStart(executor, plan, request);
  const location = checkpointLocation(executor, provider, request);
  const checkpoint = await Checkpoint.open(ports, location.path);
  /** To be closed if the start fails; a query that runs does it itself. */
  const opened: { stop(): Promise<void> }[] = [];
  try {
    const conf = effectiveConf(sessionConf(executor), await checkpoint.loggedConf());
    const writer = new AtomicFiles(ports, location.path);
    const partitions = Number(conf.get("spark.sql.shuffle.partitions"));
    const planned = await executor.plan(executor.optimize(analyzed.plan), request.outputMode, partitions);
    if (asyncIntervalMs !== null) refuseState(planned);
    const schema = schemaOf(tailOutput(planned.output, planned.tail));
    const openSink = async () => {
      const sink = await provider.create({
        ports,
        options: sinkOptions(provider, request),
        path: request.path,
        schema,
        partitionBy: request.partitionBy,
        outputMode: request.outputMode,
        queryName: request.name,
        queryId: checkpoint.queryId,
        attachments: { ...request.attachments, memoryTables: executor.memoryTables },
        timeZone: executor.timeZone,
        openLog: (directory) => new DirectoryLogStore(ports.files, new AtomicFiles(ports, directory), directory),
      });
      opened.push(sink);
      return sink;
    };
    // Whether its last batch counts is for the sink to say, and with it which state there is.
    const early = checkpoint.unfinishedBatch === null ? null : await openSink();
    const operatorLog = new DirectoryLogStore(ports.files, writer, `${location.path}/operators`);
    const committedSchema = await stateSchemaNow(checkpoint, early);
    const { program, schemas } = await withStoredLayouts(planned, checkpoint, operatorLog, committedSchema, mayLoseState(executor));
    const { sources, bindings } = await openSources(
      executor,
      program,
      (index) => new DirectoryLogStore(ports.files, writer, `${location.path}/sources/${index}`),
      opened,
    );
    const sink = early ?? (await openSink());
    const output: OutputTarget =
      sink.delivery.kind === "main"
        ? { kind: "main" }
        : { kind: "writer", writer: sink.delivery.writer, settings: sink.delivery.settings, schema };
    const target = {
      ...(await checkpointTarget(ports, checkpoint, schemas)),
      memoryLimitBytes: await memoryLimitBytes(ports.files, sessionConf(executor)),
    };
    const query = new LoadedQuery(executor.pool, program, functions, output, target);
    const readStaticTables = () => executor.staticTables(program);
    const staticTables = await readStaticTables();
    const snapshots = program.operators.some(({ state }) => state !== null)
      ? new BackgroundSnapshots(executor.pool, query.number, program, ports, target, readStreamingConf(conf).snapshots)
      : null;
    const runner = new StageRunner({ pool: executor.pool, query, functions, sources, bindings, staticTables, readStaticTables, snapshots });
    const execution = new MicroBatchExecution({
      ports,
      checkpoint,
      sources,
      sink,
      runner,
      trigger: request.trigger,
      conf,
      name: request.name,
      watermarkDelaysMs: program.watermarks.map(({ delayMs }) => delayMs),
      listeners: executor.listeners,
      asyncProgress: asyncIntervalMs === null ? null : new AsyncProgress(ports.clock, asyncIntervalMs),
    });
    execution.start();
    return new LocalQuery(executor, execution, runner, plan, location.isTemporary ? location.path : null);
  } catch (error) {
    await Promise.allSettled(opened.map((each) => each.stop()));
    await checkpoint.close();
    if (location.isTemporary) await ports.files.remove(location.path);
    throw error;
  }
}

/** What a start checks before it looks at the checkpoint. */
export async function checkedForStart(executor: LocalExecutor, plan: LogicalPlan, request: StartRequest) {
  const analyzed = await executor.analyze(plan);
  checkStreaming(analyzed.plan, request.outputMode, {
    checkCorrectness: executor.settings.conf.get("spark.sql.streaming.statefulOperator.checkCorrectness.enabled") !== "false",
  });
  const provider = executor.connectors.sink(request.format);
  checkSink(provider, request);
  return { analyzed, provider, asyncIntervalMs: asyncProgressIntervalMs(request, provider) };
}

/** A streaming query of this process. */
export class LocalQuery implements QueryHandle {
  readonly #executor: LocalExecutor;
  readonly #execution: MicroBatchExecution;
  readonly #runner: StageRunner;
  readonly #plan: LogicalPlan;
  /** Settles when nothing of the query runs any more; rejects with its error. */
  readonly ended: Promise<void>;
  #isAwaited = false;

  constructor(
    executor: LocalExecutor,
    execution: MicroBatchExecution,
    runner: StageRunner,
    plan: LogicalPlan,
    temporaryCheckpoint: string | null,
  ) {
    this.#executor = executor;
    this.#execution = execution;
    this.#runner = runner;
    this.#plan = plan;
    this.ended = execution.awaitTermination().then(async () => {
      if (temporaryCheckpoint !== null) await executor.ports.files.remove(temporaryCheckpoint);
    });
    this.ended.catch(() => {});
  }

  get id(): string {
    return this.#execution.id;
  }
  get runId(): string {
    return this.#execution.runId;
  }
  get name(): string | null {
    return this.#execution.name;
  }
  isActive(): boolean {
    return this.#execution.isActive;
  }
  status(): ReturnType<QueryHandle["status"]> {
    return this.#execution.status();
  }
  recentProgress(most = Number.POSITIVE_INFINITY): ReturnType<QueryHandle["recentProgress"]> {
    const newest = this.#execution.recentProgress().slice(-most);
    return newest.map((progress) => JSON.parse(progressJson(progress)) as Record<string, unknown>);
  }
  exception(): ReturnType<QueryHandle["exception"]> {
    return this.#execution.exception();
  }
  /** Whether the program has asked for the end, and so hears of a failure. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }
  async awaitTermination(): Promise<void> {
    this.#execution.assertCanBeAwaited();
    this.#isAwaited = true;
    await this.ended;
  }
  processAllAvailable(): Promise<void> {
    this.#isAwaited = true;
    return this.#execution.processAllAvailable();
  }
  async stop(): Promise<void> {
    await this.#execution.stop();
    if (!this.#execution.isActive) await this.ended.catch(() => {});
  }
  /** `analyze` shows what the operators of the last batches did. */
  async explain(mode: ExplainMode): Promise<string> {
    const analyzed = mode === "analyze" ? this.#runner.explainBatches() : null;
    if (analyzed)
      return `== Physical Plan, ${analyzed.batches === 1 ? "last batch" : `last ${analyzed.batches} batches`} ==\n${analyzed.text}\n`;
    return explainText(this.#executor, this.#plan, mode);
  }
}

/** The checkpoint as workers are told of it. */
async function checkpointTarget(
  ports: Ports,
  { path, queryId, owner }: Checkpoint,
  schemas: readonly StateSchema[],
): Promise<Omit<CheckpointTarget, "memoryLimitBytes">> {
  return { path, queryId, bootId: owner.bootId, inode: (await ports.files.stat(path))!.inode, schemas };
}

/** Schema of the state that recovery will find: that of the last batch which is committed or will be adopted. Null: none has been. */
async function stateSchemaNow(checkpoint: Checkpoint, sink: StreamSink | null): Promise<number | null> {
  const unfinished = checkpoint.unfinishedBatch;
  const attempt = unfinished === null || sink === null ? null : await sink.lookup(unfinished);
  const adoptable = attempt === null ? null : await checkpoint.adoptable(unfinished!, attempt);
  return (adoptable ?? (await checkpoint.commits.latest()))?.stateSchema ?? null;
}

/** The program with the row layouts that it shares with the checkpoint's state, and the schemas that state files may have. */
async function withStoredLayouts(
  program: PhysicalProgram,
  checkpoint: Checkpoint,
  log: DirectoryLogStore,
  committedSchema: number | null,
  mayLose: boolean,
): Promise<{ program: PhysicalProgram; schemas: readonly StateSchema[] }> {
  const isNew = checkpoint.inventory.offsetBatches.length === 0;
  const wanted = statefulOperators(program);
  const { layouts, schemas } = await agreeOnLayouts({ log, wanted, path: checkpoint.path, isNew, committedSchema, mayLose });
  checkpoint.stateSchema = schemas.at(-1)?.schema ?? 0;
  const operators = program.operators.map((operator) =>
    operator.state ? withLayout(operator, layouts.get(operator.state.operatorId) ?? operator.layout) : operator,
  );
  return { program: { ...program, operators }, schemas };
}

/** Rows of the shuffle begin as those of the state: their null bits are in the same place. */
function withLayout(operator: KeyedOperator, layout: RowLayout): KeyedOperator {
  if (operator.kind === "aggregate") return { ...operator, layout };
  return { ...operator, layout, shuffled: layout.version === 1 ? withNullWords(operator.shuffled) : operator.shuffled };
}

/** Whether the program has agreed to aggregates that begin empty and to state that is lost. */
export const mayLoseState = ({ settings }: LocalExecutor): boolean => settings.conf.get("millrace.state.migrate")?.toLowerCase() === "true";

/** What the state metadata of a checkpoint says about the operators of a program. */
export function statefulOperators(program: PhysicalProgram): readonly StateOperatorMetadata[] {
  return program.operators.flatMap(({ layout, state }) =>
    state ? [{ operatorId: state.operatorId, operatorName: state.operatorName, partitionCount: program.partitions, layout }] : [],
  );
}

/** The session's settings with those defaults that a checkpoint must remember. */
export function sessionConf(executor: LocalExecutor): ReadonlyMap<string, string> {
  return new Map([...executor.settings.conf.entries(), ["spark.sql.shuffle.partitions", String(executor.partitions)]]);
}

function checkSink(provider: SinkProvider, { outputMode, format, partitionBy }: StartRequest): void {
  if (!provider.outputModes.includes(outputMode)) {
    throw new AnalysisError("STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE", { className: format, outputMode });
  }
  if (partitionBy.length > 0 && format.toLowerCase() === "foreachbatch") {
    throw new AnalysisError("_LEGACY_ERROR_TEMP_3102", { msg: "'foreachBatch' does not support partitioning" });
  }
}

function sinkOptions(provider: SinkProvider, { format, options }: StartRequest): ConnectorOptions {
  const general = new Set([CHECKPOINT_OPTION, ...asyncProgressOptions].map((name) => name.toLowerCase()));
  const own = Object.entries(options).filter(([key]) => !general.has(key.toLowerCase()));
  return new ConnectorOptions(format, Object.fromEntries(own), provider.options);
}

/** Where the checkpoint of a query is or will be. */
export function checkpointLocation(
  executor: LocalExecutor,
  provider: SinkProvider,
  request: StartRequest,
): { path: string; isTemporary: boolean } {
  sinkOptions(provider, request);
  const option = Object.entries(request.options).find(([key]) => key.toLowerCase() === CHECKPOINT_OPTION.toLowerCase());
  if (option) return { path: localPath(option[1]), isTemporary: false };
  const root = executor.settings.conf.get(CHECKPOINT_CONF);
  if (root !== undefined) return { path: resolve(localPath(root), request.name ?? executor.ports.random.uuid()), isTemporary: false };
  if (!provider.allowsTemporaryCheckpoint) throw new AnalysisError("STREAMING_CHECKPOINT_LOCATION_MISSING", {});
  return { path: join(tmpdir(), `millrace-${executor.ports.random.uuid()}`), isTemporary: true };
}

/** Equal for reads that share a source. */
export const sourceKey = ({ format, options, paths, schema }: Read): string => JSON.stringify([format, options, paths, schema]);

/** Opens every distinct streaming source once, however often the plan reads it. All that it opens, also before a failure, is added to `opened`. */
async function openSources(
  executor: LocalExecutor,
  program: PhysicalProgram,
  openLog: (index: number) => DirectoryLogStore,
  opened: { stop(): Promise<void> }[],
): Promise<{ sources: StreamSource[]; bindings: ConstructorParameters<typeof StageRunner>[0]["bindings"] }> {
  const sources: StreamSource[] = [];
  const known = new Map<string, number>();
  const bindings: ConstructorParameters<typeof StageRunner>[0]["bindings"][number][] = [];
  for (const input of program.sources) {
    if (!input.isStreaming) {
      bindings.push({ fixed: await executor.staticSplits(input) });
      continue;
    }
    const read = input.read as Read;
    const key = sourceKey(read);
    let stream = known.get(key);
    if (stream === undefined) {
      stream = sources.length;
      known.set(key, stream);
      const provider = executor.connectors.source(read.format);
      if (!provider.createStream) throw new AnalysisError("DATA_SOURCE_UNSUPPORTED", { format: read.format, use: "streaming source" });
      const source = await provider.createStream(executor.sourceContext(read, openLog(stream)));
      opened.push(source);
      sources.push(source);
    }
    bindings.push({ stream });
  }
  return { sources, bindings };
}
