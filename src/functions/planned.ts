/** Names that Spark's registry has and this one does not compute yet, and names that the analyzer handles itself. */
import type { SpecialFunction } from "../plan/expr/function-registry.ts";

const PLANNED = `
explode explode_outer inline posexplode nanvl rand inline_outer nullifzero zeroifnull posexplode_outer random randn randstr stack uniform
hex acos acosh asin asinh atan atan2 atanh bin cbrt conv cos sec cosh degrees e expm1 factorial hypot log log1p pi radians rint
shiftrightunsigned >>> sin csc sinh str_to_map tan cot tanh width_bucket
try_element_at try_avg try_to_binary try_to_date try_to_time try_aes_decrypt try_reflect try_url_decode try_make_interval
percentile_approx collect_set corr mode median listagg covar_samp covar_pop kurtosis skewness percentile percentile_cont percentile_disc
approx_percentile histogram_numeric string_agg count_min_sketch regr_count regr_avgx regr_avgy regr_r2 regr_sxx regr_sxy regr_syy
regr_slope regr_intercept hll_sketch_agg hll_union_agg approx_top_k approx_top_k_accumulate approx_top_k_combine theta_sketch_agg
theta_union_agg theta_intersection_agg bit_and bit_or bit_xor
vector_cosine_similarity vector_inner_product vector_l2_distance vector_norm vector_normalize vector_avg vector_sum
bitmap_bucket_number bitmap_bit_position bitmap_construct_agg bitmap_count bitmap_or_agg bitmap_and_agg
parse_json try_parse_json is_variant_null variant_get try_variant_get schema_of_variant schema_of_variant_agg to_variant_object
split regexp_extract regexp_replace rlike format_string base64 unbase64 encode decode bit_length char chr collate collation elt find_in_set
format_number to_number try_to_number to_char to_varchar levenshtein luhn_check overlay printf quote regexp_extract_all regexp_like regexp
regexp_count regexp_substr regexp_instr sentences soundex space substring_index unhex xpath is_valid_utf8 make_valid_utf8 validate_utf8
try_validate_utf8 parse_url url_encode url_decode try_parse_url
from_utc_timestamp to_utc_timestamp current_time current_timezone localtimestamp months_between next_day time_diff to_time to_binary
to_timestamp_ntz to_timestamp_ltz dayname make_time time_trunc try_make_timestamp monthname make_timestamp_ntz make_timestamp_ltz
make_interval make_dt_interval make_ym_interval convert_timezone
array array_contains array_distinct array_join array_position sort_array size element_at map map_keys map_values map_concat transform filter
exists aggregate slice flatten map_from_arrays sequence arrays_overlap array_insert array_intersect array_size array_sort array_except
array_union array_compact array_min array_max array_append array_prepend array_repeat array_remove map_contains_key map_entries
map_from_entries cardinality arrays_zip shuffle map_filter forall reduce transform_values transform_keys map_zip_with zip_with get
from_json to_json from_csv to_csv from_avro to_avro get_json_object json_tuple schema_of_json json_array_length json_object_keys
schema_of_csv schema_of_avro schema_of_xml from_xml to_xml from_protobuf to_protobuf
bit_count bit_get getbit md5 sha2 crc32 uuid sha sha1 aes_encrypt aes_decrypt assert_true raise_error version user current_user session_user
current_database current_schema current_catalog spark_partition_id input_file_name input_file_block_start input_file_block_length
reflect java_method measure hll_sketch_estimate hll_union mask
lead lag row_number rank dense_rank percent_rank cume_dist ntile nth_value grouping grouping_id monotonically_increasing_id`;

const SPECIAL: readonly (readonly [name: string, description: string])[] = [
  ["window", "Groups rows by windows of time; the analyzer makes an ExpandWindow node of it."],
  ["window_time", "The last microsecond of a window."],
  ["session_window", "Groups rows by sessions that end after a gap."],
];

export const specialFunctions: readonly SpecialFunction[] = [
  ...SPECIAL.map(([name, description]): SpecialFunction => ({ kind: "special", name, description })),
  { kind: "special", name: "current_timestamp", aliases: ["now"], description: "Clock of the running batch." },
  { kind: "special", name: "current_date", aliases: ["curdate"], description: "Local date of the running batch." },
  ...PLANNED.trim()
    .split(/\s+/)
    .map((name): SpecialFunction => ({ kind: "planned", name, description: "Known to Spark, not part of this version." })),
];
