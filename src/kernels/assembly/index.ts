// The kernels module: every export of these files is a kernel. One instance per worker.
export * from "./memory";
export { event_times } from "./event-time";
export * from "./exchange";
export * from "./flat-table";
export * from "./hash-table";
export { store_touch, store_warm, table_touch } from "./touch";
export * from "./column-batch";
export * from "./column-copy";
export * from "./gather";
export * from "./generate";
export * from "./nexmark";
export { line_end, scan_block_finish, scan_block_slice, scan_reuse } from "./scan-block";
export { json_next } from "./json-scan";
export * from "./change-log";
export { store_redo_begin, store_redo_end } from "./redo";
export { store_adopt_chunk, store_adopt_cold, store_has_bucket, store_stage, store_unstage } from "./chunk-store";
export * from "./image-checksum";
export { state_bytes, state_reclaim, state_set_limit, store_chunk_counts } from "./cold-chunk";
export { rows_copy, rows_count, rows_place, rows_starts, store_shape } from "./group-rows";
export * from "./crc32c";
export { frame_crc } from "./state-frame";
export { frame_migrate } from "./migrate-frame";
export * from "./state-store";
export {
  store_late_groups, store_late_table, store_memory_bytes, store_removed_rows, store_row_count, store_scan_all, store_scan_between,
  store_scan_dirty, store_scan_dirty_between, store_scan_evictable, store_updated_rows,
} from "./store-scan";
export { store_duplicates, store_pass_first, store_pass_new } from "./row-operator";
export { encode_clear } from "./encode-buffer";
export { json_encode } from "./encode-json";
export * from "./list";
export {
  pane_begin, pane_bound, pane_bound_touched, pane_changes, pane_count, pane_describe, pane_description_bytes, pane_hash,
} from "./panes";
export { series_add_neighbours, series_changes } from "./pane-changes";
export { series_new, series_of_partition, series_of_table, series_windows } from "./pane-series";
export { parquet_lz4, parquet_lz4_within, parquet_snappy } from "./parquet-block-codecs";
export * from "./parquet-delta";
export * from "./parquet-dictionary";
export { parquet_extremes, parquet_write_indexes, parquet_write_levels, parquet_write_plain } from "./parquet-encode";
export {
  parquet_gather, parquet_gather_picked, parquet_old_levels, parquet_stream, parquet_stream_bytes, parquet_stream_of_bytes, parquet_stream_skip,
  parquet_validity,
} from "./parquet-hybrid";
export * from "./parquet-pick";
export * from "./parquet-values";
export { parquet_zstd } from "./parquet-zstd";
export { csv_next } from "./csv-scan";
export { csv_encode, text_encode } from "./encode-csv";
export { text_next } from "./text-scan";
export * from "./datetime";
export { datetime_format } from "./datetime-format";
export * from "./decimal";
export * from "./hash";
export * from "./sketch";
export * from "./snappy-compress";
export * from "./text-casts";
export * from "./utf8";
