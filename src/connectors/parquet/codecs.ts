/** Decompression of Parquet pages, in workers: from bytes in memory to bytes in memory, never more than the size that was checked before. */
import { copyBytes } from "../../base/copy-bytes.ts";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Kernels } from "../../kernels/load.ts";

export const UNCOMPRESSED = 0;

/** Codes of the format. */
const CODECS: Readonly<Record<number, { readonly name: string; readonly decompress: Decompress }>> = {
  1: { name: "SNAPPY", decompress: byKernel("parquet_snappy") },
  2: { name: "GZIP", decompress: byLibrary(gunzipSync) },
  4: { name: "BROTLI", decompress: byLibrary(brotliDecompressSync) },
  5: { name: "LZ4", decompress: hadoopLz4 },
  6: { name: "ZSTD", decompress: byKernel("parquet_zstd") },
  7: { name: "LZ4_RAW", decompress: byKernel("parquet_lz4") },
};
const NAMES: Readonly<Record<number, string>> = { 3: "LZO" };

/** Whether exactly `size` bytes came out. May throw a plain `Error` with a reason. */
type Decompress = (kernels: Kernels, from: number, length: number, to: number, size: number) => boolean;

export const codecName = (codec: number): string => CODECS[codec]?.name ?? NAMES[codec] ?? `codec ${codec}`;

export const isCodecSupported = (codec: number): boolean => codec === UNCOMPRESSED || codec in CODECS;

export function decompress(codec: number, kernels: Kernels, from: number, length: number, to: number, size: number): boolean {
  return CODECS[codec]!.decompress(kernels, from, length, to, size);
}

function byKernel(name: string): Decompress {
  return (kernels, from, length, to, size) => kernels.exports[name]!(from, from + length, to, size) === 1;
}

function byLibrary(decode: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array): Decompress {
  return (kernels, from, length, to, size) => {
    const bytes = decode(kernels.bytes().subarray(from, from + length), { maxOutputLength: Math.max(1, size) });
    if (bytes.length !== size) return false;
    copyBytes(kernels.bytes(), to, bytes);
    return true;
  };
}

/**
 * Frames of Hadoop's: the size before compression, big-endian, then blocks until so much has come out, each behind its size after compression. Other
 * writers have left one bare block.
 */
function hadoopLz4(kernels: Kernels, from: number, length: number, to: number, size: number): boolean {
  return framedLz4(kernels, from, length, to, size) || kernels.exports["parquet_lz4"]!(from, from + length, to, size) === 1;
}

const DAMAGED = 0xffffffff;

function framedLz4(kernels: Kernels, from: number, length: number, to: number, size: number): boolean {
  const decompressWithin = kernels.exports["parquet_lz4_within"]!;
  const view = kernels.view();
  let [at, written] = [0, 0];
  while (length - at >= 4) {
    const frameEnd = written + view.getUint32(from + at);
    if (frameEnd > size) return false;
    at += 4;
    while (written < frameEnd) {
      if (length - at < 4) return false;
      const packed = view.getUint32(from + at);
      at += 4;
      if (packed === 0 || packed > length - at) return false;
      const plain = (decompressWithin(from + at, from + at + packed, to + written, frameEnd - written) as number) >>> 0;
      if (plain === 0 || plain === DAMAGED) return false;
      at += packed;
      written += plain;
    }
  }
  return at === length && written === size;
}
