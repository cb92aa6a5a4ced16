"""Writes the answers in this folder anew: python record.py (pyspark 4.1.1, OpenJDK 17)."""

import pathlib
import re

from pyspark.sql import SparkSession, functions

folder = pathlib.Path(__file__).parent
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
row = spark.range(1)
table = spark.range(0, 6, 1, 1).selectExpr("id", *(folder / "columns.txt").read_text().splitlines())


def answer(rows):
    try:
        return " | ".join(sorted("NULL" if value is None else value for (value,) in rows()))
    except Exception as error:  # Any: what is recorded is which one.
        condition = error.getCondition() if hasattr(error, "getCondition") else None
        named = re.search(r"\[([A-Z0-9_.]+)\]", str(error))
        return f"ERR {condition or (named[1] if named else 'without a name')}"


def of_expression(text):
    return answer(lambda: row.selectExpr(f"cast(({text}) as string)").collect())


def of_aggregate(group, text):
    source = table.where("id > 100") if group == "empty" else table
    grouped = source.groupBy("k") if group == "k" else source.groupBy()
    value = functions.expr(f"cast({text} as string)")
    if group == "k":
        value = functions.concat(functions.col("k"), functions.lit(":"), functions.coalesce(value, functions.lit("NULL")))
    return answer(lambda: grouped.agg(value.alias("r")).select("r").collect())


def rewrite(name, of):
    lines = [line.split("\t")[:-1] for line in (folder / name).read_text().splitlines()]
    (folder / name).write_text("".join("\t".join([*line, of(*line)]) + "\n" for line in lines))


rewrite("expressions.txt", of_expression)
rewrite("aggregates.txt", of_aggregate)
