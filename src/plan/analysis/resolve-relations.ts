/** Leaves of a plan: sources get their schema and fresh columns, views their plan. Main thread. */
import { analysisError, type AnalysisContext } from "./context.ts";
import { LongType, type StructType } from "../../columnar/types.ts";
import type { Attribute } from "../expr/expression.ts";
import { quotedName } from "../expr/sql-text.ts";
import type { LocalRelation, LogicalPlan, Range, Read, Relation, UnresolvedRelation } from "../logical/nodes.ts";

/** Schemas by read, so that a connector is asked once in one analysis however often a source is used. */
export type SchemaCache = Map<string, Promise<StructType>>;

export async function resolveRead(read: Read, context: AnalysisContext, schemas: SchemaCache): Promise<Relation> {
  const parsed: Read = typeof read.schema === "string" ? Object.freeze({ ...read, schema: context.parseSchema(read.schema) }) : read;
  const { planId: _, ...identity } = parsed;
  const key = JSON.stringify(identity);
  let schema = schemas.get(key);
  if (schema === undefined) {
    schema = context.resolveRead(parsed);
    schemas.set(key, schema);
  }
  return Object.freeze({
    kind: "relation",
    read: parsed,
    output: freshAttributes(await schema, context),
    isStreaming: read.isStreaming,
    ...(read.planId !== undefined && { planId: read.planId }),
  });
}

export function resolveLocal(node: LocalRelation | Range, context: AnalysisContext): LocalRelation | Range {
  if (node.output.length > 0) return node;
  if (node.kind === "range") {
    const id: Attribute = Object.freeze({ kind: "attribute", id: context.ids(), name: "id", dataType: LongType, nullable: false });
    return Object.freeze({ ...node, output: [id] });
  }
  return Object.freeze({ ...node, output: freshAttributes(node.schema, context) });
}

/** The plan of the view that `node` names. Throws `TABLE_OR_VIEW_NOT_FOUND`. */
export function lookUpView(node: UnresolvedRelation, context: AnalysisContext): LogicalPlan {
  const plan = context.catalog.find(node.nameParts);
  if (plan === undefined) throw analysisError("TABLE_OR_VIEW_NOT_FOUND", { relationName: quotedName(node.nameParts) });
  return plan;
}

function freshAttributes(schema: StructType, context: AnalysisContext): Attribute[] {
  return schema.fields.map(({ name, dataType, nullable, metadata }) => {
    const delayMs = metadata?.["spark.watermarkDelayMs"];
    return Object.freeze({
      kind: "attribute",
      id: context.ids(),
      name,
      dataType,
      nullable,
      ...(typeof delayMs === "number" && { watermarkDelayMs: delayMs }),
    });
  });
}
