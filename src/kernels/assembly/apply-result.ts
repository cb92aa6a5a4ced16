// What comes of redoing a frame or entering a chunk: results of `store_apply_frame` and `store_adopt_chunk` (state/state-file.ts names them).
export const APPLY_DONE: u32 = 0;
export const APPLY_TRUNCATED: u32 = 1;
export const APPLY_MAGIC: u32 = 2;
export const APPLY_VERSION: u32 = 3;
export const APPLY_CRC: u32 = 4;
export const APPLY_LAYOUT: u32 = 5; // rows, buckets or partitions of another shape
export const APPLY_RECORD: u32 = 6;
export const APPLY_MEMORY: u32 = 7;
