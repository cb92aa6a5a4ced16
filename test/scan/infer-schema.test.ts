import { expect, test } from "vitest";
import { simpleString } from "../../src/columnar/types.ts";
import { csvOptions } from "../../src/connectors/formats/csv-options.ts";
import { inferCsvSchema, inferJsonSchema } from "../../src/connectors/formats/infer-schema.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { ConnectorOptions } from "../../src/connectors/options.ts";

const json = (records: string[], options: Record<string, string> = {}): string =>
  simpleString(inferJsonSchema(records, new ConnectorOptions("json", options, jsonOptions), "UTC"));
const csv = (text: string, options: Record<string, string> = {}): string =>
  simpleString(inferCsvSchema([text], new ConnectorOptions("csv", options, csvOptions), "UTC"));

test("JSON: types of primitives, conflicts, nulls, nesting", () => {
  expect(json(['{"b":1,"a":"x"}', '{"b":2.5,"c":true,"d":null,"e":[]}'])).toBe(
    "struct<a:string,b:double,c:boolean,d:string,e:array<string>>",
  );
  expect(json(['{"a":1}', '{"a":"x"}', '{"a":{"b":1}}'])).toBe("struct<a:string>");
  expect(json(['{"a":{"x":1},"l":[1,null]}', '{"a":{"y":[{"z":1.5}]},"l":[2.5]}'])).toBe(
    "struct<a:struct<x:bigint,y:array<struct<z:double>>>,l:array<double>>",
  );
  expect(json(['{"a":12345678901234567890}'])).toBe("struct<a:decimal(20,0)>");
  expect(json(['[{"a":1},{"b":2}]'])).toBe("struct<a:bigint,b:bigint>");
});

test("JSON: options of inference and malformed records", () => {
  expect(json(['{"a":1,"b":true}'], { primitivesAsString: "true" })).toBe("struct<a:string,b:string>");
  expect(json(['{"a":1.25}', '{"a":100}'], { prefersDecimal: "true" })).toBe("struct<a:decimal(22,2)>");
  expect(json(['{"a":null,"b":[],"c":1}'], { dropFieldIfAllNull: "true" })).toBe("struct<c:bigint>");
  expect(json(['{"a":1}', "{"])).toBe("struct<_corrupt_record:string,a:bigint>");
  expect(json(['{"a":1}', "{"], { mode: "DROPMALFORMED" })).toBe("struct<a:bigint>");
  expect(() => json(["{"], { mode: "FAILFAST" })).toThrow(/MALFORMED_RECORD_IN_PARSING/);
});

test("a share of the records decides", () => {
  const records = ["1", "2", "3.5", "4", "x"];
  const lines = records.map((value) => JSON.stringify({ a: Number.isNaN(Number(value)) ? value : Number(value) }));
  // Half: the first, third and fifth. A fifth: the first only.
  expect(json(lines, { samplingRatio: "0.5" })).toBe("struct<a:string>");
  expect(json(lines.slice(0, 4), { samplingRatio: "0.5" })).toBe("struct<a:double>");
  expect(json(lines, { samplingRatio: "0.2" })).toBe("struct<a:bigint>");
  expect(csv(records.join("\n"), { samplingRatio: "0.2", inferSchema: "true" })).toBe("struct<_c0:int>");
  expect(() => csv("1", { samplingRatio: "2" })).toThrow(/"2" is not a number from 0 to 1/);
});

test("CSV: names, and types if asked for", () => {
  const text = "id,when,day,x,flag,,id\n1,2024-01-01 00:00:00,2024-01-01,1,true,,a\n3000000000,,2024-01-02,1.5,FALSE,,b\n";
  expect(csv("1,2\n")).toBe("struct<_c0:string,_c1:string>");
  expect(csv(text, { header: "true" })).toBe("struct<id0:string,when:string,day:string,x:string,flag:string,_c5:string,id6:string>");
  expect(csv(text, { header: "true", inferSchema: "true" })).toBe(
    "struct<id0:bigint,when:timestamp,day:date,x:double,flag:boolean,_c5:string,id6:string>",
  );
  expect(csv("1\nx\n", { inferSchema: "true" })).toBe("struct<_c0:string>");
  expect(csv("2024-01-01\n2024-01-01 10:00:00\n", { inferSchema: "true" })).toBe("struct<_c0:timestamp>");
  expect(() => csv("")).toThrow(/UNABLE_TO_INFER_SCHEMA/);
});
