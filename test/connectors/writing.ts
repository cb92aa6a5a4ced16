/** What the coordinator and its workers do with a sink that workers write to, for tests. */
import { readFileSync, readdirSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FileSystem } from "../../src/base/ports.ts";
import { nodePorts } from "../../src/base/node-ports.ts";
import { ARENA_BLOCK, ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import type { StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import type { BatchAttempt, SinkOutput, SplitWriter, StreamSink } from "../../src/connectors/sink.ts";
import type { JsonValue, LogStore } from "../../src/connectors/source.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { toBlocks } from "../scan/kernel-fixture.ts";

export interface Writing {
  readonly kernels: Kernels;
  readonly writer: SplitWriter;
  readonly sink: StreamSink;
  readonly schema: StructType;
  /** The real ones if not given. */
  readonly files?: FileSystem;
}

/** Runs one task per list of rows; returns what `commit` takes. */
export function runTasks(writing: Writing, attempt: BatchAttempt, tasks: readonly (readonly (readonly Value[])[])[]): SinkOutput {
  const { kernels, writer, sink, schema } = writing;
  if (sink.delivery.kind !== "worker") throw new Error("not written by workers");
  const { settings } = sink.delivery;
  const messages = tasks.map((rows, taskIndex): JsonValue => {
    const task = writer.open({
      kernels,
      files: writing.files ?? nodePorts().files,
      schema,
      settings,
      attempt,
      taskIndex,
      uuid: `0000-${taskIndex}`,
      timeZone: "UTC",
    });
    for (const block of toBlocks(kernels, schema, rows)) {
      task.write(block);
      kernels.exports["arena_reset"]!(ARENA_BLOCK);
    }
    const message = task.finish();
    kernels.exports["arena_reset"]!(ARENA_SPLIT);
    return message;
  });
  return { messages, batches: [], rows: tasks.reduce((sum, rows) => sum + rows.length, 0) };
}

/** A log in a directory, as durable as a test needs. */
export class DirectoryLog implements LogStore {
  readonly directory: string;
  constructor(directory: string) {
    this.directory = directory;
  }
  async read(name: string): Promise<string | null> {
    const path = join(this.directory, name);
    return existsSync(path) ? readFileSync(path, "utf8") : null;
  }
  async putIfAbsent(name: string, text: string): Promise<boolean> {
    mkdirSync(this.directory, { recursive: true });
    if (existsSync(join(this.directory, name))) return false;
    writeFileSync(join(this.directory, name), text);
    return true;
  }
  async list(): Promise<readonly string[]> {
    return existsSync(this.directory) ? readdirSync(this.directory) : [];
  }
  async remove(name: string): Promise<void> {
    rmSync(join(this.directory, name), { force: true });
  }
}
