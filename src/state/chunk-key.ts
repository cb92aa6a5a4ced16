/**
 * Keys of the chunk store (`docs/on-disk-format.md` draws them): ordered by operator, partition, time bucket, and within a bucket so that a
 * chunk comes after those it was split from. Used by `chunk-writer.ts` and `chunk-loader.ts`, on any thread.
 */

/** Names one chunk of the state. */
export interface ChunkName {
  readonly operatorId: number;
  readonly partition: number;
  readonly bucket: bigint;
  /** 2^depth | prefix: the code of the chunk that it was split from is `code >> 1`. */
  readonly code: number;
}

/** First byte of a key. */
export const KEY_SPACES = { version: 0, chunk: 1, checksum: 2 } as const;

export const VERSION_KEY: Uint8Array = Uint8Array.of(KEY_SPACES.version);

const KEY_BYTES = 21;
const SIGN = 1n << 63n;

export function chunkKey(space: keyof typeof KEY_SPACES, { operatorId, partition, bucket, code }: ChunkName): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeUInt8(KEY_SPACES[space], 0);
  key.writeUInt32BE(operatorId, 1);
  key.writeUInt32BE(partition, 5);
  // With the sign flipped the order of bytes is the order of numbers.
  key.writeBigUInt64BE(BigInt.asUintN(64, bucket) ^ SIGN, 9);
  key.writeUInt32BE(code, 17);
  return key;
}

export function chunkName(key: Uint8Array): ChunkName {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  return {
    operatorId: bytes.readUInt32BE(1),
    partition: bytes.readUInt32BE(5),
    bucket: BigInt.asIntN(64, bytes.readBigUInt64BE(9) ^ SIGN),
    code: bytes.readUInt32BE(17),
  };
}

/** [from, to) of the keys of one partition. */
export function partitionRange(space: keyof typeof KEY_SPACES, operatorId: number, partition: number): readonly [Buffer, Buffer] {
  const bound = (next: number): Buffer => chunkKey(space, { operatorId, partition: next, bucket: -SIGN, code: 0 });
  return [bound(partition), bound(partition + 1)];
}

/** [from, to) of all keys of a space. */
export function spaceRange(space: keyof typeof KEY_SPACES): readonly [Uint8Array, Uint8Array] {
  return [Uint8Array.of(KEY_SPACES[space]), Uint8Array.of(KEY_SPACES[space] + 1)];
}
