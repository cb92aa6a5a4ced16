"""DuckDB's side of `npm run bench:peers`: the same question as one batch query over all files, a ceiling and no stream. Driven as `spark.py` is."""
import json
import os
import sys
import time

import duckdb

spec = json.loads(sys.argv[1])
db = duckdb.connect(config={"threads": spec["cores"]})
db.execute("set timezone = 'UTC'; set preserve_insertion_order = false")

YSB = "user_id page_id ad_id ad_type event_type event_time ip_address".split()


def files(part):
    names = ", ".join(f"'{spec['data'][part]}/{name}'" for name in sorted(os.listdir(spec["data"][part])))
    if spec["form"] == "parquet":
        return f"read_parquet([{names}])"
    columns = ", ".join(f"{name}: 'VARCHAR'" for name in YSB)
    return f"read_json([{names}], format = 'newline_delimited', columns = {{{columns}}})"


def event_ms():
    return "epoch_ms(event_time)" if spec["form"] == "parquet" else "event_time::BIGINT"


def closed(start, seconds):
    """Windows that a stream has closed when it has seen everything: those that end before the newest time less the delay."""
    return f"{start} + {seconds * 1000} <= (select max(epoch_ms(dateTime)) - 4000 from bids)"


QUERIES = {
    "ysb": "select {ms} // 10000 * 10000, campaign_id, count(*), max({ms}) from {files} join ads using (ad_id) where event_type = 'view' group by all",
    "project": "select user_id, ad_id, {ms} from {files} where event_type = 'view'",
    "count-by-key": "select key, count(*) from {files} group by key",
    "q0": "select auction, bidder, price, epoch_ms(dateTime), extra from {files}",
    "q1": "select auction, bidder, (0.908::DECIMAL(3,3) * price::DECIMAL(20,0))::DECIMAL(24,3), epoch_ms(dateTime), extra from {files}",
    "q2": "select auction, price from {files} where auction % 123 = 0",
    "q5": """with bids as (from {files}),
        panes as (select auction, epoch_ms(dateTime) // 2000 pane, count(*) num from bids group by all),
        windows as (select auction, (pane - back) * 2000 start, sum(num)::BIGINT num from panes, unnest([0, 1, 2, 3, 4]) t(back) group by all)
        select start, max(num * 10000000000 + auction) from windows where {closed5} group by start""",
    "q7": "select epoch_ms(dateTime) // 10000 * 10000, max(price * 10000000000 + auction) from {files} group by 1",
    "q12": "select bidder, 0, count(*) from {files} group by bidder",
    "q13": "select auction, bidder, price, epoch_ms(dateTime), value from {files} join side on auction % 10000 = key",
    "q17": """select auction, epoch_ms(date_trunc('day', dateTime)), count(*), count(*) filter (price < 10000),
        count(*) filter (price >= 10000 and price < 1000000), count(*) filter (price >= 1000000), min(price), max(price), sum(price)::BIGINT
        from {files} group by 1, 2""",
}


def text(part):
    return QUERIES[spec["program"]].format(ms=event_ms(), files=files(part), closed5=closed("start", 10))


SIDES = {"ads": "{ad_id: 'VARCHAR', campaign_id: 'VARCHAR'}", "side": "{key: 'BIGINT', value: 'BIGINT'}"}


def load_sides(part):
    for side, path in spec["sides"][part].items():
        db.execute(f"create or replace table {side} as select * from read_csv('{path}', header = false, columns = {SIDES[side]})")


def check():
    load_sides("check")
    with open(spec["answer"], "w") as answer:
        answer.writelines(",".join(str(value) for value in row) + "\n" for row in db.execute(text("check")).fetchall())
    return {}


def run():
    load_sides("full")
    start = time.perf_counter()
    if spec["sink"] == "parquet":
        db.execute(f"copy ({text('full')}) to '{spec['work']}/out.parquet' (format parquet, compression snappy)")
    else:
        # Batches are made and dropped, as a sink that takes and forgets them would.
        for _ in db.execute(text("full")).to_arrow_reader(1 << 17):
            pass
    return {"seconds": time.perf_counter() - start}


print(json.dumps({"pid": os.getpid(), "version": duckdb.__version__}), flush=True)
for line in sys.stdin:
    print(json.dumps({"check": check, "run": run}[line.strip()]()), flush=True)
