/**
 * The chunk stores of a session's queries on the thread that writes them: turns commands into calls of `ChunkWriter`. In a worker thread that does
 * nothing else, so that no batch ever waits for a disk's transaction.
 */
import { failpoint } from "../base/failpoint.ts";
import type { Ports } from "../base/ports.ts";
import type { ChangeFile } from "../coordinator/batch-runner.ts";
import { compileKernels, createMemory, instantiateKernels } from "../kernels/load.ts";
import type { ChunkReply, Command, QueryNumber } from "../protocol/messages.ts";
import { CHUNKS_DIRECTORY, type ChunkStoreTarget, ChunkWriter } from "../state/chunk-writer.ts";
import { StateBuffer } from "../state/state-file.ts";
import { explained } from "./write-failure.ts";

const SNAPSHOTS_DIRECTORY = "state/snapshots";

export class ChunkStores {
  readonly #ports: Ports;
  readonly #buffer: StateBuffer;
  readonly #writers = new Map<QueryNumber, ChunkWriter>();

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#buffer = new StateBuffer(instantiateKernels(compileKernels(), createMemory()));
  }

  /** Throws a `CheckpointError`; a disk that fails is `CHECKPOINT_WRITE_FAILED`. */
  handle(command: Extract<Command, { kind: "chunks" }>): ChunkReply {
    return explained(`${command.target.path}/${CHUNKS_DIRECTORY}`, () => this.#handle(command));
  }

  #handle({ query, target, request }: Extract<Command, { kind: "chunks" }>): ChunkReply {
    const writer = this.#writers.get(query) ?? new ChunkWriter(this.#ports, this.#buffer, target);
    this.#writers.set(query, writer);
    switch (request.kind) {
      case "open":
        return { ...NOTHING, batchId: writer.open(request.committedBatch, request.oldestBatch) };
      case "snapshot":
        return { ...NOTHING, file: this.#snapshot(writer, target, request) };
      case "loaded":
        writer.loaded();
        break;
      case "write":
        writer.write(request.slices, request.newestBatch);
        break;
      case "endPass":
        writer.endPass(request.batchId, request.retired);
        break;
      case "discard":
        writer.discard();
        break;
      case "close":
        writer.close();
        this.#writers.delete(query);
    }
    return NOTHING;
  }

  /** Writes a durable file of all chunks. */
  #snapshot(
    writer: ChunkWriter,
    { path: root, queryId, schema }: ChunkStoreTarget,
    { batchId, epoch }: { batchId: number; epoch: number },
  ): ChangeFile {
    const { files, random } = this.#ports;
    const attempt = random.uuid();
    const path = `${SNAPSHOTS_DIRECTORY}/${batchId}-${attempt}`;
    failpoint("before-snapshot");
    return explained(path, () => {
      files.makeDirectorySync(`${root}/${SNAPSHOTS_DIRECTORY}`);
      const file = files.createSync(`${root}/${path}`);
      try {
        const { lengthBytes, fileCrc32c } = writer.snapshot(file, {
          kind: "snapshot",
          queryId,
          epoch,
          batchId,
          attempt,
          ...(schema > 0 && { schema }),
        });
        for (const directory of [`/${SNAPSHOTS_DIRECTORY}`, "/state", ""]) files.syncDirectorySync(`${root}${directory}`);
        failpoint("after-snapshot");
        return { path, lengthBytes, crc32c: fileCrc32c };
      } finally {
        file.close();
      }
    });
  }
}

const NOTHING: ChunkReply = { batchId: null, file: null };
