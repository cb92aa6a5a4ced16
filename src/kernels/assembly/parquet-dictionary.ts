// The dictionary of one column chunk of a Parquet file that is being written: values get numbers in the order in which they first come, and lie
// one after the other as a PLAIN page has them. Called by connectors/parquet/column-encoder.ts in workers; memory is the split's arena.
import { ARENA_SPLIT, PADDING_BYTES } from "./memory-layout";
import { arena_alloc } from "./memory";
import { FORM_32, FORM_64, FORM_TEXT, isLess, isNull, widthOf } from "./parquet-encode";

// Descriptor; the encoder reads the first three.
const ENTRIES: usize = 0; // u32: address of the values
const ENTRIES_END: usize = 4; // u32: bytes of them
const SIZE: usize = 8; // u32: how many there are
const FORM: usize = 12; // u32: 32, 64 or TEXT
const ENTRIES_ROOM: usize = 16; // u32
const OFFSETS: usize = 20; // u32: address of a u32 per value, where it begins among the entries
const TABLE: usize = 24; // u32: address of 2^LOG2 slots of 8 bytes: number + 1 u32 (0: free), hash u32
const LOG2: usize = 28; // u32; there are at most half as many values
const DESCRIPTOR_BYTES: u32 = 32;

const LOG2_MIN: u32 = 8;
const ROOM_MIN: u32 = 4096;

/** 0: out of memory. */
export function parquet_dictionary(form: u32): usize {
  const dictionary = arena_alloc(ARENA_SPLIT, DESCRIPTOR_BYTES);
  if (dictionary == 0) return 0;
  memory.fill(dictionary, 0, DESCRIPTOR_BYTES);
  store<u32>(dictionary, form, FORM);
  store<u32>(dictionary, LOG2_MIN - 1, LOG2);
  return growTable(dictionary) && growEntries(dictionary, ROOM_MIN) ? dictionary : 0;
}

/**
 * Writes the number (u32) of each value that is not null to `indexes`. 1; 0: more than `newMax` of the values are new, or the entries become
 * longer than `bytesMax`, and nothing has been added; 2: out of memory.
 */
export function parquet_dictionary_add(
  dictionary: usize, values: usize, validity: usize, count: u32, indexes: usize, newMax: u32, bytesMax: u32,
): u32 {
  const form = load<u32>(dictionary, FORM);
  if (form == FORM_TEXT) return add(dictionary, values, validity, count, indexes, newMax, bytesMax, FORM_TEXT);
  if (form == FORM_64) return add(dictionary, values, validity, count, indexes, newMax, bytesMax, FORM_64);
  return add(dictionary, values, validity, count, indexes, newMax, bytesMax, FORM_32);
}

@inline function add(
  dictionary: usize, values: usize, validity: usize, count: u32, indexes: usize, newMax: u32, bytesMax: u32, form: u32,
): u32 {
  const width = widthOf(form);
  const before = load<u32>(dictionary, SIZE);
  const endBefore = load<u32>(dictionary, ENTRIES_END);
  let table: usize = load<u32>(dictionary, TABLE);
  let shift = 32 - load<u32>(dictionary, LOG2);
  let mask: u32 = (1 << load<u32>(dictionary, LOG2)) - 1;
  for (let i: u32 = 0; i < count; i++) {
    if (isNull(validity, i)) continue;
    const at = values + i * width;
    const hash = hashOf(at, form);
    let slot = hash >> shift;
    let number: u32 = 0;
    while (true) {
      const content = load<u64>(table + (<usize>slot << 3));
      if (<u32>content == 0) {
        number = load<u32>(dictionary, SIZE);
        const end = load<u32>(dictionary, ENTRIES_END);
        const length = form == FORM_TEXT ? 4 + <u64>load<u32>(at, 4) : <u64>width;
        if (number - before >= newMax || end + length > bytesMax) {
          // The table still has them: nothing is looked up any more.
          store<u32>(dictionary, before, SIZE);
          store<u32>(dictionary, endBefore, ENTRIES_END);
          return 0;
        }
        if (end + <u32>length > load<u32>(dictionary, ENTRIES_ROOM) && !growEntries(dictionary, end + <u32>length)) return 2;
        store<u64>(table + (<usize>slot << 3), (<u64>hash << 32) | (number + 1));
        enter(dictionary, at, end, number, form);
        if (number + 1 > mask >> 1) {
          if (!growTable(dictionary)) return 2;
          table = load<u32>(dictionary, TABLE);
          shift--;
          mask = (mask << 1) | 1;
        }
        break;
      }
      if (<u32>(content >> 32) == hash) {
        number = <u32>content - 1;
        const entry = load<u32>(dictionary, ENTRIES) + load<u32>(load<u32>(dictionary, OFFSETS) + (number << 2));
        if (isSame(entry, at, form)) break;
      }
      slot = (slot + 1) & mask;
    }
    store<u32>(indexes, number);
    indexes += 4;
  }
  return 1;
}

@inline function enter(dictionary: usize, at: usize, end: u32, number: u32, form: u32): void {
  const entry: usize = load<u32>(dictionary, ENTRIES) + end;
  store<u32>(load<u32>(dictionary, OFFSETS) + (number << 2), end);
  store<u32>(dictionary, number + 1, SIZE);
  if (form == FORM_TEXT) {
    const length = load<u32>(at, 4);
    store<u32>(entry, length);
    memory.copy(entry + 4, load<u32>(at), length);
    store<u32>(dictionary, end + 4 + length, ENTRIES_END);
  } else if (form == FORM_64) {
    store<u64>(entry, load<u64>(at));
    store<u32>(dictionary, end + 8, ENTRIES_END);
  } else {
    store<u32>(entry, load<u32>(at));
    store<u32>(dictionary, end + 4, ENTRIES_END);
  }
}

function growEntries(dictionary: usize, least: u32): bool {
  let room = max(load<u32>(dictionary, ENTRIES_ROOM) * 2, ROOM_MIN);
  if (room < least) room = least;
  const entries = arena_alloc(ARENA_SPLIT, room + PADDING_BYTES);
  if (entries == 0) return false;
  memory.copy(entries, load<u32>(dictionary, ENTRIES), load<u32>(dictionary, ENTRIES_END));
  store<u32>(dictionary, <u32>entries, ENTRIES);
  store<u32>(dictionary, room, ENTRIES_ROOM);
  return true;
}

function growTable(dictionary: usize): bool {
  const log2 = load<u32>(dictionary, LOG2) + 1;
  const slots: u32 = 1 << log2;
  const table = arena_alloc(ARENA_SPLIT, slots << 3);
  const offsets = arena_alloc(ARENA_SPLIT, (slots << 1) + 4);
  if (table == 0 || offsets == 0) return false;
  memory.fill(table, 0, slots << 3);
  const size = load<u32>(dictionary, SIZE);
  memory.copy(offsets, load<u32>(dictionary, OFFSETS), size << 2);
  const old: usize = load<u32>(dictionary, TABLE);
  for (let at = old; at < old + (size == 0 ? 0 : slots << 2); at += 8) {
    const content = load<u64>(at);
    if (<u32>content == 0) continue;
    let slot = <u32>(content >> 32) >> (32 - log2);
    while (load<u32>(table + (<usize>slot << 3)) != 0) slot = (slot + 1) & (slots - 1);
    store<u64>(table + (<usize>slot << 3), content);
  }
  store<u32>(dictionary, <u32>table, TABLE);
  store<u32>(dictionary, <u32>offsets, OFFSETS);
  store<u32>(dictionary, log2, LOG2);
  return true;
}

/**
 * The least and the greatest value to `out` and `out + 8`, as a column of a block has them; 24 bytes are written. 0: there is none, or a text
 * longer than `lengthMax`.
 */
export function parquet_dictionary_extremes(dictionary: usize, lengthMax: u32, out: usize): u32 {
  const form = load<u32>(dictionary, FORM);
  const size = load<u32>(dictionary, SIZE);
  const offsets: usize = load<u32>(dictionary, OFFSETS);
  const entries: usize = load<u32>(dictionary, ENTRIES);
  const greatest = out + 8;
  const candidate = out + 16;
  for (let number: u32 = 0; number < size; number++) {
    const entry = entries + load<u32>(offsets + (<usize>number << 2));
    if (form == FORM_TEXT) {
      const length = load<u32>(entry);
      if (length > lengthMax) return 0;
      store<u64>(candidate, (<u64>length << 32) | (entry + 4));
    } else store<u64>(candidate, form == FORM_64 ? load<u64>(entry) : load<u32>(entry));
    if (number == 0 || isLess(candidate, out, form)) store<u64>(out, load<u64>(candidate));
    if (number == 0 || isLess(greatest, candidate, form)) store<u64>(greatest, load<u64>(candidate));
  }
  return size == 0 ? 0 : 1;
}

@inline function folded(word: u64): u64 {
  const product = (word ^ 0xbf58476d1ce4e5b9) * 0x9e3779b97f4a7c15;
  return product ^ (product >> 32);
}

@inline function hashOf(at: usize, form: u32): u32 {
  let hash: u64;
  if (form == FORM_32) hash = load<u32>(at);
  else if (form == FORM_64) hash = load<u64>(at);
  else {
    const length = load<u32>(at, 4);
    let from: usize = load<u32>(at);
    hash = length;
    let rest = length;
    // Products do not wait for each other.
    for (; rest >= 8; rest -= 8, from += 8) hash = rotl(hash, 9) + folded(load<u64>(from));
    if (rest != 0) hash = rotl(hash, 9) + folded(load<u64>(from) << (64 - 8 * rest));
  }
  hash = (hash ^ (hash >> 29)) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 32);
}

// Whether an entry is the value at an address of a column.
@inline function isSame(entry: usize, at: usize, form: u32): bool {
  if (form == FORM_32) return load<u32>(entry) == load<u32>(at);
  if (form == FORM_64) return load<u64>(entry) == load<u64>(at);
  return load<u32>(entry) == load<u32>(at, 4) && hasSameBytes(entry + 4, load<u32>(at), load<u32>(entry));
}

@inline function hasSameBytes(a: usize, b: usize, length: u32): bool {
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) if (load<u64>(a + at) != load<u64>(b + at)) return false;
  return at == length || (load<u64>(a + at) ^ load<u64>(b + at)) << (64 - 8 * (length - at)) == 0;
}
