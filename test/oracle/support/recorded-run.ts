/** Runs one recorded statement with frames and workers, and says whether the answer is the recorded one. */
import { MillraceError } from "../../../src/base/errors.ts";
import { decodeColumnBatch, encodeColumnBatch } from "../../../src/columnar/column-batch.ts";
import { formatValue } from "../../../src/columnar/format.ts";
import { LongType, structField, structType, type DataType, type StructType } from "../../../src/columnar/types.ts";
import type { Value } from "../../../src/columnar/values.ts";
import { LocalExecutor } from "../../../src/api/local-executor.ts";
import { DataFrame } from "../../../src/api/dataframe.ts";
import type { SessionState } from "../../../src/api/session-state.ts";
import type { Attribute, Expression } from "../../../src/plan/expr/expression.ts";
import type { LogicalPlan } from "../../../src/plan/logical/nodes.ts";
import { contains, mapExpressions, transformPlanUp, transformUp } from "../../../src/plan/tree.ts";
import type { AnalysisContext } from "../../../src/plan/analysis/analyzer.ts";
import { parseSchema, parseSelectItems } from "../../../src/sql/parser.ts";
import { Column, functions as F } from "../../../src/index.ts";
import { type GoldenCase, hiveInterval } from "../../functions/support/golden.ts";
import {
  OutOfScope,
  readStatement,
  type Insert,
  type Query,
  type Select,
  type Table,
  type Truncate,
  type Values,
} from "./sql-statement.ts";

/** `folded`: as users run it. `literals`: nothing is folded. `columns`: the literals of rows without a table come from columns. */
export type Way = "folded" | "literals" | "columns";

export class OracleExecutor extends LocalExecutor {
  way: Way = "folded";

  override analysisContext(): AnalysisContext {
    const { evaluate, ...context } = super.analysisContext();
    return this.way === "folded" ? { ...context, ...(evaluate && { evaluate }) } : (context as AnalysisContext);
  }

  override optimize(plan: LogicalPlan): LogicalPlan {
    return super.optimize(this.way === "columns" ? transformPlanUp(plan, (node) => this.#literalsToColumns(node)) : plan);
  }

  #literalsToColumns(node: LogicalPlan): LogicalPlan {
    if (node.kind !== "project" || node.child.kind !== "range") return node;
    const output: Attribute[] = [];
    const values: Value[] = [];
    const project = mapExpressions(node, (expression) =>
      transformUp(expression, (part): Expression => {
        if (part.kind !== "literal" || part.dataType.kind === "void") return part;
        const attribute: Attribute = {
          kind: "attribute",
          id: this.nextId(),
          name: `c${output.length}`,
          dataType: part.dataType,
          nullable: true,
        };
        output.push(attribute);
        values.push(part.value);
        return attribute;
      }),
    );
    if (output.length === 0) return node;
    const schema = structType(output.map(({ name, dataType }) => structField(name, dataType)));
    return { ...project, child: { kind: "local_relation", schema, output, batches: [encodeColumnBatch(schema, [values])] } };
  }
}

export type Outcome =
  | { readonly kind: "same" }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "different"; readonly detail: string };

export class RecordedRun {
  readonly #state: SessionState;
  readonly #executor: OracleExecutor;
  readonly #zone: string;
  readonly #views = new Map<string, DataFrame<any>>();
  readonly #unread = new Set<string>();

  constructor(state: SessionState, executor: OracleExecutor, zone: string) {
    this.#state = { ...state, executor, nextPlanId: () => state.nextPlanId() };
    this.#executor = executor;
    this.#zone = zone;
  }

  async run(golden: GoldenCase, way: Way): Promise<Outcome> {
    this.#executor.way = way;
    const statement = golden.statement;
    let rows: string[];
    try {
      const read = readStatement(statement);
      if (read.kind === "view") {
        this.#unread.delete(read.name.toLowerCase());
        this.#executor.way = "folded";
        const frame = await this.#frame(read.query);
        this.#views.set(read.name.toLowerCase(), await this.#kept(read.columns ? await renamed(frame, read.columns) : frame));
        return { kind: "skipped", reason: "view" };
      }
      if (read.kind === "table" || read.kind === "insert" || read.kind === "truncate") {
        await this.#changeTable(read);
        return { kind: "skipped", reason: "table" };
      }
      const frame = await this.#frame(read);
      const { schema, batches } = await this.#executor.collect(frame.plan);
      rows = batches.flatMap((batch) => decodeColumnBatch(schema, batch)).map((row) => this.#text(row, schema));
      if (read.orderBy.length === 0) rows.sort();
    } catch (error) {
      return this.#failed(golden, error);
    }
    if (golden.error) return { kind: "different", detail: `${golden.error.condition} expected, got ${rows.join(" / ")}` };
    const isOrdered = /\border\s+by\b/i.test(statement);
    const actual = rows.join("\n").trimEnd();
    const expected = isOrdered || rows.length < 2 ? golden.rows.join("\n") : golden.rows.toSorted().join("\n");
    return actual === expected.trimEnd() ? { kind: "same" } : { kind: "different", detail: `expected ${expected.trimEnd()} got ${actual}` };
  }

  #failed(golden: GoldenCase, error: unknown): Outcome {
    const view = /\bview\s+(\w+)/i.exec(golden.statement)?.[1];
    if (/^\s*create/i.test(golden.statement) && view) {
      this.#unread.add(view.toLowerCase());
      this.#views.delete(view.toLowerCase());
      return { kind: "skipped", reason: `view: ${messageOf(error)}` };
    }
    if (error instanceof OutOfScope) return { kind: "skipped", reason: error.message };
    if (!(error instanceof MillraceError))
      return { kind: "different", detail: `crashed: ${error instanceof Error ? error.stack : String(error)}` };
    const { condition } = error;
    if (condition === "UNSUPPORTED_FEATURE.NOT_YET") return { kind: "skipped", reason: `not yet: ${error.messageParameters.feature}` };
    const recorded = golden.error?.condition ?? (golden.rows[0] === "java.lang.ArithmeticException" ? "ARITHMETIC_OVERFLOW" : undefined);
    if (condition === recorded) return { kind: "same" };
    if (condition === "UNRESOLVED_ROUTINE" && recorded !== "UNRESOLVED_ROUTINE")
      return { kind: "skipped", reason: `function ${error.messageParameters.routineName}` };
    return { kind: "different", detail: `expected ${recorded ?? golden.rows.join(" / ")} got ${error.message.split("\n")[0]}` };
  }

  async #frame(query: Query): Promise<DataFrame<any>> {
    const parts = await Promise.all(query.parts.map((part) => this.#part(part)));
    let frame = parts.reduce((whole, part) => whole.union(part));
    if (query.isDistinct) frame = frame.distinct();
    if (query.orderBy.length > 0) {
      const names = await frame.columns();
      frame = frame.orderBy(...query.orderBy.map((item) => sortColumn(item, names)));
    }
    if (query.limit !== null) {
      if (!/^\d+$/.test(query.limit)) throw new OutOfScope("LIMIT");
      frame = frame.limit(Number(query.limit));
    }
    return frame;
  }

  async #part(part: Select | Values | Query): Promise<DataFrame<any>> {
    if (part.kind === "query") return this.#frame(part);
    if (part.kind === "values") {
      const named = part.rows.map((row) => this.#oneRow().selectExpr(...row.map((item, index) => `${item} AS col${index + 1}`)));
      return this.#kept(named.reduce((whole, row) => whole.union(row)));
    }
    let frame = await this.#from(part);
    if (part.where !== null) frame = frame.filter(part.where);
    const items = part.items.flatMap(parseSelectItems);
    const isAggregate = part.groupBy !== null || part.having !== null || items.some((item) => this.#hasAggregate(item));
    frame = isAggregate ? await this.#aggregate(frame, part, items) : frame.selectExpr(...part.items);
    return part.isDistinct ? frame.distinct() : frame;
  }

  /** SQL lists exactly what is selected and may group by position or alias; `groupBy().agg()` puts the keys first. */
  async #aggregate(frame: DataFrame<any>, { groupBy, having }: Select, items: readonly Expression[]): Promise<DataFrame<any>> {
    const available = new Set((await frame.columns()).map((name) => name.toLowerCase()));
    const inner = items.map((item) => (item.kind === "alias" ? item.child : item));
    const keys = (groupBy ?? []).map((key) => {
      if (/^\d+$/.test(key)) return new Column(inner[Number(key) - 1] ?? outOfScope("GROUP BY ordinal"));
      const named = items.findIndex((item) => item.kind === "alias" && item.name.toLowerCase() === key.toLowerCase());
      return named >= 0 && !available.has(key.toLowerCase()) ? new Column(inner[named]!) : F.expr(key);
    });
    if (items.some(({ kind }) => kind === "unresolved_star")) throw new OutOfScope("star of an aggregate");
    const names = items.map((item, index) => {
      const name = nameOf(item) ?? `_r${index}`;
      const isRepeated = items.slice(0, index).some((other) => nameOf(other)?.toLowerCase() === name.toLowerCase());
      return isRepeated ? `_r${index}` : name;
    });
    const results = inner.map((item, index) => new Column(item).as(names[index]!));
    const grouped = frame.groupBy(...keys.map((key, index) => key.as(`_k${index}`))).agg(...results);
    const kept = having === null ? grouped : grouped.filter(having);
    return kept.select(...names.map((name) => F.col(`\`${name}\``)));
  }

  #hasAggregate(expression: Expression): boolean {
    return contains(
      expression,
      (part) => part.kind === "unresolved_function" && this.#executor.functions.find(part.name)?.kind === "aggregate",
    );
  }

  async #changeTable(change: Table | Insert | Truncate): Promise<void> {
    const name = change.name.toLowerCase();
    this.#executor.way = "folded";
    if (change.kind === "table") {
      const schema = parseSchema(change.ddl.replace(/\b(var)?char\(\d+\)/gi, "string"));
      this.#views.set(name, this.#local(schema, []));
      return;
    }
    const table = this.#views.get(name);
    if (!table) throw new OutOfScope("a table");
    const schema = await table.schema();
    if (change.kind === "truncate") {
      this.#views.set(name, this.#local(schema, []));
      return;
    }
    const { fields } = schema;
    const added = await this.#frame(change.query);
    const names = await added.columns();
    const stored = added.select(
      ...names.map((column, index) => F.col(`\`${column}\``).cast(fields[index]!.dataType).as(fields[index]!.name)),
    );
    this.#views.set(name, await this.#kept(table.union(stored)));
  }

  async #from({ from, alias: name, columns }: Select): Promise<DataFrame<any>> {
    if (from === null) return this.#oneRow();
    let frame: DataFrame<any>;
    if (from.kind === "query") frame = await this.#frame(from);
    else {
      const view = this.#views.get(from.name.toLowerCase());
      if (!view) throw new OutOfScope(this.#unread.has(from.name.toLowerCase()) ? "a view that was not read" : "a table");
      frame = view;
    }
    if (columns) frame = await renamed(frame, columns);
    return frame.as(name ?? (from.kind === "table" ? from.name : "__auto"));
  }

  #oneRow(): DataFrame<any> {
    return new DataFrame(this.#state, { kind: "range", start: 0n, end: 1n, step: 1n, output: this.#executor.newAttributes(ID) });
  }

  /** The rows of a frame as a frame of their own, so that nothing in it is constant any more. */
  async #kept(frame: DataFrame<any>): Promise<DataFrame<any>> {
    const { way } = this.#executor;
    this.#executor.way = "folded";
    const { schema, batches } = await this.#executor.collect(frame.plan);
    this.#executor.way = way;
    return this.#local(schema, batches);
  }

  #local(schema: StructType, batches: readonly Uint8Array[]): DataFrame<any> {
    return new DataFrame(this.#state, { kind: "local_relation", schema, output: this.#executor.newAttributes(schema), batches });
  }

  #text(row: readonly Value[], schema: StructType): string {
    return row.map((value, index) => hiveText(value, schema.fields[index]!.dataType, this.#zone, false)).join("\t");
  }
}

const ID = structType([structField("id", LongType, false)]);

const nameOf = (item: Expression): string | undefined =>
  item.kind === "alias" ? item.name : item.kind === "unresolved_attribute" ? item.nameParts.at(-1) : undefined;

function outOfScope(reason: string): never {
  throw new OutOfScope(reason);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]!.slice(0, 80) : String(error));

async function renamed(frame: DataFrame<any>, columns: readonly string[]): Promise<DataFrame<any>> {
  const names = await frame.columns();
  if (names.length !== columns.length) throw new OutOfScope("number of column aliases");
  return names.reduce((current, name, index) => current.withColumnRenamed(name, columns[index]!), frame);
}

function sortColumn(item: string, names: readonly string[]): Column {
  const [, text, direction, nulls] = /^([\s\S]*?)(?:\s+(ASC|DESC))?(?:\s+NULLS\s+(FIRST|LAST))?$/i.exec(item)!;
  const column = /^\d+$/.test(text!) ? F.col(`\`${names[Number(text) - 1]!}\``) : F.expr(text!);
  const isDescending = direction?.toUpperCase() === "DESC";
  const isNullsFirst = nulls === undefined ? !isDescending : nulls.toUpperCase() === "FIRST";
  if (isDescending) return isNullsFirst ? column.desc_nulls_first() : column.desc();
  return isNullsFirst ? column.asc() : column.asc_nulls_last();
}

/** A value as Hive's shell prints it, which is the form of the recordings. */
function hiveText(value: Value, type: DataType, zone: string, isNested: boolean): string {
  if (value === null) return isNested ? "null" : "NULL";
  const nested = (child: Value, childType: DataType): string => hiveText(child, childType, zone, true);
  switch (type.kind) {
    case "string":
      return isNested ? `"${value as string}"` : (value as string);
    case "array":
      return `[${(value as readonly Value[]).map((element) => nested(element, type.elementType)).join(",")}]`;
    case "struct":
      return `{${(value as readonly Value[]).map((field, index) => `"${type.fields[index]!.name}":${nested(field, type.fields[index]!.dataType)}`).join(",")}}`;
    case "map":
      return `{${(value as readonly [Value, Value][]).map(([key, entry]) => `${nested(key, type.keyType)}:${nested(entry, type.valueType)}`).join(",")}}`;
    case "year_month_interval":
    case "day_time_interval":
      return hiveInterval(value as bigint | number, type.kind);
    default:
      return formatValue(value, type, zone);
  }
}
