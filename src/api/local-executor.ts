/**
 * Executes queries in this process: wires analysis, planning, connectors, checkpoints and the worker pool. The one implementation of
 * `Executor` behind a local session. Main thread.
 */
import { AnalysisError, IllegalArgumentError, type StreamingQueryError } from "../base/errors.ts";
import { nodePorts } from "../base/node-ports.ts";
import type { Ports } from "../base/ports.ts";
import type { StructType } from "../columnar/types.ts";
import { evaluate } from "../compile/interpreter.ts";
import { splitTierThree } from "../compile/tier.ts";
import { ConnectorOptions } from "../connectors/options.ts";
import { ConnectorRegistry } from "../connectors/registry.ts";
import { batchSplits, type MemoryStream } from "../connectors/memory/memory-stream.ts";
import type { MemoryTables } from "../connectors/memory/memory-sink.ts";
import { rangeSplits } from "../connectors/range/range-reader.ts";
import type { SourceContext } from "../connectors/source.ts";
import { runBatchQuery } from "../coordinator/batch-query.ts";
import { isInsideBatch } from "../coordinator/own-callback.ts";
import type { SourceSplits } from "../coordinator/loaded-query.ts";
import { toMilliseconds } from "../coordinator/streaming-conf.ts";
import { type TableBatches, tailOutput } from "../coordinator/tail.ts";
import { WorkerPool } from "../coordinator/worker-pool.ts";
import { type StartWorkerThread, startPiscinaThread } from "../coordinator/worker-thread.ts";
import { functionRegistry } from "../functions/registry.ts";
import { exportedFunction, loadUserModule } from "../functions/user-function.ts";
import { ListenerBus } from "../metrics/listener-bus.ts";
import { type AnalysisContext, analyze } from "../plan/analysis/analyzer.ts";
import { checkBatch } from "../plan/analysis/unsupported-operations.ts";
import { type Attribute, schemaOf } from "../plan/expr/expression.ts";
import type { LocalRelation, LogicalPlan, Read } from "../plan/logical/nodes.ts";
import { isStreaming, outputOf } from "../plan/logical/output.ts";
import { optimize } from "../plan/optimizer/optimizer.ts";
import { planQuery } from "../plan/physical/planner.ts";
import type { OutputMode, PhysicalProgram, SourceInput } from "../plan/physical/program.ts";
import { parseDataType, parseSchema } from "../sql/ddl.ts";
import { parseExpression } from "../sql/parser.ts";
import type {
  AnalyzedFrame,
  Executor,
  ExecutorSettings,
  ExplainMode,
  NamedUserFunction,
  QueryHandle,
  StartRequest,
  StreamingQueryListener,
  WriteRequest,
} from "./executor.ts";
import { ComparedQuery, compareStart } from "./compare-start.ts";
import { explainText } from "./explain-text.ts";
import { currentLauncher } from "./launcher.ts";
import { TemporaryViews } from "./temporary-views.ts";
import { writeBatch } from "./batch-write.ts";
import { type LocalQuery, startStreamingQuery } from "./streaming-start.ts";

/** Smallest number of state and shuffle partitions by default. */
const PARTITIONS_MIN = 16;

export class LocalExecutor implements Executor {
  readonly ports: Ports;
  readonly connectors: ConnectorRegistry;
  readonly memoryTables: MemoryTables;
  readonly listeners: ListenerBus;
  readonly functions = functionRegistry;
  readonly settings: ExecutorSettings;
  readonly nextId: () => number;
  readonly #views: TemporaryViews;
  readonly #userFunctions: Map<string, NamedUserFunction>;
  readonly #queries = new Set<LocalQuery>();
  /** Queries on their way, with their names. */
  readonly #starting = new Map<Promise<LocalQuery>, string | null>();
  /** `closing`: no query starts any more; `closed`: nothing runs any more. */
  #state: "open" | "closing" | "closed" = "open";
  #terminated: { error: StreamingQueryError | null } | null = null;
  #terminationWaiters: (() => void)[] = [];
  /** By number of workers; those of other sizes belong to executors beside this one. */
  readonly #pools: Map<number, WorkerPool>;
  readonly #startThread: StartWorkerThread;
  /** The session's own executor. */
  readonly #origin: LocalExecutor;

  constructor(
    settings: ExecutorSettings,
    ports: Ports = nodePorts(),
    origin?: LocalExecutor,
    startThread: StartWorkerThread = startPiscinaThread,
  ) {
    let lastId = 0;
    this.#startThread = startThread;
    this.settings = settings;
    this.ports = ports;
    this.connectors = new ConnectorRegistry(origin?.connectors);
    this.memoryTables = origin?.memoryTables ?? new Map();
    this.listeners =
      origin?.listeners ??
      new ListenerBus(ports.scheduler, (error) => console.error("millrace: a streaming query listener failed:", error));
    this.nextId = origin?.nextId ?? (() => ++lastId);
    this.#views = origin ? origin.#views : new TemporaryViews();
    this.#userFunctions = origin ? origin.#userFunctions : new Map();
    this.#pools = origin ? origin.#pools : new Map();
    this.#origin = origin ?? this;
  }

  /**
   * An executor with its own settings, ports and sinks over this one's sources, views, listeners and worker threads, which end with this
   * one. The test kit starts its queries in such executors.
   */
  beside(settings: ExecutorSettings, ports: Ports): LocalExecutor {
    return new LocalExecutor(settings, ports, this, this.#startThread);
  }

  /** Worker threads of this session. Throws `SESSION_STOPPED`. */
  get pool(): WorkerPool {
    if (this.#origin.#state === "closed") throw new IllegalArgumentError("SESSION_STOPPED", {});
    const { workers, conf } = this.settings;
    const { clock, scheduler } = this.#origin.ports;
    const timeoutMs = (): number => toMilliseconds(conf.get("millrace.workerTimeout")!)!;
    const parts = { size: workers, startThread: this.#startThread, clock, scheduler, timeoutMs };
    const pool = this.#pools.get(workers) ?? new WorkerPool(parts);
    this.#pools.set(workers, pool);
    return pool;
  }

  get timeZone(): string {
    return this.settings.conf.get("spark.sql.session.timeZone") ?? "UTC";
  }

  get partitions(): number {
    const configured = this.settings.conf.get("spark.sql.shuffle.partitions");
    if (configured !== undefined) return Number(configured);
    return Math.max(PARTITIONS_MIN, 2 ** Math.ceil(Math.log2(4 * this.settings.workers)));
  }

  async analyze(plan: LogicalPlan): Promise<AnalyzedFrame> {
    const analyzed = await analyze(plan, this.analysisContext());
    return { plan: analyzed, output: outputOf(analyzed), isStreaming: isStreaming(analyzed) };
  }

  analysisContext(): AnalysisContext {
    return {
      functions: this.functions,
      catalog: { find: (nameParts) => this.#findRelation(nameParts) },
      userFunctions: this.#userFunctions,
      resolveRead: (read) => this.#schemaOf(read),
      parseExpression,
      parseDataType,
      parseSchema,
      conf: this.settings.conf,
      ids: this.nextId,
      evaluate: (expression) => evaluate(expression, () => null, this.functions, { batchTimestampMicros: 0n, timeZone: this.timeZone }),
    };
  }

  optimize(plan: LogicalPlan): LogicalPlan {
    return optimize(plan, this.analysisContext());
  }

  /** Plans a resolved query; static subtrees that must run first are run here. */
  async plan(optimized: LogicalPlan, outputMode: OutputMode | "batch", partitions = this.partitions): Promise<PhysicalProgram> {
    const program = await planQuery(optimized, {
      functions: this.functions,
      partitions,
      timeZone: this.timeZone,
      outputMode,
      allowsPanes: this.settings.conf.get("millrace.windowPanes.enabled") !== "false",
      nextId: this.nextId,
      splitTiers: (expression) => splitTierThree(expression, { registry: this.functions, timeZone: this.timeZone }, this.nextId),
      materialize: (subtree) => this.materialize(subtree),
    });
    for (const { module, exportName } of program.userFunctions) {
      await loadUserModule(module);
      exportedFunction(module, exportName);
    }
    return program;
  }

  /** The rows of a static subtree, as a relation. */
  async materialize(subtree: LogicalPlan): Promise<LocalRelation> {
    const output = outputOf(subtree);
    return { kind: "local_relation", schema: schemaOf(output), output, batches: await this.#runResolved(subtree) };
  }

  async explain(plan: LogicalPlan, mode: ExplainMode): Promise<string> {
    return explainText(this, plan, mode);
  }

  async collect(plan: LogicalPlan): Promise<{ schema: StructType; batches: readonly Uint8Array[] }> {
    const { plan: analyzed } = await this.analyze(plan);
    checkBatch(analyzed);
    const program = await this.plan(this.optimize(analyzed), "batch");
    const batches = await this.#runProgram(program);
    return { schema: schemaOf(tailOutput(program.output, program.tail)), batches };
  }

  async write(plan: LogicalPlan, request: WriteRequest): Promise<void> {
    const { plan: analyzed, output, isStreaming: streams } = await this.analyze(plan);
    if (streams) throw new AnalysisError("CALL_ON_STREAMING_DATASET_UNSUPPORTED", { methodName: "`write`" });
    checkBatch(analyzed);
    await writeBatch(this, analyzed, schemaOf(output), request);
  }

  async start(plan: LogicalPlan, request: StartRequest): Promise<QueryHandle> {
    const compared = currentLauncher()?.compared;
    if (compared) {
      compared(await compareStart(this, plan, request));
      return new ComparedQuery(this.ports.random.uuid(), request.name);
    }
    if (this.#origin.#state !== "open") throw new IllegalArgumentError("SESSION_STOPPED", {});
    const names = new Set([...this.#starting.values(), ...[...this.#queries].map(({ name }) => name)]);
    if (request.name !== null && names.has(request.name))
      throw new IllegalArgumentError("STREAMING_QUERY_NAME_IN_USE", { name: request.name });
    const starting = this.#startQuery(plan, request);
    this.#starting.set(starting, request.name);
    return await starting.finally(() => this.#starting.delete(starting));
  }

  async #startQuery(plan: LogicalPlan, request: StartRequest): Promise<LocalQuery> {
    const query = await startStreamingQuery(this, plan, request);
    this.#queries.add(query);
    const ended = (error: StreamingQueryError | null): void => {
      this.#queries.delete(query);
      this.#terminated = { error };
      const isHeardOf = query.isAwaited || this.#terminationWaiters.length > 0 || this.listeners.hearsOfTermination;
      if (error && !isHeardOf) console.error(`millrace: ${error.message}`);
      for (const waiter of this.#terminationWaiters.splice(0)) waiter();
    };
    query.ended.then(
      () => ended(null),
      (error: StreamingQueryError) => ended(error),
    );
    return query;
  }

  activeQueries(): readonly QueryHandle[] {
    return [...this.#queries];
  }

  async awaitAnyTermination(timeoutMs: number | null): Promise<boolean> {
    if (!this.#terminated) {
      const ended = new Promise<void>((wake) => this.#terminationWaiters.push(wake));
      if (timeoutMs === null) await ended;
      else if (!(await this.settledWithin(ended, timeoutMs))) return false;
    }
    if (this.#terminated?.error) throw this.#terminated.error;
    return true;
  }

  resetTerminated(): void {
    this.#terminated = null;
  }

  addListener(listener: StreamingQueryListener): void {
    this.listeners.add(listener);
  }

  removeListener(listener: StreamingQueryListener): void {
    this.listeners.remove(listener);
  }

  async settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    const timer = new AbortController();
    const settled = promise.then(
      () => true,
      () => true,
    );
    const late = this.ports.scheduler.sleep(timeoutMs, timer.signal).then(() => false);
    const result = await Promise.race([settled, late]);
    timer.abort();
    return result;
  }

  async yieldThread(): Promise<void> {
    await this.ports.scheduler.yield();
  }

  newAttributes(schema: StructType): readonly Attribute[] {
    return schema.fields.map(({ name, dataType, nullable }) => ({ kind: "attribute", id: this.nextId(), name, dataType, nullable }));
  }

  registerFunction(name: string, definition: NamedUserFunction): void {
    this.#userFunctions.set(name.toLowerCase(), definition);
  }

  print(text: string): void {
    process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }

  async createView(name: string, plan: LogicalPlan, replace: boolean): Promise<void> {
    this.#views.create(name, plan, replace);
  }

  async dropView(name: string): Promise<boolean> {
    return this.#views.drop(name);
  }

  async views(): Promise<readonly string[]> {
    return this.#views.names();
  }

  /** From inside a `foreachBatch` function it resolves when all queries are told to stop; the rest follows when they have. */
  async stop(): Promise<void> {
    this.#state = "closing";
    await Promise.allSettled(this.#starting.keys());
    const queries = [...this.#queries];
    const stops = Promise.all(queries.map((query) => query.stop()));
    const released = stops.then(async () => {
      await Promise.allSettled(queries.map((query) => query.ended));
      await this.listeners.drain();
      await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
      this.#pools.clear();
      this.#state = "closed";
    });
    await (isInsideBatch() ? stops : released);
  }

  /** Registers a stream that the program fills; its format is `memory`, its option `stream` the returned name. */
  addMemoryStream(stream: MemoryStream): string {
    const name = `memory_${this.nextId()}`;
    this.connectors.memoryStreams.set(name, stream);
    return name;
  }

  /** What a source's provider is told; `log` is set when a streaming query starts. */
  sourceContext(read: Read, log: SourceContext["log"] = null): SourceContext {
    const provider = this.connectors.source(read.format);
    return {
      ports: this.ports,
      options: new ConnectorOptions(provider.name, read.options, provider.options),
      paths: read.paths,
      schema: read.schema as StructType | null,
      log,
      conf: this.settings.conf.entries(),
      parallelism: this.settings.workers,
      nowMs: this.ports.clock.nowMs(),
    };
  }

  /** The rows of the static sides of joins. */
  async staticTables(program: PhysicalProgram): Promise<TableBatches[]> {
    const tables: TableBatches[] = [];
    for (const { plan } of program.staticTables) tables.push(await this.#runResolved(plan));
    return tables;
  }

  /** Splits of a source that does not stream. */
  async staticSplits({ read }: SourceInput): Promise<SourceSplits> {
    switch (read.kind) {
      case "session":
        return { splits: [] };
      case "range":
        return { splits: rangeSplits(read.start, read.end, read.step, this.settings.workers) };
      case "local_relation": {
        const perBatch = read.batches.map((batch) => batchSplits(batch, {}));
        return { splits: perBatch.flat(), attachments: perBatch.flatMap((splits, i) => splits.map(() => read.batches[i]!)) };
      }
      case "read": {
        const provider = this.connectors.source(read.format);
        if (!provider.planBatch) throw new AnalysisError("DATA_SOURCE_UNSUPPORTED", { format: read.format, use: "batch source" });
        return { splits: await provider.planBatch(this.sourceContext(read)) };
      }
    }
  }

  async #runResolved(plan: LogicalPlan): Promise<TableBatches> {
    return this.#runProgram(await this.plan(this.optimize(plan), "batch"));
  }

  async #runProgram(program: PhysicalProgram): Promise<TableBatches> {
    const { pool, ports, functions } = this;
    const tables = await this.staticTables(program);
    const sources = await Promise.all(program.sources.map((source) => this.staticSplits(source)));
    const attempt = { batchId: 0, attempt: ports.random.uuid(), epoch: 0 };
    const output = await runBatchQuery({ pool, ports, functions, program, tables, sources, output: { kind: "main" }, attempt });
    return output.batches;
  }

  async #schemaOf(read: Read): Promise<StructType> {
    const provider = this.connectors.source(read.format);
    const context = this.sourceContext(read);
    if (context.schema !== null && !provider.takesSchema)
      throw new IllegalArgumentError("USER_SPECIFIED_SCHEMA_UNSUPPORTED", { operation: `The source ${provider.name}` });
    return provider.schema(context, read.isStreaming);
  }

  #findRelation(nameParts: readonly string[]): LogicalPlan | undefined {
    const view = this.#views.find(nameParts);
    const table = nameParts.length === 1 ? this.memoryTables.get(nameParts[0]!) : undefined;
    if (view || !table) return view;
    const { schema, batches } = table;
    return { kind: "local_relation", schema, output: this.newAttributes(schema), batches };
  }
}
