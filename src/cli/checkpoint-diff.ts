/**
 * `millrace checkpoint diff <dir> <program>`: what a start of the program's query would keep of the checkpoint, and whether it would be refused. Runs the
 * program, without its streaming queries. Main thread.
 */
import { resolve } from "node:path";
import type { AggregateComparison, FieldComparison, OperatorComparison, StartComparison } from "../api/compare-start.ts";
import { IllegalArgumentError } from "../base/errors.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit-code.ts";
import { runProgram } from "./run.ts";
import type { Terminal } from "./terminal.ts";

export interface DiffOptions {
  readonly conf: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly json: boolean;
}

/** Exit code 1 when the start would be refused. */
export async function diffCommand(directory: string, program: string, options: DiffOptions, terminal: Terminal): Promise<number> {
  const path = resolve(directory);
  const found: StartComparison[] = [];
  const code = await runProgram(program, { ...options, compared: (comparison) => void found.push(comparison) }, terminal);
  const comparison = found.find(({ checkpointLocation }) => checkpointLocation === path);
  if (!comparison) {
    if (code !== EXIT_OK) return code;
    const locations = found.map(({ checkpointLocation }) => checkpointLocation).join(", ") || "none";
    throw new IllegalArgumentError("CHECKPOINT_NOT_OF_PROGRAM", { path, program, locations });
  }
  terminal.write(options.json ? `${JSON.stringify(comparison, null, 2)}\n` : `${comparisonText(comparison, terminal).join("\n")}\n`);
  return comparison.refusal === null ? EXIT_OK : EXIT_FAILURE;
}

function comparisonText({ batches, sources, settings, operators, refusal }: StartComparison, { colors }: Terminal): string[] {
  if (batches === 0) return [colors.green("There is no checkpoint yet: the query would start from the beginning.")];
  const lines = [
    `${batches} batches so far, ${sources.stored} sources; the program has ${sources.wanted.length} (${sources.wanted.join("; ")}).`,
  ];
  for (const { key, stored, wanted } of settings) lines.push(`setting ${key} stays ${stored}; the session's ${wanted} does not count`);
  for (const operator of operators) lines.push(...operatorText(operator));
  if (operators.length === 0) lines.push("no state");
  lines.push(
    refusal === null
      ? colors.green(`A start goes on with all of it.`)
      : `${colors.red("A start is refused, and changes nothing:")} ${refusal.message}`,
  );
  return lines;
}

function operatorText({ operatorId, stored, wanted, keys, values, aggregates }: OperatorComparison): string[] {
  if (wanted === null) return [`operator ${operatorId} (${stored}): lost, the program has no such operator`];
  if (stored === null) return [`operator ${operatorId} (${wanted}): new, the checkpoint has no state of it`];
  const heading = stored === wanted ? `operator ${operatorId} (${stored})` : `operator ${operatorId}: ${stored} is ${wanted} now`;
  // Aggregates say more than the fields that they are kept in.
  const shown = aggregates.length > 0 ? [] : values;
  const fields = [...keys.map((field) => ["key", field] as const), ...shown.map((field) => ["value", field] as const)];
  return [heading, ...fields.map(([part, field]) => `  ${part.padEnd(6)}${fieldText(field)}`), ...aggregates.map(aggregateText)];
}

function aggregateText({ stored, wanted, fate, detail }: AggregateComparison): string {
  switch (fate) {
    case "new":
      return `  ${wanted}: new, starts with ${detail} in groups that exist`;
    case "lost":
      return `  ${stored}: lost (${detail})`;
    case "refused":
      return `  ${wanted}: cannot go on with the state of ${stored} (${detail})`;
    default:
      return `  ${wanted}: ${stored === wanted ? "" : `goes on with the state of ${stored}, `}${fate} (${detail})`;
  }
}

function fieldText({ name, stored, wanted }: FieldComparison): string {
  if (stored === wanted) return `${name}: ${stored}, kept`;
  if (wanted === null) return `${name}: ${stored}, not in the program`;
  if (stored === null) return `${name}: ${wanted}, not in the checkpoint`;
  return `${name}: ${stored} in the checkpoint, ${wanted} in the program`;
}
