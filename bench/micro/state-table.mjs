// Upserts per second into a hash table (an 8-byte key, a count and a sum) from a loop in a module of its own, as generated
// code calls it. `node bench/micro/state-table.mjs` after a build; prints M upserts/s per table size and checks the sums.
import { writeFileSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { rowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../../dist/columnar/row-layout.js";
import { LongType } from "../../dist/columnar/types.js";
import { compileKernels, createMemory, instantiateKernels } from "../../dist/kernels/load.js";

const loopSource = `
@external("kernels", "table_upsert") declare function table_upsert(table: usize, row: usize, base: usize): usize;
export function run(table: usize, row: usize, keys: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) {
    const key = load<u64>(keys + 8 * i);
    store<u64>(row, key, 24);
    let h: u32 = <u32>key * 0xcc9e2d51 ^ <u32>(key >> 32);
    h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; h ^= h >> 16;
    store<u32>(row, h);
    const found = table_upsert(table, row, 0);
    store<i64>(found, load<i64>(found, 40) + 1, 40);
    store<i64>(found, load<i64>(found, 48) + <i64>i, 48);
  }
}`;
const folder = mkdtempSync(join(tmpdir(), "millrace-bench-"));
writeFileSync(join(folder, "loop.ts"), loopSource);
const { error, stderr } = await asc.main(
  ["loop.ts", "-o", "loop.wasm", "-O3", "--runtime", "stub", "--importMemory", "--sharedMemory", "--initialMemory", "64"].concat([
    "--maximumMemory",
    "65536",
    "--enable",
    "threads",
    "--noAssert",
    "--baseDir",
    folder,
  ]),
);
if (error) throw new Error(stderr.toString());
const loopModule = new WebAssembly.Module(readFileSync(join(folder, "loop.wasm")));
rmSync(folder, { recursive: true });

const layout = rowLayout(
  [{ name: "k", dataType: LongType }],
  [
    { name: "count", dataType: LongType },
    { name: "sum", dataType: LongType },
  ],
);
const updates = 8_000_000;
for (const keyCount of [1_000, 1_000_000, 4_000_000]) {
  const kernels = instantiateKernels(compileKernels(), createMemory());
  const { table_new, arena_alloc, table_scan, table_memory_bytes } = kernels.exports;
  const descriptor = arena_alloc(2, rowLayoutDescriptorBytes(layout));
  writeRowLayout(layout, kernels.view(), descriptor);
  const table = table_new(descriptor, 0);
  const row = arena_alloc(2, layout.rowBytes);
  kernels.bytes().fill(0, row, row + layout.rowBytes);
  const keys = arena_alloc(2, 8 * updates);
  const view = new BigInt64Array(kernels.memory.buffer, keys, updates);
  let state = 12345;
  for (let i = 0; i < updates; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    view[i] = BigInt(Math.floor((state / 2 ** 32) * keyCount)) * 1_000_003n;
  }
  const { run } = new WebAssembly.Instance(loopModule, {
    kernels: kernels.exports,
    env: { memory: kernels.memory, abort() {} },
  }).exports;
  const rounds = [];
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    for (let i = 0; i < updates; i += 8192) run(table, row, keys, i, Math.min(updates, i + 8192));
    rounds.push(updates / (performance.now() - start) / 1000);
  }
  const cursor = arena_alloc(2, 16);
  const out = arena_alloc(2, 8 * 8192);
  kernels.bytes().fill(0, cursor, cursor + 16);
  let [count, sum, groups] = [0n, 0n, 0];
  for (let n; (n = table_scan(table, cursor, out, 8192)) > 0; groups += n) {
    const memory = kernels.view();
    for (let i = 0; i < n; i++) {
      const address = memory.getUint32(out + 8 * i, true);
      count += memory.getBigInt64(address + 40, true);
      sum += memory.getBigInt64(address + 48, true);
    }
  }
  const n = BigInt(updates);
  const isRight = count === 4n * n && sum === 4n * ((n * (n - 1n)) / 2n);
  const megabytes = table_memory_bytes(table) / 1e6;
  console.log(
    `${keyCount} keys (${groups} met): first round ${rounds[0].toFixed(1)}, then ${Math.max(...rounds.slice(1)).toFixed(1)} M upserts/s, ` +
      `${megabytes.toFixed(1)} MB, sums ${isRight ? "right" : "WRONG"}`,
  );
  if (!isRight) process.exitCode = 1;
}
