/**
 * A backup is there whole and durable when it is reported, and not at all before: by the order of its calls to the disk, and with each of them failing.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { nodePorts } from "../../src/base/node-ports.ts";
import type { FileSystem, Ports, SyncFile } from "../../src/base/ports.ts";
import { copyCheckpoint } from "../../src/checkpoint/copy-checkpoint.ts";
import { verifyCheckpoint } from "../../src/checkpoint/verify-checkpoint.ts";
import { Session } from "../../src/index.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

let checkpoint: string;

beforeAll(async () => {
  const directory = temporaryDirectory();
  checkpoint = join(directory, "checkpoint");
  mkdirSync(join(directory, "in"));
  for (let file = 0; file < 5; file++) writeFileSync(join(directory, `in/${file}.json`), `{"n":${file % 3}}\n`);
  await using session = await Session.builder().master("local[1]").config("spark.sql.shuffle.partitions", "2").create();
  const input = session.readStream.format("json").schema("n INT").option("maxFilesPerTrigger", 1).load(join(directory, "in"));
  const writer = input.groupBy("n").count().writeStream.format("noop").outputMode("update");
  const query = await writer.option("checkpointLocation", checkpoint).trigger({ availableNow: true }).start();
  await query.awaitTermination();
});

/** A disk that knows what a power loss would take, and that can fail at one of its calls. */
class Recorder {
  calls = 0;
  failsAt = -1;
  readonly #files = nodePorts().files;
  readonly #unsynced = new Set<string>();

  /** Files whose content, and directories whose names, are not durable. */
  unsyncedBelow(path: string): readonly string[] {
    return [...this.#unsynced].filter((name) => name === path || name.startsWith(`${path}/`)).sort();
  }

  get ports(): Ports {
    const files = this.#files;
    const own: Partial<FileSystem> = {
      makeDirectory: async (path) => {
        this.#call("mkdir", path);
        for (let name = path; !existsSync(name); name = dirname(name)) this.#unsynced.add(dirname(name));
        await files.makeDirectory(path);
      },
      writeNew: async (path, bytes) => {
        this.#call("write", path);
        this.#unsynced.add(dirname(path));
        await files.writeNew(path, bytes);
      },
      createSync: (path) => {
        this.#call("open", path);
        this.#unsynced.add(dirname(path));
        return this.#handle(path, files.createSync(path));
      },
      rename: async (from, to) => {
        this.#call("rename", to);
        expect(this.unsyncedBelow(from), "not durable when it got its name").toEqual([]);
        this.#unsynced.add(dirname(to));
        await files.rename(from, to);
      },
      syncDirectory: async (path) => {
        this.#call("fsync", path);
        this.#unsynced.delete(path);
        await files.syncDirectory(path);
      },
    };
    return { ...nodePorts(), files: Object.assign(Object.create(files) as FileSystem, own) };
  }

  #handle(path: string, file: SyncFile): SyncFile {
    return {
      read: (into, position) => file.read(into, position),
      append: (bytes) => {
        this.#call("write", path);
        this.#unsynced.add(path);
        file.append(bytes);
      },
      write: (bytes, position) => file.write(bytes, position),
      sync: () => {
        this.#call("fdatasync", path);
        this.#unsynced.delete(path);
        file.sync();
      },
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    };
  }

  #call(syscall: string, path: string): void {
    if (this.calls++ === this.failsAt) throw Object.assign(new Error(`ENOSPC: ${syscall} '${path}'`), { code: "ENOSPC", syscall, path });
  }
}

test("everything is durable before the copy gets its name, and the name before it is reported", async () => {
  const recorder = new Recorder();
  const parent = join(temporaryDirectory(), "new/directories");
  const copy = await copyCheckpoint(recorder.ports, checkpoint, join(parent, "backup"));
  expect(recorder.unsyncedBelow(dirname(dirname(parent)))).toEqual([]);
  expect((await verifyCheckpoint(nodePorts(), copy.path)).problems).toEqual([]);
});

test("a disk that fails at any call: a typed error, and nothing is left", async () => {
  const counted = new Recorder();
  await copyCheckpoint(counted.ports, checkpoint, join(temporaryDirectory(), "backup"));
  expect(counted.calls).toBeGreaterThan(30);
  for (let at = 0; at < counted.calls; at++) {
    const directory = temporaryDirectory();
    const recorder = new Recorder();
    recorder.failsAt = at;
    const copied = copyCheckpoint(recorder.ports, checkpoint, join(directory, "backup"));
    await expect(copied, `call ${at}`).rejects.toMatchObject({
      condition: "CHECKPOINT_COPY_FAILED",
      messageParameters: { path: join(directory, "backup") },
    });
    expect(readdirSync(directory), `call ${at}`).toEqual([]);
  }
});

test("damage is found before the copy has a name", async () => {
  const directory = temporaryDirectory();
  const damaged = join(directory, "damaged");
  cpSync(checkpoint, damaged, { recursive: true });
  const changes = join(damaged, "state/changes");
  const file = join(changes, readdirSync(changes).sort()[0]!);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(file, bytes);
  await expect(copyCheckpoint(nodePorts(), damaged, join(directory, "backup"))).rejects.toMatchObject({
    condition: "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED",
    messageParameters: { fileName: file },
  });
  expect(readdirSync(directory)).toEqual(["damaged"]);
});

test("a target that is a file, or not empty, is left as it is", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "file"), "text");
  for (const to of [join(directory, "file"), directory])
    await expect(copyCheckpoint(nodePorts(), checkpoint, to)).rejects.toMatchObject({ condition: "CHECKPOINT_TARGET_NOT_EMPTY" });
  expect(readdirSync(directory)).toEqual(["file"]);
  mkdirSync(join(directory, "empty"));
  expect((await copyCheckpoint(nodePorts(), checkpoint, join(directory, "empty"))).files).toBeGreaterThan(10);
});
