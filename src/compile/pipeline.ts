/**
 * A stage → one WebAssembly module. Main thread, once per query and stage.
 *
 * Every pipeline becomes functions over a block of rows, one loop each: for each row the steps are nested code (a filter branches
 * to the next row, a join or a sliding window loops around what follows), the sink is the innermost code. Blocks without nulls
 * take a loop that was compiled without null tests. An `interpret` step cuts a pipeline into segments: the rows so far go to an
 * out-block, the worker computes the columns, and the next segment takes that block.
 *
 * Exports: `pipeline<p>_<segment>(block)`, where the reader runs the filter in front also, for each of its tests, `select<p>_<t>(block, flags)`, and what blocks that are not copied still need `compute<p>(block)`, for a stage that merges `merge(start, end)`, `initial()`, `emit(pairs, count)`, `windows(found, count)`; for each
 * static table that it probes `build<t>(block)`; for a stage that shuffles, per pipeline `flush<p>(table)`. All return 0, or 1 with the error cells filled.
 */
import { assert } from "../base/assert.ts";
import { ROW_HASH, ROW_NEXT, TABLE_BASE, TABLE_INSERTED } from "../columnar/memory-layout.ts";
import type { RowLayout } from "../columnar/row-layout.ts";
import { leavesOf } from "../columnar/types.ts";
import { type Attribute, type Expression, schemaOf } from "../plan/expr/expression.ts";
import type { FunctionRegistry } from "../plan/expr/function-registry.ts";
import { countedSteps } from "../plan/physical/counted-steps.ts";
import type { AggregateOperator, KeyedOperator, PhysicalProgram, Pipeline, Stage, Step } from "../plan/physical/program.ts";
import { AggregateCode } from "./aggregate.ts";
import type { VariableWriter } from "./buffer-writer.ts";
import { emitRowLoop } from "./block-loop.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import { emitCompute, type Forward, forwardOf } from "./forward.ts";
import { pushMurmur3 } from "./murmur3.ts";
import { emitFlush, groupingValues } from "./group-flush.ts";
import { pushPaneHash } from "./pane-hash.ts";
import { emitWindowsOfPanes } from "./panes.ts";
import { ExpressionCompiler } from "./expression.ts";
import { partialLayout, staticLayout } from "./interned-columns.ts";
import { emitBuild, type JoinTools } from "./join.ts";
import { type ErrorSite, ModuleContext } from "./module-context.ts";
import { bindShuffledRow } from "./row-operator.ts";
import { clearSlots, flattenValue, type RowPlace, writeKeys } from "./rows.ts";
import { CONTEXT_PROBE_ROW, CONTEXT_STORE, stepRowsSlot } from "./stage-context.ts";
import type { CompiledValue } from "./value.ts";
import { type Bindings, SegmentCode, type StageTools } from "./segment.ts";
import { emitSelect, type Selection, selectionOf } from "./selection.ts";
import { printWat } from "./wat.ts";

/** A compiled stage; plain data but for nothing: crosses threads once `bytes` has become a module. */
export interface CompiledStage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly literalBytes: Uint8Array;
  readonly sites: readonly ErrorSite[];
  /** Out-blocks in the order of their numbers. */
  readonly outBlocks: readonly OutBlock[];
  /** Per pipeline the number of segments. */
  readonly segments: readonly number[];
  /** Static tables that the stage probes. */
  readonly tables: readonly { readonly table: number; readonly layout: RowLayout }[];
  /** Per pipeline how the groups of its partial aggregate are laid out, in a stage whose rows are shuffled. */
  readonly groups: readonly (RowLayout | null)[];
  /** Per pipeline what its function `select` is for, if the reader runs its filter (`plan/physical/scan-selection.ts`). */
  readonly selections: readonly (CompiledSelection | null)[];
  /** Per pipeline how its blocks can leave the stage without being copied. */
  readonly forwards: readonly (Forward | null)[];
  /** How many steps count their rows (`plan/physical/counted-steps.ts`). */
  readonly countedSteps: number;
}

export interface CompiledSelection extends Pick<Selection, "kept" | "isSafe"> {
  /** Per test the leaves that it looks at. */
  readonly tested: readonly (readonly boolean[])[];
  /** Offset in the context of the count of rows that pass; null: they are not counted. */
  readonly counter: number | null;
}

export interface OutBlock {
  readonly attributes: readonly Attribute[];
  /** The segment that takes the rows, after `interpret`; null: rows leave the stage. */
  readonly next: { readonly pipeline: number; readonly segment: number; readonly interpret: Extract<Step, { kind: "interpret" }> } | null;
}

export function compileStage(program: PhysicalProgram, stage: Stage, functions: FunctionRegistry): CompiledStage {
  return new StageCompiler(program, stage, functions).compile();
}

/** The stage's module as WebAssembly text, for `explain("codegen")`. */
export function stageText(program: PhysicalProgram, stage: Stage, functions: FunctionRegistry): string {
  const compiler = new StageCompiler(program, stage, functions);
  compiler.compile();
  return printWat(compiler.module.builder);
}

class StageCompiler implements StageTools {
  readonly #program: PhysicalProgram;
  readonly #stage: Stage;
  readonly #functions: FunctionRegistry;
  readonly #module = new ModuleContext();
  readonly #outBlocks: OutBlock[] = [];
  readonly #tables = new Map<number, RowLayout>();
  readonly #groups: readonly (RowLayout | null)[];
  readonly #counted: readonly Step[];
  readonly #forwards: (Forward | null)[] = [];
  readonly #selections: readonly (Selection | null)[];

  constructor(program: PhysicalProgram, stage: Stage, functions: FunctionRegistry) {
    this.#program = program;
    this.#stage = stage;
    this.#functions = functions;
    this.#counted = countedSteps(stage);
    this.#selections = stage.pipelines.map((pipeline) => selectionOf(program, stage, pipeline, functions));
    this.#groups = stage.pipelines.map((pipeline) => partialLayout(program, stage, pipeline));
  }

  compile(): CompiledStage {
    const segments = this.#stage.pipelines.map((pipeline, index) => this.#pipeline(pipeline, index));
    const merged = this.#mergedOperator();
    if (merged?.kind === "aggregate") this.#merge(merged);
    this.#groups.forEach((layout, index) => {
      if (layout) this.#function(`flush${index}`, 1, (f, context) => emitFlush(this, f, context, layout));
    });
    for (const [table, layout] of this.#tables) {
      this.#function(`build${table}`, 1, (f, context) =>
        emitBuild(this.#joinTools(f, context), this.#program.staticTables[table]!, layout, f.param(0)),
      );
    }
    return {
      bytes: this.#module.builder.toBytes(),
      literalBytes: this.#module.literalBytes,
      sites: this.#module.sites,
      outBlocks: this.#outBlocks,
      segments,
      tables: [...this.#tables].map(([table, layout]) => ({ table, layout })),
      groups: this.#groups,
      forwards: this.#forwards,
      selections: this.#selections.map((selection) => selection && this.#compiledSelection(selection)),
      countedSteps: this.#counted.length,
    };
  }

  #compiledSelection({ filter, tests, kept, isSafe }: Selection): CompiledSelection {
    return { tested: tests.map(({ tested }) => tested), kept, isSafe, counter: this.rowCounter(filter) };
  }

  /** A function of i32 parameters that returns a status; `context` holds the context's address. */
  #function(name: string, parameters: number, body: (f: FunctionBuilder, context: Local) => void): void {
    const builder = this.#module.builder;
    const params = Array.from({ length: parameters }, () => "i32" as const);
    builder.addFunction({ name, params, results: ["i32"], exported: true }, (f) => {
      const context = f.local("i32");
      f.globalGet(builder.importGlobal("env", "context", "i32"));
      f.set(context);
      body(f, context);
      f.i32(0);
    });
  }

  /** Emits all segments of a pipeline; returns how many there are. */
  #pipeline(pipeline: Pipeline, index: number): number {
    const cuts: { input: readonly Attribute[]; steps: Step[] }[] = [{ input: pipeline.input, steps: [] }];
    const selection = this.#selections[index];
    selection?.tests.forEach((test, number) => {
      this.#function(`select${index}_${number}`, 2, (f, context) => emitSelect(this, f, context, pipeline.input, test));
    });
    for (const step of pipeline.steps.slice(selection ? 1 : 0)) {
      cuts.at(-1)!.steps.push(step);
      if (step.kind === "interpret") cuts.push({ input: [...step.carried, ...step.columns.map(({ attribute }) => attribute)], steps: [] });
    }
    cuts.forEach(({ input, steps }, segment) => {
      if (segment === 0 && pipeline.source < 0) this.#emission(index, steps);
      else {
        const needed =
          segment === 0 ? (selection?.kept ?? this.#program.sources[pipeline.source]!.needed) : leavesOf(schemaOf(input)).map(() => true);
        this.#blockLoop(`pipeline${index}_${segment}`, input, needed, steps, index, segment);
        if (cuts.length === 1) this.#forwards[index] = this.#forward(index, input, needed, steps);
      }
    });
    return cuts.length;
  }

  #blockLoop(
    name: string,
    input: readonly Attribute[],
    needed: readonly boolean[],
    steps: readonly Step[],
    pipeline: number,
    segment: number,
  ): void {
    const outBlock = this.#outBlockFor(steps, pipeline, segment);
    this.#function(name, 1, (f, context) => {
      const segmentCode = new SegmentCode(this, f, context, steps, outBlock, this.#groups[pipeline]!, { block: f.param(0), input });
      emitRowLoop(f, context, f.param(0), input, needed, (loop, bindings) => segmentCode.emitRow(loop.row, () => new Map(bindings), loop));
      segmentCode.end();
    });
  }

  /** Emits `compute<p>` for a pipeline whose blocks leave as they came, if it computes anything. */
  #forward(index: number, input: readonly Attribute[], needed: readonly boolean[], steps: readonly Step[]): Forward | null {
    const outBlock = this.#outBlockFor(steps, index, 0);
    const forward = outBlock < 0 ? null : forwardOf(steps, input, this.outAttributes(outBlock), outBlock);
    if (forward?.leaves.includes(null))
      this.#function(`compute${index}`, 1, (f, context) => emitCompute(this, f, context, input, needed, steps, forward));
    return forward;
  }

  #mergedOperator(): KeyedOperator | null {
    const { input } = this.#stage;
    return input.kind === "merge" ? this.#program.operators[input.operator]! : null;
  }

  /** `emit(pairs, count)`: turns merged rows, given as (row, base) pairs, into the pipeline's input. */
  #emission(index: number, steps: readonly Step[]): void {
    const operator = this.#mergedOperator()!;
    const outBlock = this.#outBlockFor(steps, index, 0);
    this.#function("emit", 2, (f, context) => {
      const [pairs, count] = [f.param(0), f.param(1)];
      const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
      const segmentCode = new SegmentCode(this, f, context, steps, outBlock, this.#groups[index]!, null);
      f.block((done) => {
        f.loop((again) => {
          f.get(count);
          f.op("i32.eqz");
          f.brIf(done);
          f.get(pairs);
          f.memory("i32.load");
          f.set(place.row);
          f.get(pairs);
          f.memory("i32.load", 4);
          f.set(place.base!);
          const bind = (): Bindings => {
            const bindings: Bindings = new Map();
            if (operator.kind === "aggregate") this.#bindGroup(f, place, operator, bindings);
            else bindShuffledRow(f, place, operator, bindings);
            return bindings;
          };
          // A row with text is more than its address.
          if (operator.kind === "aggregate" && operator.layout.variableOffsets.length === 0) segmentCode.emitRow(place.row, bind);
          else f.block((nextRow) => segmentCode.emit(0, bind(), nextRow));
          f.get(pairs);
          f.i32(8);
          f.op("i32.add");
          f.set(pairs);
          f.get(count);
          f.i32(1);
          f.op("i32.sub");
          f.set(count);
          f.br(again);
        });
      });
      segmentCode.end();
    });
  }

  #bindGroup(f: FunctionBuilder, place: RowPlace, operator: AggregateOperator, bindings: Bindings): void {
    const keys = groupingValues(f, place, operator, operator.layout);
    operator.grouping.forEach(({ id }, i) => bindings.set(id, keys[i]!));
    const code = new AggregateCode(this.#module.builder, f, operator, this.compileWith(f), this.#functions);
    for (const [id, value] of code.results(place)) bindings.set(id, value);
  }

  #outBlockFor(steps: readonly Step[], pipeline: number, segment: number): number {
    const last = steps.at(-1);
    if (last?.kind === "interpret") {
      return this.#outBlocks.push({ attributes: last.carried, next: { pipeline, segment: segment + 1, interpret: last } }) - 1;
    }
    if (this.#stage.sink.kind === "shuffle") return -1;
    const known = this.#outBlocks.findIndex((block) => block.next === null);
    if (known >= 0) return known;
    const rows = this.#stage.sink.kind === "session" ? this.#stage.sink.rows : this.#program.output;
    return this.#outBlocks.push({ attributes: rows, next: null }) - 1;
  }

  /** `merge(start, end)` over exchange rows, and `initial()` for the one row that an aggregate without keys always has. */
  #merge(operator: AggregateOperator): void {
    const upsert = operator.state ? "store_upsert" : "table_upsert";
    const writer = (f: FunctionBuilder, context: Local): VariableWriter => ({
      pushContainer: () => {
        f.get(context);
        f.memory("i32.load", CONTEXT_STORE);
      },
      setKernel: operator.state ? "store_set_variable" : "table_set_variable",
      appendKernel: operator.state ? "store_append_variable" : "table_append_variable",
    });
    const callUpsert = (f: FunctionBuilder, context: Local, row: Local, base: () => void): void => {
      f.get(context);
      f.memory("i32.load", CONTEXT_STORE);
      f.get(row);
      base();
      f.call(this.#module.kernel(upsert, ["i32", "i32", "i32"], ["i32"]));
    };
    this.#function("merge", 2, (f, context) => {
      const [row, end] = [f.param(0), f.param(1)];
      const place: RowPlace = { row: f.local("i32"), base: f.local("i32") };
      const touched = f.local("i32");
      f.block((done) => {
        f.loop((again) => {
          f.get(row);
          f.get(end);
          f.op("i32.ge_u");
          f.brIf(done);
          f.get(row);
          f.get(touched);
          f.op("i32.ge_u");
          f.if(() => {
            f.get(context);
            f.memory("i32.load", CONTEXT_STORE);
            f.get(row);
            f.get(end);
            f.call(this.#module.kernel(operator.state ? "store_touch" : "table_touch", ["i32", "i32", "i32"], ["i32"]));
            f.set(touched);
          });
          callUpsert(f, context, row, () => f.get(row));
          f.tee(place.row);
          f.op("i32.eqz", "i32.eqz");
          f.i32(0);
          f.memory("i32.load", TABLE_INSERTED);
          f.op("i32.eqz", "i32.and");
          f.if(() => {
            f.i32(0);
            f.memory("i32.load", TABLE_BASE);
            f.set(place.base!);
            const code = new AggregateCode(this.#module.builder, f, operator, this.compileWith(f), this.#functions);
            code.merge(place, { row, base: row }, writer(f, context));
          });
          f.get(row);
          f.get(row);
          f.memory("i32.load", ROW_NEXT);
          f.op("i32.add");
          f.set(row);
          f.br(again);
        });
      });
    });
    if (operator.layout.panes) {
      this.#function("windows", 2, (f, context) => {
        const newAggregateCode = (): AggregateCode =>
          new AggregateCode(this.#module.builder, f, operator, this.compileWith(f), this.#functions);
        emitWindowsOfPanes({ f, module: this.#module, context, operator, newAggregateCode });
      });
    }
    if (operator.layout.keys.length > 0) return;
    this.#function("initial", 0, (f, context) => {
      const row = f.local("i32");
      this.writeProbe(f, context, operator, row, []);
      const code = new AggregateCode(this.#module.builder, f, operator, this.compileWith(f), this.#functions);
      code.writeInitial({ row, base: null });
      callUpsert(f, context, row, () => f.i32(0));
      f.op("drop");
    });
  }

  /** Writes keys and hash into the context's probe row, whose address is left in `row`. */
  writeProbe(f: FunctionBuilder, context: Local, operator: AggregateOperator, row: Local, keys: readonly CompiledValue[]): void {
    f.get(context);
    f.memory("i32.load", CONTEXT_PROBE_ROW);
    f.set(row);
    writeKeys(
      f,
      row,
      operator.layout,
      keys.flatMap((key, i) => flattenValue(f, key, operator.grouping[i]!.nullable)),
    );
    clearSlots(f, row, operator.layout);
    f.get(row);
    if (operator.layout.panes) pushPaneHash(f, this.#module, operator, keys, this.#program.partitions);
    else pushMurmur3(f, this.#module, keys);
    f.memory("i32.store", ROW_HASH);
  }

  compileWith(f: FunctionBuilder): (expression: Expression, bindings: ReadonlyMap<number, CompiledValue>) => CompiledValue {
    return (expression, bindings) => this.compiler(f, bindings).compile(expression);
  }

  compiler(f: FunctionBuilder, bindings: ReadonlyMap<number, CompiledValue>): ExpressionCompiler {
    const scope = {
      attribute: (id: number): CompiledValue => {
        const value = bindings.get(id);
        assert(value, `attribute #${id} is not bound`);
        return value;
      },
    };
    return new ExpressionCompiler(f, this.#module, scope, { registry: this.#functions, timeZone: this.#program.timeZone });
  }

  #joinTools(f: FunctionBuilder, context: Local): JoinTools {
    return { module: this.#module, f, context, compile: this.compileWith(f) };
  }

  joinTools(f: FunctionBuilder, context: Local, table: number): { tools: JoinTools; layout: RowLayout } {
    const layout = this.#tables.get(table) ?? staticLayout(this.#program, this.#program.staticTables[table]!);
    this.#tables.set(table, layout);
    return { tools: this.#joinTools(f, context), layout };
  }

  rowCounter(step: Step): number | null {
    const index = this.#counted.indexOf(step);
    return index < 0 ? null : stepRowsSlot(index);
  }

  outAttributes(index: number): readonly Attribute[] {
    return this.#outBlocks[index]!.attributes;
  }
  get program(): PhysicalProgram {
    return this.#program;
  }
  get stage(): Stage {
    return this.#stage;
  }
  get module(): ModuleContext {
    return this.#module;
  }
  get functions(): FunctionRegistry {
    return this.#functions;
  }
}
