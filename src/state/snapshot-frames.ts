/**
 * Frames of chunks in a snapshot file, put together from images of chunks (`kernels/assembly/state-frame.ts` draws a frame). Used by the chunk
 * writer.
 */
import { copyBytes } from "../base/copy-bytes.ts";
import type { ChunkName } from "./chunk-key.ts";
import type { StateFileWriter } from "./state-file.ts";

/** What frames say about the operator whose state they hold. */
export interface StoredOperator {
  readonly operatorId: number;
  readonly partitionCount: number;
  readonly rowBytes: number;
  /** Of time buckets, µs. */
  readonly widthMicros: bigint;
}

const FRAME_HEADER_BYTES = 48;
const FRAME_MAGIC = 0x4653524d; // "MRSF"
const FRAME_VERSION = 2;
const FRAME_CHUNKS = 2;
const FRAME_CRC_AT = 40;
/** Bucket and width before the chunks. */
const CHUNKS_HEADER_BYTES = 16;

export class SnapshotFrames {
  readonly #writer: StateFileWriter;
  readonly #operators: ReadonlyMap<number, StoredOperator>;
  readonly #batchId: number;
  /** Of the open frame: whose chunks, how many, and bytes so far; at the start of the buffer. */
  #table: ChunkName | null = null;
  #chunks = 0;
  #bytes = 0;

  constructor(writer: StateFileWriter, operators: readonly StoredOperator[], batchId: number) {
    this.#writer = writer;
    this.#operators = new Map(operators.map((operator) => [operator.operatorId, operator]));
    this.#batchId = batchId;
  }

  /** Chunks come table by table. Returns the CRC-32C of what was added. */
  add(name: ChunkName, image: Uint8Array): number {
    const { buffer } = this.#writer;
    const isSameTable =
      this.#table !== null &&
      this.#table.operatorId === name.operatorId &&
      this.#table.partition === name.partition &&
      this.#table.bucket === name.bucket;
    if (!isSameTable || this.#bytes + image.length > buffer.bytes) {
      this.end();
      this.#table = name;
      this.#bytes = FRAME_HEADER_BYTES + CHUNKS_HEADER_BYTES;
      buffer.reserve(this.#bytes + image.length);
    }
    copyBytes(buffer.view(this.#bytes + image.length), this.#bytes, image);
    this.#bytes += image.length;
    this.#chunks++;
    return buffer.crc(this.#bytes - image.length, image.length, 0);
  }

  /** Writes the open frame, if there is one. */
  end(): void {
    if (!this.#table) return;
    const { operatorId, partition, bucket } = this.#table;
    const { rowBytes, partitionCount, widthMicros } = this.#operators.get(operatorId)!;
    const { buffer } = this.#writer;
    const header = Buffer.alloc(FRAME_HEADER_BYTES + CHUNKS_HEADER_BYTES);
    header.writeUInt32LE(FRAME_MAGIC, 0);
    header.writeUInt16LE(FRAME_VERSION, 4);
    header.writeUInt16LE(FRAME_CHUNKS, 6);
    header.writeUInt32LE(operatorId, 8);
    header.writeUInt32LE(partition, 12);
    header.writeBigInt64LE(BigInt(this.#batchId), 16);
    header.writeUInt32LE(this.#bytes - FRAME_HEADER_BYTES, 24);
    header.writeUInt32LE(this.#chunks, 28);
    header.writeUInt32LE(rowBytes, 32);
    header.writeUInt32LE(partitionCount, 36);
    header.writeBigInt64LE(bucket, FRAME_HEADER_BYTES);
    header.writeBigInt64LE(widthMicros, FRAME_HEADER_BYTES + 8);
    buffer.view(this.#bytes).set(header);
    header.writeUInt32LE(buffer.crc(0, this.#bytes, 0), FRAME_CRC_AT);
    buffer.view(this.#bytes).set(header);
    this.#writer.appendFrames(this.#bytes);
    this.#table = null;
    this.#chunks = 0;
  }
}
