/** Calls kernels with plain values: writes arguments into the memory, reads results and the error and null cells. */
import * as layout from "../../../src/columnar/memory-layout.ts";
import { physicalKind, type DataType } from "../../../src/columnar/types.ts";
import type { Value } from "../../../src/columnar/values.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../../src/kernels/load.ts";

export const kernels = instantiateKernels(compileKernels(), createMemory());

export class KernelError extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`kernel error ${code}`);
    this.code = code;
  }
}

/** Bytes in the block arena, padded, as a view. */
function viewOfBytes(bytes: Uint8Array): bigint {
  const address = kernels.exports["arena_alloc"]!(layout.ARENA_BLOCK, bytes.length + layout.PADDING_BYTES) as number;
  kernels.bytes().set(bytes, address);
  return BigInt.asIntN(64, (BigInt(bytes.length) << 32n) | BigInt(address >>> 0));
}

export const viewOfText = (text: string): bigint => viewOfBytes(new TextEncoder().encode(text));

/** A 128-bit number, as decimals of more than 18 digits have. */
export function viewOfWide(value: bigint): bigint {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, value), true);
  view.setBigInt64(8, BigInt.asIntN(64, value >> 64n), true);
  return viewOfBytes(bytes);
}

function bytesOfView(view: bigint): Uint8Array {
  const address = Number(view & 0xffff_ffffn);
  return kernels.bytes().slice(address, address + Number(BigInt.asUintN(64, view) >> 32n));
}

export const textOfView = (view: bigint): string => new TextDecoder().decode(bytesOfView(view));

export function wideOfView(view: bigint): bigint {
  const bytes = new DataView(bytesOfView(view).buffer);
  return (bytes.getBigInt64(8, true) << 64n) | bytes.getBigUint64(0, true);
}

/** The result of a kernel, null if it set the null cell; throws `KernelError` if it set the error cell. */
export function callKernel(name: string, args: readonly Value[], types: readonly DataType[], returnType: DataType): Value {
  const raw = callRaw(
    name,
    args.map((arg, index) => toMachine(arg, types[index]!)),
  );
  return raw === null ? null : fromMachine(raw, returnType);
}

export function callRaw(name: string, args: readonly (number | bigint)[]): number | bigint | null {
  const cells = kernels.view();
  cells.setUint32(layout.ERROR_CODE, 0, true);
  cells.setUint32(layout.KERNEL_NULL, 0, true);
  const result = kernels.exports[name]!(...args) as number | bigint;
  const code = kernels.view().getUint32(layout.ERROR_CODE, true);
  if (code !== 0) throw new KernelError(code);
  return kernels.view().getUint32(layout.KERNEL_NULL, true) === 1 ? null : result;
}

function toMachine(value: Value, type: DataType): number | bigint {
  switch (physicalKind(type)) {
    case "view":
      return typeof value === "string" ? viewOfText(value) : viewOfBytes(value as Uint8Array);
    case "wide":
      return viewOfWide(value as bigint);
    default:
      return typeof value === "boolean" ? Number(value) : (value as number | bigint);
  }
}

function fromMachine(raw: number | bigint, type: DataType): Value {
  switch (physicalKind(type)) {
    case "view":
      return type.kind === "string" ? textOfView(raw as bigint) : bytesOfView(raw as bigint);
    case "wide":
      return wideOfView(raw as bigint);
    default:
      return type.kind === "boolean" ? raw === 1 : raw;
  }
}
