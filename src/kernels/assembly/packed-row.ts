// Rows as change files hold them: without what is known without saying, one behind the other. Used by change-log.ts; no kernels.
//
// packed row: hash u32 | null bits of the header u32, if it has them | the row from ROW_FIELDS on | variable values, each padded to 8 bytes; slots
//             relative to the packed row. In records without nulls all null bits are left out.
import {
  LAYOUT_KEYS, LAYOUT_NULLS, LAYOUT_ROW_BYTES, LAYOUT_VALUES, LAYOUT_VALUE_NULLS, LAYOUT_VAR_COUNT, LAYOUT_VAR_OFFSETS, ROW_EPOCH, ROW_FIELDS, ROW_FLAGS,
  ROW_HASH, ROW_NEXT,
} from "./memory-layout";
import { copyVariable } from "./table-layout";

const HASH_BYTES: u32 = 4;
const FLAGS_BYTES: u32 = 4;

/** Whether the null bits are in the header, beside the flags. */
@inline function hasNullsInHeader(layout: usize): bool {
  return load<u32>(layout, LAYOUT_KEYS) == ROW_FIELDS;
}

@inline export function rowHasNulls(layout: usize, row: usize): bool {
  if (hasNullsInHeader(layout)) return (load<u32>(row, ROW_FLAGS) & load<u32>(layout, LAYOUT_NULLS)) != 0;
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  return (load<u64>(row, ROW_FIELDS) | (valueNulls == 0 ? 0 : load<u64>(row + valueNulls))) != 0;
}

/** Bytes of a packed row before its variable values. */
@inline export function packedFixedBytes(layout: usize, withNulls: bool): u32 {
  const bytes = HASH_BYTES + load<u32>(layout, LAYOUT_ROW_BYTES) - ROW_FIELDS;
  if (hasNullsInHeader(layout)) return withNulls ? bytes + FLAGS_BYTES : bytes;
  return withNulls ? bytes : bytes - (load<u32>(layout, LAYOUT_VALUE_NULLS) == 0 ? 8 : 16);
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
  if (hasNullsInHeader(layout)) {
    if (withNulls) store<u32>(to, load<u32>(row, ROW_FLAGS) & load<u32>(layout, LAYOUT_NULLS), HASH_BYTES);
    copyWords(to + HASH_BYTES + (withNulls ? <usize>FLAGS_BYTES : 0), row + ROW_FIELDS, rowEnd);
  } else if (withNulls || valueNulls == 0) {
    copyWords(to + HASH_BYTES, row + (withNulls ? ROW_FIELDS : load<u32>(layout, LAYOUT_KEYS)), rowEnd);
  } else {
    const values = copyWords(to + HASH_BYTES, row + load<u32>(layout, LAYOUT_KEYS), row + valueNulls);
    copyWords(values, row + load<u32>(layout, LAYOUT_VALUES), rowEnd);
  }
  if (load<u32>(layout, LAYOUT_VAR_COUNT) != 0) packVariable(layout, to, row, base, withNulls);
}

function packVariable(layout: usize, to: usize, row: usize, base: usize, withNulls: bool): void {
  let end = packedFixedBytes(layout, withNulls);
  for (let i: u32 = 0; i < load<u32>(layout, LAYOUT_VAR_COUNT); i++) {
    const offset = load<u32>(layout + 4 * i, LAYOUT_VAR_OFFSETS);
    const slot = to + packedOffset(layout, offset, withNulls);
    const length = load<u32>(row + offset, 4);
    store<u32>(slot, length == 0 ? 0 : end);
    if (length != 0) copyVariable(to + end, base + load<u32>(row + offset), length);
    end += (length + 7) & ~7;
  }
}

/** Unpacks the fixed fields of a row with words of null bits. */
function unpackWords(layout: usize, row: usize, packed: usize, end: usize, withNulls: bool): void {
  if (withNulls) {
    copyWords(row + ROW_FIELDS, packed + HASH_BYTES, end);
    return;
  }
  const keys = load<u32>(layout, LAYOUT_KEYS);
  const valueNulls = load<u32>(layout, LAYOUT_VALUE_NULLS);
  store<u64>(row, 0, ROW_FIELDS);
  const keysEnd = packed + HASH_BYTES + (valueNulls == 0 ? load<u32>(layout, LAYOUT_ROW_BYTES) : valueNulls) - keys;
  copyWords(row + keys, packed + HASH_BYTES, keysEnd);
  if (valueNulls == 0) return;
  store<u64>(row + valueNulls, 0);
  copyWords(row + load<u32>(layout, LAYOUT_VALUES), keysEnd, end);
}

/** Where a field is in the packed row that is at `offset` of the row. */
@inline function packedOffset(layout: usize, offset: u32, withNulls: bool): u32 {
  const packed = HASH_BYTES + offset - ROW_FIELDS;
  if (hasNullsInHeader(layout)) return withNulls ? packed + FLAGS_BYTES : packed;
  return withNulls ? packed : packed - (offset >= load<u32>(layout, LAYOUT_VALUES) ? 16 : 8);
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
  if (hasNullsInHeader(layout)) {
    store<u32>(row, withNulls ? load<u32>(packed, HASH_BYTES) & load<u32>(layout, LAYOUT_NULLS) : 0, ROW_FLAGS);
    copyWords(row + ROW_FIELDS, packed + HASH_BYTES + (withNulls ? <usize>FLAGS_BYTES : 0), packed + bytes);
  } else {
    store<u32>(row, 0, ROW_FLAGS);
    unpackWords(layout, row, packed, packed + bytes, withNulls);
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
