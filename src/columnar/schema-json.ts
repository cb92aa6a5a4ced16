/** Schemas as Spark's JSON (`StructType.json`), which checkpoints and Parquet footers hold; `sql/schema-json.ts` reads it. Any thread. */
import { type DataType, simpleString } from "./types.ts";

/** Compact JSON, keys in Spark's order. */
export function schemaToJson(schema: DataType): string {
  return JSON.stringify(toJson(schema));
}

function toJson(type: DataType): unknown {
  switch (type.kind) {
    case "array":
      return { type: "array", elementType: toJson(type.elementType), containsNull: type.containsNull };
    case "map":
      return {
        type: "map",
        keyType: toJson(type.keyType),
        valueType: toJson(type.valueType),
        valueContainsNull: type.valueContainsNull,
      };
    case "struct":
      return {
        type: "struct",
        fields: type.fields.map((field) => ({
          name: field.name,
          type: toJson(field.dataType),
          nullable: field.nullable,
          metadata: field.metadata ?? {},
        })),
      };
    default:
      return typeName(type);
  }
}

/** Spark's `typeName`: what the schema tree and schema JSON call a type (`long`, `decimal(10,2)`, `struct`). */
export function typeName(type: DataType): string {
  switch (type.kind) {
    case "decimal":
    case "day_time_interval":
    case "year_month_interval":
      return simpleString(type);
    default:
      return type.kind;
  }
}
