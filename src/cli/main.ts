#!/usr/bin/env node
/**
 * The command line `millrace`: reads arguments, loads and calls one command, turns its result into the exit code. Main thread.
 */
import { createRequire } from "node:module";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { AnalysisError } from "../base/errors.ts";
import type { RollbackOptions } from "./checkpoint-rollback.ts";
import type { DemoOptions } from "./demo/demo.ts";
import { EXIT_CODES_HELP, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit-code.ts";
import { reportError } from "./report-error.ts";
import type { StateOptions } from "./state.ts";
import { processTerminal } from "./terminal.ts";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Commands that exist in the documentation and not in this version, and what to do instead. */
const NOT_YET: Readonly<Record<string, string>> = {
  sql: "Use the DataFrame methods in a program, and expr(...) for SQL expressions.",
  serve: "Run the program with `millrace run`.",
  submit: "Run the program with `millrace run`.",
  list: "spark.streams.active() knows a program's queries.",
  status: "query.status() and query.lastProgress() tell.",
  logs: "Add a listener with spark.streams.addListener.",
  stop: "Send the program SIGTERM: its queries end after the running batch.",
  bench: "Use `npm run bench` in the repository.",
};

const terminal = processTerminal();
const program = new Command("millrace")
  .description("Spark Structured Streaming for Node.")
  .version(version)
  .exitOverride()
  .configureOutput({ writeOut: terminal.write, writeErr: terminal.error })
  .addHelpText("after", EXIT_CODES_HELP);

let exitCode = EXIT_OK;
/** A command's action; its result is the exit code. */
function action<A extends unknown[]>(run: (...args: A) => Promise<number>): (...args: A) => Promise<void> {
  return async (...args) => {
    exitCode = await run(...args);
  };
}

program
  .command("demo")
  .description("run the demonstration: two streaming queries, a screen, Parquet files")
  .option("--dir <dir>", "directory of everything it reads and writes", "millrace-demo")
  .option("--seconds <n>", "longest time", positiveNumber, 10)
  .option("--events <n>", "events to generate, in batches of 500,000 (default: a million for each second)", positiveNumber)
  .option("--json", "print the result as JSON and nothing else", false)
  .action(action(async (options: DemoOptions) => (await import("./demo/demo.ts")).runDemo(options, terminal)));

program
  .command("run")
  .description("run a program (an ES module that uses millrace) in this process")
  .argument("<program>", ".js or .mjs, or .ts where tsx is installed")
  .argument("[args...]", "the program's own arguments; write -- before options among them")
  .option("--conf <key=value>", "a setting for the program's sessions; repeatable", keyValue, {})
  .option("--supervise", "in a process of its own that is started again when it is killed or aborts", false)
  .action(
    action(async (path: string, args: string[], { conf, supervise }: { conf: Record<string, string>; supervise: boolean }) =>
      supervise
        ? (await import("./supervise.ts")).superviseProgram(path, { conf, args }, terminal)
        : (await import("./run.ts")).runProgram(path, { conf, args }, terminal),
    ),
  );

const checkpoint = program.command("checkpoint").description("look into a query's checkpoint directory");
checkpoint
  .command("inspect")
  .description("show query, batches, offsets, watermark and state files; also while the query runs")
  .argument("<dir>", "the query's checkpointLocation")
  .option("--json", "print JSON", false)
  .action(
    action(async (directory: string, options: { json: boolean }) =>
      (await import("./checkpoint-inspect.ts")).inspectCheckpoint(directory, options, terminal),
    ),
  );
checkpoint
  .command("verify")
  .description("check every checksum; exit code 2 when the checkpoint is damaged, or of a newer version")
  .argument("<dir>", "the query's checkpointLocation")
  .option("--json", "print JSON", false)
  .action(
    action(async (directory: string, options: { json: boolean }) =>
      (await import("./checkpoint-verify.ts")).verifyCommand(directory, options, terminal),
    ),
  );
checkpoint
  .command("backup")
  .description("copy the checkpoint as of its newest committed batch, checked; also while the query runs")
  .argument("<dir>", "the query's checkpointLocation")
  .argument("<to>", "a directory that does not exist or is empty")
  .option("--json", "print JSON", false)
  .action(
    action(async (directory: string, to: string, options: { json: boolean }) =>
      (await import("./checkpoint-copy.ts")).backupCommand(directory, to, options, terminal),
    ),
  );
checkpoint
  .command("restore")
  .description("make a checkpoint from a backup")
  .argument("<backup>", "what `checkpoint backup` made")
  .argument("<dir>", "a directory that does not exist or is empty: the checkpointLocation from now on")
  .option("--json", "print JSON", false)
  .action(
    action(async (backup: string, directory: string, options: { json: boolean }) =>
      (await import("./checkpoint-copy.ts")).restoreCommand(backup, directory, options, terminal),
    ),
  );
checkpoint
  .command("diff")
  .description("say what a start of a program would keep of the checkpoint, or why it would be refused; starts no query")
  .argument("<dir>", "the query's checkpointLocation")
  .argument("<program>", "the program that starts the query")
  .argument("[args...]", "the program's own arguments; write -- before options among them")
  .option("--conf <key=value>", "a setting for the program's sessions; repeatable", keyValue, {})
  .option("--json", "print JSON", false)
  .action(
    action(async (directory: string, path: string, args: string[], options: { conf: Record<string, string>; json: boolean }) =>
      (await import("./checkpoint-diff.ts")).diffCommand(directory, path, { ...options, args }, terminal),
    ),
  );
checkpoint
  .command("rollback")
  .description("forget the batches after one that the checkpoint keeps; the next start runs from there")
  .argument("<dir>", "the query's checkpointLocation; the query must not run")
  .requiredOption("--to <batch>", "the batch that will be the newest", batchNumber)
  .option("--output <dir>", "a file sink's output directory, to be taken back with it")
  .option("--json", "print JSON", false)
  .action(
    action(async (directory: string, options: RollbackOptions) =>
      (await import("./checkpoint-rollback.ts")).rollbackCommand(directory, options, terminal),
    ),
  );

program
  .command("state")
  .description("show the state of a query, or its changes, as a table; also while the query runs")
  .argument("<dir>", "the query's checkpointLocation")
  .addOption(
    new Option("--operators", "list the stateful operators instead")
      .default(false)
      .conflicts(["operator", "store", "batch", "changesFrom", "changesTo"]),
  )
  .option("--operator <id>", "which operator", batchNumber, 0)
  .option("--store <name>", "which store of the operator", "default")
  .option("--batch <n>", "as of this batch (default: the newest)", batchNumber)
  .option("--key <condition>", "SQL condition on the rows, for example \"key.user = 'ann'\"")
  .option("--changes-from <n>", "what the batches from this one on changed", batchNumber)
  .option("--changes-to <n>", "up to this batch (default: the newest)", batchNumber)
  .option("--limit <n>", "rows to print", positiveNumber, 20)
  .addOption(new Option("--parquet <dir>", "write all rows to Parquet files instead of printing").conflicts(["limit", "json"]))
  .option("--json", "print one JSON object a row", false)
  .action(
    action(async (directory: string, options: StateOptions) => (await import("./state.ts")).stateCommand(directory, options, terminal)),
  );

for (const [name, remedy] of Object.entries(NOT_YET)) notYet(program, name, remedy);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  } else {
    reportError(error, terminal);
    exitCode = EXIT_FAILURE;
  }
}
// A program that ran well may have set a code of its own.
if (exitCode !== EXIT_OK) process.exitCode = exitCode;

/** A command that is listed, and says that it is not there. */
function notYet(parent: Command, name: string, remedy: string): void {
  parent
    .command(name)
    .description("not part of this version")
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      const command = parent === program ? name : `${parent.name()} ${name}`;
      throw new AnalysisError("UNSUPPORTED_FEATURE.NOT_YET", { feature: `\`millrace ${command}\``, remedy });
    });
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1e9)) throw new InvalidArgumentError("It must be a positive number.");
  return value;
}

function batchNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number, 0 or more.");
  return Number(text);
}

function keyValue(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError("It must have the form key=value.");
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}
