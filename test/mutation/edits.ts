/** Bugs of order, of names and of decisions in the commit protocol, by compiled file. */
import type { ProtocolFile } from "./mutants.ts";

/** By bug: what is in the file, and what takes its place. */
export const EDITS: Readonly<Partial<Record<ProtocolFile, Readonly<Record<string, readonly [from: string, to: string]>>>>> = {
  "base/sealed-text.js": { "the checksum is not compared": ["match[1] === checksum(text)", "true"] },
  "checkpoint/atomic-file.js": {
    "names of temporary files are used again": [".${name}.${this.#ports.random.uuid()}", ".${name}"],
    "a failed sync is tried again": [
      "await write();",
      'await write().catch((error) => (error.code === "EIO" ? undefined : Promise.reject(error)));',
    ],
    "a failed sync poisons nothing": ["this.#poison = new", "const poison = new"],
  },
  "base/node-ports.js": {
    "a new file is not durable": [" | constants.O_DSYNC", ""],
  },
  "checkpoint/checkpoint-lock.js": {
    "the epoch does not rise": ["(epochs.at(-1) ?? -1) + 1", "epochs.at(-1) ?? 0"],
    "an earlier epoch stays": ["for (const earlier of epochs)", "for (const earlier of [])"],
  },
  "checkpoint/copy-checkpoint.js": {
    "a copy is not checked": ["if (problems.length > 0)", "if (false)"],
    "the directories above a copy may go": ["await makeDurableDirectory(files, dirname(to));", "await files.makeDirectory(dirname(to));"],
    "what failed stays": ["await files.remove(place)", "await Promise.resolve()"],
  },
  "checkpoint/checkpoint.js": {
    "the sweep takes what is listed": ["if (listed.has(file.slice(this.path.length + 1)))", "if (false)"],
    "a prepared record is adopted whatever its files are": ["(await this.#state.areWhole(own?.files ?? [])) ? record : null", "record"],
  },
  "checkpoint/offset-log.js": {
    "the session's settings win over those of the checkpoint": [
      "merged.set(key, logged[key])",
      "if (!merged.has(key)) merged.set(key, logged[key])",
    ],
  },
  "checkpoint/operator-metadata.js": {
    "a schema counts before a batch does": ["committedSchema ?? Math.max", "Math.max"],
    "state is lost without consent": ["agreement.losses.length > 0 && !mayLose", "false"],
  },
  "checkpoint/rollback-checkpoint.js": {
    "the oldest batch goes first": [".sort((a, b) => b - a)", ".sort((a, b) => a - b)"],
    "offsets go before their commit": ["await commits.remove(id);", "await offsets.remove(id);"],
    "whether the state is there is not asked": ["await checkpoint.stateStart(batchId);", ""],
  },
  "checkpoint/state-files.js": {
    "what the older snapshot needs is purged": ["batchId <= before)", "batchId <= before + 3)"],
    "changes are redone in another order": [".filter(isAfter)", ".filter(isAfter).reverse()"],
    "an index is written again": ["if (this.#newIndex?.lastBatch === lastBatch)", "if (false)"],
    "changes after a snapshot are left out": ["batchId > snapshot.batchId", "batchId > snapshot.batchId + 1"],
  },
  "connectors/file/file-sink.js": {
    "a batch is published twice": ["batch.batchId <= (await this.#log.latest())", "false"],
    "what lookup finds is not made durable": ["await makeDurable(this.#files, join(this.#directory, MANIFEST_DIRECTORY));", ";"],
    "only its own entry tells whose batch it is": [" ?? (await this.#receipt(await this.#log.latest()))", ""],
    "any query's receipt counts": ["receipt?.queryId !== this.#queryId", "receipt === null || receipt === undefined"],
  },
  "connectors/file/compactible-log.js": {
    "a source goes on beyond the end of its log": ["(await this.latest()) < id", "false"],
    "a log may begin anywhere": ["(firstEntry ?? Math.min(...numbers))", "Math.min(...numbers)"],
  },
  "connectors/file/sink-manifest.js": {
    "another query's output is taken back": ["newest.queryId !== queryId", "false"],
    "what a compact file holds together is taken back": ["!(await manifest.reachesBackTo(batchId))", "false"],
  },
  "connectors/memory/memory-sink.js": {
    "a batch is added twice": ["batchId <= this.latestBatchId", "false"],
  },
  "coordinator/async-progress.js": {
    "more is logged after a write that failed": ["(this.#failure ? undefined : work())", "work()"],
    "a write that failed is forgotten": ["this.#failure ??= { error };", ";"],
    "the end does not wait for what is logged": ["await this.#writes;", ";"],
  },
  "coordinator/background-snapshots.js": {
    "a chunk is said to hold what is committed when it is written": ["batchId: covered", "batchId: this.#committedBatch"],
    "a batch waits for every slice": ["|| this.#isBatchRunning", ""],
  },
  "coordinator/batch-decision.js": {
    "a committed attempt is run again": ["sinkAttempt !== null && isAttemptAdoptable", "false"],
    "whatever the sink holds is adopted": ["sinkAttempt !== null && isAttemptAdoptable", "sinkAttempt !== null"],
    "an uncommitted batch is skipped": ["newestCommit === newest", "newestCommit >= newest - 1"],
  },
  "coordinator/batch-execution.js": {
    "the prepared record is written after the sink's commit": [
      "checkpoint.prepareCommit(prepared, sink.remembersCommits ?? true)",
      "sink.commit(attempt, ran.sink).then(() => checkpoint.prepareCommit(prepared, sink.remembersCommits ?? true))",
    ],
    "the batch is committed before the sink has it": [
      "await publish(parts, attempt, prepared.output);",
      "await checkpoint.commit(prepared.record);",
    ],
    "the sink commits before the change files are durable": ["runner.sync(ran),", "ran,"],
    "the sink commits before the offsets are durable": ["await isPlanned;", ""],
    "the first batch writes state before its offsets are durable": ["batchId === 0 ? isPlanned : DONE", "DONE"],
    "a new attempt starts from the state of the failed one": ["if (tries > 1)", "if (false)"],
    "workers forget beside the commit record": ['await reporter.time("commitOffsets"', 'void reporter.time("commitOffsets"'],
    "an error of a commit is taken for success": ["held !== attempt.attempt", "held === undefined"],
    "an error of a commit is taken for failure": ["if (held === null)", "if (true)"],
    "what a failed sync left is taken for published": ["|| isNotDurable(error)", ""],
    "the sink commits before the prepared record is durable": ["checkpoint.prepareCommit(", "void checkpoint.prepareCommit("],
    "a batch that met damage is not run again": ["isWorkerDeath(error) || isDamagedCopy(error)", "isWorkerDeath(error)"],
  },
  "coordinator/loaded-query.js": {
    "changes are written after the first merge": [".findLast(({ input })", ".find(({ input })"],
    "nobody waits for the change files": ["Math.max(...(await this.#synced))", "0"],
  },
  "coordinator/micro-batch-execution.js": {
    "offsets are written when the batch has run": [
      "await checkpoint.addOffsets(record);",
      "queueMicrotask(() => void checkpoint.addOffsets(record));",
    ],
    "sources forget a batch before it is committed": [
      "await this.#forgetBefore(record.batchId, committed);",
      "await this.#forgetBefore(record.batchId, record.offsets);",
    ],
  },
  "coordinator/query-recovery.js": {
    "a batch that runs again takes the watermark of the one before": [
      "watermarkMs: rerun.batchWatermarkMs",
      "watermarkMs: previous?.batchWatermarkMs ?? 0",
    ],
    "the watermark of the commit is forgotten": [
      "Math.max(offsets.batchWatermarkMs, commit.nextBatchWatermarkMs)",
      "offsets.batchWatermarkMs",
    ],
    "the late watermark is that of the next batch": [
      "lateWatermarkMs: offsets.batchWatermarkMs",
      "lateWatermarkMs: Math.max(offsets.batchWatermarkMs, commit.nextBatchWatermarkMs)",
    ],
    "state is loaded one batch too old": [
      "await restoreState(checkpoint, runner, batchId);",
      "await runner.restore({ ...(await checkpoint.stateStart(batchId)), changes: (await checkpoint.stateStart(batchId)).changes.slice(0, -1) });",
    ],
  },
  "state/chunk-loader.js": {
    "the checksum of a chunk is not compared": ['return "its checksum is wrong"', ""],
  },
  "state/chunk-stager.js": {
    "chunks of tables that are gone stay": ["slice.removed.push(...this.#ofGoneTables());", ""],
    "a chunk that was split stays": ["this.#retired.push({ ...name, code: parent })", ""],
    "a chunk is removed that came again": [".filter((name) => !this.#codesOf(name).has(name.code))", ""],
  },
  "state/chunk-value.js": {
    "the length of a chunk is not compared": ["view.getUint32(12, true) !== value.length - CHUNK_HEADER_BYTES", "false"],
    "the checksum beside a chunk is not that of the chunk": ["view.getUint32(8, true) === checksum", "true"],
    "the sum over chunks does not know their names": ["crc32c(seal, crc32c(key))", "crc32c(seal)"],
  },
  "state/chunk-writer.js": {
    "a store ahead of the commits is trusted": ["version.newestBatchId > committedBatch ||", ""],
    "a store behind the change files is trusted": ["|| version.batchId < oldestBatch", ""],
    "a start that died of the store tries it again": ["this.discard();\n            return null;", ""],
    "a failed sync is ignored": ["file.sync();", "try { file.sync(); } catch {}"],
  },
  "state/cold-chunks.js": {
    "the checksum of a chunk that stayed behind is not compared": ['"its checksum is wrong"', "null"],
    "a chunk that has changed is not written again": [
      "if (this.#isReadOnly)\n            this.#images.set",
      "if (true)\n            this.#images.set",
    ],
    "images are trusted when the state may change": ["this.#images.clear();", ""],
    "the next start does not hear of damage": ["this.#markDamaged(", "void ("],
  },
  "state/frame-migration.js": {
    "a step of the way is left out": ["entries.get(chain[step + 1].schema)", "entries.get(chain.at(-1).schema)"],
    "a new aggregate begins with 0": ["if (value === null)", "if (false)"],
  },
  "state/state-migration.js": {
    "an aggregate is any aggregate": ["candidate[name] === aggregate[name]", "true"],
    "an aggregate is found twice": ["left.delete(partner)", ""],
    "aggregates in other places are left where they are": ["isEverywhere && isInPlace &&", "isEverywhere &&"],
    "numbers that are rounded are wider": ['digits <= DIGITS["integer"]', 'digits <= DIGITS["long"]'],
    "digits behind the point are lost": ["const power = to.scale - scale", "const power = 0"],
  },
  "worker/query-instance.js": {
    "changes are not made durable": ["this.#state?.sync() ?? 0", "0"],
    "a batch marks rows as the one before did": [": this.#epoch + 1", ": this.#epoch || 1"],
  },
  "worker/query-state.js": {
    "a failed sync is ignored": ["changes.file.sync();", "try { changes.file.sync(); } catch {}"],
    "changes are left out now and then": [
      'read("changes", file, batchId);',
      '{ if (batchId % 5 === 4) continue; read("changes", file, batchId); }',
    ],
    "changes that the chunks hold are left out, and one more": ["batchId > chunksBatch", "batchId > chunksBatch + 1"],
    "names of change files are used again": ["-${this.#workerIndex}-${attempt}`", "-${this.#workerIndex}-again`"],
  },
};
