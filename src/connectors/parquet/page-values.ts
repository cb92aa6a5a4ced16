/**
 * The values of one page by encoding, without levels: only values that are not null. Encodings other than PLAIN and dictionaries are
 * rewritten when the page is opened. In workers.
 */
import type { Conversion } from "./conversions.ts";
import { PHYSICAL } from "./footer.ts";
import { damaged, type ParquetPlace, unsupported } from "./parquet-error.ts";
import { type LeafShape, parquetType } from "./parquet-schema.ts";
import type { Bytes, Page, SplitFile } from "./page-reader.ts";

/** What a column's pages share. */
export interface ValueTools {
  readonly split: SplitFile;
  readonly leaf: LeafShape;
  readonly conversion: Conversion;
  /** Memory for a stream's state. */
  readonly state: number;
  dictionary: Dictionary | null;
  /** Takes the buffers of wide decimals if they outlive their block. */
  readonly numberBuffers?: number[];
}

/** Values as they are in blocks. */
interface Dictionary {
  readonly values: number;
  readonly size: number;
  readonly buffers: readonly number[];
}

/** Which of some values are wanted: their positions (`kernels/assembly/parquet-pick.ts`), counted from `base`. */
export interface Picks {
  readonly positions: number;
  readonly base: number;
  readonly picked: number;
}

export interface PageValues {
  /** Writes the next `count` values as they are in blocks. Throws a typed error when they are not there. */
  read(target: number, count: number): void;
  /** Writes some of the next `count` values. */
  readPicked(target: number, count: number, picks: Picks): void;
  /** Passes over the next `count` values. */
  skip(count: number): void;
  /** For values in the dictionary writes the bytes that `map` has for their entries. */
  readMapped?(map: number, target: number, count: number): void;
  /** Address of the next `count` values if they lie in the page as they are in blocks, and then they are taken; else 0. */
  inPlace(count: number): number;
  /** The page is done; blocks may still point into it. */
  close(): void;
}

const MEMORY_MAX = 256 * 1024 * 1024;

/** Opens a page; null for a dictionary page, which is kept in `tools`. `place` is for errors. */
export function openValues(tools: ValueTools, page: Page, place: ParquetPlace): PageValues | null {
  if (page.isDictionary) {
    openDictionary(tools, page, place);
    return null;
  }
  const { leaf } = tools;
  const { physical } = leaf.element;
  const { values } = page;
  switch (page.encoding) {
    case 0:
      if (physical === PHYSICAL.byteArray) return strings(tools, values, place);
      if (physical === PHYSICAL.boolean) return booleans(tools, values, place);
      return fixed(tools, values, place, []);
    case 2:
    case 8:
      return indexes(tools, values, place);
    case 3:
      if (physical === PHYSICAL.boolean) return booleanRuns(tools, values, place);
      break;
    case 5:
      if (physical === PHYSICAL.int32 || physical === PHYSICAL.int64) return deltas(tools, page, place);
      break;
    case 6:
      if (physical === PHYSICAL.byteArray) return lengthsAndStrings(tools, page, place);
      break;
    case 7:
      if (physical === PHYSICAL.byteArray || physical === PHYSICAL.fixed) return incrementalStrings(tools, page, place);
      break;
    case 9:
      if (physical !== PHYSICAL.boolean && physical !== PHYSICAL.byteArray && physical !== PHYSICAL.int96)
        return streams(tools, values, place);
      break;
  }
  throw unsupported(place, `encoding ${page.encoding} for ${parquetType(leaf)}`);
}

/** Values of `sourceWidth` bytes each, in `bytes`. */
function fixed(tools: ValueTools, bytes: Bytes, place: ParquetPlace, buffers: readonly number[]): PageValues {
  const { split, conversion } = tools;
  const { sourceWidth } = conversion;
  const { exports } = split.kernels;
  let at = bytes.begin;
  const advance = (count: number): number => {
    const from = at;
    if (count * sourceWidth > bytes.end - from) throw damaged(place, "the page has fewer values than its header says");
    at += count * sourceWidth;
    return from;
  };
  return {
    read: (target, count) => convert(tools, advance(count), target, count, place),
    readPicked(target, count, { positions, base, picked }) {
      const from = advance(count);
      viaScratch(tools, target, picked, place, (to) => exports["parquet_take"]!(from, to, sourceWidth, positions, base, picked));
    },
    skip: (count) => void advance(count),
    inPlace: (count) => (conversion.kernel === null ? advance(count) : 0),
    close: () => buffers.forEach((buffer) => split.pool.retire(buffer)),
  };
}

/** Converts `count` values at `from`, which are as stored (strings: views), to values of blocks at `target`. */
function convert({ split, conversion, numberBuffers }: ValueTools, from: number, target: number, count: number, place: ParquetPlace): void {
  const { kernels, pool } = split;
  const { kernel, sourceWidth, isWide } = conversion;
  if (kernel === null) {
    kernels.exports["parquet_copy"]!(target, from, count * sourceWidth);
    return;
  }
  let numbers = 0;
  if (isWide) {
    numbers = pool.take(16 * count);
    if (numberBuffers) numberBuffers.push(numbers);
    else pool.retire(numbers);
  }
  if (kernels.exports[kernel]!(from, target, count, sourceWidth, numbers) === 0) throw damaged(place, "a value does not fit its type");
}

/** Runs `read` into a scratch buffer first if values are converted. */
function viaScratch(tools: ValueTools, target: number, count: number, place: ParquetPlace, read: (target: number) => void): void {
  const { conversion, split } = tools;
  if (conversion.kernel === null) {
    read(target);
    return;
  }
  const scratch = split.pool.take(conversion.sourceWidth * count);
  read(scratch);
  convert(tools, scratch, target, count, place);
  split.pool.release(scratch);
}

function strings(tools: ValueTools, { begin, end }: Bytes, place: ParquetPlace): PageValues {
  const { exports } = tools.split.kernels;
  let at = begin;
  const moveTo = (next: number): void => {
    at = next >>> 0;
    if (at === 0) throw damaged(place, "the page's strings go beyond its end");
  };
  return {
    read: (target, count) => viaScratch(tools, target, count, place, (views) => moveTo(exports["parquet_strings"]!(at, end, views, count))),
    readPicked: (target, count, { positions, base, picked }) =>
      viaScratch(tools, target, picked, place, (views) =>
        moveTo(exports["parquet_strings_picked"]!(at, end, views, count, positions, base, picked)),
      ),
    skip: (count) => moveTo(exports["parquet_strings_skip"]!(at, end, count)),
    inPlace: () => 0,
    close() {},
  };
}

function booleans(tools: ValueTools, { begin, end }: Bytes, place: ParquetPlace): PageValues {
  let index = 0;
  const { split } = tools;
  const skip = (count: number): void => {
    if (index + count > 8 * (end - begin)) throw damaged(place, "the page has fewer values than its header says");
    index += count;
  };
  const read = (target: number, count: number): void => {
    skip(count);
    split.kernels.exports["parquet_booleans"]!(begin, index - count, target, count);
  };
  return {
    read,
    readPicked: (target, count, picks) => readThenPick(split, read, target, count, picks),
    skip,
    inPlace: () => 0,
    close() {},
  };
}

function booleanRuns({ split, state }: ValueTools, { begin, end }: Bytes, place: ParquetPlace): PageValues {
  const { exports } = split.kernels;
  const length = end - begin >= 4 ? split.kernels.view().getUint32(begin, true) : -1;
  if (length < 0 || length > end - begin - 4) throw damaged(place, "the page is shorter than its values");
  exports["parquet_stream"]!(state, begin + 4, begin + 4 + length, 1);
  const checked = (isWhole: number): void => {
    if (isWhole === 0) throw damaged(place, "the page's values are damaged");
  };
  const read = (target: number, count: number): void => checked(exports["parquet_stream_bytes"]!(state, target, count));
  return {
    read,
    readPicked: (target, count, picks) => readThenPick(split, read, target, count, picks),
    skip: (count) => checked(exports["parquet_stream_skip"]!(state, count)),
    inPlace: () => 0,
    close() {},
  };
}

/** Of values of one byte. */
function readThenPick(
  { kernels, pool }: SplitFile,
  read: (target: number, count: number) => void,
  target: number,
  count: number,
  { positions, base, picked }: Picks,
): void {
  const scratch = pool.take(count);
  read(scratch, count);
  kernels.exports["parquet_take"]!(scratch, target, 1, positions, base, picked);
  pool.release(scratch);
}

function openDictionary(tools: ValueTools, page: Page, place: ParquetPlace): void {
  const { split, leaf, conversion } = tools;
  const { physical } = leaf.element;
  const { begin, end } = page.values;
  if (tools.dictionary !== null) throw damaged(place, "the column has two dictionaries");
  if (page.encoding !== 0 && page.encoding !== 2) throw unsupported(place, `encoding ${page.encoding} of a dictionary`);
  if (physical === PHYSICAL.boolean) throw damaged(place, "booleans have no dictionary");
  const least = physical === PHYSICAL.byteArray ? 4 : conversion.sourceWidth;
  if (page.valueCount > (end - begin) / least) throw damaged(place, "the dictionary has fewer values than its header says");
  const { valueCount: size } = page;
  const values = split.pool.take(conversion.width * size);
  const buffers = [values, page.buffer ?? split.pool.take(end - begin)];
  let bytes = page.values;
  if (page.buffer === null) {
    // The window moves on, the dictionary stays.
    bytes = { begin: buffers[1]!, end: buffers[1]! + end - begin };
    split.kernels.exports["parquet_copy"]!(bytes.begin, begin, end - begin);
  }
  const owning = { ...tools, numberBuffers: buffers };
  const source = physical === PHYSICAL.byteArray ? strings(owning, bytes, place) : fixed(owning, bytes, place, []);
  source.read(values, size);
  tools.dictionary = { values, size, buffers };
}

function indexes(tools: ValueTools, { begin, end }: Bytes, place: ParquetPlace): PageValues {
  const { split, state, dictionary, conversion } = tools;
  const { exports } = split.kernels;
  if (dictionary === null) throw damaged(place, "a page needs the dictionary that the column does not have");
  // A page of nulls only may have nothing here.
  const width = begin < end ? split.kernels.bytes()[begin]! : 0;
  if (width > 32) throw damaged(place, `indexes of ${width} bits`);
  exports["parquet_stream"]!(state, begin + 1, Math.max(begin + 1, end), width);
  const { values, size } = dictionary;
  const { width: valueWidth } = conversion;
  const checked = (isWhole: number): void => {
    if (isWhole === 0) throw damaged(place, "an index is not in the dictionary, or indexes are missing");
  };
  return {
    read: (target, count) => checked(exports["parquet_gather"]!(state, values, size, valueWidth, target, count)),
    readMapped: (map, target, count) => checked(exports["parquet_gather"]!(state, map, size, 1, target, count)),
    readPicked: (target, count, { positions, base, picked }) =>
      checked(exports["parquet_gather_picked"]!(state, values, size, valueWidth, target, count, positions, base, picked)),
    skip: (count) => checked(exports["parquet_stream_skip"]!(state, count)),
    inPlace: () => 0,
    close() {},
  };
}

/** A whole DELTA_BINARY_PACKED stream as integers in a buffer of its own. */
function deltaIntegers(
  { split }: ValueTools,
  bytes: Bytes,
  most: number,
  width: number,
  place: ParquetPlace,
): Bytes & { buffer: number; count: number } {
  const { exports } = split.kernels;
  const count = exports["parquet_delta_count"]!(bytes.begin, bytes.end, most) >>> 0;
  if (count > most || count * width > MEMORY_MAX) throw damaged(place, "the page has more values than its header says");
  const buffer = split.pool.take(width * count);
  const end = exports["parquet_delta"]!(bytes.begin, bytes.end, buffer, width) >>> 0;
  if (end === 0) throw damaged(place, "the page's values are damaged");
  return { begin: buffer, end, buffer, count };
}

function deltas(tools: ValueTools, page: Page, place: ParquetPlace): PageValues {
  const { sourceWidth } = tools.conversion;
  const { buffer, count } = deltaIntegers(tools, page.values, page.valueCount, sourceWidth, place);
  return fixed(tools, { begin: buffer, end: buffer + sourceWidth * count }, place, [buffer]);
}

function lengthsAndStrings(tools: ValueTools, page: Page, place: ParquetPlace): PageValues {
  const { split } = tools;
  const { exports } = split.kernels;
  const lengths = deltaIntegers(tools, page.values, page.valueCount, 4, place);
  const total = exports["parquet_lengths_sum"]!(lengths.begin, lengths.count, MEMORY_MAX) >>> 0;
  if (total > page.values.end - lengths.end) throw damaged(place, "the page's strings go beyond its end");
  const views = split.pool.take(8 * lengths.count);
  exports["parquet_views_of_lengths"]!(lengths.begin, lengths.end, views, lengths.count);
  split.pool.release(lengths.buffer);
  return fixed(tools, { begin: views, end: views + 8 * lengths.count }, place, [views]);
}

function incrementalStrings(tools: ValueTools, page: Page, place: ParquetPlace): PageValues {
  const { split, leaf, conversion } = tools;
  const { exports } = split.kernels;
  const prefixes = deltaIntegers(tools, page.values, page.valueCount, 4, place);
  const lengths = deltaIntegers(tools, { begin: prefixes.end, end: page.values.end }, page.valueCount, 4, place);
  const { count } = prefixes;
  const suffixBytes = exports["parquet_lengths_sum"]!(lengths.begin, lengths.count, MEMORY_MAX) >>> 0;
  const prefixBytes = exports["parquet_lengths_sum"]!(prefixes.begin, count, MEMORY_MAX) >>> 0;
  if (lengths.count !== count || suffixBytes > page.values.end - lengths.end || prefixBytes + suffixBytes > MEMORY_MAX)
    throw damaged(place, "the page's strings go beyond its end");
  const bytes = split.pool.take(prefixBytes + suffixBytes);
  const views = split.pool.take(8 * count);
  if (exports["parquet_incremental_strings"]!(prefixes.begin, lengths.begin, lengths.end, bytes, views, count) === 0)
    throw damaged(place, "a string's prefix is longer than the string before");
  split.pool.release(prefixes.buffer);
  split.pool.release(lengths.buffer);
  if (leaf.element.physical === PHYSICAL.byteArray) return fixed(tools, { begin: views, end: views + 8 * count }, place, [views, bytes]);
  // Strings of equal length without anything between them are values of fixed width.
  const width = conversion.sourceWidth;
  if (exports["parquet_views_have_width"]!(views, count, width) === 0) throw damaged(place, "a value has another length than its type");
  split.pool.release(views);
  return fixed(tools, { begin: bytes, end: bytes + width * count }, place, [bytes]);
}

function streams(tools: ValueTools, { begin, end }: Bytes, place: ParquetPlace): PageValues {
  const width = tools.conversion.sourceWidth;
  const count = (end - begin) / width;
  if (!Number.isInteger(count)) throw damaged(place, "the page is not a whole number of values");
  const buffer = tools.split.pool.take(end - begin);
  tools.split.kernels.exports["parquet_join_streams"]!(begin, width, buffer, count);
  return fixed(tools, { begin: buffer, end: buffer + width * count }, place, [buffer]);
}
