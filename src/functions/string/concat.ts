/** `concat` (also `||`) and `concat_ws`. */
import { BinaryType, StringType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { anyNullable, callSql, checkCount, coerceAll, differentDataTypes, STRING, unexpectedInput } from "../signature.ts";
import { implicitCast } from "../../plan/expr/type-coercion.ts";

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export const concatFunctions: readonly ScalarFunction[] = [
  {
    kind: "scalar",
    name: "concat",
    aliases: ["||"],
    description: "The texts (or binaries) one after the other.",
    example: ["concat('Spark', 'SQL')", "SparkSQL"],
    nulls: "strict",
    resolve: (args) => {
      const isBinary = args.length > 0 && args.every((arg) => arg.dataType.kind === "binary");
      if (args.some((arg) => arg.dataType.kind === "array" || arg.dataType.kind === "map" || arg.dataType.kind === "struct"))
        return differentDataTypes("concat", args);
      const type = isBinary ? BinaryType : StringType;
      return {
        argumentTypes: coerceAll(
          "concat",
          args,
          args.map(() => ({ required: '("STRING" or "BINARY" or "ARRAY")', coerce: (from) => implicitCast(from, type) })),
        ),
        returnType: type,
        nullable: anyNullable(args),
      };
    },
    kernelFor: (types) => (types.length === 2 ? "utf8_concat" : types.length === 3 ? "utf8_concat3" : undefined),
    evaluate: (args, _types, returnType) =>
      returnType.kind === "binary" ? joinBytes(args as readonly Uint8Array[]) : (args as readonly string[]).join(""),
  },
  {
    kind: "scalar",
    name: "concat_ws",
    description: "The texts that are not null with a separator between them; arrays of texts count element by element.",
    example: ["concat_ws(' ', 'Spark', NULL, 'SQL')", "Spark SQL"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("concat_ws", args, 1, Infinity);
      const argumentTypes = args.map((arg, index) => {
        if (index > 0 && arg.dataType.kind === "array" && arg.dataType.elementType.kind === "string") return arg.dataType;
        return STRING.coerce(arg.dataType) ?? unexpectedInput(callSql("concat_ws", args), index, '("ARRAY<STRING>" or "STRING")', arg);
      });
      return { argumentTypes, returnType: StringType, nullable: args[0]!.nullable };
    },
    evaluate: ([separator, ...parts]): Value =>
      separator === null
        ? null
        : parts
            .flatMap((part) => part)
            .filter((part) => part !== null)
            .join(separator as string),
  },
];
