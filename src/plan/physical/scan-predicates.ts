/** What a source may know of the filters that come first in its pipeline: comparisons of a column with literals. Main thread, pure. */
import type { ScanPredicate } from "../../columnar/scan-predicate.ts";
import { type DataType, sameType } from "../../columnar/types.ts";
import type { Attribute, Expression } from "../expr/expression.ts";
import { conjunctsOf } from "../logical/conjunction.ts";
import type { Stage } from "./program.ts";

/** Per source. A source that several pipelines read has none. */
export function scanPredicates(stages: readonly Stage[], sourceCount: number): ScanPredicate[][] {
  const pipelines = stages.flatMap((stage) => stage.pipelines);
  return Array.from({ length: sourceCount }, (_, source) => {
    const readers = pipelines.filter((pipeline) => pipeline.source === source);
    if (readers.length !== 1) return [];
    const { input, steps } = readers[0]!;
    const end = steps.findIndex((step) => step.kind !== "filter");
    const filters = end < 0 ? steps : steps.slice(0, end);
    return filters.flatMap((step) =>
      step.kind === "filter" ? conjunctsOf(step.condition).flatMap((conjunct) => predicate(conjunct, input) ?? []) : [],
    );
  });
}

/** The comparison with its sides exchanged. */
const FLIPPED = { "<": ">", "<=": ">=", "=": "=", ">=": "<=", ">": "<" } as const;

function predicate(expression: Expression, input: readonly Attribute[]): ScanPredicate | null {
  if (expression.kind !== "call") return null;
  const { name, args } = expression;
  const [left, right] = args;
  if (name === "isnull" || name === "isnotnull") {
    const column = columnOf(left!, input);
    return column && { column: column.name, test: name, values: [] };
  }
  if (name === "in") {
    const column = columnOf(left!, input);
    const values = args.slice(1).map((arg) => literalOf(arg, column));
    return column && values.every((value) => value !== null) ? { column: column.name, test: name, values } : null;
  }
  const test = name === "<=>" ? "=" : name;
  if (!(test in FLIPPED)) return null;
  const comparison = test as keyof typeof FLIPPED;
  const [column, other] = [columnOf(left!, input), columnOf(right!, input)];
  if (column && !other) return compared(column, comparison, literalOf(right!, column));
  if (other && !column) return compared(other, FLIPPED[comparison], literalOf(left!, other));
  return null;
}

function compared(column: Attribute, test: ScanPredicate["test"], value: ReturnType<typeof literalOf>): ScanPredicate | null {
  return value === null ? null : { column: column.name, test, values: [value] };
}

/** The source's column that an expression is, perhaps as a wider integer. */
function columnOf(expression: Expression, input: readonly Attribute[]): Attribute | null {
  if (expression.kind === "cast" && isWidening(expression.child, expression.to)) return columnOf(expression.child, input);
  if (expression.kind !== "attribute") return null;
  return input.find((attribute) => attribute.id === expression.id) ?? null;
}

const INTEGERS: readonly string[] = ["byte", "short", "integer", "long"];

const isWidening = (child: Expression, to: DataType | string): boolean =>
  child.kind === "attribute" &&
  typeof to !== "string" &&
  INTEGERS.includes(child.dataType.kind) &&
  INTEGERS.indexOf(to.kind) >= INTEGERS.indexOf(child.dataType.kind);

/** A literal that compares with `column` as its type does; null for others, and for null. */
function literalOf(expression: Expression, column: Attribute | null) {
  if (column === null || expression.kind !== "literal") return null;
  const { dataType, value } = expression;
  const isComparable = sameType(dataType, column.dataType) || (INTEGERS.includes(dataType.kind) && INTEGERS.includes(column.dataType.kind));
  return isComparable ? value : null;
}
