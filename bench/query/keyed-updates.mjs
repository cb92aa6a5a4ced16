/**
 * Updates of keyed state by themselves: an 8-byte key, a count and a sum in a state store, from a loop in a module of its own that calls the kernels as
 * generated code does; touched ahead, committed every million. One thread, no query, nothing durable. The answer is the sum over all rows.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { ROW_HASH, ROW_NEXT } from "../../dist/columnar/memory-layout.js";
import { rowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../../dist/columnar/row-layout.js";
import { LongType } from "../../dist/columnar/types.js";
import { compileKernels, createMemory, instantiateKernels } from "../../dist/kernels/load.js";
import { timed } from "../harness/engine.mjs";

const UPDATES = 8_000_000;
const ROUNDS = 4;
const COMMIT_ROWS = 1_000_000;
/** Rows of a call, which are prepared first, as a block of an exchange is. */
const BLOCK_ROWS = 8000;
const KEY_STRIDE = 1_000_003n;

const layout = rowLayout(
  [{ name: "k", dataType: LongType }],
  ["count", "sum"].map((name) => ({ name, dataType: LongType })),
);
const [keyAt, countAt, sumAt] = [layout.keys[0], ...layout.values].map(({ offset }) => offset);

const LOOP = `
@external("kernels", "store_upsert") declare function store_upsert(state: usize, row: usize, base: usize): usize;
@external("kernels", "store_touch") declare function store_touch(state: usize, row: usize, end: usize): usize;
export function run(state: usize, rows: usize, rowBytes: u32, keys: usize, from: u32, to: u32): void {
  const end = rows + rowBytes * (to - from);
  let row = rows;
  for (let i = from; i < to; i++, row += rowBytes) {
    const key = load<u64>(keys + 8 * i);
    store<u64>(row, key, ${keyAt});
    let h: u32 = <u32>key * 0xcc9e2d51 ^ <u32>(key >> 32);
    h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; h ^= h >> 16;
    store<u32>(row, h, ${ROW_HASH});
    store<u32>(row, rowBytes, ${ROW_NEXT});
  }
  let touched = rows;
  row = rows;
  for (let i = from; i < to; i++, row += rowBytes) {
    if (row >= touched) touched = store_touch(state, row, end);
    const found = store_upsert(state, row, 0);
    store<i64>(found, load<i64>(found, ${countAt}) + 1, ${countAt});
    store<i64>(found, load<i64>(found, ${sumAt}) + <i64>i, ${sumAt});
  }
}`;

export const suite = {
  name: "keyed-updates",
  group: "state",
  title: "Keyed updates in a state store, 1 M and 10 M live keys, million updates per CPU-second",
  kind: "latency",
  isForOneWorker: true,
  events: 10_000_000,
  about: { source: "keys in memory", sink: "none", checkpoint: "none", rate: "no event time" },

  prepare({ events }) {
    const updates = Math.min(UPDATES, events);
    const sum = BigInt(ROUNDS) * ((BigInt(updates) * BigInt(updates - 1)) / 2n);
    const answer = `${ROUNDS * updates},${sum}`;
    const keys = [Math.max(1, events / 10), events];
    return { updates, keys, expected: keys.map(() => answer).join(" "), generatorSeconds: 0 };
  },

  native: ({ updates, keys }) => ["keyed-updates", ...keys, updates, ROUNDS],

  async run({ updates, keys }) {
    const loop = await compileLoop();
    const measured = [];
    for (const keyCount of keys) measured.push(await measure(loop, keyCount, updates));
    return {
      fewerKeys: measured[0].speed,
      moreKeys: measured[1].speed,
      stateMb: measured[1].stateMb,
      digest: measured.map(({ answer }) => answer).join(" "),
    };
  },
};

async function compileLoop() {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  try {
    writeFileSync(join(folder, "loop.ts"), LOOP);
    const memory = ["--importMemory", "--sharedMemory", "--initialMemory", "64", "--maximumMemory", "65536", "--enable", "threads"];
    const { error, stderr } = await asc.main([
      "loop.ts",
      "-o",
      "loop.wasm",
      "-O3",
      "--runtime",
      "stub",
      ...memory,
      "--noAssert",
      "--baseDir",
      folder,
    ]);
    if (error) throw new Error(stderr.toString());
    return new WebAssembly.Module(readFileSync(join(folder, "loop.wasm")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Fills a store with the keys, runs all rounds; million updates per CPU-second of the best round after the first. */
async function measure(loopModule, keyCount, updates) {
  const kernels = instantiateKernels(compileKernels(), createMemory());
  const call = kernels.exports;
  const descriptor = call.arena_alloc(2, rowLayoutDescriptorBytes(layout));
  writeRowLayout(layout, kernels.view(), descriptor);
  const store = call.store_new(descriptor, 16);
  const rows = call.arena_alloc(2, BLOCK_ROWS * layout.rowBytes);
  kernels.bytes().fill(0, rows, rows + BLOCK_ROWS * layout.rowBytes);
  const run = new WebAssembly.Instance(loopModule, { kernels: call, env: { memory: kernels.memory, abort() {} } }).exports.run;
  let epoch = 0;
  const update = (keys, count) => {
    for (let i = 0; i < count; i += BLOCK_ROWS) {
      if (i % COMMIT_ROWS === 0) call.store_begin(store, ++epoch);
      run(store, rows, layout.rowBytes, keys, i, Math.min(i + BLOCK_ROWS, count));
      if ((i + BLOCK_ROWS) % COMMIT_ROWS === 0 || i + BLOCK_ROWS >= count) {
        call.store_commit(store);
        call.arena_reset(1);
      }
    }
  };
  const keysAt = call.arena_alloc(2, 8 * Math.max(keyCount, updates));
  const write = (count, keyOf) => {
    const view = new BigInt64Array(kernels.memory.buffer, keysAt, count);
    for (let i = 0; i < count; i++) view[i] = BigInt(keyOf(i)) * KEY_STRIDE;
  };
  write(keyCount, (i) => i);
  update(keysAt, keyCount);
  let random = 12345;
  write(updates, () => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * keyCount);
  });
  const seconds = [];
  for (let round = 0; round < ROUNDS; round++) seconds.push((await timed(() => update(keysAt, updates))).cpuSeconds);
  const [counted, summed, groups] = totals(kernels, store);
  if (groups !== keyCount) throw new Error(`${groups} keys in place of ${keyCount}`);
  const [filled, filledSum] = [BigInt(keyCount), (BigInt(keyCount) * BigInt(keyCount - 1)) / 2n];
  return {
    speed: updates / Math.min(...seconds.slice(1)) / 1e6,
    stateMb: call.store_memory_bytes(store) / 2 ** 20,
    answer: `${counted - filled},${summed - filledSum}`,
  };
}

function totals(kernels, store) {
  const call = kernels.exports;
  const cursor = call.arena_alloc(2, 16);
  const out = call.arena_alloc(2, 8 * 8192);
  kernels.bytes().fill(0, cursor, cursor + 16);
  let [counted, summed, groups] = [0n, 0n, 0];
  for (let n; (n = call.store_scan_all(store, cursor, out, 8192)) > 0; groups += n) {
    const memory = kernels.view();
    for (let i = 0; i < n; i++) {
      const address = memory.getUint32(out + 8 * i, true);
      counted += memory.getBigInt64(address + countAt, true);
      summed += memory.getBigInt64(address + sumAt, true);
    }
  }
  return [counted, summed, groups];
}
