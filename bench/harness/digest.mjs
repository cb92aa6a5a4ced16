/** One number for an answer, computed alike here and in the native programs: 64-bit FNV-1a. */

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;

/** Digest of lines: sorted by bytes, each ended by a newline. */
export function digestOfLines(lines) {
  let hash = OFFSET;
  for (const byte of Buffer.from(`${[...lines].sort().join("\n")}\n`)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  return hash.toString(16);
}

/** Digest of whole numbers, each one step of the hash. */
export function digestOfNumbers(numbers) {
  let hash = OFFSET;
  for (const number of numbers) hash = BigInt.asUintN(64, (hash ^ BigInt(number)) * PRIME);
  return hash.toString(16);
}
