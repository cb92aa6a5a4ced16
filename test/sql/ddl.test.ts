/** DDL and JSON forms of schemas. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IllegalArgumentError, ParseError } from "../../src/base/errors.ts";
import * as T from "../../src/columnar/types.ts";
import { sameType, simpleString, type DataType, type StructType } from "../../src/columnar/types.ts";
import {
  dataTypeFromJson,
  parseDataType,
  parseSchema,
  parseTypeOrSchema,
  schemaFromJson,
  schemaToDdl,
  schemaToJson,
  treeString,
} from "../../src/sql/parser.ts";

describe("types", () => {
  test.each([
    ["tinyint", "tinyint"],
    ["BYTE", "tinyint"],
    ["short", "smallint"],
    ["integer", "int"],
    ["long", "bigint"],
    ["real", "float"],
    ["decimal", "decimal(10,0)"],
    ["numeric(5)", "decimal(5,0)"],
    ["dec(38, 18)", "decimal(38,18)"],
    ["varchar(10)", "string"],
    ["string collate utf8_binary", "string"],
    ["timestamp_ltz", "timestamp"],
    ["timestamp_ntz", "timestamp_ntz"],
    ["interval day to second", "interval day to second"],
    ["interval month", "interval month"],
    ["interval hour to second", "interval hour to second"],
    ["array<map<string,array<int>>>", "array<map<string,array<int>>>"],
    ["struct<>", "struct<>"],
    ["struct<a int, `b c`: string not null comment 'x'>", "struct<a:int,b c:string>"],
  ])("%s", (ddl, expected) => expect(simpleString(parseDataType(ddl))).toBe(expected));

  test.each([
    ["uuid", "UNSUPPORTED_DATATYPE"],
    ["variant", "UNSUPPORTED_DATATYPE"],
    ["string collate unicode_ci", "UNSUPPORTED_DATATYPE"],
    ["varchar", "DATATYPE_MISSING_SIZE"],
    ["array", "INCOMPLETE_TYPE_DEFINITION.ARRAY"],
    ["map", "INCOMPLETE_TYPE_DEFINITION.MAP"],
    ["decimal(39)", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"],
    ["decimal(2,3)", "INVALID_DECIMAL_SCALE"],
    ["array<int", "PARSE_SYNTAX_ERROR"],
    ["int int", "PARSE_SYNTAX_ERROR"],
    ["", "PARSE_EMPTY_STATEMENT"],
    ["array<".repeat(10_000), "FAILED_TO_PARSE_TOO_COMPLEX"],
  ])("refusal %#", (ddl, condition) => {
    expect(() => parseDataType(ddl)).toThrow(expect.objectContaining({ condition, name: "ParseError" }));
  });
});

test("a schema", () => {
  expect(parseSchema("user STRING, ts TIMESTAMP NOT NULL COMMENT 'x', s STRUCT<a: INT, b: ARRAY<STRING>>, d DECIMAL(10,2)")).toEqual(
    T.structType([
      T.structField("user", T.StringType),
      T.structField("ts", T.TimestampType, false, { comment: "x" }),
      T.structField("s", T.structType([T.structField("a", T.IntegerType), T.structField("b", T.arrayType(T.StringType))])),
      T.structField("d", T.decimalType(10, 2)),
    ]),
  );
  expect(parseSchema("a: int, b: string")).toEqual(parseSchema("struct<a int, b string>"));
  expect(parseSchema("date date, timestamp timestamp, interval interval day").fields.map(({ name }) => name)).toEqual([
    "date",
    "timestamp",
    "interval",
  ]);
  expect(parseSchema("`__proto__` int").fields[0]!.name).toBe("__proto__");
  expect(parseSchema(" ").fields).toEqual([]);
  expect(() => parseSchema("a")).toThrow(ParseError);
});

test("a type or the columns of a struct", () => {
  expect(simpleString(parseTypeOrSchema("array<int>"))).toBe("array<int>");
  expect(simpleString(parseTypeOrSchema("int"))).toBe("int");
  expect(simpleString(parseTypeOrSchema("a int, b array<int>"))).toBe("struct<a:int,b:array<int>>");
  expect(simpleString(parseTypeOrSchema("a: int"))).toBe("struct<a:int>");
  expect(simpleString(parseTypeOrSchema("struct<a:int>"))).toBe("struct<a:int>");
});

test("schema JSON is Spark's", () => {
  const json =
    '{"type":"struct","fields":[{"name":"a","type":"long","nullable":false,"metadata":{}},' +
    '{"name":"b","type":{"type":"array","elementType":"decimal(10,2)","containsNull":true},"nullable":true,"metadata":{"comment":"x"}},' +
    '{"name":"c","type":{"type":"map","keyType":"string","valueType":{"type":"struct","fields":[]},"valueContainsNull":false},"nullable":true,"metadata":{}}]}';
  const schema = schemaFromJson(json);
  expect(simpleString(schema)).toBe("struct<a:bigint,b:array<decimal(10,2)>,c:map<string,struct<>>>");
  expect(schemaToJson(schema)).toBe(json);
  for (const wrong of ["", "{", "[]", '"uuid"', '{"type":"array"}', '{"type":"struct","fields":[1]}', "null", '"long"'])
    expect(() => schemaFromJson(wrong)).toThrow(IllegalArgumentError);
});

test("the tree", () => {
  const schema = parseSchema("a INT NOT NULL, m MAP<STRING, STRUCT<x: DECIMAL(3,1)>>, l ARRAY<DATE>");
  expect(treeString(schema)).toBe(
    [
      "root",
      " |-- a: integer (nullable = false)",
      " |-- m: map (nullable = true)",
      " |    |-- key: string",
      " |    |-- value: struct (valueContainsNull = true)",
      " |    |    |-- x: decimal(3,1) (nullable = true)",
      " |-- l: array (nullable = true)",
      " |    |-- element: date (containsNull = true)",
      "",
    ].join("\n"),
  );
});

test("DDL and JSON round trips", () => {
  const simple = fc.constantFrom<DataType>(
    T.BooleanType,
    T.ByteType,
    T.ShortType,
    T.IntegerType,
    T.LongType,
    T.FloatType,
    T.DoubleType,
    T.StringType,
    T.BinaryType,
    T.DateType,
    T.TimestampType,
    T.TimestampNTZType,
    T.DayTimeIntervalType,
    T.YearMonthIntervalType,
    T.decimalType(38, 10),
  );
  const name = fc.oneof(fc.constantFrom("a", "select", "__proto__", "a`b", "x y", "é", "1"), fc.string({ minLength: 1, unit: "grapheme" }));
  const { schema } = fc.letrec<{ type: DataType; schema: StructType }>((tie) => ({
    type: fc.oneof(
      { maxDepth: 3 },
      simple,
      tie("type").map((element) => T.arrayType(element)),
      fc.tuple(simple, tie("type")).map(([key, value]) => T.mapType(key, value)),
      tie("schema"),
    ),
    schema: fc
      .array(fc.tuple(name, tie("type"), fc.boolean(), fc.option(fc.string())), { minLength: 1, maxLength: 4 })
      .map((fields) =>
        T.structType(
          fields.map(([field, type, nullable, comment]) =>
            T.structField(field, type, nullable, comment === null ? undefined : { comment }),
          ),
        ),
      ),
  }));
  fc.assert(
    fc.property(schema, (original) => {
      expect(parseSchema(schemaToDdl(original))).toEqual(original);
      expect(schemaFromJson(schemaToJson(original))).toEqual(original);
      expect(sameType(parseDataType(simpleStringQuoted(original)), original)).toBe(true);
      expect(dataTypeFromJson(schemaToJson(original))).toEqual(original);
    }),
    { numRuns: 200 },
  );
});

const simpleStringQuoted = (schema: StructType): string => `STRUCT<${schemaToDdl(schema)}>`;

test("nothing but ParseError comes out of any schema text", () => {
  const words = "a int string array map struct < > <> , : ( ) 10 decimal not null comment 'x' `b` interval day to second".split(" ");
  const sentence = fc.array(fc.constantFrom(...words), { maxLength: 16 }).map((parts) => parts.join(" "));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), sentence), (text) => {
      try {
        parseSchema(text);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
