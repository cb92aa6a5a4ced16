/** Operators that edit the list of columns: withColumns, withColumnsRenamed, drop, dropDuplicates. All but the last become Projects. Main thread. */
import { type Alias, type Attribute, type Expression } from "../expr/expression.ts";
import { aliasOf } from "../expr/expression-type.ts";
import { quotedName, quotedSql } from "../expr/sql-text.ts";
import type { Deduplicate, Drop, LogicalPlan, WithColumns, WithColumnsRenamed } from "../logical/nodes.ts";
import { outputOf } from "../logical/output.ts";
import { analysisError } from "./context.ts";
import { hasAggregate, type ExpressionResolver } from "./resolve-expressions.ts";
import { sameName, scopeOf, tryResolveName, unresolvedColumn } from "./resolve-names.ts";
import { extractTimeWindows } from "./time-windows.ts";

/** A replaced column keeps its place, a new one goes to the end. Throws `COLUMN_ALREADY_EXISTS` for a name given twice. */
export function resolveWithColumns(node: WithColumns, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const { caseSensitive } = resolver;
  refuseTwice(
    node.columns.map((column) => column.name),
    caseSensitive,
  );
  const bound = resolver.bindNamed(node.columns, scopeOf([child], caseSensitive));
  const extracted = extractTimeWindows(child, bound, resolver);
  const columns = extracted.expressions.map((column, index) => {
    const finished = resolver.finish(column) as Alias | Attribute;
    return finished.name === node.columns[index]!.name ? finished : aliasOf(finished, node.columns[index]!.name, resolver.context.ids());
  });
  for (const column of columns) if (hasAggregate(column)) throw analysisError("MISSING_GROUP_BY");
  const replaced = outputOf(child).map(
    (attribute) => columns.find((column) => sameName(column.name, attribute.name, caseSensitive)) ?? attribute,
  );
  const added = columns.filter((column) => !replaced.includes(column));
  return project(extracted.child, [...replaced, ...added]);
}

/** Unknown names are ignored. Throws `COLUMN_ALREADY_EXISTS` if two columns would get one new name. */
export function resolveRenames(node: WithColumnsRenamed, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const { caseSensitive } = resolver;
  refuseTwice(
    node.renames.map((rename) => rename.to),
    caseSensitive,
  );
  const columns = outputOf(child).map((attribute) => {
    const rename = node.renames.findLast(({ from }) => sameName(from, attribute.name, caseSensitive));
    return rename === undefined || rename.to === attribute.name ? attribute : aliasOf(attribute, rename.to, resolver.context.ids());
  });
  return project(child, columns);
}

/** Unknown names are ignored. */
export function resolveDrop(node: Drop, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const { caseSensitive } = resolver;
  const scope = scopeOf([child], caseSensitive);
  const dropped = (attribute: Attribute): boolean =>
    node.columns.some((column) => {
      if (column.kind === "attribute") return column.id === attribute.id;
      if (column.kind !== "unresolved_attribute") return false;
      if (column.planId === undefined && column.nameParts.length === 1)
        return sameName(column.nameParts[0]!, attribute.name, caseSensitive);
      const found = tryResolveName(column, scope);
      return found?.kind === "attribute" && found.id === attribute.id;
    });
  return project(
    child,
    outputOf(child).filter((attribute) => !dropped(attribute)),
  );
}

/** Names become the columns of that name; no names mean all columns. Throws `UNRESOLVED_COLUMN_AMONG_FIELD_NAMES`. */
export function resolveDeduplicate(node: Deduplicate, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const output = outputOf(child);
  const columns = node.columns.length === 0 ? output : node.columns.flatMap((column) => columnsNamed(column, child, resolver));
  return Object.freeze({ ...node, child, columns });
}

function columnsNamed(column: Expression, child: LogicalPlan, { caseSensitive }: ExpressionResolver): Attribute[] {
  const output = outputOf(child);
  if (column.kind === "attribute") return output.filter((attribute) => attribute.id === column.id);
  if (column.kind !== "unresolved_attribute") throw analysisError("UNSUPPORTED_EXPR_FOR_OPERATOR", { invalidExprSqls: quotedSql(column) });
  if (column.planId !== undefined || column.nameParts.length > 1) {
    const found = tryResolveName(column, scopeOf([child], caseSensitive));
    if (found?.kind !== "attribute") throw unresolvedColumn(column.nameParts, output, column.origin);
    return [found];
  }
  const [name] = column.nameParts;
  const found = output.filter((attribute) => sameName(attribute.name, name!, caseSensitive));
  if (found.length === 0) {
    const fieldNames = output.map((attribute) => attribute.name).join(", ");
    throw analysisError("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", { colName: name!, fieldNames }, column.origin);
  }
  return found;
}

export const project = (child: LogicalPlan, expressions: readonly Expression[]): LogicalPlan =>
  Object.freeze({ kind: "project", child, expressions });

function refuseTwice(names: readonly string[], caseSensitive: boolean): void {
  const twice = names.find((name, index) => names.findIndex((other) => sameName(other, name, caseSensitive)) !== index);
  if (twice !== undefined)
    throw analysisError("COLUMN_ALREADY_EXISTS", { columnName: quotedName([caseSensitive ? twice : twice.toLowerCase()]) });
}
