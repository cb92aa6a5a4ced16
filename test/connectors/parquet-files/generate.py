"""Writes the files beside it: the same 120 rows by other writers, in all encodings and codecs. `parquet-files.test.ts` knows the rows.

    pip install pyarrow==26.0.1 pyspark==4.1.1 && python generate.py
"""
import datetime, decimal, glob, os, shutil, sys, tempfile
import pyarrow as pa, pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
N = 120
rows = range(N)
epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
table = pa.table({
    "i": pa.array([i * 7 - 100 for i in rows], pa.int32()),
    "l": pa.array([None if i % 11 == 3 else i * 10_000_000_007 for i in rows], pa.int64()),
    "f": pa.array([i / 4 for i in rows], pa.float32()),
    "d": pa.array([None if i % 6 == 1 else i / 8 for i in rows], pa.float64()),
    "s": pa.array([None if i % 5 == 0 else f"text {i % 17}" for i in rows], pa.string()),
    "u": pa.array([f"row-{i}-" + "x" * (i % 40) for i in rows], pa.string()),
    "b": pa.array([None if i % 7 == 0 else i % 3 == 0 for i in rows], pa.bool_()),
    "x": pa.array([i.to_bytes(4, "big") for i in rows], pa.binary(4)),
    "t": pa.array([epoch + datetime.timedelta(microseconds=i * 1_000_001) for i in rows], pa.timestamp("us", tz="UTC")),
    "m": pa.array([decimal.Decimal(i * 1001 - 5000).scaleb(-3) for i in rows], pa.decimal128(20, 3)),
    "li": pa.array([None if i % 4 == 0 else [None if j == 2 else i + j for j in range(i % 4)] for i in rows], pa.list_(pa.int32())),
    "st": pa.array([None if i % 9 == 0 else {"a": i, "b": None if i % 2 else f"s{i}"} for i in rows], pa.struct([("a", pa.int32()), ("b", pa.string())])),
})

def write(name, **options):
    pq.write_table(table, os.path.join(here, name), **{"data_page_size": 400, "row_group_size": 80, "write_page_checksum": True, **options})

write("plain.snappy.parquet", use_dictionary=False, compression="snappy", write_page_index=True)
write("dictionary.zstd.parquet", compression="zstd", data_page_version="2.0")
write("dictionary.uncompressed.parquet", compression="none")
write("dictionary.gzip.parquet", compression="gzip", data_page_version="2.0", version="1.0", row_group_size=120)
write("dictionary.lz4.parquet", compression="lz4", use_deprecated_int96_timestamps=True)
write("dictionary.brotli.parquet", compression="brotli", data_page_size=100_000)
encodings = {"i": "DELTA_BINARY_PACKED", "l": "DELTA_BINARY_PACKED", "f": "BYTE_STREAM_SPLIT", "d": "BYTE_STREAM_SPLIT", "s": "DELTA_BYTE_ARRAY",
             "u": "DELTA_BYTE_ARRAY", "b": "RLE", "x": "BYTE_STREAM_SPLIT", "t": "DELTA_BINARY_PACKED", "m": "DELTA_BYTE_ARRAY",
             "li.list.element": "DELTA_BINARY_PACKED", "st.a": "BYTE_STREAM_SPLIT", "st.b": "DELTA_LENGTH_BYTE_ARRAY"}
write("delta.zstd.parquet", use_dictionary=False, compression="zstd", column_encoding=encodings)
write("delta.v2.uncompressed.parquet", use_dictionary=False, compression="none", data_page_version="2.0",
      column_encoding={**encodings, "u": "DELTA_LENGTH_BYTE_ARRAY", "x": "DELTA_BYTE_ARRAY"})

if "--spark" in sys.argv:
    from pyspark.sql import SparkSession
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
             .config("spark.sql.parquet.writeLegacyFormat", "true").config("spark.sql.parquet.outputTimestampType", "INT96").getOrCreate())
    for codec in ["snappy", "lz4"]:
        folder = tempfile.mkdtemp()
        spark.read.parquet(os.path.join(here, "plain.snappy.parquet")).coalesce(1).write.mode("overwrite").option("compression", codec).parquet(folder)
        shutil.copy(glob.glob(folder + "/part-*")[0], os.path.join(here, f"spark-legacy.{codec}.parquet"))
        shutil.rmtree(folder)
