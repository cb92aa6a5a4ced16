/** What a worker does with each command. In a worker thread, or on any thread under a simulator: it never waits. */
import { MillraceError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import { instantiateKernels, type Kernels } from "../kernels/load.ts";
import type { Command, QueryNumber, Replies } from "../protocol/messages.ts";
import { ChunkStores } from "./chunk-stores.ts";
import { QueryInstance } from "./query-instance.ts";

export class WorkerRuntime {
  readonly #workerIndex: number;
  readonly #workerCount: number;
  readonly #ports: Ports;
  readonly #queries = new Map<QueryNumber, QueryInstance>();
  /** Kernels of memories that wait for their next query, by memory set. */
  readonly #keptKernels = new Map<number, Kernels>();

  /** Only on the thread that writes them. */
  #chunkStores: ChunkStores | null = null;

  constructor(workerIndex: number, workerCount: number, ports: Ports) {
    this.#workerIndex = workerIndex;
    this.#workerCount = workerCount;
    this.#ports = ports;
  }

  /** Throws what the command's work throws; the query's instance stays usable for `abort` and `unload`. */
  handle(command: Command): Replies[keyof Replies] {
    switch (command.kind) {
      case "load":
        this.#queries.get(command.query)?.close();
        this.#queries.set(
          command.query,
          new QueryInstance(command, this.#kernelsFor(command), this.#workerIndex, this.#workerCount, this.#ports),
        );
        return null;
      case "unload":
        this.#unload(command.query, command.keepMemory);
        return null;
      case "table":
        return this.#query(command.query).loadTable(command.table, command.batches);
      case "restore":
        return this.#query(command.query).restore(command.start, command.chunksBatch);
      case "begin":
        return this.#query(command.query).begin(command.batch);
      case "scan":
        return this.#query(command.query).scan(command.stage, command.splits, command.next);
      case "merge":
        return this.#query(command.query).merge(command.stage, command.blocks);
      case "changes":
        return this.#query(command.query).writeChanges();
      case "sync":
        return this.#query(command.query).sync();
      case "commit":
        return this.#query(command.query).commit(command.next);
      case "abort":
        return this.#query(command.query).abort();
      case "stage":
        return this.#query(command.query).stage(command.buffer, command.begins, command.forMs);
      case "chunks":
        this.#chunkStores ??= new ChunkStores(this.#ports);
        return this.#chunkStores.handle(command);
    }
  }

  #kernelsFor({ memorySet, memories, kernels }: Extract<Command, { kind: "load" }>): Kernels {
    const kept = this.#keptKernels.get(memorySet);
    this.#keptKernels.delete(memorySet);
    return kept ?? instantiateKernels(kernels, memories[this.#workerIndex]!);
  }

  #unload(query: QueryNumber, keepMemory: boolean): void {
    const instance = this.#queries.get(query);
    this.#queries.delete(query);
    instance?.close();
    if (instance && keepMemory) this.#keptKernels.set(instance.memorySet, instance.release());
  }

  /** A worker that does not know a query has taken the place of one that died; the query then starts over from its checkpoint. */
  #query(query: QueryNumber): QueryInstance {
    const instance = this.#queries.get(query);
    if (!instance) throw new MillraceError("WORKER_DIED", { worker: String(this.#workerIndex), reason: "another one has taken its place" });
    return instance;
  }
}
