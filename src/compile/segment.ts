/**
 * One segment of a pipeline in generated code: what happens to a row, step by step, down to the sink, and what is kept in locals over the
 * rows of a block. Main thread, while a stage is compiled (`pipeline.ts`).
 */
import type { RowLayout } from "../columnar/row-layout.ts";
import type { Attribute, Expression } from "../plan/expr/expression.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import { fieldSpecs } from "../plan/physical/field-specs.ts";
import type { AggregateOperator, PhysicalProgram, Stage, Step } from "../plan/physical/program.ts";
import { AggregateCode } from "./aggregate.ts";
import type { RowLoop } from "./block-loop.ts";
import type { VariableWriter } from "./buffer-writer.ts";
import { OutBlockWriter } from "./columns.ts";
import { emitFindByDictionary } from "./dictionary-memo.ts";
import type { FunctionBuilder, Label, Local } from "./emitter.ts";
import { EventTimes, type InputBlock } from "./event-time.ts";
import type { ExpressionCompiler } from "./expression.ts";
import { emitFind, emitUnlessSame, keysInLocals, pushKeyHash, storeKeys } from "./flat-table.ts";
import { GroupRun, type RowCursor } from "./group-run.ts";
import { emitProbe, type JoinTools } from "./join.ts";
import type { ModuleContext } from "./module-context.ts";
import { emitSend } from "./row-operator.ts";
import { clearSlots, flattenValue, type RowPlace } from "./rows.ts";
import { CONTEXT_EXCHANGE, CONTEXT_MODE, CONTEXT_PROBE_ROW, CONTEXT_TABLE, MODE_SCRATCH, observedSlot } from "./stage-context.ts";
import type { CompiledValue } from "./value.ts";
import { emitWindows } from "./window.ts";

/** Values by attribute id at some point of the code. */
export type Bindings = Map<number, CompiledValue>;

/** What a segment needs of the stage that it belongs to. */
export interface StageTools {
  readonly program: PhysicalProgram;
  readonly stage: Stage;
  readonly module: ModuleContext;
  readonly functions: FunctionRegistry;
  /** Offset in the context of the rows behind a step; null: they are not counted. */
  rowCounter(step: Step): number | null;
  outAttributes(index: number): readonly Attribute[];
  compiler(f: FunctionBuilder, bindings: ReadonlyMap<number, CompiledValue>): ExpressionCompiler;
  compileWith(f: FunctionBuilder): (expression: Expression, bindings: ReadonlyMap<number, CompiledValue>) => CompiledValue;
  /** Tools for probing a static table, which the stage then has to build, and how its rows are laid out. */
  joinTools(f: FunctionBuilder, context: Local, table: number): { tools: JoinTools; layout: RowLayout };
  /** Writes keys and hash into the context's probe row, whose address is left in `row`. */
  writeProbe(f: FunctionBuilder, context: Local, operator: AggregateOperator, row: Local, keys: readonly CompiledValue[]): void;
}

/** Code of one segment: what happens to a row, and what is kept in locals over the rows of a block. */
export class SegmentCode {
  readonly #stage: StageTools;
  readonly #f: FunctionBuilder;
  readonly #context: Local;
  readonly #out: OutBlockWriter | null;
  readonly #outIndex: number;
  readonly #groups: RowLayout | null;
  readonly #steps: readonly Step[];
  /**
   * Where a loop over rows is whose numbers, or addresses, alone tell them apart, and whether the rows are those of a block; null: rows come from
   * elsewhere.
   */
  #rows: { readonly row: Local; readonly bind: () => Bindings; readonly block: RowLoop | null } | null = null;
  /** i32, 1 = all rows of the block are of one group, if it has no nulls; null: that is not known before they are looked at. */
  readonly #isOneGroup: Local | null;
  /** While the loop over such rows is emitted: the run that they belong to, and the window that they are in. */
  #rest: { readonly run: GroupRun; readonly window: CompiledValue | undefined } | null = null;
  readonly #runs: GroupRun[] = [];
  readonly #eventTimes: EventTimes;
  /** Rows of the block behind a step. */
  readonly #counts = new Map<Step, { slot: number; rows: Local }>();

  /**
   * Emits what is to be done before the first row. `groups`: layout of the partial aggregate's groups, if rows of the pipeline go into one;
   * `input`: the block that the rows are in, if they are.
   */
  constructor(
    stage: StageTools,
    f: FunctionBuilder,
    context: Local,
    steps: readonly Step[],
    outBlock: number,
    groups: RowLayout | null,
    input: InputBlock | null,
  ) {
    this.#stage = stage;
    this.#steps = steps;
    this.#groups = groups;
    this.#f = f;
    this.#context = context;
    this.#outIndex = outBlock;
    this.#out = outBlock < 0 ? null : new OutBlockWriter(f, context, outBlock, stage.outAttributes(outBlock));
    this.#eventTimes = new EventTimes(f, stage.module, steps, input);
    this.#isOneGroup = this.#oneGroup();
    for (const step of steps) {
      const slot = stage.rowCounter(step);
      if (slot !== null) this.#counts.set(step, { slot, rows: f.local("i64") });
    }
  }

  /** Emits what becomes of a row that `row` tells from the others; `bind` gives its columns, anew when `row` is another's. */
  emitRow(row: Local, bind: () => Bindings, block: RowLoop | null = null): void {
    this.#rows = { row, bind, block };
    this.#f.block((nextRow) => this.emit(0, bind(), nextRow));
  }

  /** Emits what remains after the block: counts and event-time statistics go to their cells. */
  end(): void {
    const f = this.#f;
    for (const run of this.#runs) run.end();
    for (const { slot, rows } of this.#counts.values()) {
      f.get(this.#context);
      f.get(this.#context);
      f.memory("i64.load", slot);
      f.get(rows);
      f.op("i64.add");
      f.memory("i64.store", slot);
    }
    this.#eventTimes.end();
  }

  /** Emits steps from `index` on and then the sink; `nextRow` is where a dropped row goes. */
  emit(index: number, bindings: Bindings, nextRow: Label): void {
    const step = this.#steps[index];
    if (step === undefined) return this.#sink(bindings, nextRow);
    const f = this.#f;
    const compiler = this.#stage.compiler(f, bindings);
    const rest = (): void => this.emit(index + 1, bindings, nextRow);
    switch (step.kind) {
      case "filter":
        compiler.compileCondition(step.condition, nextRow);
        this.#count(step);
        return rest();
      case "project":
        this.#project(step, bindings);
        return rest();
      case "expand_window":
        if (this.#rest) {
          bindings.set(step.window.id, this.#rest.window!);
          this.#count(step);
          return rest();
        }
        return emitWindows(f, step, compiler.compile(step.time), (window) => {
          bindings.set(step.window.id, window);
          this.#count(step);
          f.block((nextWindow) => this.emit(index + 1, bindings, nextWindow));
        });
      case "event_time":
        this.#eventTimes.count(step, () => compiler.compile(step.time));
        return rest();
      case "observe":
        this.#observe(step.observed, bindings);
        return rest();
      case "join": {
        const { tools, layout } = this.#stage.joinTools(f, this.#context, step.table);
        emitProbe(tools, step, this.#stage.program.staticTables[step.table]!, layout, bindings, () => {
          this.#count(step);
          f.block((nextMatch) => this.emit(index + 1, bindings, nextMatch));
        });
        return;
      }
      case "interpret":
        return this.#append(step.carried.map((attribute) => bindings.get(attribute.id)!));
    }
  }

  #project(step: Extract<Step, { kind: "project" }>, bindings: Bindings): void {
    const compiler = this.#stage.compiler(this.#f, bindings);
    const projected: Bindings = new Map();
    for (const expression of step.expressions) {
      // A column under another name is not read here: behind it nobody may look at it, and then it is not there (`neededLeaves`).
      projected.set(expression.id, compiler.place(expression.kind === "attribute" ? expression : expression.child));
    }
    for (const [id, value] of projected) bindings.set(id, value);
  }

  /** Emits the computation of what a row that has passed all steps gives to the sink, from its columns. */
  #rebind(index: number, bindings: Bindings, use: (bindings: Bindings) => void): void {
    const step = this.#steps[index];
    if (step === undefined) return use(bindings);
    if (step.kind === "project") this.#project(step, bindings);
    if (step.kind !== "expand_window") return this.#rebind(index + 1, bindings, use);
    const time = this.#stage.compiler(this.#f, bindings).compile(step.time);
    emitWindows(this.#f, step, time, (window) => {
      bindings.set(step.window.id, window);
      this.#rebind(index + 1, bindings, use);
    });
  }

  /** Where the row at hand is, if nothing but its number makes it another one; else null. */
  #cursor(): RowCursor | null {
    const rows = this.#rows;
    const isOneToOne = this.#steps.every((step) => step.kind !== "join" && !(step.kind === "expand_window" && expandsRows(step)));
    if (!rows || !isOneToOne) return null;
    return { row: rows.row, rebind: (use) => this.#rebind(0, rows.bind(), use) };
  }

  #count(step: Step): void {
    const count = this.#counts.get(step);
    if (!count) return;
    this.#f.get(count.rows);
    this.#f.i64(1);
    this.#f.op("i64.add");
    this.#f.set(count.rows);
  }

  #sink(bindings: Bindings, nextRow: Label): void {
    const { sink } = this.#stage.stage;
    if (sink.kind !== "shuffle") {
      const rows = sink.kind === "output" ? this.#stage.program.output : sink.rows;
      this.#append(rows.map((attribute) => bindings.get(attribute.id)!));
      return;
    }
    const operator = this.#stage.program.operators[sink.operator]!;
    if (this.#rest) return this.#rest.run.update(bindings, true);
    if (operator.kind === "aggregate") return this.#partialAggregate(operator, bindings);
    emitSend({ f: this.#f, module: this.#stage.module, context: this.#context }, operator, bindings, nextRow);
  }

  #append(values: readonly CompiledValue[]): void {
    const f = this.#f;
    this.#out!.append(values, () => {
      f.i32(this.#outIndex);
      f.call(this.#stage.module.host("flush", ["i32"], ["i32"]));
      f.if(() => {
        f.i32(1);
        f.op("return");
      });
    });
  }

  /** Updates the row of an observed metric: an aggregate without keys over the rows that pass. */
  #observe(index: number, bindings: Bindings): void {
    this.#updateGroup(this.#stage.program.observed[index]!.aggregate, observedSlot(index), [], bindings);
  }

  /** Finds or adds the group of `keys` in the flat table at a context slot, and updates its buffers by the current row. */
  #updateGroup(operator: AggregateOperator, slot: number, keys: readonly CompiledValue[], bindings: Bindings): void {
    const f = this.#f;
    const stage = this.#stage;
    const code = new AggregateCode(stage.module.builder, f, operator, stage.compileWith(f), stage.functions);
    // Slots of rows in flat tables are views: the base stays 0.
    const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
    const [table, hash] = [f.local("i32"), f.local("i32")];
    const locals = keysInLocals(
      f,
      operator.layout,
      keys.flatMap((key, i) => flattenValue(f, key, operator.grouping[i]!.nullable)),
      this.#impliedKeys(operator),
    );
    f.get(this.#context);
    f.memory("i32.load", slot);
    f.set(table);
    const writer: VariableWriter = {
      pushContainer: () => f.get(table),
      setKernel: "flat_set_variable",
      appendKernel: "flat_append_variable",
    };
    const find = (): void => {
      pushKeyHash(f, stage.module, locals);
      f.set(hash);
      emitFind(f, stage.module, table, hash, locals, place.row);
      f.get(place.row);
      f.op("i32.eqz");
      f.if(() => {
        f.scratch("i32", (probe) => {
          f.get(this.#context);
          f.memory("i32.load", CONTEXT_PROBE_ROW);
          f.set(probe);
          storeKeys(f, probe, locals);
          clearSlots(f, probe, operator.layout);
          f.get(table);
          f.get(probe);
          f.get(hash);
          f.call(stage.module.kernel("flat_add", ["i32", "i32", "i32"], ["i32"]));
        });
        f.tee(place.row);
        this.#failIfZero();
        code.writeInitial(place);
      });
    };
    const cursor = staysInGroup(operator) ? this.#cursor() : null;
    if (cursor) {
      const run = new GroupRun(stage, f, operator, place.row, writer, cursor);
      this.#runs.push(run);
      emitUnlessSame(f, locals, place.row, () => {
        run.end();
        find();
        run.begin();
      });
      run.update(bindings, false);
      if (slot === CONTEXT_TABLE) this.#restOfBlock(run, bindings);
      return;
    }
    if (staysInGroup(operator)) emitUnlessSame(f, locals, place.row, find);
    else emitFindByDictionary(f, stage.module, table, locals, place.row, find);
    code.update(place, bindings, writer);
  }

  /** Emits, before the first row, whether all rows will be of one group of the partial aggregate, into a local. */
  #oneGroup(): Local | null {
    const { sink } = this.#stage.stage;
    const operator = sink.kind === "shuffle" ? this.#stage.program.operators[sink.operator]! : null;
    const [window, ...others] = this.#steps.filter((step) => step.kind === "expand_window");
    // Groups of observed metrics have runs of their own.
    if (operator?.kind !== "aggregate" || others.length > 0 || this.#steps.some(({ kind }) => kind === "observe")) return null;
    const { grouping } = operator;
    if (window) return grouping.length === 1 && grouping[0]!.id === window.window.id ? this.#eventTimes.inOneWindow(window) : null;
    if (grouping.length > 0) return null;
    const always = this.#f.local("i32");
    this.#f.i32(1);
    this.#f.set(always);
    return always;
  }

  /** Emits a loop over the rows behind the one at hand, for blocks whose rows are all of its group: nobody looks for it any more. */
  #restOfBlock(run: GroupRun, bindings: Bindings): void {
    const f = this.#f;
    const { row, bind, block } = this.#rows!;
    if (!this.#isOneGroup || !block?.isValid) return;
    const window = this.#steps.find((step) => step.kind === "expand_window");
    this.#rest = { run, window: window && bindings.get(window.window.id) };
    const pushNext = (): void => {
      f.get(row);
      f.i32(1);
      f.op("i32.add");
    };
    const isLast = (): void => {
      pushNext();
      f.get(block.rows);
      f.op("i32.ge_u");
    };
    f.get(this.#isOneGroup);
    run.pushSettled();
    f.op("i32.and");
    f.if(() =>
      run.settledLoop(isLast, () => {
        pushNext();
        f.set(row);
        f.block((nextRow) => this.emit(0, bind(), nextRow));
      }),
    );
    this.#rest = null;
  }

  /** Key fields that are ends of windows which are made here: their starts say as much. */
  #impliedKeys({ grouping }: AggregateOperator): Set<number> {
    const implied = new Set<number>();
    let field = 0;
    for (const attribute of grouping) {
      const fields = fieldSpecs([attribute]).length;
      if (this.#steps.some((step) => step.kind === "expand_window" && step.window.id === attribute.id)) implied.add(field + fields - 1);
      field += fields;
    }
    return implied;
  }

  #partialAggregate(operator: AggregateOperator, bindings: Bindings): void {
    const f = this.#f;
    const keys = operator.grouping.map((attribute) => bindings.get(attribute.id)!);
    f.get(this.#context);
    f.memory("i32.load", CONTEXT_MODE);
    f.i32(MODE_SCRATCH);
    f.op("i32.eq");
    f.if(
      () => this.#updateGroup({ ...operator, layout: this.#groups! }, CONTEXT_TABLE, keys, bindings),
      () => {
        const probe = f.local("i32");
        this.#stage.writeProbe(f, this.#context, operator, probe, keys);
        this.#sendRow(operator, probe, bindings);
      },
    );
  }

  /** Writes the group of the current row alone to the exchange. */
  #sendRow(operator: AggregateOperator, probe: Local, bindings: Bindings): void {
    const f = this.#f;
    const stage = this.#stage;
    const code = new AggregateCode(stage.module.builder, f, operator, stage.compileWith(f), stage.functions);
    code.writeInitial({ row: probe, base: null });
    code.update({ row: probe, base: null }, bindings, null);
    f.get(this.#context);
    f.memory("i32.load", CONTEXT_EXCHANGE);
    f.get(probe);
    f.i32(0);
    f.call(stage.module.kernel("exchange_write", ["i32", "i32", "i32"], ["i32"]));
    this.#failIfZero();
  }

  #failIfZero(): void {
    const f = this.#f;
    f.op("i32.eqz");
    f.if(() => {
      f.i32(1);
      f.op("return");
    });
  }
}

/** Whether a row is mostly of the group of the row before: rows come in order of time. */
const staysInGroup = ({ grouping }: AggregateOperator): boolean => grouping.every(({ dataType }) => dataType.kind === "struct");

/** Whether a row may be in several windows. */
const expandsRows = ({ paneMicros, windowMicros, slideMicros }: Extract<Step, { kind: "expand_window" }>): boolean =>
  paneMicros === null && windowMicros > slideMicros;
