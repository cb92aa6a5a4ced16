/**
 * Finds the places of the commit protocol where one line makes the difference, and the bug that each would be: a sync that is left out, a link that
 * overwrites, a check that is skipped, steps in another order. Pure: sources in, edits out.
 */

/** One edit of one compiled file. */
export interface Mutant {
  readonly name: string;
  /** Relative to the compiled `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Which occurrence of `from`, from 0. */
  readonly occurrence: number;
}

/** Files of the protocol. */
const PROTOCOL_FILES = [
  "base/durable-directory.js",
  "base/sealed-text.js",
  "checkpoint/atomic-file.js",
  "checkpoint/checkpoint-lock.js",
  "checkpoint/checkpoint.js",
  "checkpoint/log-file.js",
  "checkpoint/log-store.js",
  "checkpoint/metadata-log.js",
  "checkpoint/state-files.js",
  "connectors/file/compactible-log.js",
  "connectors/file/file-sink.js",
  "connectors/file/file-writer.js",
  "coordinator/batch-decision.js",
  "coordinator/batch-execution.js",
  "coordinator/query-recovery.js",
  "coordinator/micro-batch-execution.js",
  "coordinator/stage-runner.js",
  "state/state-file.js",
  "worker/query-state.js",
] as const;

interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  readonly to: (match: string) => string;
  readonly files: RegExp;
}

/** Every match of these in the files is a mutant. */
const RULES: readonly Rule[] = [
  {
    what: "a sync is left out",
    pattern: /^ +(?:await )?[\w.#]+\.(?:sync|syncDirectory|syncDirectorySync)\([^;]*\);$/gm,
    to: () => ";",
    files: /./,
  },
  {
    what: "a sync beside another call is left out",
    pattern: /(?<=, )files\.syncDirectory\(directory\)/g,
    to: () => "undefined",
    files: /./,
  },
  { what: "a link overwrites", pattern: /files\.link\(/g, to: () => "files.rename(", files: /./ },
  {
    what: "the owner is not checked",
    pattern: /^ +await (?:this|checkpoint)\.checkOwner\(\);$/gm,
    to: () => ";",
    files: /./,
  },
  {
    what: "an error is not raised",
    pattern:
      /(?<=^ +)if \([^\n]*\)\s+(?:throw (?!new (?:Analysis|IllegalArgument)Error)[^;]+;|this\.corrupt\([^;]*\);|corrupt\([^;]*\);)/gm,
    to: () => ";",
    files:
      /^(?:base\/sealed|checkpoint\/(?:atomic-file|checkpoint-lock|log-file)|state\/state-file|connectors\/file\/(?:compactible-log|file-sink))/,
  },
  {
    what: "what failed is not undone",
    pattern: /^ +(?:if \([^\n]*\)\s+)?await undo\([^;]*\);$/gm,
    to: () => ";",
    files: /batch-execution/,
  },
];

/** Bugs of order, of names and of decisions. */
const EDITS: readonly Omit<Mutant, "occurrence">[] = [
  edit(
    "the prepared record is written after the sink's commit",
    "coordinator/batch-execution.js",
    "await checkpoint.prepareCommit(record, sink.remembersCommits ?? true);",
    "await sink.commit(attempt, output.sink); await checkpoint.prepareCommit(record, sink.remembersCommits ?? true);",
  ),
  edit(
    "the batch is committed before the sink has it",
    "coordinator/batch-execution.js",
    'failpoint("before-sink-commit");',
    "await checkpoint.commit(record); return record;",
  ),
  edit("a new attempt starts from the state of the failed one", "coordinator/batch-execution.js", "if (tries > 1)", "if (false)"),
  edit("an error of a commit is taken for success", "coordinator/batch-execution.js", "held !== attempt.attempt", "held === undefined"),
  edit("an error of a commit is taken for failure", "coordinator/batch-execution.js", "if (held === null)", "if (true)"),
  edit("a committed attempt is run again", "coordinator/batch-decision.js", "sinkAttempt !== null && isAttemptAdoptable", "false"),
  edit(
    "whatever the sink holds is adopted",
    "coordinator/batch-decision.js",
    "sinkAttempt !== null && isAttemptAdoptable",
    "sinkAttempt !== null",
  ),
  edit("an uncommitted batch is skipped", "coordinator/batch-decision.js", "newestCommit === newest", "newestCommit >= newest - 1"),
  edit(
    "a batch that runs again takes the watermark of the one before",
    "coordinator/query-recovery.js",
    "watermarkMs: rerun.batchWatermarkMs",
    "watermarkMs: previous?.batchWatermarkMs ?? 0",
  ),
  edit(
    "the watermark of the commit is forgotten",
    "coordinator/query-recovery.js",
    "Math.max(offsets.batchWatermarkMs, commit.nextBatchWatermarkMs)",
    "offsets.batchWatermarkMs",
  ),
  edit(
    "the late watermark is that of the next batch",
    "coordinator/query-recovery.js",
    "lateWatermarkMs: offsets.batchWatermarkMs",
    "lateWatermarkMs: Math.max(offsets.batchWatermarkMs, commit.nextBatchWatermarkMs)",
  ),
  edit(
    "state is loaded one batch too old",
    "coordinator/query-recovery.js",
    "await restoreState(checkpoint, runner, batchId);",
    "await runner.restore({ ...(await checkpoint.stateStart(batchId)), changes: (await checkpoint.stateStart(batchId)).changes.slice(0, -1) });",
  ),
  edit(
    "change files are applied twice",
    "worker/query-state.js",
    'this.#read("changes", file, batchId);',
    '{ this.#read("changes", file, batchId); if (batchId % 5 === 4) return; }',
  ),
  edit(
    "names of change files are used again",
    "worker/query-state.js",
    "-${this.#workerIndex}-${attempt}`",
    "-${this.#workerIndex}-again`",
  ),
  edit("names of temporary files are used again", "checkpoint/atomic-file.js", ".${name}.${this.#ports.random.uuid()}", ".${name}"),
  edit(
    "a failed sync is tried again",
    "checkpoint/atomic-file.js",
    "await write();",
    'await write().catch((error) => (error.code === "EIO" ? undefined : Promise.reject(error)));',
  ),
  edit("a failed sync of state is ignored", "state/state-file.js", "this.#file.sync();", "try { this.#file.sync(); } catch {}"),
  edit("the epoch does not rise", "checkpoint/checkpoint-lock.js", "(epochs.at(-1) ?? -1) + 1", "epochs.at(-1) ?? 0"),
  edit(
    "only the next epoch is looked at",
    "checkpoint/checkpoint-lock.js",
    "own !== undefined && next === undefined",
    "next === undefined",
  ),
  edit("the lock is not asked for", "checkpoint/checkpoint-lock.js", "lock === null", "false"),
  edit("the sweep takes what is listed", "checkpoint/checkpoint.js", "if (listed.has(file.slice(this.path.length + 1)))", "if (false)"),
  edit("what the older snapshot needs is purged", "checkpoint/state-files.js", "batchId <= before)", "batchId <= before + 3)"),
  edit(
    "changes after a snapshot are left out",
    "checkpoint/state-files.js",
    "batchId > snapshot.batchId",
    "batchId > snapshot.batchId + 1",
  ),
  edit(
    "a prepared record is adopted whatever its files are",
    "checkpoint/checkpoint.js",
    "(await this.#state.areWhole(own?.files ?? [])) ? record : null",
    "record",
  ),
  edit("the checksum of a log is not compared", "checkpoint/log-file.js", "computed !== stored", "false"),
  edit("the checksum of a text is not compared", "base/sealed-text.js", "match[1] === checksum(text)", "true"),
  edit("the checksum of a frame chain is not compared", "state/state-file.js", "if (seal && (", "if (false && seal && ("),
  edit("a batch is published twice", "connectors/file/file-sink.js", "batch.batchId <= (await this.#log.latest())", "false"),
  edit(
    "what lookup finds is not made durable",
    "connectors/file/file-sink.js",
    "await makeDurable(this.#files, join(this.#directory, MANIFEST_DIRECTORY));",
    ";",
  ),
  edit(
    "any query's receipt counts",
    "connectors/file/file-sink.js",
    "receipt?.queryId !== this.#queryId",
    "receipt === null || receipt === undefined",
  ),
  edit(
    "offsets are written when the batch has run",
    "coordinator/micro-batch-execution.js",
    "await checkpoint.addOffsets(record);",
    "queueMicrotask(() => void checkpoint.addOffsets(record));",
  ),
];

function edit(name: string, file: (typeof PROTOCOL_FILES)[number], from: string, to: string): Omit<Mutant, "occurrence"> {
  return { name, file, from, to };
}

/** All mutants of the compiled sources; throws when an edit has lost its place. */
export function findMutants(read: (file: string) => string): readonly Mutant[] {
  const found: Mutant[] = [];
  for (const file of PROTOCOL_FILES) {
    const text = read(file);
    for (const { what, pattern, to, files } of RULES) {
      if (!files.test(file)) continue;
      for (const match of text.matchAll(pattern)) {
        const [from] = match;
        const before = text.slice(0, match.index);
        found.push({
          name: `${what}: ${from.trim().replace(/\s+/g, " ").slice(0, 100)}`,
          file,
          from,
          to: to(from),
          occurrence: before.split(from).length - 1,
        });
      }
    }
  }
  for (const each of EDITS) {
    if (!read(each.file).includes(each.from)) throw new Error(`no place for the bug "${each.name}" in ${each.file}: ${each.from}`);
    found.push({ ...each, occurrence: 0 });
  }
  return found;
}

export function applyMutant(text: string, { from, to, occurrence }: Mutant): string {
  let at = -1;
  for (let seen = 0; seen <= occurrence; seen++) at = text.indexOf(from, at + 1);
  return text.slice(0, at) + to + text.slice(at + from.length);
}
