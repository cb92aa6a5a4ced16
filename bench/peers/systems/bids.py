"""Writes the bids of Nexmark event files as flat Parquet tables, file by file. Called by `data.mjs`: `bids.py DIRECTORY FILE …`."""
import json
import os
import sys

import duckdb

out, *sources = sys.argv[1:]
db = duckdb.connect()
db.execute("set timezone = 'UTC'; set preserve_insertion_order = true")
for source in sources:
    bid = f"select unnest(bid) from '{source}' where event_type = 2"
    db.execute(f"copy ({bid}) to '{out}/{os.path.basename(source)}' (format parquet, compression snappy, row_group_size 122880)")
rows, last = db.execute(f"select count(*), epoch_ms(max(dateTime)) from '{out}/*.parquet'").fetchone()
print(json.dumps({"rows": rows, "lastMs": last}))
