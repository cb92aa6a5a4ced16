/** A system under measurement: one process that lives through all runs of one query. Its clock and memory are read from outside, for all alike. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const TICKS_PER_SECOND = 100;

export class System {
  #child;
  #lines;
  #log;
  /** The process that does the work: of Spark the JVM, not the Python that drives it. */
  #pid;

  /** Starts `runner`; what it prints beside answers goes to the file `log`. */
  constructor({ command, args, takesHeap }, spec, log) {
    this.#log = log;
    const file = openSync(log, "w");
    const heap = takesHeap ? [`-Xmx${spec.heapMb}m`] : [];
    this.#child = spawn(command, [...heap, ...args, JSON.stringify(spec)], { stdio: ["pipe", "pipe", file], cwd: spec.work });
    closeSync(file);
    this.#child.stdin.on("error", () => {});
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Waits until it is up. */
  async ready() {
    const { pid, version } = await this.#answer();
    this.#pid = pid;
    return version;
  }

  /** The answer to a command, with the CPU seconds that the process took for it. */
  async ask(command) {
    const before = this.#cpuSeconds();
    this.#child.stdin.write(`${command}\n`);
    const answer = await this.#answer();
    return { cpuSeconds: this.#cpuSeconds() - before, ...answer };
  }

  /** Lets the peak begin anew. */
  forgetPeak() {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, "5");
  }

  peakBytes() {
    return 1024 * Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8"))[1]);
  }

  async end() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.on("exit", resolve));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }

  async #answer() {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`ended without an answer: ${reasonIn(readFileSync(this.#log, "utf8"))}`);
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }

  #cpuSeconds() {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, "utf8").split(")").at(-1).trim().split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
}

/** The innermost error of a log, or its end. */
function reasonIn(text) {
  const lines = text.trim().split("\n");
  return lines.findLast((line) => /^Caused by:|^\w*(?:Error|Exception)\b/.test(line)) ?? lines.at(-1);
}
