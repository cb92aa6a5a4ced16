import { describe, expect, test } from "vitest";
import { sealText } from "../../src/base/sealed-text.ts";
import { rowLayout, type RowLayout, withNullWords } from "../../src/columnar/row-layout.ts";
import { LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { compatibleLayout, parseStateSchema, schemaChain, stateSchemaJson } from "../../src/state/state-metadata.ts";
import { timedLayout } from "./store-harness.ts";

const layoutOf = (keyType: typeof LongType, valueType: typeof LongType): RowLayout =>
  rowLayout([{ name: "k", dataType: keyType }], [{ name: "v", dataType: valueType }]);

describe("state metadata", () => {
  test("comes back from its JSON as it was", () => {
    const operators = [{ operatorId: 0, operatorName: "stateStoreSave", partitionCount: 16, layout: timedLayout }];
    const first = { schema: 0, parent: null, operators };
    const later = { schema: 3, parent: 1, operators };
    for (const schema of [first, later]) expect(parseStateSchema(stateSchemaJson(schema), "metadata")).toEqual(schema);
  });

  test("every flipped bit and every cut is found", () => {
    const whole = Buffer.from(
      stateSchemaJson({
        schema: 2,
        parent: 0,
        operators: [{ operatorId: 0, operatorName: "dedupe", partitionCount: 16, layout: timedLayout }],
      }),
    );
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => parseStateSchema(bytes.toString(), "metadata")).toThrow("STATE_METADATA_CORRUPT");
    }
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseStateSchema(whole.toString("utf8", 0, length), "metadata")).toThrow("STATE_METADATA_CORRUPT");
    }
  });

  test.each(["", "{", "null", '{"version":2,"operators":[]}', '{"version":1}'])("refuses %j", (text) => {
    expect(() => parseStateSchema(text, "/c/state/0/metadata")).toThrow(/STATE_METADATA_CORRUPT.*\/c\/state\/0\/metadata/);
  });

  test.each([
    ["its checksum is wrong", sealText('{"version":1,"operators":[]}').replace('"version":1', '"version":2')],
    ["it lists no operators", sealText('{"version":1}')],
    ["its version is 0, not 1 or 2", sealText('{"version":0,"operators":[]}')],
    ["its checksum is missing", '{"version":1,"operators":[]}'],
  ])("refuses: %s", (reason, text) => {
    expect(() => parseStateSchema(text, "/c/operators/state")).toThrow(
      expect.objectContaining({ condition: "STATE_METADATA_CORRUPT", messageParameters: { path: "/c/operators/state", reason } }),
    );
  });

  test("a schema of a version to come is not damaged", () => {
    expect(() => parseStateSchema(sealText('{"version":3,"operators":{}}'), "/c/operators/state")).toThrow(
      expect.objectContaining({ condition: "UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION" }),
    );
  });

  test("state that does not say whose it is goes on in place, and not with other values", () => {
    const value = (name: string) => ({ name, dataType: LongType });
    const key = { name: "k", dataType: LongType };
    const counts = (names: readonly string[]): RowLayout => ({
      ...rowLayout([key], names.map(value)),
      aggregates: names.map((call, firstField) => ({ call, castless: call, firstField, fieldCount: 1, initial: [0n], encoding: "" })),
    });
    const stored = rowLayout([key], [value("a.count")]);
    expect(compatibleLayout(stored, counts(["a.count"])).losses).toEqual([]);
    expect(() => compatibleLayout(stored, counts(["a.count", "b.count"]))).toThrow("does not say which aggregates it has the state of");
  });

  test("other key or value types are refused with Spark's conditions", () => {
    expect(() => compatibleLayout(layoutOf(LongType, LongType), layoutOf(StringType, LongType))).toThrow(
      /STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE[^]*Existing key_schema=struct<k:bigint> and new key_schema=struct<k:string>/,
    );
    expect(() => compatibleLayout(layoutOf(LongType, LongType), layoutOf(LongType, StringType))).toThrow(
      /STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE[^]*Existing value_schema=struct<v:bigint> and new value_schema=struct<v:string>/,
    );
  });

  test("schemas follow each other, and one that does not lead to the first is none", () => {
    const schema = (number: number, parent: number | null) => ({ schema: number, parent, operators: [] });
    const all = [schema(3, 1), schema(0, null), schema(2, 0), schema(1, 0), schema(5, 4), schema(6, 7), schema(7, 6)];
    expect(schemaChain(all, 3)?.map(({ schema: number }) => number)).toEqual([0, 1, 3]);
    expect(schemaChain(all, 0)?.map(({ schema: number }) => number)).toEqual([0]);
    for (const broken of [4, 5, 6]) expect(schemaChain(all, broken)).toBeNull();
  });

  test("the stored width of time buckets wins, for change files refer to it", () => {
    const withWidth = (widthMicros: bigint): RowLayout =>
      rowLayout([{ name: "t", dataType: TimestampType }], [], { keyIndex: 0, widthMicros });
    expect(compatibleLayout(withWidth(60n), withWidth(90n)).layout.bucket?.widthMicros).toBe(60n);
  });

  test("null bits stay where they are in the checkpoint's rows, as long as they have room there", () => {
    const layout = layoutOf(LongType, LongType);
    const values = Array.from({ length: 40 }, (_, i) => ({ name: `v${i}`, dataType: LongType }));
    const wide = rowLayout([{ name: "k", dataType: LongType }], values);
    expect([layout.version, wide.version]).toEqual([2, 1]);
    expect(compatibleLayout(withNullWords(layout), layout)).toEqual({ layout: withNullWords(layout), isChanged: false, losses: [] });
    expect(compatibleLayout(layout, layout)).toEqual({ layout, isChanged: false, losses: [] });
    expect(compatibleLayout(layout, withNullWords(layout))).toEqual({ layout: withNullWords(layout), isChanged: true, losses: [] });
  });

  test("who knows only null bits in words of their own is told that the checkpoint is newer", () => {
    const text = (layout: RowLayout): string =>
      stateSchemaJson({ schema: 0, parent: null, operators: [{ operatorId: 0, operatorName: "dedupe", partitionCount: 16, layout }] });
    expect(JSON.parse(text(timedLayout))).toMatchObject({ version: 2 });
    expect(JSON.parse(text(withNullWords(timedLayout)))).toMatchObject({ version: 1 });
  });

  test("inline bytes of another size are another value schema", () => {
    const sketch = (inlineBytes: number): RowLayout =>
      rowLayout([{ name: "k", dataType: LongType }], [{ name: "s", dataType: StringType, inlineBytes }]);
    expect(() => compatibleLayout(sketch(64), sketch(128))).toThrow("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE");
  });
});
