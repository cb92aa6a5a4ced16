// What the JSON and the CSV encoder share: the encoder's descriptor, its growing buffer, values as text.
import { segment_alloc, segment_free } from "./memory";
import { writePadded, writeUnsigned } from "./number-format";

// Encoder descriptor; src/connectors/formats/block-encoder.ts writes it.
export const ENCODER_BUFFER: usize = 0; // u32: segment, 0 = none yet
export const ENCODER_LENGTH: usize = 4; // u32
export const ENCODER_PAGES: usize = 8; // u32
export const ENCODER_FIELD_COUNT: usize = 12;
export const ENCODER_FIELDS: usize = 16;
export const ENCODER_FLAGS: usize = 20;
export const ENCODER_ZONE_PENDING: usize = 24; // i64: the timestamp that needs another zone offset
export const ENCODER_ZONE_FROM: usize = 32; // i64: timestamps in [from, until) are at this offset
export const ENCODER_ZONE_UNTIL: usize = 40; // i64
export const ENCODER_ZONE_OFFSET: usize = 48; // i64, µs
export const ENCODER_FORMAT: usize = 56;

// Field: leaves in depth-first order, those of a struct right after it.
export const FIELD_BYTES: u32 = 32;
export const FIELD_PREFIX: usize = 0; // u32: address of `"name":`
export const FIELD_PREFIX_LENGTH: usize = 4;
export const FIELD_TYPE: usize = 8; // as TYPE_… in scan-block.ts, TYPE_BINARY
export const FIELD_COLUMN: usize = 12;
export const FIELD_SCALE: usize = 16;
export const FIELD_DESCENDANTS: usize = 20; // fields below a struct

export const TYPE_BINARY: u32 = 14;

/** Makes room for `bytes` more; returns the address to write at, or 0 without memory. */
export function reserve(encoder: usize, bytes: u32): usize {
  const length = load<u32>(encoder, ENCODER_LENGTH);
  const pages = load<u32>(encoder, ENCODER_PAGES);
  const buffer: usize = load<u32>(encoder, ENCODER_BUFFER);
  const wanted = <u64>length + bytes;
  if (wanted <= <u64>pages * 65536) return buffer + length;
  let grown = max(pages * 2, 16);
  while (<u64>grown * 65536 < wanted) grown *= 2;
  const next = segment_alloc(grown);
  if (next == 0) return 0;
  if (buffer != 0) {
    memory.copy(next, buffer, length);
    segment_free(buffer, pages);
  }
  store<u32>(encoder, <u32>next, ENCODER_BUFFER);
  store<u32>(encoder, grown, ENCODER_PAGES);
  return next + length;
}

/** Says that the text ends at `p`. */
@inline export function commit(encoder: usize, p: usize): void {
  store<u32>(encoder, <u32>(p - load<u32>(encoder, ENCODER_BUFFER)), ENCODER_LENGTH);
}

/** Forgets the text and gives the buffer back. */
export function encode_clear(encoder: usize): void {
  const buffer: usize = load<u32>(encoder, ENCODER_BUFFER);
  if (buffer != 0) segment_free(buffer, load<u32>(encoder, ENCODER_PAGES));
  store<u64>(encoder, 0);
  store<u32>(encoder, 0, ENCODER_PAGES);
}

const MICROS_PER_DAY: i64 = 86400000000;

/** `2024-02-29`; years beyond four digits get a sign. */
export function writeDate(p: usize, days: i64): usize {
  const shifted = days + 719468;
  const era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const dayOfEra = shifted - era * 146097;
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const marchMonth = (5 * dayOfYear + 2) / 153;
  const day = <u32>(dayOfYear - (153 * marchMonth + 2) / 5 + 1);
  const month = <u32>(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9);
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  if (year < 0 || year > 9999) store<u8>(p++, year < 0 ? 45 : 43);
  const magnitude = <u32>abs(year);
  p = magnitude > 9999 ? writeUnsigned(p, magnitude) : writePadded(p, magnitude, 4);
  store<u8>(p, 45);
  p = writePadded(p + 1, month, 2);
  store<u8>(p, 45);
  return writePadded(p + 1, day, 2);
}

/** `2024-02-29T12:00:00.000`, with six digits of a fraction where three do not hold it. */
export function writeLocalTimestamp(p: usize, micros: i64): usize {
  let days = micros / MICROS_PER_DAY;
  let ofDay = micros - days * MICROS_PER_DAY;
  if (ofDay < 0) {
    ofDay += MICROS_PER_DAY;
    days--;
  }
  p = writeDate(p, days);
  const seconds = <u32>(ofDay / 1000000);
  const fraction = <u32>(ofDay % 1000000);
  store<u8>(p, 84);
  p = writePadded(p + 1, seconds / 3600, 2);
  store<u8>(p, 58);
  p = writePadded(p + 1, (seconds / 60) % 60, 2);
  store<u8>(p, 58);
  p = writePadded(p + 1, seconds % 60, 2);
  store<u8>(p, 46);
  return fraction % 1000 == 0 ? writePadded(p + 1, fraction / 1000, 3) : writePadded(p + 1, fraction, 6);
}

/** A timestamp in the encoder's zone, with `Z` or `+hh:mm`; 0 if the zone's offset at that time is not at hand. */
export function writeTimestamp(encoder: usize, p: usize, micros: i64): usize {
  if (micros < load<i64>(encoder, ENCODER_ZONE_FROM) || micros >= load<i64>(encoder, ENCODER_ZONE_UNTIL)) {
    store<i64>(encoder, micros, ENCODER_ZONE_PENDING);
    return 0;
  }
  const offset = load<i64>(encoder, ENCODER_ZONE_OFFSET);
  p = writeLocalTimestamp(p, micros + offset);
  const minutes = <u32>(abs(offset) / 60000000);
  if (minutes == 0) {
    store<u8>(p, 90);
    return p + 1;
  }
  store<u8>(p, offset < 0 ? 45 : 43);
  p = writePadded(p + 1, minutes / 60, 2);
  store<u8>(p, 58);
  return writePadded(p + 1, minutes % 60, 2);
}

export function writeBase64(p: usize, source: usize, length: u32): usize {
  let at: u32 = 0;
  for (; at + 3 <= length; at += 3) {
    const group = (<u32>load<u8>(source + at) << 16) | (<u32>load<u8>(source + at, 1) << 8) | load<u8>(source + at, 2);
    store<u8>(p, base64Digit(group >> 18));
    store<u8>(p, base64Digit((group >> 12) & 63), 1);
    store<u8>(p, base64Digit((group >> 6) & 63), 2);
    store<u8>(p, base64Digit(group & 63), 3);
    p += 4;
  }
  const rest = length - at;
  if (rest == 0) return p;
  const group = (<u32>load<u8>(source + at) << 16) | (rest == 2 ? <u32>load<u8>(source + at, 1) << 8 : 0);
  store<u8>(p, base64Digit(group >> 18));
  store<u8>(p, base64Digit((group >> 12) & 63), 1);
  store<u8>(p, rest == 2 ? base64Digit((group >> 6) & 63) : 61, 2);
  store<u8>(p, 61, 3);
  return p + 4;
}

@inline function base64Digit(value: u32): u32 {
  if (value < 26) return 65 + value;
  if (value < 52) return 71 + value;
  if (value < 62) return value - 4;
  return value == 62 ? 43 : 47;
}
