/**
 * Broadcast hash join in generated code: building the static table from blocks, and probing it inside a pipeline. Rows of equal
 * key are chained through ROW_NEXT. Main thread, while a stage is compiled.
 */
import { BLOCK_ROW_COUNT, ROW_HASH, ROW_KEYS, ROW_NEXT, TABLE_BASE } from "../columnar/memory-layout.ts";
import type { Expression } from "../plan/expr/expression.ts";
import type { StaticTable, Step } from "../plan/physical/program.ts";
import { InputColumns } from "./columns.ts";
import type { FunctionBuilder, Local, ModuleBuilder } from "./emitter.ts";
import { flattenValue, type RowPlace, valueFromFields, writeKeys, writeNulls } from "./rows.ts";
import { CONTEXT_JOIN_ROW, staticTableSlot } from "./stage-context.ts";
import { type CompiledValue, STORE_OPS } from "./value.ts";

export interface JoinTools {
  readonly module: ModuleBuilder;
  readonly f: FunctionBuilder;
  readonly context: Local;
  readonly compile: (expression: Expression, bindings: ReadonlyMap<number, CompiledValue>) => CompiledValue;
}

/** Emits the body of `build(block) -> status`: adds every row of the block to the table. */
export function emitBuild(tools: JoinTools, table: StaticTable, block: Local): void {
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
  const probe = f.local("i32");
  f.get(context);
  f.memory("i32.load", CONTEXT_JOIN_ROW);
  f.set(probe);
  f.block((done) => {
    f.loop((next) => {
      f.get(row);
      f.get(block);
      f.memory("i32.load", BLOCK_ROW_COUNT);
      f.op("i32.ge_u");
      f.brIf(done);
      const keys = table.keys.map((key) => tools.compile(key, bindings));
      writeKeyRow(tools, probe, table, keys);
      const payload = table.attributes.flatMap((attribute) => payloadFields(f, bindings.get(attribute.id)!));
      if (table.layout.values.length > 0) writeNulls(f, probe, table.layout.values[0]!.nullsOffset, payload);
      payload.forEach((value, i) => {
        const field = table.layout.values[i]!;
        f.get(probe);
        // A slot is followed when the row is copied: null must be an empty one.
        if (field.isVariable && value.isNull) {
          value.isNull();
          f.if(
            () => f.i64(0),
            () => value.push(),
            "i64",
          );
        } else value.push();
        f.memory(STORE_OPS[field.physical], field.offset);
      });
      pushTable(tools, table.index);
      f.get(probe);
      f.i32(0);
      f.call(module.importFunction("kernels", "table_insert_chain", ["i32", "i32", "i32"], ["i32"]));
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

/** One value per leaf; a struct gives a boolean that says whether it is null. */
function payloadFields(f: FunctionBuilder, value: CompiledValue): CompiledValue[] {
  if (!value.fields) return [value];
  const flag: CompiledValue = { dataType: { kind: "boolean" }, physical: "i8", isNull: null, push: value.isNull ?? (() => f.i32(0)) };
  return [flag, ...value.fields.flatMap((field) => payloadFields(f, field))];
}

function pushTable({ f, context }: JoinTools, table: number): void {
  f.get(context);
  f.memory("i32.load", staticTableSlot(table));
}

function writeKeyRow(tools: JoinTools, probe: Local, table: StaticTable, keys: readonly CompiledValue[]): void {
  const { f } = tools;
  writeKeys(
    f,
    probe,
    table.layout,
    keys.flatMap((key) => flattenValue(f, key, false)),
  );
  f.get(probe);
  pushRowHash(tools, probe, table);
  f.memory("i32.store", ROW_HASH);
}

/**
 * Pushes a hash (i32) of the canonical keys in the row at `probe`. Only the table itself goes by it, so it need not be Spark's: words are
 * mixed eight bytes at a time, a third of the cost of Murmur3 on a UUID.
 */
function pushRowHash({ f, module }: JoinTools, probe: Local, { layout }: StaticTable): void {
  f.scratch("i64", (state) => {
    f.i64(0);
    f.set(state);
    for (let word = ROW_KEYS; word < layout.keyFixedEnd; word += 8) {
      f.get(state);
      f.get(probe);
      f.memory("i64.load", word);
      f.op("i64.xor");
      f.i64(0x9e3779b97f4a7c15n);
      f.op("i64.mul");
      f.tee(state);
      f.get(state);
      f.i64(29);
      f.op("i64.shr_u", "i64.xor");
      f.set(state);
    }
    for (const offset of layout.variableOffsets.slice(0, layout.variableKeyCount)) {
      f.get(probe);
      f.memory("i64.load", offset);
      f.get(state);
      f.call(module.importFunction("kernels", "mix_view", ["i64", "i64"], ["i64"]));
      f.set(state);
    }
    f.get(state);
    f.op("i32.wrap_i64");
  });
}

/**
 * Emits the probe of `step` for the current row; `body` is emitted once and runs for every output row. `bindings` gets the table's
 * attributes (inner and left outer join).
 */
export function emitProbe(
  tools: JoinTools,
  step: Extract<Step, { kind: "join" }>,
  table: StaticTable,
  bindings: Map<number, CompiledValue>,
  body: () => void,
): void {
  const { f, module, context } = tools;
  const probe = f.local("i32");
  const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
  const base = place.base!;
  const keys = step.keys.map((key) => tools.compile(key, bindings));
  f.get(context);
  f.memory("i32.load", CONTEXT_JOIN_ROW);
  f.set(probe);
  f.i32(0);
  f.set(place.row);

  const find = (): void => {
    writeKeyRow(tools, probe, table, keys);
    pushTable(tools, table.index);
    f.get(probe);
    f.i32(0);
    f.call(module.importFunction("kernels", "table_find", ["i32", "i32", "i32"], ["i32"]));
    f.set(place.row);
    f.i32(0);
    f.memory("i32.load", TABLE_BASE);
    f.set(base);
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

  bindTable(f, table, place, step.joinType === "left_outer", bindings);
  // Rows behind the head of a chain stand outside the chunks and hold absolute views.
  const advance = (): void => {
    f.get(place.row);
    f.memory("i32.load", ROW_NEXT);
    f.set(place.row);
    f.i32(0);
    f.set(base);
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
function bindTable(f: FunctionBuilder, table: StaticTable, place: RowPlace, outer: boolean, bindings: Map<number, CompiledValue>): void {
  let field = 0;
  for (const attribute of table.attributes) {
    const { value, used } = payloadValue(f, place, table, field, attribute.dataType);
    field += used;
    bindings.set(attribute.id, outer ? nullWithoutRow(f, place, value) : value);
  }
}

function payloadValue(
  f: FunctionBuilder,
  place: RowPlace,
  table: StaticTable,
  first: number,
  dataType: CompiledValue["dataType"],
): { value: CompiledValue; used: number } {
  return valueFromFields(f, place, table.layout.values, first, dataType, true);
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
