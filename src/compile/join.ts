/**
 * Broadcast hash join in generated code: building the static table from blocks, and probing it inside a pipeline. Rows of equal
 * key are chained through ROW_NEXT. Main thread, while a stage is compiled.
 */
import { BLOCK_ROW_COUNT, ROW_NEXT } from "../columnar/memory-layout.ts";
import type { RowField, RowLayout } from "../columnar/row-layout.ts";
import type { Expression } from "../plan/expr/expression.ts";
import type { StaticTable, Step } from "../plan/physical/program.ts";
import { InputColumns } from "./columns.ts";
import { emitFindByDictionary } from "./dictionary-memo.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { emitFind, hashView, type KeyLocals, keysInLocals, pushKeyHash, storeKeys } from "./flat-table.ts";
import type { ModuleContext } from "./module-context.ts";
import { flattenValue, type RowPlace, valueFromFields, writeValueNulls } from "./rows.ts";
import { CONTEXT_JOIN_ROW, CONTEXT_POOL, staticTableSlot } from "./stage-context.ts";
import { type CompiledValue, STORE_OPS } from "./value.ts";

export interface JoinTools {
  readonly module: ModuleContext;
  readonly f: FunctionBuilder;
  readonly context: Local;
  readonly compile: (expression: Expression, bindings: ReadonlyMap<number, CompiledValue>) => CompiledValue;
}

/** Emits the body of `build(block) -> status`: adds every row of the block to the table. `layout` is `staticLayout`'s. */
export function emitBuild(tools: JoinTools, table: StaticTable, layout: RowLayout, block: Local): void {
  const { f, module, context } = tools;
  const row = f.local("i32");
  const columns = new InputColumns(
    f,
    block,
    context,
    row,
    table.attributes,
    table.leaves.map(() => true),
  );
  columns.fillValidity();
  const bindings = new Map<number, CompiledValue>();
  columns.bind(false, bindings);
  const [probe, address, head, hash] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  f.get(context);
  f.memory("i32.load", CONTEXT_JOIN_ROW);
  f.set(probe);
  f.get(context);
  f.memory("i32.load", staticTableSlot(table.index));
  f.set(address);
  f.block((done) => {
    f.loop((next) => {
      f.get(row);
      f.get(block);
      f.memory("i32.load", BLOCK_ROW_COUNT);
      f.op("i32.ge_u");
      f.brIf(done);
      const keys = flatKeys(
        f,
        layout,
        table.keys.map((key) => tools.compile(key, bindings)),
      );
      storeKeys(f, probe, keys);
      const payload = table.attributes.flatMap((attribute) => payloadFields(f, bindings.get(attribute.id)!));
      if (layout.values.length > 0) writeValueNulls(f, probe, layout, payload);
      payload.forEach((value, i) => writePayload(tools, probe, layout.values[i]!, value));
      pushKeyHash(f, module, keys);
      f.set(hash);
      emitFind(f, module, address, hash, keys, head);
      f.get(address);
      f.get(head);
      f.get(probe);
      f.get(hash);
      f.call(module.kernel("flat_chain", ["i32", "i32", "i32", "i32"], ["i32"]));
      f.op("i32.eqz");
      f.if(() => {
        f.i32(1);
        f.op("return");
      });
      f.get(row);
      f.i32(1);
      f.op("i32.add");
      f.set(row);
      f.br(next);
    });
  });
}

const flatKeys = (f: FunctionBuilder, layout: RowLayout, keys: readonly CompiledValue[]): KeyLocals =>
  keysInLocals(
    f,
    layout,
    keys.flatMap((key) => flattenValue(f, key, false)),
  );

function writePayload({ f, module, context }: JoinTools, row: Local, field: RowField, value: CompiledValue): void {
  f.get(row);
  const isInterned = value.physical === "view" && !field.isVariable;
  const push = (): void => {
    if (!isInterned) return value.push();
    f.get(context);
    f.memory("i32.load", CONTEXT_POOL);
    value.push();
    value.push();
    f.call(hashView(module));
    f.i64(32);
    f.op("i64.shr_u", "i32.wrap_i64");
    f.call(module.kernel("intern_view", ["i32", "i64", "i32"], ["i64"]));
  };
  // A slot is followed when the row is copied: null must be an empty one.
  if ((field.isVariable || isInterned) && value.isNull) {
    value.isNull();
    f.if(() => f.i64(0), push, "i64");
  } else push();
  f.memory(STORE_OPS[field.physical], field.offset);
}

/** One value per leaf; a struct gives a boolean that says whether it is null. */
function payloadFields(f: FunctionBuilder, value: CompiledValue): CompiledValue[] {
  if (!value.fields) return [value];
  const flag: CompiledValue = { dataType: { kind: "boolean" }, physical: "i8", isNull: null, push: value.isNull ?? (() => f.i32(0)) };
  return [flag, ...value.fields.flatMap((field) => payloadFields(f, field))];
}

/**
 * Emits the probe of `step` for the current row; `body` is emitted once and runs for every output row. `bindings` gets the table's
 * attributes (inner and left outer join).
 */
export function emitProbe(
  tools: JoinTools,
  step: Extract<Step, { kind: "join" }>,
  table: StaticTable,
  layout: RowLayout,
  bindings: Map<number, CompiledValue>,
  body: () => void,
): void {
  const { f, module, context } = tools;
  const place: RowPlace = { row: f.local("i32"), base: null };
  const keys = step.keys.map((key) => tools.compile(key, bindings));
  f.i32(0);
  f.set(place.row);

  const find = (): void => {
    const [address, hash] = [f.local("i32"), f.local("i32")];
    const locals = flatKeys(f, layout, keys);
    f.get(context);
    f.memory("i32.load", staticTableSlot(table.index));
    f.set(address);
    emitFindByDictionary(f, module, address, locals, place.row, () => {
      pushKeyHash(f, module, locals);
      f.set(hash);
      emitFind(f, module, address, hash, locals, place.row);
    });
  };
  const nullable = keys.filter((key, i) => key.isNull && !step.nullSafe[i]);
  if (nullable.length === 0) find();
  else {
    f.i32(0);
    for (const key of nullable) {
      key.isNull!();
      f.op("i32.or");
    }
    f.op("i32.eqz");
    f.if(find);
  }

  bindTable(f, table, layout, place, step.joinType === "left_outer", bindings);
  const advance = (): void => {
    f.get(place.row);
    f.memory("i32.load", ROW_NEXT);
    f.set(place.row);
  };
  const matched = f.local("i32");
  f.i32(0);
  f.set(matched);
  if (step.joinType === "left_semi" || step.joinType === "left_anti") {
    f.block((found) => {
      f.loop((again) => {
        f.get(place.row);
        f.op("i32.eqz");
        f.brIf(found);
        if (step.condition) {
          pushTrue(f, tools.compile(step.condition, bindings));
          f.op("i32.eqz");
          f.if(() => {
            advance();
            f.br(again);
          });
        }
        f.i32(1);
        f.set(matched);
      });
    });
    f.get(matched);
    if (step.joinType === "left_anti") f.op("i32.eqz");
    f.if(body);
    return;
  }
  const outer = step.joinType === "left_outer";
  f.block((done) => {
    f.loop((again) => {
      f.get(place.row);
      f.op("i32.eqz");
      if (!outer) f.brIf(done);
      else {
        f.if(() => {
          f.get(matched);
          f.brIf(done);
        });
      }
      if (step.condition) {
        // A null row (outer join, no match) passes without being tested.
        f.get(place.row);
        f.if(() => {
          pushTrue(f, tools.compile(step.condition!, bindings));
          f.op("i32.eqz");
          f.if(() => {
            advance();
            f.br(again);
          });
        });
      }
      f.i32(1);
      f.set(matched);
      body();
      f.get(place.row);
      f.op("i32.eqz");
      f.brIf(done);
      advance();
      f.br(again);
    });
  });
}

/** Binds the table's attributes to the row at `place`; with `outer` the row may be absent (address 0): then all are null. */
function bindTable(
  f: FunctionBuilder,
  table: StaticTable,
  layout: RowLayout,
  place: RowPlace,
  outer: boolean,
  bindings: Map<number, CompiledValue>,
): void {
  let field = 0;
  for (const attribute of table.attributes) {
    const { value, used } = valueFromFields(f, place, layout.values, field, attribute.dataType, true);
    field += used;
    bindings.set(attribute.id, outer ? nullWithoutRow(f, place, value) : value);
  }
}

function nullWithoutRow(f: FunctionBuilder, place: RowPlace, value: CompiledValue): CompiledValue {
  const isNull = (): void => {
    f.get(place.row);
    f.if(
      () => (value.isNull ? value.isNull() : f.i32(0)),
      () => f.i32(1),
      "i32",
    );
  };
  return value.fields ? { ...value, isNull, fields: value.fields.map((field) => nullWithoutRow(f, place, field)) } : { ...value, isNull };
}

/** Pushes 1 if the condition is TRUE (not null, not false). */
function pushTrue(f: FunctionBuilder, condition: CompiledValue): void {
  condition.push();
  if (!condition.isNull) return;
  condition.isNull();
  f.op("i32.eqz", "i32.and");
}
