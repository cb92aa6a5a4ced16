/**
 * Rows on their way to deduplication and limits, in generated code: late rows are dropped, the others written to the exchange as a whole,
 * and read from there where they pass. Main thread, while a stage is compiled.
 */
import { LATE_WATERMARK, ROW_HASH } from "../columnar/memory-layout.ts";
import type { Attribute } from "../plan/expr/expression.ts";
import type { DeduplicateOperator, RowOperator } from "../plan/physical/program.ts";
import type { FunctionBuilder, Label, Local } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { pushMurmur3 } from "./murmur3.ts";
import { flattenValue, type RowPlace, valueFromFields, writeKeys, writeValueNulls } from "./rows.ts";
import { CONTEXT_EXCHANGE, CONTEXT_LATE_ROWS, CONTEXT_PROBE_ROW } from "./stage-context.ts";
import { type CompiledValue, pushZero, STORE_OPS, wasmTypeOf } from "./value.ts";

/** Rows that an exchange holds already (`kernels/assembly/exchange.ts`). */
const EXCHANGE_ROWS = 12;

export interface SendTools {
  readonly f: FunctionBuilder;
  readonly module: ModuleContext;
  readonly context: Local;
}

/** Writes the current row to the exchange, in whose memory it is made if all of its fields have a fixed length; `nextRow` is where it goes if it need not. */
export function emitSend(
  { f, module, context }: SendTools,
  operator: RowOperator,
  bindings: ReadonlyMap<number, CompiledValue>,
  nextRow: Label,
): void {
  const pushExchange = (): void => {
    f.get(context);
    f.memory("i32.load", CONTEXT_EXCHANGE);
  };
  if (operator.kind === "limit") {
    // No task has to send more rows than all of them together may keep.
    pushExchange();
    f.memory("i32.load", EXCHANGE_ROWS);
    f.i32(operator.limit);
    f.op("i32.ge_u");
    f.brIf(nextRow);
  } else if (operator.eventTime) dropLate(f, context, bindings.get(operator.eventTime.id)!, nextRow);
  const row = f.local("i32");
  const keys = operator.keys.map(({ id }) => bindings.get(id)!);
  const isFixed = operator.shuffled.variableOffsets.length === 0;
  if (isFixed) {
    pushExchange();
    pushMurmur3(f, module, keys);
    f.call(module.kernel("exchange_place", ["i32", "i32"], ["i32"]));
    f.tee(row);
    failIfZero(f);
  } else {
    f.get(context);
    f.memory("i32.load", CONTEXT_PROBE_ROW);
    f.set(row);
  }
  writeKeys(f, row, operator.shuffled, flattened(f, operator.keys, bindings));
  writeValues(f, row, operator, bindings);
  if (isFixed) return;
  f.get(row);
  pushMurmur3(f, module, keys);
  f.memory("i32.store", ROW_HASH);
  pushExchange();
  f.get(row);
  f.i32(0);
  f.call(module.kernel("exchange_write", ["i32", "i32", "i32"], ["i32"]));
  failIfZero(f);
}

function failIfZero(f: FunctionBuilder): void {
  f.op("i32.eqz");
  f.if(() => {
    f.i32(1);
    f.op("return");
  });
}

const flattened = (f: FunctionBuilder, attributes: readonly Attribute[], bindings: ReadonlyMap<number, CompiledValue>): CompiledValue[] =>
  attributes.flatMap(({ id, nullable }) => flattenValue(f, bindings.get(id)!, nullable));

/** A window counts by its end. */
const instant = (time: CompiledValue): CompiledValue => (time.fields ? time.fields[1]! : time);

function dropLate(f: FunctionBuilder, context: Local, time: CompiledValue, nextRow: Label): void {
  instant(time).push();
  f.i32(0);
  f.memory("i64.load", LATE_WATERMARK);
  f.op("i64.le_s");
  if (time.isNull) {
    time.isNull();
    f.op("i32.eqz", "i32.and");
  }
  f.if(() => {
    f.get(context);
    f.get(context);
    f.memory("i32.load", CONTEXT_LATE_ROWS);
    f.i32(1);
    f.op("i32.add");
    f.memory("i32.store", CONTEXT_LATE_ROWS);
    f.br(nextRow);
  });
}

/** Until when the key is kept: from the row's time on; as in Spark, from the epoch on for a row without a time. */
function keptUntil({ eventTime, keptMicros }: DeduplicateOperator, f: FunctionBuilder, time: CompiledValue): CompiledValue {
  const push = (): void => {
    if (time.isNull) {
      f.i64(0);
      instant(time).push();
      time.isNull();
      f.op("select");
    } else instant(time).push();
    f.i64(keptMicros!);
    f.op("i64.add");
  };
  return { dataType: eventTime!.dataType, physical: "i64", isNull: null, push };
}

function writeValues(f: FunctionBuilder, row: Local, operator: RowOperator, bindings: ReadonlyMap<number, CompiledValue>): void {
  const { values } = operator.shuffled;
  if (values.length === 0) return;
  const own: CompiledValue[] =
    operator.kind === "limit"
      ? [{ dataType: { kind: "long" }, physical: "i64", isNull: null, push: () => f.i64(0) }]
      : operator.keptMicros === null
        ? []
        : [keptUntil(operator, f, bindings.get(operator.eventTime!.id)!)];
  const all = [...own, ...flattened(f, operator.carried, bindings)];
  writeValueNulls(f, row, operator.shuffled, all);
  all.forEach((value, i) => {
    const { physical, offset } = values[i]!;
    f.get(row);
    if (value.isNull) {
      value.isNull();
      f.if(
        () => pushZero(f, wasmTypeOf(value.physical)),
        () => value.push(),
        wasmTypeOf(value.physical),
      );
    } else value.push();
    f.memory(STORE_OPS[physical], offset);
  });
}

/** The columns of a row of the exchange at `place`. */
export function bindShuffledRow(f: FunctionBuilder, place: RowPlace, operator: RowOperator, bindings: Map<number, CompiledValue>): void {
  const { keys, values } = operator.shuffled;
  const bind = (attributes: readonly Attribute[], fields: typeof keys, first: number): void => {
    let field = first;
    for (const { id, dataType, nullable } of attributes) {
      const { value, used } = valueFromFields(f, place, fields, field, dataType, nullable);
      field += used;
      bindings.set(id, value);
    }
  };
  bind(operator.keys, keys, 0);
  bind(operator.carried, values, operator.layout.values.length);
}
