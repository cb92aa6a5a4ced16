/**
 * What becomes of the groups of a partial aggregate: from its flat table into the exchange, as rows of the aggregate with Spark's hash of
 * their keys, by which they find their partition. Main thread, while a stage is compiled.
 */
import { FLAT_FIRST, ROW_NEXT } from "../columnar/memory-layout.ts";
import type { RowLayout } from "../columnar/row-layout.ts";
import type { AggregateOperator } from "../plan/physical/program.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { copyValues, type RowPlace, valueFromFields } from "./rows.ts";
import type { StageTools } from "./segment.ts";
import { CONTEXT_EXCHANGE } from "./stage-context.ts";
import type { CompiledValue } from "./value.ts";

/** Emits the body of `flush(table) -> status`; `layout` is that of the table's rows. */
export function emitFlush(tools: StageTools, f: FunctionBuilder, context: Local, layout: RowLayout): void {
  const operator = tools.program.operators[(tools.stage.sink as { operator: number }).operator] as AggregateOperator;
  const [row, probe] = [f.local("i32"), f.local("i32")];
  f.get(f.param(0));
  f.memory("i32.load", FLAT_FIRST);
  f.set(row);
  f.block((done) => {
    f.loop((again) => {
      f.get(row);
      f.op("i32.eqz");
      f.brIf(done);
      tools.writeProbe(f, context, operator, probe, groupingValues(f, { row, base: null }, operator, layout));
      copyValues(f, row, probe, layout);
      f.get(context);
      f.memory("i32.load", CONTEXT_EXCHANGE);
      f.get(probe);
      f.i32(0);
      f.call(tools.module.kernel("exchange_write", ["i32", "i32", "i32"], ["i32"]));
      f.op("i32.eqz");
      f.if(() => {
        f.i32(1);
        f.op("return");
      });
      f.get(row);
      f.memory("i32.load", ROW_NEXT);
      f.set(row);
      f.br(again);
    });
  });
}

/** The grouping attributes of a row of `layout`. */
export function groupingValues(f: FunctionBuilder, place: RowPlace, { grouping }: AggregateOperator, layout: RowLayout): CompiledValue[] {
  let field = 0;
  return grouping.map(({ dataType, nullable }) => {
    const { value, used } = valueFromFields(f, place, layout.keys, field, dataType, nullable);
    field += used;
    return value;
  });
}
