/**
 * Writes the rows of one task to part files in their final directory: one file, or one for each combination of partition values. The files
 * count for nothing until the sink's manifest lists them. Workers.
 */
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import { ConnectorError } from "../../base/errors.ts";
import { BlockReader } from "../../columnar/block-values.ts";
import { ARENA_BLOCK } from "../../columnar/memory-layout.ts";
import { leafCount, leavesOf, physicalWidthBytes, type StructField, structType } from "../../columnar/types.ts";
import type { SyncFile } from "../../base/ports.ts";
import { allocate, blockRowCount, getColumn, newBlock, setColumn } from "../block-memory.ts";
import { ConnectorOptions, type OptionSpecs } from "../options.ts";
import type { SplitWriter, TaskWriter, WriterContext } from "../sink.ts";
import type { JsonValue } from "../source.ts";
import type { FileEncoder, OpenFileEncoder } from "./file-encoder.ts";
import { attemptUuid, partName } from "./part-names.ts";
import { partitionDirectory } from "./partition-values.ts";

/** What the sink on the main thread tells its writers. */
export type FileWriterSettings = {
  readonly format: string;
  /** Absolute. */
  readonly directory: string;
  readonly extension: string;
  readonly queryId: string;
  readonly partitionBy: readonly string[];
  readonly options: Readonly<Record<string, string>>;
};

/** What a task reports to the sink. */
export type WrittenFiles = { readonly files: readonly { readonly path: string; readonly sizeBytes: number }[] };

export interface WritableFormat {
  readonly name: string;
  readonly writeOptions: OptionSpecs;
  readonly encoder: FileEncoder;
}

/** The writer over formats by name. */
export function fileWriterOver(formats: ReadonlyMap<string, WritableFormat>): SplitWriter {
  return {
    name: "file",
    open(context) {
      const settings = context.settings as FileWriterSettings;
      const format = formats.get(settings.format);
      assert(format !== undefined, `no writer for files of format ${settings.format}`);
      return new FileTaskWriter(context, settings, format);
    },
  };
}

interface OpenFile {
  readonly path: string;
  readonly file: SyncFile;
  readonly encoder: OpenFileEncoder;
  sizeBytes: number;
}

interface PartitionColumn {
  readonly field: StructField;
  /** Position among the top-level fields, and among the leaves. */
  readonly index: number;
  readonly leaf: number;
}

class FileTaskWriter implements TaskWriter {
  readonly #context: WriterContext;
  readonly #settings: FileWriterSettings;
  readonly #format: WritableFormat;
  readonly #options: ConnectorOptions;
  readonly #name: string;
  readonly #partitions: readonly PartitionColumn[];
  /** Leaves that go into the files. */
  readonly #dataLeaves: readonly number[];
  readonly #dataSchema;
  readonly #open = new Map<string, OpenFile>();

  constructor(context: WriterContext, settings: FileWriterSettings, format: WritableFormat) {
    this.#context = context;
    this.#settings = settings;
    this.#format = format;
    this.#options = new ConnectorOptions(format.name, settings.options, format.writeOptions);
    this.#name = partName(context.taskIndex, attemptUuid(settings.queryId, context.attempt.attempt), settings.extension);
    const { fields } = context.schema;
    const isPartition = (field: StructField): boolean =>
      settings.partitionBy.some((name) => name.toLowerCase() === field.name.toLowerCase());
    this.#dataSchema = structType(fields.filter((field) => !isPartition(field)));
    const firstLeaf: number[] = [];
    let leaf = 0;
    for (const field of fields) {
      firstLeaf.push(leaf);
      leaf += leafCount(field.dataType);
    }
    this.#partitions = settings.partitionBy.map((name) => {
      const index = fields.findIndex((field) => field.name.toLowerCase() === name.toLowerCase());
      return { field: fields[index]!, index, leaf: firstLeaf[index]! };
    });
    this.#dataLeaves = fields.flatMap((field, index) =>
      isPartition(field) ? [] : Array.from({ length: leafCount(field.dataType) }, (_, at) => firstLeaf[index]! + at),
    );
  }

  write(block: number): void {
    const { kernels } = this.#context;
    if (blockRowCount(kernels, block) === 0) return;
    if (this.#partitions.length === 0) return this.#append("", block);
    const groups = this.#groupRows(block);
    for (const [directory, rows] of groups) this.#append(directory, this.#dataBlock(block, groups.size === 1 ? null : rows));
  }

  finish(): JsonValue {
    if (this.#open.size === 0 && this.#context.writesEmpty && this.#partitions.length === 0) this.#file("");
    if (this.#open.size === 0) return null;
    const files = [...this.#open.values()].map(({ path, file, encoder, ...written }) => {
      const last = encoder.finish?.() ?? encoder.take();
      this.#try(path, () => {
        file.append(last);
        file.sync();
        file.close();
      });
      return { path, sizeBytes: written.sizeBytes + last.length };
    });
    this.#syncDirectories();
    return { files };
  }

  abort(): void {
    for (const { path, file } of this.#open.values()) {
      // Best effort: the manifest keeps what stays behind from being read.
      try {
        file.close();
        this.#context.files.removeSync(path);
      } catch {}
    }
    this.#open.clear();
  }

  #append(directory: string, block: number): void {
    const open = this.#open.get(directory) ?? this.#file(directory);
    open.encoder.append(block);
    const bytes = open.encoder.take();
    if (bytes.length === 0) return;
    this.#try(open.path, () => open.file.append(bytes));
    open.sizeBytes += bytes.length;
  }

  /** Begins the file of a directory. */
  #file(directory: string): OpenFile {
    const folder = join(this.#settings.directory, directory);
    const path = join(folder, this.#name);
    const file = this.#try(path, () => {
      this.#context.files.makeDirectorySync(folder);
      return this.#context.files.createSync(path);
    });
    const { kernels, timeZone } = this.#context;
    const encoder = this.#format.encoder.open(this.#dataSchema, this.#options, kernels, timeZone);
    const open = { path, file, encoder, sizeBytes: 0 };
    this.#open.set(directory, open);
    return open;
  }

  /** Rows by their partition directory, in order. JavaScript looks at a row only where its values differ from the row before. */
  #groupRows(block: number): Map<string, number[]> {
    const { kernels, schema, timeZone } = this.#context;
    const count = blockRowCount(kernels, block);
    const marks = allocate(kernels, count, ARENA_BLOCK);
    kernels.bytes().fill(0, marks, marks + count);
    const leaves = leavesOf(schema);
    for (const { leaf } of this.#partitions) {
      const { values, validity } = getColumn(kernels, block, leaf);
      const { physical } = leaves[leaf]!;
      const isView = physical === "view" || physical === "wide" ? 1 : 0;
      kernels.exports["mark_changes"]!(values, physicalWidthBytes[physical], isView, validity, marks, count);
    }
    const changes = kernels.bytes().slice(marks, marks + count);
    const reader = new BlockReader(kernels, block, schema);
    const groups = new Map<string, number[]>();
    let rows: number[] = [];
    for (let row = 0; row < count; row++) {
      if (row === 0 || changes[row] !== 0) {
        const names = this.#partitions.map(({ field, index }) =>
          partitionDirectory(field.name, reader.value(index, row), field.dataType, timeZone),
        );
        const directory = names.join("/");
        rows = groups.get(directory) ?? [];
        groups.set(directory, rows);
      }
      rows.push(row);
    }
    return groups;
  }

  /** A block of the data columns, of all rows (null) or of some. */
  #dataBlock(block: number, rows: readonly number[] | null): number {
    const { kernels, schema } = this.#context;
    const count = rows?.length ?? blockRowCount(kernels, block);
    const data = newBlock(kernels, this.#dataLeaves.length, count, ARENA_BLOCK);
    const leaves = leavesOf(schema);
    let indexes = 0;
    if (rows) {
      indexes = allocate(kernels, 4 * count, ARENA_BLOCK);
      kernels.bytes().set(new Uint8Array(Uint32Array.from(rows).buffer), indexes);
    }
    const gather = (values: number, width: number): number => {
      if (values === 0 || width === 0 || indexes === 0) return values;
      const target = allocate(kernels, width * count, ARENA_BLOCK);
      kernels.exports["gather_column"]!(values, width, indexes, target, count);
      return target;
    };
    this.#dataLeaves.forEach((leaf, index) => {
      const { values, validity } = getColumn(kernels, block, leaf);
      setColumn(kernels, data, index, gather(values, physicalWidthBytes[leaves[leaf]!.physical]), gather(validity, 1));
    });
    return data;
  }

  /** Makes the names of the files durable, and those of directories above them. */
  #syncDirectories(): void {
    const { directory } = this.#settings;
    const folders = new Set([directory]);
    for (const partition of this.#open.keys()) {
      const names = partition === "" ? [] : partition.split("/");
      for (let depth = 1; depth <= names.length; depth++) folders.add(join(directory, ...names.slice(0, depth)));
    }
    for (const folder of folders) this.#try(folder, () => this.#context.files.syncDirectorySync(folder));
  }

  #try<T>(path: string, action: () => T): T {
    try {
      return action();
    } catch (cause) {
      throw new ConnectorError("TASK_WRITE_FAILED", { path, reason: (cause as Error).message }, { cause });
    }
  }
}
