// Upserts per second into a hash table and a state store (an 8-byte key, a count and a sum; the store commits every million)
// from a loop in a module of its own, as generated code calls them. `node bench/micro/state-table.mjs` after a build; prints M upserts/s per table size and checks the sums.
import { writeFileSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { rowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../../dist/columnar/row-layout.js";
import { LongType } from "../../dist/columnar/types.js";
import { compileKernels, createMemory, instantiateKernels } from "../../dist/kernels/load.js";

const loopSource = `
@external("kernels", "table_upsert") declare function table_upsert(table: usize, row: usize, base: usize): usize;
@external("kernels", "store_upsert") declare function store_upsert(state: usize, row: usize, base: usize): usize;
export function runTable(table: usize, row: usize, keys: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) update(table_upsert(table, nextRow(row, keys, i), 0), i);
}
export function runStore(state: usize, row: usize, keys: usize, from: u32, to: u32): void {
  for (let i = from; i < to; i++) update(store_upsert(state, nextRow(row, keys, i), 0), i);
}
@inline function update(found: usize, i: u32): void {
  store<i64>(found, load<i64>(found, 40) + 1, 40);
  store<i64>(found, load<i64>(found, 48) + <i64>i, 48);
}
@inline function nextRow(row: usize, keys: usize, i: u32): usize {
  const key = load<u64>(keys + 8 * i);
  store<u64>(row, key, 24);
  let h: u32 = <u32>key * 0xcc9e2d51 ^ <u32>(key >> 32);
  h ^= h >> 16; h *= 0x85ebca6b; h ^= h >> 13; h *= 0xc2b2ae35; h ^= h >> 16;
  store<u32>(row, h);
  return row;
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
const rounds = 4;
const batchRows = 1_000_000;

/** Fills memory with the keys, runs all rounds, checks count and sum; returns M upserts/s of the first and the best round. */
function measure(kind, keyCount) {
  const kernels = instantiateKernels(compileKernels(), createMemory());
  const call = kernels.exports;
  const descriptor = call.arena_alloc(2, rowLayoutDescriptorBytes(layout));
  writeRowLayout(layout, kernels.view(), descriptor);
  const handle = kind === "table" ? call.table_new(descriptor, 0) : call.store_new(descriptor, 16);
  const row = call.arena_alloc(2, layout.rowBytes);
  kernels.bytes().fill(0, row, row + layout.rowBytes);
  const keys = call.arena_alloc(2, 8 * updates);
  const view = new BigInt64Array(kernels.memory.buffer, keys, updates);
  let random = 12345;
  for (let i = 0; i < updates; i++) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    view[i] = BigInt(Math.floor((random / 2 ** 32) * keyCount)) * 1_000_003n;
  }
  const loops = new WebAssembly.Instance(loopModule, { kernels: call, env: { memory: kernels.memory, abort() {} } }).exports;
  const loop = kind === "table" ? loops.runTable : loops.runStore;
  const speeds = [];
  let epoch = 0;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < updates; i += 8000) {
      if (kind === "store" && i % batchRows === 0) call.store_begin(handle, ++epoch);
      loop(handle, row, keys, i, i + 8000);
      if (kind === "store" && (i + 8000) % batchRows === 0) {
        call.store_commit(handle);
        call.arena_reset(1);
      }
    }
    speeds.push(updates / (performance.now() - start) / 1000);
  }
  const megabytes = (kind === "table" ? call.table_memory_bytes(handle) : call.store_memory_bytes(handle)) / 1e6;
  const scan = kind === "table" ? call.table_scan : call.store_scan_all;
  const cursor = call.arena_alloc(2, 16);
  const out = call.arena_alloc(2, 8 * 8192);
  kernels.bytes().fill(0, cursor, cursor + 16);
  let [count, sum, groups] = [0n, 0n, 0];
  for (let n; (n = scan(handle, cursor, out, 8192)) > 0; groups += n) {
    const memory = kernels.view();
    for (let i = 0; i < n; i++) {
      const address = memory.getUint32(out + 8 * i, true);
      count += memory.getBigInt64(address + 40, true);
      sum += memory.getBigInt64(address + 48, true);
    }
  }
  const n = BigInt(updates);
  if (count !== BigInt(rounds) * n || sum !== BigInt(rounds) * ((n * (n - 1n)) / 2n)) throw new Error(`wrong sums: ${count}, ${sum}`);
  return { first: speeds[0], best: Math.max(...speeds.slice(1)), groups, megabytes };
}

for (const kind of ["table", "store"]) {
  for (const keyCount of [1_000, 1_000_000, 4_000_000]) {
    const { first, best, groups, megabytes } = measure(kind, keyCount);
    console.log(
      `${kind} of ${groups} keys: first round ${first.toFixed(1)}, then ${best.toFixed(1)} M upserts/s, ${megabytes.toFixed(1)} MB, sums right`,
    );
  }
}
