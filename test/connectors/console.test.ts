import { expect, test } from "vitest";
import { encodeColumnBatch } from "../../src/columnar/column-batch.ts";
import {
  arrayType,
  BinaryType,
  BooleanType,
  DoubleType,
  IntegerType,
  mapType,
  StringType,
  structField,
  structType,
  TimestampType,
} from "../../src/columnar/types.ts";
import { showTable } from "../../src/connectors/console/show-table.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";
import { ConnectorRegistry } from "../../src/connectors/registry.ts";
import type { SinkContext } from "../../src/connectors/sink.ts";

const sink = new ConnectorRegistry().sink("console");
const schema = structType([structField("value", StringType), structField("count", IntegerType)]);

async function printed(entries: Record<string, string>, rows: [string | null, number | null][]): Promise<string> {
  let text = "";
  const options = new ConnectorOptions("console", entries, sink.options);
  const attachments = { print: (part: string) => (text += part) };
  const opened = await sink.create({ options, schema, attachments, timeZone: "UTC", outputMode: "append" } as unknown as SinkContext);
  await opened.commit(
    { batchId: 3, attempt: "a", epoch: 1 },
    { messages: [], batches: [encodeColumnBatch(schema, rows)], rows: rows.length },
  );
  return text;
}

test("a batch is printed as Spark prints it", async () => {
  expect(
    await printed({}, [
      ["a", 1],
      [null, null],
      ["abcdefghijklmnopqrstuvwxyz", 22],
    ]),
  ).toBe(`-------------------------------------------
Batch: 3
-------------------------------------------
+--------------------+-----+
|               value|count|
+--------------------+-----+
|                   a|    1|
|                NULL| NULL|
|abcdefghijklmnopq...|   22|
+--------------------+-----+

`);
});

test("numRows and truncate", async () => {
  const rows: [string, number][] = [
    ["abcdefgh", 1],
    ["b", 2],
  ];
  expect(await printed({ numRows: "1" }, rows)).toContain("only showing top 1 row\n");
  expect(await printed({ truncate: "5" }, rows)).toContain("|ab...|    1|");
  expect(await printed({ truncate: "false" }, rows)).toContain("|b       |2    |");
  expect(() => new ConnectorOptions("console", { truncate: "maybe" }, sink.options)).toThrow(/truncate/);
});

test("nested values, binary, times in the session's zone, control and wide characters", () => {
  const nested = structType([
    structField("s", structType([structField("a", IntegerType), structField("b", BooleanType)])),
    structField("l", arrayType(StringType)),
    structField("m", mapType(StringType, DoubleType)),
    structField("x", BinaryType),
    structField("t", TimestampType),
    structField("w", StringType),
  ]);
  const text = showTable(nested, [[[1, null], ["p", null], [["k", 1]], new Uint8Array([0, 255]), 0n, "日\n"]], {
    numRows: 20,
    truncate: 0,
    timeZone: "Asia/Tokyo",
  });
  expect(text.split("\n")[3]).toBe("|{1, NULL}|[p, NULL]|{k -> 1.0}|[00 FF]|1970-01-01 09:00:00|日\\n|");
  expect(text.split("\n")[0]).toBe("+---------+---------+----------+-------+-------------------+----+");
});
