/** Reads Spark's schema JSON (`columnar/schema-json.ts` writes it), which is accepted where a schema text is. */
import * as types from "../columnar/types.ts";
import type { DataType, StructType } from "../columnar/types.ts";
import { IllegalArgumentError, MillraceError } from "../base/errors.ts";
import { parseDataType } from "./ddl.ts";

/** The type that a schema JSON text describes. Throws `INVALID_JSON_DATA_TYPE`. */
export function dataTypeFromJson(text: string): DataType {
  try {
    return fromJson(JSON.parse(text));
  } catch (error) {
    if (error instanceof MillraceError && error.condition !== "INVALID_JSON_DATA_TYPE" && !(error.name === "ParseError")) throw error;
    throw new IllegalArgumentError("INVALID_JSON_DATA_TYPE", { invalidType: text.slice(0, 1000) }, { cause: error });
  }
}

/** Like `dataTypeFromJson`, for a struct. */
export function schemaFromJson(text: string): StructType {
  const type = dataTypeFromJson(text);
  if (type.kind !== "struct") throw new IllegalArgumentError("INVALID_JSON_DATA_TYPE", { invalidType: text.slice(0, 1000) });
  return type;
}

function fromJson(json: unknown): DataType {
  if (typeof json === "string") return parseDataType(json);
  if (!isObject(json)) throw invalid(json);
  switch (json.type) {
    case "array":
      return types.arrayType(fromJson(json.elementType), boolean(json.containsNull));
    case "map":
      return types.mapType(fromJson(json.keyType), fromJson(json.valueType), boolean(json.valueContainsNull));
    case "struct":
      if (!Array.isArray(json.fields)) throw invalid(json);
      return types.structType(
        json.fields.map((field: unknown) => {
          if (!isObject(field) || typeof field.name !== "string") throw invalid(field);
          const hasMetadata = isObject(field.metadata) && Object.keys(field.metadata).length > 0;
          return types.structField(
            field.name,
            fromJson(field.type),
            boolean(field.nullable),
            hasMetadata ? (field.metadata as Record<string, unknown>) : undefined,
          );
        }),
      );
    default:
      throw invalid(json);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function boolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw invalid(value);
  return value;
}

function invalid(json: unknown): Error {
  return new IllegalArgumentError("INVALID_JSON_DATA_TYPE", { invalidType: String(JSON.stringify(json)).slice(0, 1000) });
}
