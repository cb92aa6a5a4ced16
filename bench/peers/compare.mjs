/** Measures one query in all its systems: starts them, checks their answers, warms them up, then lets them run in turns. */
import { mkdirSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { digestOfLines } from "../harness/digest.mjs";
import { percentile, spread } from "../harness/statistics.mjs";
import { systems } from "./queries.mjs";
import { System } from "./run-system.mjs";

const FILES_PER_BATCH = 2;
const CHECKPOINT_MS = 1000;
const LATENCY_SECONDS = 20;
const LATENCY_ROWS = 1000;
/** A turn is as many runs as fill this time: short runs say little. */
const TURN_SECONDS = 1;
const TURN_RUNS_MAX = 8;

/** `{ query, title, events, settings, systems: [{ system, version, rows, …}] }`; a system that failed has an `error` in place of rows. */
export async function compare(query, input, { systems: wanted, runners, cores, rounds, work, log }) {
  const settings = {
    cores,
    heapMb: Math.min(8192, Math.floor(totalmem() / 2 ** 20 / 4)),
    filesPerBatch: FILES_PER_BATCH,
    checkpointMs: CHECKPOINT_MS,
    rounds,
    sink: query.sink ?? "noop",
  };
  const members = query.systems
    .filter((name) => wanted.includes(name))
    .map((name) => new Member(name, query, input, settings, runners[systems[name].runner], join(work, name)));
  try {
    await Promise.all(members.map((member) => member.try(() => member.start())));
    if (query.kind === "latency") await inTurn(rounds > 0 ? members : [], (member) => member.measureLatency());
    else await measure(members, query, input, rounds);
  } finally {
    await Promise.all(members.map((member) => member.end()));
  }
  for (const { name, error, digest, isWrong } of members)
    if (!error) log(`  ${name}: answer ${isWrong ? "WRONG " : ""}${digest ?? "none"}`);
  const { name, title, goals } = query;
  return {
    query: name,
    title,
    kind: query.kind ?? "throughput",
    goals,
    events: input?.events ?? LATENCY_ROWS,
    settings,
    systems: members.map((member) => member.result()),
  };
}

async function measure(members, query, input, rounds) {
  await Promise.all(members.map((member) => member.try(() => member.check(query.answer, input.lastMs))));
  judge(members.filter(({ name }) => !query.unchecked?.includes(name)));
  if (rounds > 0) await inTurn(members, (member) => member.warmUp());
  for (let round = 0; round < rounds; round++)
    await inTurn(round % 2 === 0 ? members : members.toReversed(), (member) => member.takeTurn());
}

async function inTurn(members, work) {
  for (const member of members) await member.try(() => work(member));
}

/** The answer that most systems give is right; others are marked. Two against two is nobody's word: then DuckDB's, which is listed last. */
function judge(members) {
  const votes = new Map();
  for (const { digest } of members) if (digest !== undefined) votes.set(digest, (votes.get(digest) ?? 0) + 1);
  const most = Math.max(...votes.values());
  const right = members.findLast(({ digest }) => votes.get(digest) === most)?.digest;
  for (const member of members) if (member.digest !== undefined) member.isWrong = member.digest !== right;
}

class Member {
  rows = [];
  #system;
  #query;
  #input;
  #spec;
  #runner;

  constructor(name, query, input, settings, runner, work) {
    this.name = name;
    this.#query = query;
    this.#input = input;
    this.#runner = runner;
    this.#spec = {
      ...settings,
      cores: systems[name].cores ?? settings.cores,
      state: systems[name].state ?? "memory",
      program: query.program,
      form: query.read ?? query.form ?? null,
      data: input?.data,
      sides: input?.sides,
      answer: join(work, "answer"),
      work,
      rowsPerBatch: LATENCY_ROWS,
      latencySeconds: LATENCY_SECONDS,
    };
  }

  /** What fails puts this system out of the race and keeps the reason. */
  async try(work) {
    if (this.error) return;
    try {
      await work();
    } catch (error) {
      this.error = error.message;
    }
  }

  async start() {
    if (this.#runner.missing) throw new Error(this.#runner.missing);
    mkdirSync(this.#spec.work, { recursive: true });
    this.#system = new System(this.#runner, this.#spec, join(this.#spec.work, "log"));
    this.version = await this.#system.ready();
  }

  async check(kind, lastMs) {
    const { digest } = await this.#system.ask("check");
    this.digest = digest ?? digestOfLines(answerLines(readFileSync(this.#spec.answer, "utf8"), kind, lastMs));
  }

  async warmUp() {
    await this.#system.ask("run");
    this.#system.forgetPeak();
  }

  async takeTurn() {
    const costs = [];
    do costs.push(await this.#runOnce());
    while (costs.length < TURN_RUNS_MAX && sum(costs, "seconds") < TURN_SECONDS);
    this.rows.push({
      events: this.#input.events,
      seconds: sum(costs, "seconds") / costs.length,
      cpuSeconds: sum(costs, "cpuSeconds") / costs.length,
      peakBytes: Math.max(...costs.map(({ peakBytes }) => peakBytes ?? this.#system.peakBytes())),
      digest: this.digest,
    });
  }

  async #runOnce() {
    const cost = await this.#system.ask("run");
    if (cost.events !== undefined && cost.events !== this.#input.events)
      throw new Error(`read ${cost.events} events of ${this.#input.events}`);
    return cost;
  }

  async measureLatency() {
    const { triggerMs } = await this.#system.ask("latency");
    const [p50, p99] = [50, 99].map((percent) => percentile(triggerMs, percent));
    this.rows.push({
      events: this.#spec.rowsPerBatch,
      triggers: triggerMs.length,
      p50Ms: p50,
      p99Ms: p99,
      peakBytes: this.#system.peakBytes(),
    });
  }

  async end() {
    await this.#system?.end();
  }

  result() {
    const shared = { suite: this.#query.name, system: this.name, version: this.version, isWrong: this.isWrong };
    if (this.error) return { ...shared, error: this.error };
    const figures = this.#query.kind === "latency" || this.rows.length === 0 ? {} : throughput(this.rows);
    return { ...shared, ...figures, rows: this.rows };
  }
}

const sum = (list, key) => list.reduce((total, each) => total + each[key], 0);

const throughput = (rows) => ({
  millionPerSecond: spread(rows.map(({ events, seconds }) => events / seconds / 1e6)),
  millionPerCpuSecond: spread(rows.map(({ events, cpuSeconds }) => events / cpuSeconds / 1e6)),
  peakMb: spread(rows.map(({ peakBytes }) => peakBytes / 2 ** 20)),
});

/** The lines that count: of closed windows only, or with counts summed over windows. */
function answerLines(text, kind, lastMs) {
  const lines = text.split("\n").filter((line) => line !== "");
  if (kind === "closed") return lines.filter((line) => Number(line.split(",")[0]) + 10_000 <= lastMs - 4000);
  if (kind !== "sum") return lines;
  const sums = new Map();
  for (const [key, , value] of lines.map((line) => line.split(","))) sums.set(key, (sums.get(key) ?? 0) + Number(value));
  return [...sums].map((pair) => pair.join(","));
}
