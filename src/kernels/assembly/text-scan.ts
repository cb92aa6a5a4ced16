// Lines of text to blocks of one string column. Called by src/connectors/formats/text-reader.ts.
import { BLOCK_ROW_COUNT } from "./memory-layout";
import {
  behindTerminator, FIELD_VALIDITY, FIELD_VALUES, line_end, scan_block_finish, scanBlockBegin, SCAN_END, SCAN_FIELDS, SCAN_POSITION,
} from "./scan-block";

/** As `json_next`; no line is ever deferred. */
export function text_next(scan: usize): usize {
  const end: usize = load<u32>(scan, SCAN_END);
  let p: usize = load<u32>(scan, SCAN_POSITION);
  if (p >= end) return 0;
  const block = scanBlockBegin(scan);
  if (block == 0) return 0;
  const limit = load<u32>(block, BLOCK_ROW_COUNT);
  const field: usize = load<u32>(scan, SCAN_FIELDS);
  const values: usize = load<u32>(field, FIELD_VALUES);
  const validity: usize = load<u32>(field, FIELD_VALIDITY);
  let row: u32 = 0;
  for (; row < limit && p < end; row++) {
    const lineEnd = line_end(p, end);
    if (values != 0) {
      store<u64>(values + 8 * row, (<u64>(lineEnd - p) << 32) | p);
      store<u8>(validity + row, 1);
    }
    p = behindTerminator(lineEnd, end);
  }
  store<u32>(scan, <u32>p, SCAN_POSITION);
  store<u32>(block, row, BLOCK_ROW_COUNT);
  scan_block_finish(scan, block, 0);
  return block;
}
