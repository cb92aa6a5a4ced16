/**
 * Names → columns: `a`, `t.a`, `t.a.b.c`, `df.col("a")`. Called by the analyzer with the scope of one operator.
 * Main thread, pure.
 */
import { editDistance } from "../../base/errors.ts";
import type { StructType } from "../../columnar/types.ts";
import { literal, type Attribute, type Expression, type Origin, type Output, type UnresolvedAttribute } from "../expr/expression.ts";
import { typeOf } from "../expr/expression-type.ts";
import { quotedName, quotedSql, quotedType } from "../expr/sql-text.ts";
import { outputOf } from "../logical/output.ts";
import type { LogicalPlan } from "../logical/nodes.ts";
import { inputsOf } from "../tree.ts";
import { analysisError, notYet } from "./context.ts";

/** The columns that the expressions of an operator may name. */
export interface Scope {
  readonly output: Output;
  /** The operator's inputs: where the frames of `df.col("x")` are looked for. */
  readonly inputs: readonly LogicalPlan[];
  readonly caseSensitive: boolean;
  /** Columns below the input that may be named where the output has no such name (sorts and filters over a select or an aggregate). */
  readonly hidden?: Output;
}

export function scopeOf(inputs: readonly LogicalPlan[], caseSensitive: boolean, hidden?: Output): Scope {
  return { output: inputs.flatMap(outputOf), inputs, caseSensitive, ...(hidden && { hidden }) };
}

/** Compares names under `spark.sql.caseSensitive`. */
export const sameName = (a: string, b: string, caseSensitive: boolean): boolean =>
  caseSensitive ? a === b : a.toLowerCase() === b.toLowerCase();

/**
 * The column or nested field that `reference` names. The column takes the spelling of the reference, as in Spark.
 * Throws `UNRESOLVED_COLUMN.*`, `AMBIGUOUS_REFERENCE`, `FIELD_NOT_FOUND`, `CANNOT_RESOLVE_DATAFRAME_COLUMN`, …
 */
export function resolveName(reference: UnresolvedAttribute, scope: Scope): Expression {
  const resolved = tryResolveName(reference, scope) ?? (scope.hidden && tryResolveName(reference, { ...scope, output: scope.hidden }));
  if (resolved !== undefined) return resolved;
  if (reference.planId !== undefined)
    throw analysisError("CANNOT_RESOLVE_DATAFRAME_COLUMN", { name: `"${reference.nameParts.join(".")}"` }, reference.origin);
  throw unresolvedColumn(reference.nameParts, scope.output, reference.origin);
}

/** As `resolveName`, but undefined where nothing has that name. */
export function tryResolveName(reference: UnresolvedAttribute, scope: Scope): Expression | undefined {
  const { nameParts, origin } = reference;
  const output = reference.planId === undefined ? scope.output : outputOfFrame(reference.planId, scope, nameParts, origin);
  for (const [candidates, consumed] of interpretations(nameParts, output, scope.caseSensitive)) {
    const distinct = [...new Map(candidates.map((candidate) => [candidate.id, candidate])).values()];
    if (distinct.length === 0) continue;
    if (distinct.length > 1) throw ambiguous(reference, distinct);
    const [found] = distinct;
    const named = Object.freeze({ ...found!, name: nameParts[consumed - 1]! });
    return nameParts
      .slice(consumed)
      .reduce<Expression>((child, field) => extractField(child, literalText(field), scope.caseSensitive, origin), named);
  }
  return undefined;
}

const literalText = (text: string): Expression => literal(text, { kind: "string" });

/** Readings of a dotted name, most qualified first: `t.a.b` as table t, column a; then as column t, field a. */
function* interpretations(nameParts: readonly string[], output: Output, caseSensitive: boolean): Generator<[readonly Attribute[], number]> {
  const same = (a: string, b: string): boolean => sameName(a, b, caseSensitive);
  for (let qualifierLength = nameParts.length - 1; qualifierLength > 0; qualifierLength--) {
    const qualifier = nameParts.slice(0, qualifierLength);
    yield [
      output.filter(
        (attribute) =>
          same(attribute.name, nameParts[qualifierLength]!) &&
          attribute.qualifier !== undefined &&
          attribute.qualifier.length >= qualifierLength &&
          attribute.qualifier.slice(-qualifierLength).every((part, index) => same(part, qualifier[index]!)),
      ),
      qualifierLength + 1,
    ];
  }
  yield [output.filter((attribute) => same(attribute.name, nameParts[0]!)), 1];
}

/**
 * The columns of frame `planId` that are still there in the scope. Where the frame is there more than once, the one nearest to the
 * operator is meant: in `df.join(df.filter(…), df.col("x") …)` the left side. Two equally near ones are ambiguous.
 */
function outputOfFrame(planId: number, scope: Scope, nameParts: readonly string[], origin: Origin | undefined): Output {
  const visible = new Map(scope.output.map((attribute) => [attribute.id, attribute]));
  const frames: { readonly depth: number; readonly columns: Output }[] = [];
  const search = (node: LogicalPlan, depth: number): void => {
    if (node.planId === planId) {
      const columns = outputOf(node).flatMap((attribute) => visible.get(attribute.id) ?? []);
      if (columns.some((attribute) => sameName(attribute.name, nameParts[0]!, scope.caseSensitive))) frames.push({ depth, columns });
    }
    for (const input of inputsOf(node)) search(input, depth + 1);
  };
  for (const input of scope.inputs) search(input, 0);
  const nearest = frames.filter((frame) => frame.depth === Math.min(...frames.map(({ depth }) => depth)));
  if (new Set(nearest.map(({ columns }) => columns.map((attribute) => attribute.id).join())).size > 1)
    throw analysisError("AMBIGUOUS_COLUMN_REFERENCE", { name: quotedName(nameParts) }, origin);
  return nearest[0]?.columns ?? [];
}

function ambiguous({ nameParts, origin }: UnresolvedAttribute, candidates: readonly Attribute[]): Error {
  const names = candidates.map((candidate) => quotedName([...(candidate.qualifier ?? []), candidate.name])).sort();
  return analysisError("AMBIGUOUS_REFERENCE", { name: quotedName(nameParts), referenceNames: `[${names.join(", ")}]` }, origin);
}

const SUGGESTIONS_MAX = 5;

/** The error for a name that nothing has, with the most similar names of `output`; among equals, in column order. */
export function unresolvedColumn(nameParts: readonly string[], output: Output, origin?: Origin): Error {
  const objectName = quotedName(nameParts);
  if (output.length === 0) return analysisError("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", { objectName }, origin);
  const qualifiers = new Set(output.map((attribute) => (attribute.qualifier ?? []).join(".")));
  const candidates = output.map((attribute) =>
    quotedName(nameParts.length === 1 && qualifiers.size === 1 ? [attribute.name] : [...(attribute.qualifier ?? []), attribute.name]),
  );
  const proposal = [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: editDistance(objectName, candidate) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ candidate }) => candidate);
  return analysisError("UNRESOLVED_COLUMN.WITH_SUGGESTION", { objectName, proposal: proposal.join(", ") }, origin);
}

/**
 * `child.extraction` or `child[extraction]`: a field of a struct. For arrays and maps, which take a function, the unresolved
 * extraction comes back.
 */
export function extractField(child: Expression, extraction: Expression, caseSensitive: boolean, origin?: Origin): Expression {
  const type = typeOf(child);
  if (type.kind === "struct") return extractStructField(child, type, extraction, caseSensitive, origin);
  if (type.kind === "array" && type.elementType.kind === "struct" && extraction.kind === "literal" && typeof extraction.value === "string")
    throw notYet("reading a field of every struct in an array", "Read one element first, as in items[0].name.");
  if (type.kind === "array" || type.kind === "map")
    return Object.freeze({ kind: "unresolved_extract_value", child, extraction, ...(origin && { origin }) });
  throw analysisError("INVALID_EXTRACT_BASE_FIELD_TYPE", { base: quotedSql(child), other: quotedType(type) }, origin);
}

function extractStructField(
  child: Expression,
  type: StructType,
  extraction: Expression,
  caseSensitive: boolean,
  origin?: Origin,
): Expression {
  if (extraction.kind !== "literal" || typeof extraction.value !== "string")
    throw analysisError("INVALID_EXTRACT_FIELD_TYPE", { extraction: quotedSql(extraction) }, origin);
  const wanted = extraction.value;
  const ordinals = type.fields.flatMap((field, index) => (sameName(field.name, wanted, caseSensitive) ? [index] : []));
  if (ordinals.length === 0) {
    const fields = type.fields.map((field) => quotedName([field.name])).join(", ");
    throw analysisError("FIELD_NOT_FOUND", { fieldName: quotedName([wanted]), fields }, origin);
  }
  if (ordinals.length > 1)
    throw analysisError("AMBIGUOUS_REFERENCE_TO_FIELDS", { field: quotedName([wanted]), count: String(ordinals.length) }, origin);
  return Object.freeze({ kind: "get_field", child, ordinal: ordinals[0]! });
}
