/** `millrace checkpoint backup <dir> <to>` and `restore <backup> <dir>`: the same copy, in the two directions. Main thread. */
import { resolve } from "node:path";
import { nodePorts } from "../base/node-ports.ts";
import { type CheckpointCopy, copyCheckpoint } from "../checkpoint/copy-checkpoint.ts";
import { EXIT_OK } from "./exit-code.ts";
import { bytesText, grouped, type Terminal } from "./terminal.ts";

interface CopyOptions {
  readonly json: boolean;
}

export async function backupCommand(directory: string, to: string, { json }: CopyOptions, terminal: Terminal): Promise<number> {
  const copy = await copyCheckpoint(nodePorts(), resolve(directory), resolve(to));
  const next = "`millrace checkpoint restore` makes a checkpoint of it again.";
  terminal.write(json ? `${JSON.stringify(copy)}\n` : `${copyText(copy, terminal)}\n${next}\n`);
  return EXIT_OK;
}

export async function restoreCommand(backup: string, directory: string, { json }: CopyOptions, terminal: Terminal): Promise<number> {
  const copy = await copyCheckpoint(nodePorts(), resolve(backup), resolve(directory));
  const next = [
    `The next start goes on with batch ${copy.batchId + 1}. A file sink that holds later batches has to be taken back as well:`,
    `  millrace checkpoint rollback ${directory} --to ${copy.batchId} --output <output dir>`,
  ];
  terminal.write(json ? `${JSON.stringify(copy)}\n` : `${[copyText(copy, terminal), ...next].join("\n")}\n`);
  return EXIT_OK;
}

function copyText({ path, queryId, batchId, files, bytes }: CheckpointCopy, { colors }: Terminal): string {
  const size = `${grouped(files)} files, ${bytesText(bytes)}`;
  return `${colors.green(`Query ${queryId} up to batch ${batchId} is in ${colors.bold(path)}`)} (${size}, all checksums right).`;
}
