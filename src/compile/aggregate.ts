/**
 * Aggregates in generated code: first buffers, update by a row, merge of two buffers, result. Declarative aggregates are compiled
 * from their own expressions; sketches and lists call kernels. Main thread, while a stage is compiled.
 */
import type { RowField } from "../columnar/row-layout.ts";
import { physicalKind } from "../columnar/types.ts";
import { type Attribute, type Expression, literal } from "../plan/expr/expression.ts";
import { expressionKey } from "../plan/expr/expression-key.ts";
import { nullableOf, typeOf } from "../plan/expr/expression-type.ts";
import type { DeclarativeAggregate, FunctionRegistry, KernelAggregate } from "../plan/expr/function-registry.ts";
import type { AggregateOperator, PlannedAggregate } from "../plan/physical/program.ts";
import type { FunctionBuilder, ModuleBuilder } from "./emitter.ts";
import { BufferWriter, listElementWidth, type VariableWriter } from "./buffer-writer.ts";
import { type RowPlace, rowField } from "./rows.ts";
import { alwaysEvaluates } from "./tier.ts";
import { type CompiledValue, pushZero, wasmTypeOf } from "./value.ts";

/** Compiles an expression whose attributes are found in `bindings`. */
export type Compile = (expression: Expression, bindings: ReadonlyMap<number, CompiledValue>) => CompiledValue;

/** Values of arguments in locals, by the keys of their expressions. */
type SharedArguments = Map<string, { readonly attribute: Attribute; readonly value: CompiledValue }>;

export class AggregateCode {
  readonly #module: ModuleBuilder;
  readonly #f: FunctionBuilder;
  readonly #operator: AggregateOperator;
  readonly #compile: Compile;
  readonly #functions: FunctionRegistry;
  readonly #buffers: BufferWriter;
  #nextBufferId = -1_000_000;

  constructor(module: ModuleBuilder, f: FunctionBuilder, operator: AggregateOperator, compile: Compile, functions: FunctionRegistry) {
    this.#module = module;
    this.#f = f;
    this.#operator = operator;
    this.#compile = compile;
    this.#functions = functions;
    this.#buffers = new BufferWriter(module, f);
  }

  /** Emits the buffers before the first update into the row at `place`. */
  writeInitial(place: RowPlace): void {
    const f = this.#f;
    const { values, version } = this.#operator.layout;
    if (values.length === 0) return;
    // Null bits in the header are clear since the keys were written.
    if (version === 1) {
      f.get(place.row);
      f.i64(0);
      f.memory("i64.store", values[0]!.nullsOffset);
    }
    for (const aggregate of this.#operator.aggregates) {
      const plan = this.#plan(aggregate);
      plan.fields.forEach((field, i) => {
        if (plan.plan.form === "declarative") {
          const { initial, dataType } = plan.plan.buffer[i]!;
          this.#buffers.write(place, field, this.#compile(literal(initial, dataType), new Map()), true, null);
        } else if (plan.plan.form === "sketch") {
          f.get(place.row);
          f.i32(field.offset);
          f.op("i32.add");
          f.i32(0);
          f.i32(plan.plan.lengthBytes);
          f.memoryFill();
        } else {
          f.get(place.row);
          f.i64(0);
          f.memory("i64.store", field.offset);
        }
      });
    }
  }

  /** Emits the update of the row at `place` by the current input row. */
  update(place: RowPlace, bindings: ReadonlyMap<number, CompiledValue>, writer: VariableWriter | null): void {
    const f = this.#f;
    const shared: SharedArguments = new Map();
    for (const aggregate of this.#operator.aggregates) {
      if (!aggregate.filter) {
        this.#updateOne(aggregate, place, bindings, writer, shared);
        continue;
      }
      // What is computed under a condition is not there for others.
      const emit = (): void => this.#updateOne(aggregate, place, bindings, writer, new Map());
      const condition = this.#compile(aggregate.filter, bindings);
      condition.push();
      if (condition.isNull) {
        condition.isNull();
        f.op("i32.eqz", "i32.and");
      }
      f.if(emit);
    }
  }

  #updateOne(
    aggregate: PlannedAggregate,
    place: RowPlace,
    bindings: ReadonlyMap<number, CompiledValue>,
    writer: VariableWriter | null,
    shared: SharedArguments,
  ): void {
    const f = this.#f;
    const { plan, fields } = this.#plan(aggregate);
    switch (plan.form) {
      case "declarative": {
        const { attributes, bound } = this.#bindBuffers(plan, fields, place, bindings);
        const args = this.#bindArguments(plan, attributes, aggregate.args, bound, shared);
        const updated = plan
          .update(attributes, args)
          .map((expression, i) => (expression === attributes[i] ? null : this.#compile(expression, bound)));
        this.#writeAll(place, fields, plan, updated, writer);
        return;
      }
      case "sketch": {
        const input = this.#compile(aggregate.args[0]!, bindings);
        const emit = (): void => {
          f.get(place.row);
          f.i32(fields[0]!.offset);
          f.op("i32.add");
          input.push();
          f.call(this.#module.importFunction("kernels", plan.updateKernel, ["i32", "i64"], []));
        };
        this.#buffers.unlessNull(input, emit);
        return;
      }
      case "list": {
        const input = this.#compile(aggregate.args[0]!, bindings);
        this.#buffers.unlessNull(input, () => this.#buffers.append(place, fields[0]!, input, writer));
        return;
      }
    }
  }

  /** Emits `left` = merge(`left`, `right`), both rows of this layout. */
  merge(left: RowPlace, right: RowPlace, writer: VariableWriter): void {
    const f = this.#f;
    for (const aggregate of this.#operator.aggregates) {
      const { plan, fields } = this.#plan(aggregate);
      switch (plan.form) {
        case "declarative": {
          const a = this.#bindBuffers(plan, fields, left, new Map());
          const b = this.#bindBuffers(plan, fields, right, a.bound);
          const merged = plan
            .merge(a.attributes, b.attributes)
            .map((expression, i) => (expression === a.attributes[i] ? null : this.#compile(expression, b.bound)));
          this.#writeAll(left, fields, plan, merged, writer);
          break;
        }
        case "sketch":
          for (const place of [left, right]) {
            f.get(place.row);
            f.i32(fields[0]!.offset);
            f.op("i32.add");
          }
          f.call(this.#module.importFunction("kernels", plan.mergeKernel, ["i32", "i32"], []));
          break;
        case "list": {
          const source = rowField(f, right, fields[0]!, { kind: "binary" }, false);
          this.#buffers.callVariable(left, fields[0]!, source, writer, writer.appendKernel);
          break;
        }
      }
    }
  }

  /** Result values by the ids of the aggregates' result attributes. */
  results(place: RowPlace): Map<number, CompiledValue> {
    const f = this.#f;
    const results = new Map<number, CompiledValue>();
    for (const aggregate of this.#operator.aggregates) {
      const { plan, fields } = this.#plan(aggregate);
      const { result } = aggregate;
      if (aggregate.buffers && plan.form === "declarative") {
        aggregate.buffers.forEach(({ id, dataType, nullable }, i) => results.set(id, rowField(f, place, fields[i]!, dataType, nullable)));
        continue;
      }
      if (plan.form === "declarative") {
        const { attributes, bound } = this.#bindBuffers(plan, fields, place, new Map());
        results.set(result.id, this.#compile(plan.evaluate(attributes), bound));
        continue;
      }
      const value = f.local("i64");
      if (plan.form === "sketch") {
        f.get(place.row);
        f.i32(fields[0]!.offset);
        f.op("i32.add");
        f.call(this.#module.importFunction("kernels", plan.evaluateKernel, ["i32"], ["i64"]));
      } else {
        rowField(f, place, fields[0]!, { kind: "binary" }, false).push();
        f.i32(listElementWidth(plan.elementType));
        f.call(this.#module.importFunction("kernels", "list_finish", ["i64", "i32"], ["i64"]));
      }
      f.set(value);
      results.set(result.id, {
        dataType: result.dataType,
        physical: plan.form === "sketch" ? "i64" : "list",
        isNull: null,
        push: () => f.get(value),
      });
    }
    return results;
  }

  #plan(aggregate: PlannedAggregate): { plan: DeclarativeAggregate | KernelAggregate; fields: readonly RowField[] } {
    const plan = this.#functions
      .aggregate(aggregate.name)
      .plan(aggregate.argumentTypes, aggregate.result.dataType, { ignoreNulls: aggregate.ignoreNulls });
    return { plan, fields: this.#operator.layout.values.slice(aggregate.firstField, aggregate.firstField + aggregate.fieldCount) };
  }

  #bindBuffers(
    plan: DeclarativeAggregate,
    fields: readonly RowField[],
    place: RowPlace,
    outer: ReadonlyMap<number, CompiledValue>,
  ): { attributes: Attribute[]; bound: Map<number, CompiledValue> } {
    const bound = new Map(outer);
    const attributes = plan.buffer.map(({ name, dataType, nullable }, i): Attribute => {
      const id = this.#nextBufferId--;
      bound.set(id, rowField(this.#f, place, fields[i]!, dataType, nullable));
      return { kind: "attribute", id, name, dataType, nullable };
    });
    return { attributes, bound };
  }

  /** Arguments that every update evaluates are computed once, and for all aggregates of the row together; attributes stand for them. */
  #bindArguments(
    plan: DeclarativeAggregate,
    buffers: readonly Attribute[],
    args: readonly Expression[],
    bound: Map<number, CompiledValue>,
    shared: SharedArguments,
  ): readonly Expression[] {
    const update = plan.update(buffers, args);
    return args.map((arg) => {
      const dataType = typeOf(arg);
      if (arg.kind === "attribute" || arg.kind === "literal" || physicalKind(dataType) === "struct") return arg;
      if (!update.some((expression) => alwaysEvaluates(expression, arg, { registry: this.#functions }))) return arg;
      const key = expressionKey(arg);
      let argument = shared.get(key);
      if (!argument) {
        const attribute: Attribute = { kind: "attribute", id: this.#nextBufferId--, name: "argument", dataType, nullable: nullableOf(arg) };
        argument = { attribute, value: this.#inLocals(this.#compile(arg, bound)) };
        shared.set(key, argument);
      }
      bound.set(argument.attribute.id, argument.value);
      return argument.attribute;
    });
  }

  /** All new values are computed before the first is written: they may read the old ones. */
  #writeAll(
    place: RowPlace,
    fields: readonly RowField[],
    plan: DeclarativeAggregate,
    values: readonly (CompiledValue | null)[],
    writer: VariableWriter | null,
  ): void {
    const ready = values.map((value) => value && this.#inLocals(value));
    ready.forEach((value, i) => {
      if (!value) return;
      const { nullable } = plan.buffer[i]!;
      const held = place.held?.get(fields[i]!);
      if (held) return this.#buffers.hold(held, value, nullable);
      const write = (): void => this.#buffers.write(place, fields[i]!, value, nullable, writer);
      if (plan.isMostlyKept && !fields[i]!.isVariable) this.#buffers.ifChanged(place, fields[i]!, value, nullable, write);
      else write();
    });
  }

  /** Fields that may be held in locals while rows update them. */
  heldFields(): RowField[] {
    return this.#operator.aggregates.flatMap((aggregate) => {
      const { plan, fields } = this.#plan(aggregate);
      return plan.form === "declarative" ? fields.filter(({ isVariable }) => !isVariable) : [];
    });
  }

  /** Takes the fields at `place` that are held into their locals, or back from there into the row. */
  moveHeld(place: RowPlace, direction: "in" | "out"): void {
    const memory: RowPlace = { row: place.row, base: place.base };
    for (const aggregate of this.#operator.aggregates) {
      const { plan, fields } = this.#plan(aggregate);
      if (plan.form !== "declarative") continue;
      fields.forEach((field, i) => {
        const held = place.held!.get(field);
        if (!held) return;
        const { dataType, nullable } = plan.buffer[i]!;
        if (direction === "in") this.#buffers.hold(held, rowField(this.#f, memory, field, dataType, nullable), nullable);
        else this.#buffers.write(memory, field, rowField(this.#f, place, field, dataType, nullable), nullable, null);
      });
    }
  }

  #inLocals(value: CompiledValue): CompiledValue {
    const f = this.#f;
    const type = wasmTypeOf(value.physical);
    const local = f.local(type);
    if (!value.isNull) {
      value.push();
      f.set(local);
      return { ...value, push: () => f.get(local) };
    }
    const nullFlag = f.local("i32");
    value.isNull();
    f.tee(nullFlag);
    f.if(
      () => pushZero(f, wasmTypeOf(value.physical)),
      () => value.push(),
      type,
    );
    f.set(local);
    return { ...value, push: () => f.get(local), isNull: () => f.get(nullFlag) };
  }
}
