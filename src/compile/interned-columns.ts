/**
 * Which strings of static tables are interned: columns that come, untouched, into the grouping keys of a partial aggregate. Equal strings then
 * have one address until the tables are read again, so that grouping compares and hashes eight bytes and not the text. Main thread, while a
 * stage is compiled.
 */
import type { RowField, RowLayout } from "../columnar/row-layout.ts";
import { leafCount, physicalKind } from "../columnar/types.ts";
import { fieldSpecs } from "../plan/physical/field-specs.ts";
import type { AggregateOperator, PhysicalProgram, Pipeline, Stage, StaticTable } from "../plan/physical/program.ts";

/** Rows of a static table. Fields of interned columns are fixed ones that hold the view on the pool's bytes. */
export function staticLayout(program: PhysicalProgram, table: StaticTable): RowLayout {
  const interned = new Set<number>();
  for (const stage of program.stages) {
    for (const pipeline of stage.pipelines) {
      for (const origin of groupingOrigins(program, stage, pipeline)) if (origin !== null) interned.add(origin);
    }
  }
  const fields = new Set<RowField>();
  let leaf = 0;
  for (const { id, dataType } of table.attributes) {
    if (interned.has(id)) fields.add(table.layout.values[leaf]!);
    leaf += leafCount(dataType);
  }
  return withFixedViews(table.layout, fields);
}

/** Groups in the flat table of a partial aggregate: keys from interned columns are fixed fields. */
export function partialLayout(program: PhysicalProgram, stage: Stage, pipeline: Pipeline): RowLayout | null {
  const operator = feeds(program, stage);
  if (!operator) return null;
  const { grouping, layout } = operator;
  const origins = groupingOrigins(program, stage, pipeline);
  const fields = new Set<RowField>();
  let key = 0;
  grouping.forEach((attribute, i) => {
    if (origins[i] !== null) fields.add(layout.keys[key]!);
    key += fieldSpecs([attribute]).length;
  });
  return withFixedViews(layout, fields);
}

/** Per grouping attribute of the aggregate that the pipeline feeds: the id of the static table's attribute that it is, or null. */
function groupingOrigins(program: PhysicalProgram, stage: Stage, { steps }: Pipeline): (number | null)[] {
  const operator = feeds(program, stage);
  if (!operator) return [];
  const origins = new Map<number, number>();
  for (const step of steps) {
    if (step.kind === "interpret") origins.clear();
    else if (step.kind === "join") {
      for (const { id, dataType } of program.staticTables[step.table]!.attributes) {
        if (physicalKind(dataType) === "view") origins.set(id, id);
      }
    } else if (step.kind === "project") {
      for (const expression of step.expressions) {
        if (expression.kind !== "alias" || expression.child.kind !== "attribute") continue;
        const origin = origins.get(expression.child.id);
        if (origin !== undefined) origins.set(expression.id, origin);
      }
    }
  }
  return operator.grouping.map(({ id }) => origins.get(id) ?? null);
}

/** The aggregate that the stage's rows go to, if they do. */
function feeds({ operators }: PhysicalProgram, { sink }: Stage): AggregateOperator | null {
  const operator = sink.kind === "shuffle" ? operators[sink.operator]! : null;
  return operator?.kind === "aggregate" ? operator : null;
}

/** The layout with some slots as fixed fields; nothing moves. */
function withFixedViews(layout: RowLayout, fields: ReadonlySet<RowField>): RowLayout {
  const fixed = (field: RowField): RowField => (fields.has(field) ? { ...field, isVariable: false } : field);
  const keys = layout.keys.map(fixed);
  const values = layout.values.map(fixed);
  const slots = new Set([...keys, ...values].filter(({ isVariable }) => isVariable).map(({ offset }) => offset));
  return {
    ...layout,
    keys,
    values,
    variableOffsets: layout.variableOffsets.filter((offset) => slots.has(offset)),
    variableKeyCount: keys.filter(({ isVariable }) => isVariable).length,
  };
}
