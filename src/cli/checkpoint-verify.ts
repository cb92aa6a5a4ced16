/** `millrace checkpoint verify <dir>`: reads every file of a checkpoint and checks its checksums. Main thread. */
import { resolve } from "node:path";
import { nodePorts } from "../base/node-ports.ts";
import { type CheckpointReport, verifyCheckpoint } from "../checkpoint/verify-checkpoint.ts";
import { EXIT_DAMAGED, EXIT_OK } from "./exit-code.ts";
import { bytesText, grouped, type Terminal } from "./terminal.ts";

export async function verifyCommand(directory: string, { json }: { readonly json: boolean }, terminal: Terminal): Promise<number> {
  const showsFiles = terminal.isInteractive && !json;
  const report = await verifyCheckpoint(nodePorts(), resolve(directory), (file) => {
    if (showsFiles) terminal.write(`\r\x1b[2K${file.slice(0, terminal.columns - 1)}`);
  });
  if (showsFiles) terminal.write("\r\x1b[2K");
  terminal.write(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, terminal));
  return report.problems.length > 0 ? EXIT_DAMAGED : EXIT_OK;
}

function reportText(report: CheckpointReport, { colors }: Terminal): string {
  const { offsetRecords, commitRecords, stateFiles, stateFrames, stateBytes, sourceLogFiles, problems } = report;
  const checked = [
    `${grouped(offsetRecords)} offset records, ${grouped(commitRecords)} commit records`,
    `${grouped(stateFiles)} state files (${grouped(stateFrames)} frames, ${bytesText(stateBytes)})`,
    `${grouped(sourceLogFiles)} source log files`,
  ].join(", ");
  const lines = problems.map(
    ({ file, offset, reason, condition }) => `${colors.red(file)} at byte ${offset}: ${reason} ${colors.dim(`[${condition}]`)}`,
  );
  const isNewer = problems.every(({ condition }) => condition === "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION");
  const found = `${grouped(problems.length)} ${problems.length === 1 ? "problem" : "problems"} found`;
  const verdict =
    problems.length === 0
      ? colors.green("The checkpoint is whole.")
      : colors.red(isNewer ? `${found}: the checkpoint is of a newer version of Millrace.` : `${found}.`);
  return `${[...lines, `Checked ${checked}.`, verdict].join("\n")}\n`;
}
