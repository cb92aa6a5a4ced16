import { describe, expect, test } from "vitest";
import { rowLayout, type RowLayout } from "../../src/columnar/row-layout.ts";
import { LongType, StringType, TimestampType } from "../../src/columnar/types.ts";
import { compatibleLayout, parseStateMetadata, stateMetadataJson } from "../../src/state/state-metadata.ts";
import { timedLayout } from "./store-harness.ts";

const layoutOf = (keyType: typeof LongType, valueType: typeof LongType): RowLayout =>
  rowLayout([{ name: "k", dataType: keyType }], [{ name: "v", dataType: valueType }]);

describe("state metadata", () => {
  test("comes back from its JSON as it was", () => {
    const operators = [{ operatorId: 0, operatorName: "stateStoreSave", partitionCount: 16, layout: timedLayout }];
    expect(parseStateMetadata(stateMetadataJson(operators), "metadata")).toEqual(operators);
  });

  test("every flipped bit and every cut is found", () => {
    const whole = Buffer.from(stateMetadataJson([{ operatorId: 0, operatorName: "dedupe", partitionCount: 16, layout: timedLayout }]));
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => parseStateMetadata(bytes.toString(), "metadata")).toThrow("STATE_METADATA_CORRUPT");
    }
    for (let length = 0; length < whole.length; length++) {
      expect(() => parseStateMetadata(whole.toString("utf8", 0, length), "metadata")).toThrow("STATE_METADATA_CORRUPT");
    }
  });

  test.each(["", "{", "null", '{"version":2,"operators":[]}', '{"version":1}'])("refuses %j", (text) => {
    expect(() => parseStateMetadata(text, "/c/state/0/metadata")).toThrow(/STATE_METADATA_CORRUPT.*\/c\/state\/0\/metadata/);
  });

  test("other key or value types are refused with Spark's conditions", () => {
    expect(() => compatibleLayout(layoutOf(LongType, LongType), layoutOf(StringType, LongType))).toThrow(
      /STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE[^]*Existing key_schema=struct<k:bigint> and new key_schema=struct<k:string>/,
    );
    expect(() => compatibleLayout(layoutOf(LongType, LongType), layoutOf(LongType, StringType))).toThrow(
      /STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE[^]*Existing value_schema=struct<v:bigint> and new value_schema=struct<v:string>/,
    );
  });

  test("the stored width of time buckets wins, for change files refer to it", () => {
    const withWidth = (widthMicros: bigint): RowLayout =>
      rowLayout([{ name: "t", dataType: TimestampType }], [], { keyIndex: 0, widthMicros });
    expect(compatibleLayout(withWidth(60n), withWidth(90n)).bucket?.widthMicros).toBe(60n);
  });

  test("inline bytes of another size are another value schema", () => {
    const sketch = (inlineBytes: number): RowLayout =>
      rowLayout([{ name: "k", dataType: LongType }], [{ name: "s", dataType: StringType, inlineBytes }]);
    expect(() => compatibleLayout(sketch(64), sketch(128))).toThrow("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE");
  });
});
