/**
 * Finds the places of the commit protocol where one line makes the difference, and the bug that each would be: a sync that is left out, a link
 * that overwrites, a check that is skipped, steps in another order. Pure: compiled sources in, edits out. The edits of single places are
 * in `edits.ts`; used by `mutation.test.ts`.
 */
import { EDITS } from "./edits.ts";

/** One edit of one compiled file. */
export interface Mutant {
  /** File, bug and occurrence; unique. */
  readonly name: string;
  /** Relative to the compiled `src`. */
  readonly file: ProtocolFile;
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

/** Files of the protocol, each with the tests of its own that look for what no life of a query shows. */
export const PROTOCOL_FILES = {
  "base/durable-directory.js": ["checkpoint/checkpoint", "checkpoint/power-loss"],
  "base/node-ports.js": ["base/node-ports"],
  "base/sealed-text.js": ["connectors/compactible-log", "state/state-metadata"],
  "checkpoint/atomic-file.js": ["checkpoint/checkpoint", "checkpoint/power-loss"],
  "checkpoint/checkpoint-lock.js": ["checkpoint/checkpoint.test", "checkpoint/power-loss"],
  "checkpoint/checkpoint.js": ["checkpoint/", "coordinator/crash-recovery"],
  "checkpoint/copy-checkpoint.js": ["checkpoint/backup"],
  "checkpoint/log-file.js": ["checkpoint/checkpoint.test", "checkpoint/log-file"],
  "checkpoint/log-store.js": ["checkpoint/power-loss"],
  "checkpoint/metadata-log.js": ["checkpoint/"],
  "checkpoint/offset-log.js": ["checkpoint/checkpoint.test"],
  "checkpoint/operator-metadata.js": ["state/state-metadata", "stream/state-migration"],
  "checkpoint/query-metadata.js": ["checkpoint/checkpoint.test"],
  "checkpoint/rollback-checkpoint.js": ["checkpoint/prepared-commit", "checkpoint/rollback"],
  "checkpoint/state-files.js": ["checkpoint/checkpoint", "sim/redo", "coordinator/crash-recovery"],
  "connectors/file/compactible-log.js": ["connectors/compactible-log"],
  "connectors/file/file-sink.js": ["connectors/file-sink"],
  "connectors/file/file-writer.js": ["connectors/file-sink"],
  "connectors/file/sink-manifest.js": ["connectors/file-sink"],
  "connectors/memory/memory-sink.js": ["connectors/memory"],
  "connectors/rate/rate-source.js": ["connectors/rate"],
  "coordinator/async-progress.js": ["coordinator/async-progress", "stream/async-progress"],
  "coordinator/background-snapshots.js": ["coordinator/background-snapshots"],
  "coordinator/batch-decision.js": ["coordinator/batch-decision"],
  "coordinator/batch-execution.js": [
    "coordinator/micro-batch-execution",
    "coordinator/fencing",
    "coordinator/crash-recovery",
    "sim/chunks-behind-log",
    "sim/cold-chunks",
  ],
  "coordinator/loaded-query.js": ["sim/redo"],
  "coordinator/micro-batch-execution.js": ["coordinator/micro-batch-execution"],
  "coordinator/query-recovery.js": ["coordinator/"],
  "coordinator/stage-runner.js": ["sim/power-loss-states"],
  "state/chunk-loader.js": ["state/chunk-store", "state/cold-chunks"],
  "state/chunk-stager.js": ["state/chunk-store"],
  "state/chunk-value.js": ["state/chunk-value"],
  "state/chunk-writer.js": ["state/chunk-store"],
  "state/cold-chunks.js": ["state/cold-chunks", "state/chunk-store", "sim/cold-chunks"],
  "state/frame-migration.js": ["state/frame-migration"],
  "state/state-file-check.js": ["state/state-file"],
  "state/state-file.js": ["state/state-file", "state/frame-migration"],
  "state/state-metadata.js": ["state/state-metadata", "stream/state-migration"],
  "state/state-migration.js": ["state/frame-migration", "stream/state-migration"],
  "worker/chunk-stores.js": ["state/chunk-store"],
  "worker/query-instance.js": ["sim/power-loss-states", "coordinator/crash-recovery"],
  "worker/query-state.js": ["state/state-file", "coordinator/crash-recovery"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ProtocolFile = keyof typeof PROTOCOL_FILES;

interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  readonly to: string;
  readonly files?: RegExp;
}

/** What raises an error; not of arguments of the program. */
const RAISING = String.raw`(?:throw (?!new (?:Analysis|IllegalArgument)Error|cause)[^]*?;(?=\n)|(?:this|reader)\.corrupt\([^;]*\);|corrupt\([^;]*\);)`;

/** Every match of these is a mutant. */
const RULES: readonly Rule[] = [
  {
    what: "a sync is left out",
    pattern: /(?<![\w.#])[\w.#]+\.(?:sync|syncDirectory|syncDirectorySync)\((?:[^()]|\([^()]*\))*\)/g,
    to: "undefined",
  },
  { what: "a sync is left out", pattern: /\b(?:fdatasync|fsync)(?:Async|Sync)\([^()]*\)/g, to: "undefined" },
  { what: "a link overwrites", pattern: /files\.link\(/g, to: "files.rename(" },
  { what: "a link overwrites", pattern: /linkAsync\(from/g, to: "renameAsync(from", files: /node-ports/ },
  { what: "a new file overwrites", pattern: /"wx"/g, to: '"w"', files: /node-ports/ },
  { what: "the owner is not checked", pattern: /await (?:this|checkpoint)\.checkOwner\(\)/g, to: "undefined" },
  {
    what: "an error is not raised",
    pattern: new RegExp(String.raw`(?<=^ +)if \([^\n]*\)\s+(?:${RAISING}|\{\s+${RAISING}\s+\}(?=\n))`, "gm"),
    to: ";",
    files:
      /sealed|atomic-file|checkpoint-lock|log-file|query-metadata|rate-source|state-file|state-metadata|compactible-log|file-sink|chunk-writer|chunk-loader|cold-chunks/,
  },
  { what: "what failed is not undone", pattern: /await undo\([^;]*\)/g, to: "undefined", files: /batch-execution/ },
];

/** All mutants of the compiled sources; throws when an edit has lost its place. */
export function findMutants(read: (file: ProtocolFile) => string): readonly Mutant[] {
  const found = (Object.keys(PROTOCOL_FILES) as ProtocolFile[]).flatMap((file) => {
    const text = read(file);
    return [...matches(file, text), ...edited(file, text)];
  });
  const twice = found.find(({ name }, index) => found.findIndex((other) => other.name === name) !== index);
  if (twice) throw new Error(`two mutants are called ${twice.name}`);
  return found;
}

function matches(file: ProtocolFile, text: string): readonly Mutant[] {
  const seen = new Map<string, number>();
  return RULES.filter(({ files }) => files?.test(file) ?? true).flatMap(({ what, pattern, to }) =>
    [...text.matchAll(pattern)].map((match) => {
      const [from] = match;
      const name = `${file}: ${what}: ${from.replace(/\s+/g, " ").slice(0, 100)}`;
      const occurrence = seen.get(name) ?? 0;
      seen.set(name, occurrence + 1);
      return { name: occurrence === 0 ? name : `${name} (${occurrence})`, file, at: match.index, from, to };
    }),
  );
}

function edited(file: ProtocolFile, text: string): readonly Mutant[] {
  return Object.entries(EDITS[file] ?? {}).map(([what, [from, to]]) => {
    const at = text.indexOf(from);
    if (at < 0) throw new Error(`no place for the bug "${what}" in ${file}: ${from}`);
    return { name: `${file}: ${what}`, file, at, from, to };
  });
}

export function applyMutant(text: string, { at, from, to }: Mutant): string {
  return text.slice(0, at) + to + text.slice(at + from.length);
}
