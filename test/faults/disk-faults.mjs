/**
 * Preloaded into every thread of a process (`node --import`), so that its disk fails when a test asks: the `n`-th call that changes something
 * on disk, counted over all threads, fails with ENOSPC (after half of the bytes, if it is a write), or EIO when it is to make something
 * durable. On the main thread `globalThis.diskFault` arms it.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

if (isMainThread) setEnvironmentData("disk-faults", new Int32Array(new SharedArrayBuffer(8)));
/** Calls to go before the one that fails; 0: none will. Then whether it was to create a file. */
const countdown = getEnvironmentData("disk-faults");

globalThis.diskFault = {
  arm: (call) => void Atomics.store(countdown, 0, call),
  /** Returns whether the call came, and whether it was to create a file. */
  disarm: () => ({ wasHit: Atomics.exchange(countdown, 0, 0) === 0, wasOpen: Atomics.exchange(countdown, 1, 0) === 1 }),
};

const isTurn = () => Atomics.load(countdown, 0) > 0 && Atomics.sub(countdown, 0, 1) === 1;

function failure(syscall) {
  Atomics.store(countdown, 1, syscall === "open" ? 1 : 0);
  const isSync = syscall === "fsync" || syscall === "fdatasync";
  const [code, text] = isSync ? ["EIO", "i/o error"] : ["ENOSPC", "no space left on device"];
  return Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, syscall, errno: isSync ? -5 : -28 });
}

const isChange = { open: (_path, flags) => flags === "wx" || (flags & fs.constants.O_EXCL) !== 0 };

for (const syscall of ["open", "write", "fdatasync", "fsync", "link", "mkdir"]) {
  const applies = isChange[syscall] ?? (() => true);
  const blocking = fs[`${syscall}Sync`];
  fs[`${syscall}Sync`] = (...given) => {
    if (!applies(...given) || !isTurn()) return blocking(...given);
    if (syscall === "write") blocking(given[0], given[1], given[2], given[3] >> 1);
    throw failure(syscall);
  };
  const original = fs[syscall];
  fs[syscall] = (...given) => {
    if (!applies(...given) || !isTurn()) return original(...given);
    const callback = given.at(-1);
    if (syscall !== "write") return void setImmediate(callback, failure(syscall));
    return original(given[0], given[1], given[2], given[3] >> 1, given[4], () => callback(failure(syscall)));
  };
  Object.defineProperties(fs[syscall], Object.getOwnPropertyDescriptors(original));
}
syncBuiltinESMExports();
