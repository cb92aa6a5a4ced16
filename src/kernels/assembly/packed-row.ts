// Rows as change files hold them: without what is known without saying, one behind the other. Used by change-log.ts; no kernels.
//
// packed row: hash u32 | the row from ROW_KEY_NULLS on | variable values, each padded to 8 bytes; slots relative to the packed row.
//             In records without nulls the two words of null bits are left out.
import {
  LAYOUT_ROW_BYTES, LAYOUT_VALUE_NULLS, LAYOUT_VAR_COUNT, LAYOUT_VAR_OFFSETS, ROW_FLAGS, ROW_EPOCH, ROW_HASH, ROW_KEY_NULLS, ROW_KEYS,
  ROW_NEXT,
} from "./memory-layout";
import { copyVariable } from "./table-layout";

const HASH_BYTES: u32 = 4;

@inline export function rowHasNulls(layout: usize, row: usize): bool {
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  return (load<u64>(row, ROW_KEY_NULLS) | (valueNulls == 0 ? 0 : load<u64>(row + valueNulls))) != 0;
}

/** Bytes of a packed row before its variable values. */
@inline export function packedFixedBytes(layout: usize, withNulls: bool): u32 {
  const words: u32 = withNulls ? 0 : load<u32>(layout, LAYOUT_VALUE_NULLS) == 0 ? 8 : 16;
  return HASH_BYTES + load<u32>(layout, LAYOUT_ROW_BYTES) - ROW_KEY_NULLS - words;
}

@inline export function packedBytes(layout: usize, row: usize, withNulls: bool): u32 {
  const fixed = packedFixedBytes(layout, withNulls);
  return load<u32>(layout, LAYOUT_VAR_COUNT) == 0 ? fixed : fixed + variablePackedBytes(layout, row);
}

function variablePackedBytes(layout: usize, row: usize): u32 {
  let bytes: u32 = 0;
  for (let i: u32 = 0; i < load<u32>(layout, LAYOUT_VAR_COUNT); i++) {
    bytes += (load<u32>(row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS), 4) + 7) & ~7;
  }
  return bytes;
}

@inline function copyWords(to: usize, from: usize, end: usize): usize {
  for (; from < end; from += 8, to += 8) store<u64>(to, load<u64>(from));
  return to;
}

/** Packs `row`, whose slots are relative to `base`, into `packedBytes` bytes at `to`. */
@inline export function packRow(layout: usize, to: usize, row: usize, base: usize, withNulls: bool): void {
  store<u32>(to, load<u32>(row, ROW_HASH));
  const rowEnd = row + load<u32>(layout, LAYOUT_ROW_BYTES);
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  if (withNulls || valueNulls == 0) {
    copyWords(to + HASH_BYTES, row + (withNulls ? ROW_KEY_NULLS : ROW_KEYS), rowEnd);
  } else {
    const values = copyWords(to + HASH_BYTES, row + ROW_KEYS, row + valueNulls);
    copyWords(values, row + valueNulls + 8, rowEnd);
  }
  if (load<u32>(layout, LAYOUT_VAR_COUNT) != 0) packVariable(layout, to, row, base, withNulls);
}

function packVariable(layout: usize, to: usize, row: usize, base: usize, withNulls: bool): void {
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  let end = packedFixedBytes(layout, withNulls);
  for (let i: u32 = 0; i < load<u32>(layout, LAYOUT_VAR_COUNT); i++) {
    const offset = load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const left: u32 = withNulls ? 0 : valueNulls != 0 && offset > valueNulls ? 16 : 8;
    const slot = to + HASH_BYTES + offset - ROW_KEY_NULLS - left;
    const length = load<u32>(row + offset, 4);
    store<u32>(slot, length == 0 ? 0 : end);
    if (length != 0) copyVariable(to + end, base + load<u32>(row + offset), length);
    end += (length + 7) & ~7;
  }
}

/**
 * Restores a row at `row` from the packed one; its slots are relative to `packed`. Returns the bytes of the packed row, 0 if it
 * is malformed or does not end at `end`.
 */
export function unpackRow(layout: usize, row: usize, packed: usize, end: usize, withNulls: bool): u32 {
  let bytes = packedFixedBytes(layout, withNulls);
  if (packed + bytes > end) return 0;
  store<u32>(row, load<u32>(packed), ROW_HASH);
  store<u32>(row, 0, ROW_EPOCH);
  store<u32>(row, 0, ROW_NEXT);
  store<u32>(row, 0, ROW_FLAGS);
  const rowBytes = load<u32>(layout, LAYOUT_ROW_BYTES);
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  if (withNulls) {
    copyWords(row + ROW_KEY_NULLS, packed + HASH_BYTES, packed + bytes);
  } else {
    store<u64>(row, 0, ROW_KEY_NULLS);
    const keysEnd = packed + HASH_BYTES + (valueNulls == 0 ? rowBytes : valueNulls) - ROW_KEYS;
    copyWords(row + ROW_KEYS, packed + HASH_BYTES, keysEnd);
    if (valueNulls != 0) {
      store<u64>(row + valueNulls, 0);
      copyWords(row + valueNulls + 8, keysEnd, packed + bytes);
    }
  }
  for (let i: u32 = 0; i < load<u32>(layout, LAYOUT_VAR_COUNT); i++) {
    const slot = row + load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const length = load<u32>(slot, 4);
    if (length > <u32>(end - packed) - bytes || load<u32>(slot) != (length == 0 ? 0 : bytes)) return 0;
    bytes += (length + 7) & ~7;
    if (bytes > <u32>(end - packed)) return 0;
  }
  return bytes;
}
