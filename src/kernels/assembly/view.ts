// Views: strings and binaries as one i64, address in the low and byte length in the high 32 bits.
import { arena_alloc } from "./memory";
import { ARENA_BLOCK, ERROR_CODE, ERROR_OPERAND_0, ERROR_OPERAND_1, KERNEL_NULL, PADDING_BYTES } from "./memory-layout";

// @ts-ignore: decorator
@inline export function viewOf(address: usize, length: u32): i64 {
  return <i64>((<u64>length << 32) | <u64>address);
}

// @ts-ignore: decorator
@inline export function addressOf(view: i64): usize {
  return <usize>(<u32>view);
}

// @ts-ignore: decorator
@inline export function lengthOf(view: i64): u32 {
  return <u32>(<u64>view >> 32);
}

/** Room for `length` bytes of text in the block's arena, padded for reads past the end; 0 without memory. */
export function allocateText(length: u32): usize {
  return arena_alloc(ARENA_BLOCK, length + PADDING_BYTES);
}

/** Reports an error with its operands; the kernel's result does not count then. */
export function raise(code: u32, first: i64, second: i64): void {
  store<u32>(ERROR_CODE, code);
  store<i64>(ERROR_OPERAND_0, first);
  store<i64>(ERROR_OPERAND_1, second);
}

/** Makes the result of the running kernel null. */
// @ts-ignore: decorator
@inline export function setNull(): void {
  store<u32>(KERNEL_NULL, 1);
}
