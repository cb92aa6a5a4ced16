/**
 * What the chunk store holds beside the bytes of chunks: the header of each, and the record that says what all of them are worth. Written by
 * `chunk-writer.ts`, read by `chunk-loader.ts` and by the coordinator.
 */
import { crc32c } from "../base/crc32c.ts";

/** Whose chunks they are, and in which form; a store of anything else is thrown away. */
export interface ChunkStoreIdentity {
  readonly queryId: string;
  /** Of the checkpoint directory: a copied store is foreign. */
  readonly inode: number;
  /** Names operators, partitions, row sizes and bucket widths. */
  readonly shape: string;
}

/** The value under `VERSION_KEY`, as JSON: changes in the same transaction as the chunks. */
export interface ChunkStoreVersion extends ChunkStoreIdentity {
  readonly format: 2;
  /** The change files of later batches have to be redone. */
  readonly batchId: number;
  /** No chunk holds anything of a later batch. */
  readonly newestBatchId: number;
  /** Chunks in the store. */
  readonly chunks: number;
  /** Sum of `entryChecksum` over them, modulo 2^32. */
  readonly checksum: number;
  /** The machine's boot in which it was written: what was not flushed is gone with the next one. */
  readonly bootId: string;
  /** It was flushed and closed. */
  readonly isClean: boolean;
}

/** The value beside a chunk: its CRC-32C, and the batch up to which it holds all changes of its rows; two u32. */
export interface ChunkSeal {
  readonly checksum: number;
  readonly batchId: number;
}

export function writeChunkSeal({ checksum, batchId }: ChunkSeal): Buffer {
  const value = Buffer.alloc(8);
  value.writeUInt32LE(checksum, 0);
  value.writeUInt32LE(batchId, 4);
  return value;
}

export function readChunkSeal(value: Uint8Array): ChunkSeal {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return { checksum: view.getUint32(0, true), batchId: view.getUint32(4, true) };
}

/** Before the bytes of a chunk: magic, format version, CRC-32C, bytes; four u32. */
export const CHUNK_HEADER_BYTES = 16;
const MAGIC = 0x4843524d; // "MRCH"
const FORMAT_VERSION = 1;

export function writeChunkHeader(into: Buffer, checksum: number, bytes: number): void {
  into.writeUInt32LE(MAGIC, 0);
  into.writeUInt32LE(FORMAT_VERSION, 4);
  into.writeUInt32LE(checksum, 8);
  into.writeUInt32LE(bytes, 12);
}

/** What is wrong with the header of a value, or null. */
export function checkChunkHeader(value: Uint8Array, checksum: number): string | null {
  if (value.length < CHUNK_HEADER_BYTES) return "it is too short";
  const view = new DataView(value.buffer, value.byteOffset);
  if (view.getUint32(0, true) !== MAGIC) return "it does not begin as a chunk";
  if (view.getUint32(4, true) !== FORMAT_VERSION) return `its format version is ${view.getUint32(4, true)}`;
  if (view.getUint32(12, true) !== value.length - CHUNK_HEADER_BYTES) return "its length is wrong";
  return view.getUint32(8, true) === checksum ? null : "its checksum is not the listed one";
}

/** Of a chunk's key together with its seal, for the sum over all chunks. */
export function entryChecksum(key: Uint8Array, seal: Uint8Array): number {
  return crc32c(seal, crc32c(key));
}
