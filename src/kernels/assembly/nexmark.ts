// The Nexmark generator: event number n is a pure function of (seed, n), in integer arithmetic only, so that any worker can
// start anywhere and every machine gets the same bytes. `connectors/nexmark` describes the events and prepares what is passed in;
// `test/connectors/nexmark-twin.ts` is the same generator in plain TypeScript.
//
// Randomness: s = mix(key + n * GOLDEN) belongs to the event, its draw number k is mix(s + (k + 1) * GOLDEN). Of a draw, the high
// and the low 32 bits are used apart; `pick(bits, n)` maps 32 bits to 0 .. n-1. Draws 0 to 15 are scalars, 16 and 128 upwards
// characters, 192 upwards the letters of `extra` (8 a draw).
import { arena_alloc, segment_alloc } from "./memory";
import { ARENA_SPLIT } from "./memory-layout";

// Parameters of `nexmark_block`, written by `connectors/nexmark/nexmark-reader.ts`.
const KEY: u32 = 0; // u64
const START_MS: u32 = 8; // i64
const RATE: u32 = 16; // u32, events per second of event time
const GROUP: u32 = 20; // u32, out-of-order group size
const DECADE: u32 = 24; // u32, address of 257 u32: 10^(i/256) * 2^24
const TEXTS: u32 = 28; // u32, address of views: see the TEXT_ numbers
const TABLE: u32 = 32; // u32: 0 all, 1 person, 2 auction, 3 bid
const COLUMNS: u32 = 40; // u32 addresses of values (0 = not wanted): 8 person, 10 auction, 7 bid, event_type, 3 validities

const PERSON: u32 = COLUMNS;
const AUCTION: u32 = COLUMNS + 4 * 8;
const BID: u32 = COLUMNS + 4 * 18;
const EVENT_TYPE: u32 = COLUMNS + 4 * 25;
const PERSON_VALID: u32 = COLUMNS + 4 * 26;
const AUCTION_VALID: u32 = COLUMNS + 4 * 27;
const BID_VALID: u32 = COLUMNS + 4 * 28;

// Numbers of texts.
const TEXT_FIRST_NAMES: u32 = 0; // 11
const TEXT_LAST_NAMES: u32 = 11; // 9
const TEXT_CITIES: u32 = 20; // 10
const TEXT_STATES: u32 = 30; // 6
const TEXT_HOT_CHANNELS: u32 = 36; // 4
const TEXT_COLD_CHANNEL: u32 = 40;
const TEXT_URL_START: u32 = 41;
const TEXT_URL_END: u32 = 42;
const TEXT_CHANNEL_ID: u32 = 43;

const GOLDEN: u64 = 0x9e3779b97f4a7c15;
const CHANNEL_SALT: u64 = 0x6368616e6e656c73;
const COLD_CHANNELS: u32 = 10000;
const EVENTS_PER_EPOCH: u64 = 50;
const FIRST_ID: i64 = 1000;

@inline function mix(value: u64): u64 {
  let z = value;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
@inline function draw(s: u64, k: u32): u64 {
  return mix(s + <u64>(k + 1) * GOLDEN);
}
@inline function high(bits: u64): u64 {
  return bits >> 32;
}
@inline function low(bits: u64): u64 {
  return bits & 0xffffffff;
}
@inline function pick(bits32: u64, n: u64): u64 {
  return (bits32 * n) >> 32;
}

// Space for the strings of one call.
let cursor: u32 = 0;
let limit: u32 = 0;

/** `bytes` bytes (and 16 more that may be scribbled on); 0 if there is no memory. */
@inline function reserve(bytes: u32): u32 {
  if (cursor + bytes + 16 > limit) {
    cursor = <u32>arena_alloc(ARENA_SPLIT, 131072);
    limit = cursor == 0 ? 0 : cursor + 131072;
  }
  return cursor;
}
@inline function view(address: u32, length: u32): u64 {
  return <u64>address | (<u64>length << 32);
}

/** `length` letters a-z, 8 from each draw: byte b gives letter b * 26 >> 8. */
function letters(address: u32, length: u32, s: u64): void {
  const mask: u64 = 0x00ff00ff00ff00ff;
  for (let at: u32 = 0, k: u32 = 192; at < length; at += 8, k++) {
    const bits = draw(s, k);
    const even = (((bits & mask) * 26) >> 8) & mask;
    const odd = (((bits >> 8) & mask) * 26) & ~mask;
    store<u64>(address + at, (even | odd) + 0x6161616161616161);
  }
}

/** `length` characters: one in 13 is `special`, the others a-z. */
function characters(address: u32, length: u32, s: u64, k: u32, special: u8): void {
  for (let i: u32 = 0; i < length; i++) {
    const bits = draw(s, k + i);
    store<u8>(address + i, pick(high(bits), 13) == 0 ? special : <u8>(97 + pick(low(bits), 26)));
  }
}

/** Length of `extra`: the rest up to `average`, give or take a fifth of it. */
@inline function extraLength(used: u32, average: u32, bits32: u64): u32 {
  if (used > average) return 0;
  const rest = average - used;
  const delta = (rest * 2 + 5) / 10;
  return rest - delta + (delta == 0 ? 0 : <u32>pick(bits32, 2 * delta));
}

@inline function price(parameters: usize, bits32: u64): i64 {
  const scaled = bits32 * 6;
  const decade = <u32>(scaled >> 32);
  const index = <u32>((scaled >> 24) & 0xff);
  const fraction = (scaled >> 8) & 0xffff;
  const table = load<u32>(parameters, DECADE) + (index << 2);
  const from = <u64>load<u32>(table);
  const mantissa = from + (((<u64>load<u32>(table, 4) - from) * fraction) >> 16);
  let hundreds: u64 = 100;
  for (let i: u32 = 0; i < decade; i++) hundreds *= 10;
  return <i64>((mantissa * hundreds + (1 << 23)) >> 24);
}

@inline function text(parameters: usize, index: u32): u64 {
  return load<u64>(load<u32>(parameters, TEXTS) + (index << 3));
}
/** Copies a text to `address`; returns the address after it. */
function put(address: u32, value: u64): u32 {
  memory.copy(address, <u32>value, <u32>(value >> 32));
  return address + <u32>(value >> 32);
}
function putNumber(address: u32, value: u32): u32 {
  let digits: u32 = 1;
  for (let rest = value / 10; rest != 0; rest /= 10) digits++;
  for (let at = address + digits - 1, rest = value; at >= address; at--, rest /= 10) store<u8>(at, <u8>(48 + (rest % 10)));
  return address + digits;
}

// Channel and url views of the 10000 cold channels and then the 4 hot ones, for the key they were made with.
let channels: u32 = 0;
let channelsKey: u64 = 0;
const CHANNEL_BYTES: u32 = 16;

function makeChannels(parameters: usize): bool {
  const key = load<u64>(parameters, KEY);
  if (channels != 0 && channelsKey == key) return true;
  if (channels == 0) channels = <u32>segment_alloc(20);
  if (channels == 0) return false;
  channelsKey = key;
  let at = channels + CHANNEL_BYTES * (COLD_CHANNELS + 4);
  for (let channel: u32 = 0; channel < COLD_CHANNELS + 4; channel++) {
    const s = mix((key ^ CHANNEL_SALT) + <u64>channel * GOLDEN);
    const entry = channels + CHANNEL_BYTES * channel;
    let start = at;
    if (channel < COLD_CHANNELS) at = putNumber(put(at, text(parameters, TEXT_COLD_CHANNEL)), channel);
    else at = put(at, text(parameters, TEXT_HOT_CHANNELS + channel - COLD_CHANNELS));
    store<u64>(entry, view(start, at - start));
    start = at;
    at = put(at, text(parameters, TEXT_URL_START));
    for (let folder: u32 = 0; folder < 3; folder++) {
      characters(at, 5, s, 16 + folder * 5, 95);
      store<u8>(at + 5, 47);
      at += 6;
    }
    at = put(at, text(parameters, TEXT_URL_END));
    if (channel < COLD_CHANNELS && pick(high(draw(s, 0)), 10) > 0) {
      at = put(at, text(parameters, TEXT_CHANNEL_ID));
      // As Java's Math.abs(Integer.reverse(channel)), which leaves the least integer negative.
      const reversed = reverseBits(channel);
      if (<i32>reversed < 0) {
        const negated = 0 - reversed;
        if (<i32>negated < 0) store<u8>(at++, 45);
        at = putNumber(at, negated);
      } else at = putNumber(at, reversed);
    }
    store<u64>(entry, view(start, at - start), 8);
  }
  return true;
}

function reverseBits(value: u32): u32 {
  let v = value;
  v = ((v >> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return (v >> 16) | (v << 16);
}

@inline function column(parameters: usize, table: u32, index: u32): usize {
  return load<u32>(parameters + table + (index << 2));
}
@inline function put64(parameters: usize, table: u32, index: u32, row: u32, value: u64): void {
  const values = column(parameters, table, index);
  if (values != 0) store<u64>(values + (<usize>row << 3), value);
}

/** One of the people active at `epoch`, or one of the next 10. */
@inline function somePerson(epoch: i64, bits32: u64): i64 {
  const people = epoch + 1;
  const active = people < 1000 ? people : 1000;
  return people - active + <i64>pick(bits32, <u64>(active + 10));
}

function person(parameters: usize, s: u64, epoch: i64, micros: i64, row: u32): bool {
  const d0 = draw(s, 0);
  const d1 = draw(s, 1);
  const first = text(parameters, TEXT_FIRST_NAMES + <u32>pick(high(d0), 11));
  const last = text(parameters, TEXT_LAST_NAMES + <u32>pick(low(d0), 9));
  const nameLength = <u32>(first >> 32) + 1 + <u32>(last >> 32);
  const user = <u32>(3 + pick(high(d1), 4));
  const host = <u32>(3 + pick(low(d1), 2));
  const mailLength = user + host + 5;
  const d4 = draw(s, 4);
  const city = text(parameters, TEXT_CITIES + <u32>pick(high(d4), 10));
  const state = text(parameters, TEXT_STATES + <u32>pick(low(d4), 6));
  put64(parameters, PERSON, 0, row, FIRST_ID + epoch);
  if (column(parameters, PERSON, 1) != 0) {
    const at = reserve(nameLength);
    if (at == 0) return false;
    const space = put(at, first);
    store<u8>(space, 32);
    cursor = put(space + 1, last);
    put64(parameters, PERSON, 1, row, view(at, nameLength));
  }
  if (column(parameters, PERSON, 2) != 0) {
    const at = reserve(mailLength);
    if (at == 0) return false;
    for (let i: u32 = 0; i < user + host; i++) store<u8>(at + i + <u32>(i >= user), <u8>(97 + pick(low(draw(s, 128 + i)), 26)));
    store<u8>(at + user, 64);
    store<u32>(at + user + 1 + host, 0x6d6f632e);
    cursor = at + mailLength;
    put64(parameters, PERSON, 2, row, view(at, mailLength));
  }
  if (column(parameters, PERSON, 3) != 0) {
    const at = reserve(19);
    if (at == 0) return false;
    const d2 = draw(s, 2);
    const d3 = draw(s, 3);
    for (let group: u32 = 0; group < 4; group++) {
      const d = group < 2 ? d2 : d3;
      let number = <u32>pick(group & 1 ? low(d) : high(d), 10000);
      for (let i: u32 = 4; i > 0; i--) {
        store<u8>(at + group * 5 + i - 1, <u8>(48 + (number % 10)));
        number /= 10;
      }
      if (group < 3) store<u8>(at + group * 5 + 4, 32);
    }
    cursor = at + 19;
    put64(parameters, PERSON, 3, row, view(at, 19));
  }
  put64(parameters, PERSON, 4, row, city);
  put64(parameters, PERSON, 5, row, state);
  put64(parameters, PERSON, 6, row, micros);
  if (column(parameters, PERSON, 7) != 0) {
    const used = 8 + nameLength + mailLength + 19 + <u32>(city >> 32) + <u32>(state >> 32);
    const length = extraLength(used, 200, high(draw(s, 5)));
    const at = reserve(length);
    if (at == 0) return false;
    letters(at, length, s);
    cursor = at + length;
    put64(parameters, PERSON, 7, row, view(at, length));
  }
  return true;
}

function auction(parameters: usize, s: u64, epoch: i64, index: i64, micros: i64, horizonMs: i64, row: u32): bool {
  const d0 = draw(s, 0);
  const d1 = draw(s, 1);
  const d2 = draw(s, 2);
  const d3 = draw(s, 3);
  const nameLength = <u32>(3 + pick(high(d0), 17));
  const descriptionLength = <u32>(3 + pick(low(d0), 97));
  put64(parameters, AUCTION, 0, row, FIRST_ID + epoch * 3 + index);
  if (column(parameters, AUCTION, 1) != 0) {
    const at = reserve(nameLength);
    if (at == 0) return false;
    characters(at, nameLength, s, 128, 32);
    cursor = at + nameLength;
    put64(parameters, AUCTION, 1, row, view(at, nameLength));
  }
  if (column(parameters, AUCTION, 2) != 0) {
    const at = reserve(descriptionLength);
    if (at == 0) return false;
    characters(at, descriptionLength, s, 16, 32);
    cursor = at + descriptionLength;
    put64(parameters, AUCTION, 2, row, view(at, descriptionLength));
  }
  const initialBid = price(parameters, high(d1));
  put64(parameters, AUCTION, 3, row, initialBid);
  put64(parameters, AUCTION, 4, row, initialBid + price(parameters, low(d1)));
  put64(parameters, AUCTION, 5, row, micros);
  const range = horizonMs * 2 > 1 ? <u64>(horizonMs * 2) : 1;
  put64(parameters, AUCTION, 6, row, micros + (1 + <i64>pick(high(draw(s, 4)), range)) * 1000);
  const seller = pick(high(d2), 4) > 0 ? (epoch / 100) * 100 : somePerson(epoch, low(d2));
  put64(parameters, AUCTION, 7, row, FIRST_ID + seller);
  put64(parameters, AUCTION, 8, row, 10 + pick(high(d3), 5));
  if (column(parameters, AUCTION, 9) != 0) {
    const length = extraLength(56 + nameLength + descriptionLength, 500, low(d3));
    const at = reserve(length);
    if (at == 0) return false;
    letters(at, length, s);
    cursor = at + length;
    put64(parameters, AUCTION, 9, row, view(at, length));
  }
  return true;
}

function bid(parameters: usize, s: u64, epoch: i64, micros: i64, row: u32): bool {
  if (column(parameters, BID, 0) != 0) {
    const d0 = draw(s, 0);
    const last = epoch * 3 + 2;
    const least = last > 100 ? last - 100 : 0;
    const id = pick(high(d0), 2) > 0 ? (last / 100) * 100 : least + <i64>pick(low(d0), <u64>(last - least + 11));
    put64(parameters, BID, 0, row, FIRST_ID + id);
  }
  if (column(parameters, BID, 1) != 0) {
    const d1 = draw(s, 1);
    const id = pick(high(d1), 4) > 0 ? (epoch / 100) * 100 + 1 : somePerson(epoch, low(d1));
    put64(parameters, BID, 1, row, FIRST_ID + id);
  }
  const d2 = draw(s, 2);
  const d3 = draw(s, 3);
  if (column(parameters, BID, 2) != 0) put64(parameters, BID, 2, row, price(parameters, high(d2)));
  const isHot = pick(low(d2), 2) > 0;
  const channel = channels + CHANNEL_BYTES * <u32>(isHot ? COLD_CHANNELS + pick(high(d3), 4) : pick(high(d3), COLD_CHANNELS));
  put64(parameters, BID, 3, row, load<u64>(channel));
  put64(parameters, BID, 4, row, load<u64>(channel, 8));
  put64(parameters, BID, 5, row, micros);
  if (column(parameters, BID, 6) != 0) {
    const length = extraLength(32, 100, low(d3));
    const at = reserve(length);
    if (at == 0) return false;
    letters(at, length, s);
    cursor = at + length;
    put64(parameters, BID, 6, row, view(at, length));
  }
  return true;
}

/**
 * Generates the events at positions `first` to `first + count - 1` into the columns named in the parameters. Returns the number of
 * rows written (all events for table 0, else those of the table), or -1 if there is no memory.
 */
export function nexmark_block(parameters: usize, first: i64, count: u32): i32 {
  if (!makeChannels(parameters)) return -1;
  const key = load<u64>(parameters, KEY);
  const startMs = load<i64>(parameters, START_MS);
  const rate = <u64>load<u32>(parameters, RATE);
  const group = <u64>load<u32>(parameters, GROUP);
  const table = load<u32>(parameters, TABLE);
  const eventType = <usize>load<u32>(parameters, EVENT_TYPE);
  const personValid = <usize>load<u32>(parameters, PERSON_VALID);
  const auctionValid = <usize>load<u32>(parameters, AUCTION_VALID);
  const bidValid = <usize>load<u32>(parameters, BID_VALID);
  cursor = 0;
  limit = 0;
  // Epoch and time go on by addition while events are in order; division is needed once only.
  let n = <u64>first;
  let epoch = n / EVENTS_PER_EPOCH;
  let rest = <u32>(n % EVENTS_PER_EPOCH);
  let ms = (n * 1000) / rate;
  let msRest = (n * 1000) % rate;
  const msStep = 1000 / rate;
  const msStepRest = 1000 % rate;
  let row: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (group != 1) {
      const position = <u64>first + i;
      n = (position / group) * group + ((position * 953) % group);
      epoch = n / EVENTS_PER_EPOCH;
      rest = <u32>(n % EVENTS_PER_EPOCH);
      ms = (n * 1000) / rate;
    }
    const kind: u32 = rest == 0 ? 1 : rest <= 3 ? 2 : 3;
    if (table == 0 || table == kind) {
      const s = mix(key + n * GOLDEN);
      const micros = (startMs + <i64>ms) * 1000;
      let done: bool;
      if (kind == 3) done = bid(parameters, s, <i64>epoch, micros, row);
      else if (kind == 1) done = person(parameters, s, <i64>epoch, micros, row);
      else {
        // The time of 100 auctions: 100 * 50 / 3 events.
        const horizonMs = <i64>(((n + 1666) * 1000) / rate - ms);
        done = auction(parameters, s, <i64>epoch, <i64>rest - 1, micros, horizonMs, row);
      }
      if (!done) return -1;
      if (table == 0) {
        if (eventType != 0) store<u32>(eventType + (<usize>row << 2), kind - 1);
        if (personValid != 0) store<u8>(personValid + row, <u8>(kind == 1));
        if (auctionValid != 0) store<u8>(auctionValid + row, <u8>(kind == 2));
        if (bidValid != 0) store<u8>(bidValid + row, <u8>(kind == 3));
      }
      row++;
    }
    n++;
    if (++rest == <u32>EVENTS_PER_EPOCH) {
      rest = 0;
      epoch++;
    }
    ms += msStep;
    msRest += msStepRest;
    if (msRest >= rate) {
      msRest -= rate;
      ms++;
    }
  }
  return row;
}
