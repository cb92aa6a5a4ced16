"""Writes the answers of `spark-answers.txt` anew: python record-spark-answers.py (pyspark 4.1.1, OpenJDK 17)."""

import pathlib
import re

from pyspark.sql import SparkSession

path = pathlib.Path(__file__).with_name("spark-answers.txt")
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
row = spark.range(1)


def answer(expression):
    try:
        value = row.selectExpr(f"cast(({expression}) as string)").collect()[0][0]
        return "NULL" if value is None else value
    except Exception as error:  # Any: what is recorded is which one.
        return "ERR " + (re.search(r"\[([A-Z0-9_.]+)\]", str(error)) or ["", str(error)])[1]


lines = [line.split("\t")[0] for line in path.read_text().splitlines()]
path.write_text("".join(f"{line}\t{answer(line)}\n" for line in lines))
