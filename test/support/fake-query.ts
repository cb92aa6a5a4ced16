/**
 * A whole query without an engine, for tests of the micro-batch loop: a source that counts up, a runner that keeps a running total in
 * change files, a sink that remembers. `World` is what outlives the process: disk, sink, and the data there is.
 */
import { crc32c } from "../../src/base/crc32c.ts";
import { MillraceError } from "../../src/base/errors.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { effectiveConf } from "../../src/checkpoint/offset-log.ts";
import type { BatchAttempt, SinkOutput, StreamSink } from "../../src/connectors/sink.ts";
import type { JsonValue, Offset, ReadLimit, Split, StreamSource } from "../../src/connectors/source.ts";
import type { BatchInput, BatchOutput, BatchRunner, ChangeFile, EventTimeStats, StateStart } from "../../src/coordinator/batch-runner.ts";
import { MicroBatchExecution } from "../../src/coordinator/micro-batch-execution.ts";
import type { Trigger } from "../../src/coordinator/trigger.ts";
import { ListenerBus, type StreamingQueryListener } from "../../src/metrics/listener-bus.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { testPorts, type TestPorts } from "./test-ports.ts";

const CHECKPOINT = "/checkpoint";
const DEFAULT_TRIGGER: Trigger = { kind: "processing_time", intervalMs: 0 };

/** What the sink shows for one batch. */
export interface SinkBatch {
  readonly attempt: string;
  readonly rows: readonly number[];
  /** The runner's running total after the batch. */
  readonly total: number;
}

export class World {
  readonly files = new MemoryFileSystem();
  readonly ports: TestPorts = testPorts(this.files);
  readonly batches = new Map<number, SinkBatch>();
  /** Calls to source, runner and sink, in order. */
  readonly log: string[] = [];

  /** All rows in the sink, in batch order. */
  rows(): readonly number[] {
    return [...this.batches].sort(([a], [b]) => a - b).flatMap(([, batch]) => batch.rows);
  }
}

export class FakeSource implements StreamSource {
  readonly description: string;
  readonly world: World;
  defaultLimit: ReadLimit = { kind: "all_available" };
  supportsAvailableNow = true;
  /** Rows there are: 1, 2, …, available. */
  available = 0;
  committed: Offset | null = null;
  #fixedEnd: number | null = null;

  constructor(world: World, description = "FakeSource") {
    this.world = world;
    this.description = description;
  }

  async prepareAvailableNow(): Promise<void> {
    this.#fixedEnd = this.available;
  }

  async latestOffset(start: Offset | null, limit: ReadLimit): Promise<Offset | null> {
    this.world.log.push("latestOffset");
    const from = Number(start ?? 0);
    const end = Math.min(this.#fixedEnd ?? this.available, limit.kind === "max_rows" ? from + limit.rows : Infinity);
    return end === 0 ? null : end;
  }

  async reportLatest(): Promise<Offset | null> {
    return this.available;
  }

  async plan(start: Offset | null, end: Offset): Promise<readonly Split[]> {
    return [{ reader: "fake", from: Number(start ?? 0), to: Number(end) }];
  }

  async commit(end: Offset): Promise<void> {
    this.world.log.push(`source.commit ${String(end)}`);
    this.committed = end;
  }

  async stop(): Promise<void> {
    this.world.log.push("source.stop");
  }
}

export class FakeRunner implements BatchRunner {
  readonly world: World;
  /** Keeps the total in change files; without it the runner writes nothing. */
  readonly isStateful: boolean;
  readonly inputs: BatchInput[] = [];
  readonly restores: StateStart[] = [];
  /** Statistics for the next batches, one array per batch; none = no watermark operator. */
  eventTime: (readonly (EventTimeStats | null)[])[] = [];
  /** Errors for the next runs. */
  failures: (Error | null)[] = [];
  restoreFailures: Error[] = [];
  commitFailures: Error[] = [];
  snapshotFailures: Error[] = [];
  wantsBatchWithoutData: (evictWatermarkMs: number) => boolean = () => false;
  snapshotEvery = Number.POSITIVE_INFINITY;
  onRun: () => Promise<void> = async () => undefined;
  #total = 0;
  #undoTotal = 0;
  #committedBatch = -1;

  constructor(world: World, isStateful: boolean) {
    this.world = world;
    this.isStateful = isStateful;
  }

  async restore(start: StateStart): Promise<void> {
    this.world.log.push(`restore ${start.committedBatch}`);
    this.restores.push(start);
    const failure = this.restoreFailures.shift();
    if (failure) throw failure;
    const newest = start.changes.at(-1)?.files[0] ?? start.snapshot?.files[0];
    this.#total = newest ? Number(Buffer.from(await this.world.files.readFile(`${CHECKPOINT}/${newest.path}`)).toString()) : 0;
  }

  async run(input: BatchInput, mayWriteState: Promise<void>): Promise<BatchOutput> {
    await mayWriteState;
    this.world.log.push(`run ${input.attempt.batchId}`);
    this.inputs.push(input);
    await this.onRun();
    const rows = input.splits.flatMap((splits) => splits.flatMap(({ from, to }) => range(Number(from), Number(to))));
    this.#undoTotal = this.#total;
    this.#total += rows.reduce((sum, row) => sum + row, 0);
    const failure = this.failures.shift();
    if (failure) throw failure;
    const { batchId, attempt } = input.attempt;
    const changeFiles = this.isStateful ? [this.#writeState(`state/changes/${batchId}-${attempt}`)] : [];
    return {
      sink: { messages: [{ rows, total: this.#total } as JsonValue], batches: [], rows: rows.length },
      inputRows: input.splits.map((splits) => splits.reduce((sum, { from, to }) => sum + Number(to) - Number(from), 0)),
      eventTime: this.eventTime.shift() ?? [],
      stateOperators: [],
      observedMetrics: {},
      changeFiles,
    };
  }

  async sync(output: BatchOutput): Promise<BatchOutput> {
    return output;
  }

  async commit(batchId: number): Promise<void> {
    this.world.log.push(`runner.commit ${batchId}`);
    this.#committedBatch = batchId;
    const failure = this.commitFailures.shift();
    if (failure) throw failure;
  }

  async abort(batchId: number): Promise<void> {
    this.world.log.push(`runner.abort ${batchId}`);
    this.#total = this.#undoTotal;
  }

  takeSnapshot(): { batchId: number; files: readonly ChangeFile[] } | null {
    const failure = this.snapshotFailures.shift();
    if (failure) throw failure;
    const batchId = this.#committedBatch;
    if ((batchId + 1) % this.snapshotEvery !== 0) return null;
    return { batchId, files: [this.#writeState(`state/snapshots/${batchId}-${this.world.ports.random.uuid()}`)] };
  }

  needsBatchWithoutData(evictWatermarkMs: number): boolean {
    return this.wantsBatchWithoutData(evictWatermarkMs);
  }

  async stop(): Promise<void> {
    this.world.log.push("runner.stop");
  }

  #writeState(path: string): ChangeFile {
    const { files } = this.world;
    const bytes = Buffer.from(String(this.#total));
    const directory = `${CHECKPOINT}/${path.slice(0, path.lastIndexOf("/"))}`;
    files.makeDirectorySync(directory);
    const file = files.createSync(`${CHECKPOINT}/${path}`);
    file.append(bytes);
    file.sync();
    file.close();
    files.syncDirectorySync(directory);
    return { path, lengthBytes: bytes.length, crc32c: crc32c(bytes) };
  }
}

/** Exactly-once: what is committed, and by whom, is kept in one step. With `remembers` false it behaves like the console. */
export class RecordingSink implements StreamSink {
  readonly description = "RecordingSink";
  readonly delivery = { kind: "main" } as const;
  readonly remembersCommits: boolean;
  readonly world: World;
  /** Thrown by the next commit, before or after it took effect. */
  failure: { readonly when: "before" | "after"; readonly error: Error } | null = null;

  constructor(world: World, remembers = true) {
    this.world = world;
    this.remembersCommits = remembers;
  }

  async lookup(batchId: number): Promise<string | null> {
    return this.remembersCommits ? (this.world.batches.get(batchId)?.attempt ?? null) : null;
  }

  async commit({ batchId, attempt }: BatchAttempt, output: SinkOutput): Promise<void> {
    this.world.log.push(`sink.commit ${batchId}`);
    this.world.files.step("sink commit begins");
    if (this.failure?.when === "before") throw this.failure.error;
    const { rows, total } = output.messages[0] as unknown as { rows: number[]; total: number };
    if (!this.world.batches.has(batchId) || !this.remembersCommits) this.world.batches.set(batchId, { attempt, rows, total });
    this.world.files.step("sink commit done");
    if (this.failure?.when === "after") throw this.failure.error;
  }

  async abort({ batchId }: BatchAttempt): Promise<void> {
    this.world.log.push(`sink.abort ${batchId}`);
  }

  async stop(): Promise<void> {
    this.world.log.push("sink.stop");
  }
}

export interface FakeQueryOptions {
  readonly trigger?: Trigger;
  readonly conf?: Readonly<Record<string, string>>;
  readonly isStateful?: boolean;
  readonly remembersCommits?: boolean;
  readonly sourceCount?: number;
  readonly watermarkDelaysMs?: readonly number[];
  readonly listener?: StreamingQueryListener;
  /** Called with each source before the query is built. */
  readonly prepareSource?: (source: FakeSource, index: number) => void;
}

export interface FakeQuery {
  readonly query: MicroBatchExecution;
  readonly source: FakeSource;
  readonly sources: readonly FakeSource[];
  readonly runner: FakeRunner;
  readonly sink: RecordingSink;
  readonly checkpoint: Checkpoint;
  readonly listenerErrors: unknown[];
}

/** Opens the checkpoint and builds the query, not started. */
export async function openQuery(world: World, options: FakeQueryOptions = {}): Promise<FakeQuery> {
  const checkpoint = await Checkpoint.open(world.ports, CHECKPOINT);
  const sources = Array.from({ length: options.sourceCount ?? 1 }, (_, i) => new FakeSource(world, `FakeSource${i}`));
  sources.forEach((source, i) => options.prepareSource?.(source, i));
  const runner = new FakeRunner(world, options.isStateful ?? false);
  const sink = new RecordingSink(world, options.remembersCommits ?? true);
  const listenerErrors: unknown[] = [];
  const listeners = new ListenerBus(world.ports.scheduler, (error) => listenerErrors.push(error));
  if (options.listener) listeners.add(options.listener);
  const conf = effectiveConf(new Map(Object.entries(options.conf ?? {})), await checkpoint.loggedConf());
  const query = new MicroBatchExecution({
    ports: world.ports,
    checkpoint,
    sources,
    sink,
    runner,
    trigger: options.trigger ?? DEFAULT_TRIGGER,
    conf,
    name: "fake",
    watermarkDelaysMs: options.watermarkDelaysMs ?? [],
    listeners,
  });
  return { query, source: sources[0]!, sources, runner, sink, checkpoint, listenerErrors };
}

export function workerDied(): MillraceError {
  return new MillraceError("WORKER_DIED", { worker: "0", reason: "exit code 1" });
}

/** Statistics of one watermark operator over event times in seconds. */
export function seconds(...times: readonly number[]): EventTimeStats {
  return {
    rows: times.length,
    minMicros: BigInt(Math.min(...times)) * 1_000_000n,
    maxMicros: BigInt(Math.max(...times)) * 1_000_000n,
    averageMs: (times.reduce((sum, time) => sum + time, 0) / times.length) * 1000,
  };
}

/** from+1, …, to. */
function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, i) => from + i + 1);
}
