/** CASE WHEN: conditions become booleans, values take the type that all of them widen to. Main thread. */
import { typeOf } from "../expr/expression-type.ts";
import type { Expression } from "../expr/expression.ts";
import { quotedSql, quotedType } from "../expr/sql-text.ts";
import { widerTypeOf } from "../expr/type-coercion.ts";
import { analysisError } from "./context.ts";
import type { ExpressionResolver } from "./resolve-expressions.ts";

/** `branches`: pairs of condition and value. Throws `DATATYPE_MISMATCH.DATA_DIFF_TYPES`, `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`. */
export function resolveCaseWhen(
  resolver: ExpressionResolver,
  branches: readonly (readonly Expression[])[],
  otherwise: Expression | null,
): Expression {
  const values = [...branches.map(([, value]) => value!), ...(otherwise ? [otherwise] : [])];
  const unfinished: Expression = {
    kind: "case_when",
    branches: branches.map(([condition, value]) => ({ condition: condition!, value: value! })),
    otherwise,
  };
  const common = widerTypeOf(values.map(typeOf));
  if (common === undefined) {
    const types = values.map((value) => quotedType(typeOf(value))).join(", ");
    throw analysisError("DATATYPE_MISMATCH.DATA_DIFF_TYPES", {
      sqlExpr: quotedSql(unfinished),
      functionName: "`casewhen`",
      dataType: `[${types}]`,
    });
  }
  return Object.freeze({
    kind: "case_when",
    branches: branches.map(([condition, value], index) => ({
      condition: resolver.asCondition(condition!, (type) =>
        analysisError("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {
          sqlExpr: quotedSql(unfinished),
          paramIndex: ["first", "second", "third"][index] ?? `${index + 1}th`,
          requiredType: '"BOOLEAN"',
          inputSql: quotedSql(condition!),
          inputType: quotedType(type),
        }),
      ),
      value: resolver.coerce(value!, common),
    })),
    otherwise: otherwise && resolver.coerce(otherwise, common),
  });
}
