/** Expression builders for declarative aggregates. `plan` of the aggregates uses them; what they build runs compiled. */
import { BooleanType, DoubleType, type DataType } from "../../columnar/types.ts";
import { call, cast, literal, type Expression } from "../../plan/expr/expression.ts";
import { nullableOf, typeOf } from "../../plan/expr/expression-type.ts";

const strictCall = (name: string, args: readonly Expression[], type: DataType): Expression => call(name, args, type, args.some(nullableOf));

export const add = (left: Expression, right: Expression, type: DataType): Expression => strictCall("+", [left, right], type);
export const subtract = (left: Expression, right: Expression, type: DataType): Expression => strictCall("-", [left, right], type);
export const multiply = (left: Expression, right: Expression, type: DataType): Expression => strictCall("*", [left, right], type);
export const divide = (left: Expression, right: Expression, type: DataType): Expression => strictCall("/", [left, right], type);
export const equals = (left: Expression, right: Expression): Expression => strictCall("=", [left, right], BooleanType);
export const greater = (left: Expression, right: Expression): Expression => strictCall(">", [left, right], BooleanType);
export const less = (left: Expression, right: Expression): Expression => strictCall("<", [left, right], BooleanType);
/** The greater or lesser of two, nulls skipped. */
export const extremeOf = (name: "greatest" | "least", left: Expression, right: Expression): Expression =>
  call(name, [left, right], typeOf(left), nullableOf(left) && nullableOf(right));
export const either = (left: Expression, right: Expression): Expression => strictCall("or", [left, right], BooleanType);
export const both = (left: Expression, right: Expression): Expression => strictCall("and", [left, right], BooleanType);
export const number = (value: number): Expression => literal(value, DoubleType);
/** `expression` as `type`; itself if it has it. */
export function as(expression: Expression, type: DataType): Expression {
  const from = typeOf(expression);
  return from.kind === type.kind && from.kind !== "decimal" ? expression : cast(expression, type);
}
