/** UNION, INTERSECT, EXCEPT: inputs are brought to the same columns and types, the result has columns of its own. Main thread. */
import { sameType, VoidType } from "../../columnar/types.ts";
import { literal, type Attribute, type Expression } from "../expr/expression.ts";
import { aliasOf } from "../expr/expression-type.ts";
import { quotedType } from "../expr/sql-text.ts";
import { widerTypeForTwo } from "../expr/type-coercion.ts";
import type { LogicalPlan, SetOperation } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { analysisError } from "./context.ts";
import { project } from "./resolve-columns.ts";
import type { ExpressionResolver } from "./resolve-expressions.ts";
import { sameName } from "./resolve-names.ts";

/** Throws `NUM_COLUMNS_MISMATCH`, `INCOMPATIBLE_COLUMN_TYPE`, `UNRESOLVED_COLUMN_AMONG_FIELD_NAMES`. */
export function resolveSetOperation(node: SetOperation, inputs: readonly LogicalPlan[], resolver: ExpressionResolver): LogicalPlan {
  const byPosition = node.operation === "union_by_name" ? alignByName(node, inputs, resolver) : inputs;
  const operator = node.operation === "union_by_name" ? "UNION" : node.operation.toUpperCase();
  const first = outputOf(byPosition[0]!);
  for (const [index, input] of byPosition.entries()) {
    const columns = outputOf(input).length;
    if (columns !== first.length)
      throw analysisError("NUM_COLUMNS_MISMATCH", {
        operator,
        firstNumColumns: String(first.length),
        invalidOrdinalNum: ordinal(index),
        invalidNumColumns: String(columns),
      });
  }
  const types = first.map((column, position) =>
    byPosition.slice(1).reduce((common, input, index) => {
      const { dataType } = outputOf(input)[position]!;
      const wider = widerTypeForTwo(common, dataType);
      if (wider === undefined)
        throw analysisError("INCOMPATIBLE_COLUMN_TYPE", {
          operator,
          columnOrdinalNumber: ordinal(position),
          tableOrdinalNumber: ordinal(index + 1),
          dataType1: quotedType(dataType),
          dataType2: quotedType(common),
          hint: "",
        });
      return wider;
    }, column.dataType),
  );
  const aligned = byPosition.map((input) => withTypes(input, types, resolver));
  const output = first.map((column, position): Attribute => {
    const { qualifier: _, ...rest } = column;
    return Object.freeze({
      ...rest,
      id: resolver.context.ids(),
      dataType: types[position]!,
      nullable: aligned.some((input) => outputOf(input)[position]!.nullable),
    });
  });
  const operation = node.operation === "union_by_name" ? "union" : node.operation;
  return Object.freeze({ ...node, operation, inputs: aligned, output });
}

function withTypes(input: LogicalPlan, types: readonly Attribute["dataType"][], resolver: ExpressionResolver): LogicalPlan {
  const output = outputOf(input);
  if (output.every((column, position) => sameType(column.dataType, types[position]!))) return input;
  const columns = output.map((column, position): Expression => {
    const type = types[position]!;
    return sameType(column.dataType, type) ? column : aliasOf(resolver.coerce(column, type), column.name, resolver.context.ids());
  });
  return project(input, columns);
}

/** All inputs with the first one's columns in its order; with `allowMissingColumns`, the columns of the others follow. */
function alignByName(node: SetOperation, inputs: readonly LogicalPlan[], resolver: ExpressionResolver): LogicalPlan[] {
  const names: string[] = outputOf(inputs[0]!).map((column) => column.name);
  const find = (input: LogicalPlan, name: string): Attribute | undefined =>
    outputOf(input).find((column) => sameName(column.name, name, resolver.caseSensitive));
  if (node.allowMissingColumns) {
    for (const input of inputs)
      for (const { name } of outputOf(input)) if (!names.some((known) => sameName(known, name, resolver.caseSensitive))) names.push(name);
  }
  return inputs.map((input) => {
    const output = outputOf(input);
    const columns = names.map((name): Expression => {
      const column = find(input, name);
      if (column !== undefined) return column;
      if (node.allowMissingColumns) return aliasOf(literal(null, VoidType), name, resolver.context.ids());
      throw analysisError("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", {
        colName: name,
        fieldNames: output.map((candidate) => candidate.name).join(", "),
      });
    });
    const extra = output.filter((column) => !columns.includes(column));
    const all = node.allowMissingColumns ? columns : [...columns, ...extra];
    return all.length === output.length && all.every((column, position) => column === output[position]) ? input : project(input, all);
  });
}

const ordinal = (index: number): string => ["first", "second", "third"][index] ?? `${index + 1}th`;
