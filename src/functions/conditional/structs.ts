/** `typeof`, `struct`, `named_struct`. */
import { AnalysisError } from "../../base/errors.ts";
import { simpleString, StringType, structField, structType } from "../../columnar/types.ts";
import type { ScalarFunction } from "../../plan/expr/function-registry.ts";
import { checkCount } from "../signature.ts";

export const structureFunctions: readonly ScalarFunction[] = [
  {
    kind: "scalar",
    name: "typeof",
    description: "Name of the argument's type.",
    example: ["typeof(1)", "int"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("typeof", args, 1);
      return { argumentTypes: [args[0]!.dataType], returnType: StringType, nullable: false };
    },
    evaluate: (_args, types) => simpleString(types[0]!),
  },
  {
    kind: "scalar",
    name: "struct",
    description: "A struct of the arguments; fields are named after columns, else col1, col2, …",
    example: ["struct(1, 'a')", "{1, a}"],
    nulls: "custom",
    resolve: (args) => {
      checkCount("struct", args, 1, Infinity);
      const fields = args.map((arg, index) =>
        structField(fieldName(arg.sql, arg.literal !== undefined, index), arg.dataType, arg.nullable),
      );
      return { argumentTypes: args.map((arg) => arg.dataType), returnType: structType(fields), nullable: false };
    },
    evaluate: (args) => [...args],
  },
  {
    kind: "scalar",
    name: "named_struct",
    description: "A struct of alternating names and values.",
    example: ["named_struct('a', 1, 'b', 2)", "{1, 2}"],
    nulls: "custom",
    resolve: (args) => {
      if (args.length % 2 !== 0) checkCount("named_struct", args, 2 * Math.ceil(args.length / 2));
      const fields = [];
      for (let index = 0; index < args.length; index += 2) {
        const [name, value] = [args[index]!, args[index + 1]!];
        if (typeof name.literal !== "string")
          throw new AnalysisError("DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING", {
            sqlExpr: `"named_struct(${args.map((arg) => arg.sql).join(", ")})"`,
            inputExprs: `["${name.sql}"]`,
          });
        fields.push(structField(name.literal, value.dataType, value.nullable));
      }
      return { argumentTypes: args.map((arg) => arg.dataType), returnType: structType(fields), nullable: false };
    },
    evaluate: (args) => args.filter((_, index) => index % 2 === 1),
  },
];

/** A plain column lends its name (the last part of `t.a`). */
function fieldName(sql: string, isLiteral: boolean, index: number): string {
  return !isLiteral && /^[\w.`]+$/.test(sql) ? sql.split(".").at(-1)!.replaceAll("`", "") : `col${index + 1}`;
}
