/**
 * Preloaded into every thread of a process (`node --import`), so that its workers die as a test asks. MILLRACE_TEST_WORKER_FAULT is JSON:
 * `how` they die, before which `command`, from the `at`-th of its kind in a thread's life on, how many `deaths` in all, and an empty
 * `directory` in which the threads count the deaths together.
 */
import { mkdirSync } from "node:fs";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";

const { how, command, at, deaths, directory } = JSON.parse(process.env.MILLRACE_TEST_WORKER_FAULT);

if (isMainThread) terminateWorkersThatAsk();
else await sabotage();

function terminateWorkersThatAsk() {
  const workers = new Map();
  process.on("worker", (worker) => workers.set(worker.threadId, worker));
  const channel = new BroadcastChannel("terminate");
  channel.onmessage = ({ data }) => void workers.get(data)?.terminate();
  channel.unref();
}

async function sabotage() {
  let takeSegment;
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const instance = new Instance(module, imports);
    takeSegment = instance.exports.segment_alloc ?? takeSegment;
    return instance;
  };

  const die = {
    exit: () => process.exit(7),
    throw: () => {
      // Outside of any command: the worker is about to wait for the next one.
      Atomics.wait = () => {
        throw new Error("thrown outside of a command");
      };
    },
    terminate: () => {
      new BroadcastChannel("terminate").postMessage(threadId);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    },
    // Generated code that never returns: (func (loop br 0)).
    loop: () => {
      const code = [
        0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11,
      ];
      new Instance(new WebAssembly.Module(new Uint8Array(code)), {}).exports.f();
    },
    "out-of-memory": () => {
      for (let pages = 32_768; pages >= 1; pages /= 2) while (takeSegment(pages) !== 0);
    },
  };

  const { WorkerRuntime } = await import("../../dist/worker/runtime.js");
  const { handle } = WorkerRuntime.prototype;
  let seen = 0;
  WorkerRuntime.prototype.handle = function (given) {
    if (given.kind === command && ++seen >= at && isOneMoreDeath()) die[how]();
    return handle.call(this, given);
  };
}

function isOneMoreDeath() {
  for (let death = 0; death < deaths; death++) {
    try {
      mkdirSync(`${directory}/${death}`);
      return true;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  return false;
}
