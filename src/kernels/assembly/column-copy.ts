// Copies columns between forms: offsets to views, bit maps to byte maps, gathered rows. One call per column.

/** Views on `count` strings whose `count + 1` i32 offsets count from `data`. */
export function views_from_offsets(offsets: usize, data: usize, views: usize, count: u32): void {
  let i: u32 = 0;
  const start = i32x4.splat(<i32>data);
  for (; i + 4 <= count; i += 4) {
    const from = v128.load(offsets + (<usize>i << 2));
    const lengths = i32x4.sub(v128.load(offsets + (<usize>i << 2), 4), from);
    const addresses = i32x4.add(from, start);
    v128.store(views + (<usize>i << 3), v128.shuffle<u32>(addresses, lengths, 0, 4, 1, 5));
    v128.store(views + (<usize>i << 3), v128.shuffle<u32>(addresses, lengths, 2, 6, 3, 7), 16);
  }
  let from = load<i32>(offsets + (<usize>i << 2));
  for (; i < count; i++) {
    const to = load<i32>(offsets + (<usize>(i + 1) << 2));
    store<u64>(views + (<usize>i << 3), (<u64>(data + from)) | (<u64>(to - from) << 32));
    from = to;
  }
}

/** The bits (least significant first) of `count` bytes; the bit map is rounded up to whole bytes. Returns the number of zeros. */
export function bits_from_bytes(bytes: usize, bitmap: usize, count: u32): u32 {
  let zeros: u32 = 0;
  for (let i: u32 = 0; i < count; i += 8) {
    let word: u32 = 0;
    const end: u32 = count - i < 8 ? count - i : 8;
    for (let j: u32 = 0; j < end; j++) {
      const bit: u32 = load<u8>(bytes + i + j) & 1;
      zeros += 1 - bit;
      word |= bit << j;
    }
    store<u8>(bitmap + (i >> 3), <u8>word);
  }
  return zeros;
}

/** `count` values of `width` (1, 2, 4 or 8) bytes at the row numbers (u32) in `rows`. */
export function gather_column(values: usize, width: u32, rows: usize, target: usize, count: u32): void {
  if (width == 8) {
    for (let i: u32 = 0; i < count; i++)
      store<u64>(target + (<usize>i << 3), load<u64>(values + (<usize>load<u32>(rows + (<usize>i << 2)) << 3)));
  } else if (width == 4) {
    for (let i: u32 = 0; i < count; i++)
      store<u32>(target + (<usize>i << 2), load<u32>(values + (<usize>load<u32>(rows + (<usize>i << 2)) << 2)));
  } else if (width == 2) {
    for (let i: u32 = 0; i < count; i++)
      store<u16>(target + (<usize>i << 1), load<u16>(values + (<usize>load<u32>(rows + (<usize>i << 2)) << 1)));
  } else {
    for (let i: u32 = 0; i < count; i++) store<u8>(target + i, load<u8>(values + load<u32>(rows + (<usize>i << 2))));
  }
}

/** Bytes that the strings of `count` views have together; rows whose byte in `validity` (0: all valid) is 0 have none. */
export function views_total_bytes(views: usize, validity: usize, count: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (validity != 0 && load<u8>(validity + i) == 0) continue;
    total += load<u32>(views + (<usize>i << 3), 4);
  }
  return total;
}

/** The inverse of `views_from_offsets`: copies the strings to `data` one after the other and writes `count + 1` i32 offsets from `start`. */
export function offsets_from_views(views: usize, validity: usize, offsets: usize, data: usize, start: u32, count: u32): void {
  let at = start;
  store<u32>(offsets, at);
  for (let i: u32 = 0; i < count; i++) {
    if (validity == 0 || load<u8>(validity + i) != 0) {
      const length = load<u32>(views + (<usize>i << 3), 4);
      memory.copy(data + at, load<u32>(views + (<usize>i << 3)), length);
      at += length;
    }
    store<u32>(offsets + (<usize>(i + 1) << 2), at);
  }
}

/**
 * Sets `marks[i]` for every row of a column that differs from the row before it (nulls are equal to each other); other marks stay.
 * `isView` tells that the 8-byte values are views whose bytes count.
 */
export function mark_changes(values: usize, width: u32, isView: bool, validity: usize, marks: usize, count: u32): void {
  for (let i: u32 = 1; i < count; i++) {
    if (validity != 0) {
      const valid = load<u8>(validity + i);
      if (valid != load<u8>(validity + i - 1)) {
        store<u8>(marks + i, 1);
        continue;
      }
      if (valid == 0) continue;
    }
    const at = values + i * width;
    if (isView) {
      const length = load<u32>(at, 4);
      if (length != load<u32>(at - 8, 4) || memory.compare(load<u32>(at), load<u32>(at - 8), length) != 0) store<u8>(marks + i, 1);
    } else if (width == 8) {
      if (load<u64>(at) != load<u64>(at - 8)) store<u8>(marks + i, 1);
    } else if (width == 4) {
      if (load<u32>(at) != load<u32>(at - 4)) store<u8>(marks + i, 1);
    } else if (width == 2) {
      if (load<u16>(at) != load<u16>(at - 2)) store<u8>(marks + i, 1);
    } else if (load<u8>(at) != load<u8>(at - 1)) store<u8>(marks + i, 1);
  }
}

/** The bytes of views that are `width` long, one after the other; null rows become zeros. */
export function fixed_from_views(views: usize, validity: usize, width: u32, target: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const at = target + i * width;
    if (validity != 0 && load<u8>(validity + i) == 0) memory.fill(at, 0, width);
    else memory.copy(at, load<u32>(views + (<usize>i << 3)), width);
  }
}

/** 16-byte numbers from decimals of at most 18 digits: the sign fills the high halves. */
export function decimals_widen(source: usize, target: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const value = load<i64>(source + (<usize>i << 3));
    store<i64>(target + (<usize>i << 4), value);
    store<i64>(target + (<usize>i << 4), value >> 63, 8);
  }
}
