/**
 * Rows that come one after the other and belong to one group of a partial aggregate. While the group stays the same its buffers are in
 * locals; of aggregates that take over one row (`max_by`) only that row is looked for, and they are updated by it when the run ends. Main
 * thread, while a stage is compiled (`segment.ts`).
 */
import type { RowField } from "../columnar/row-layout.ts";
import { physicalKind } from "../columnar/types.ts";
import type { Attribute, Expression } from "../plan/expr/expression.ts";
import { expressionKey } from "../plan/expr/expression-key.ts";
import { typeOf } from "../plan/expr/expression-type.ts";
import type { DeclarativeAggregate } from "../plan/expr/function-registry.ts";
import type { AggregateOperator, PlannedAggregate } from "../plan/physical/program.ts";
import { AggregateCode } from "./aggregate.ts";
import type { VariableWriter } from "./buffer-writer.ts";
import type { FunctionBuilder, Local } from "./emitter.ts";
import type { HeldField, RowPlace } from "./rows.ts";
import type { Bindings, StageTools } from "./segment.ts";
import { canFail } from "./tier.ts";
import { wasmTypeOf } from "./value.ts";

/** The row at hand: its number in the block, and how its columns are bound once more when the local holds another row's. */
export interface RowCursor {
  readonly row: Local;
  readonly rebind: (use: (bindings: Bindings) => void) => void;
}

/** What some aggregates look for in a run: the best row by one expression. */
interface Search {
  readonly by: Expression;
  readonly choice: NonNullable<DeclarativeAggregate["choice"]>;
  readonly aggregates: PlannedAggregate[];
  readonly best: Local;
  readonly bestRow: Local;
  /** i32, 1 = there is a best row. */
  readonly found: Local;
}

const BEST_ID = -2_000_000;
const NEXT_ID = -2_000_001;

export class GroupRun {
  readonly #stage: StageTools;
  readonly #f: FunctionBuilder;
  readonly #cursor: RowCursor;
  readonly #writer: VariableWriter;
  readonly #operator: AggregateOperator;
  readonly #searches: readonly Search[];
  readonly #steady: AggregateCode;
  /** The group's row, and what `#steady` updates of it in locals. */
  readonly #place: RowPlace;
  /** The same where none of that is null. */
  readonly #settledPlace: RowPlace;
  readonly #held: readonly HeldField[];

  /** `row`: the group's row in a flat table; 0: there is none yet. */
  constructor(stage: StageTools, f: FunctionBuilder, operator: AggregateOperator, row: Local, writer: VariableWriter, cursor: RowCursor) {
    this.#stage = stage;
    this.#f = f;
    this.#cursor = cursor;
    this.#writer = writer;
    this.#operator = operator;
    const searches = new Map<string, Search>();
    const steady: PlannedAggregate[] = [];
    for (const aggregate of operator.aggregates) {
      const choice = this.#choiceOf(aggregate);
      if (!choice) {
        steady.push(aggregate);
        continue;
      }
      const by = choice.by(aggregate.args);
      const key = `${aggregate.name} ${expressionKey(by)}`;
      const search = searches.get(key);
      if (search) search.aggregates.push(aggregate);
      else {
        const best = f.local(wasmTypeOf(physicalKind(typeOf(by))));
        searches.set(key, { by, choice, aggregates: [aggregate], best, bestRow: f.local("i32"), found: f.local("i32") });
      }
    }
    this.#searches = [...searches.values()];
    this.#steady = this.#codeOf(steady);
    const held = new Map<RowField, HeldField>(
      this.#steady.heldFields().map((field) => [field, { value: f.local(wasmTypeOf(field.physical)), nulls: f.local("i32") }]),
    );
    this.#place = { row, base: f.local("i32"), held };
    const settled = new Map([...held].map(([field, locals]) => [field, { ...locals, known: { mayEnd: false } }]));
    this.#settledPlace = { ...this.#place, held: settled };
    this.#held = [...settled.values()];
  }

  /** Pushes 1 if the run is settled: no held value is null, and every search has found a row. */
  pushSettled(): void {
    const f = this.#f;
    f.i32(0);
    for (const { nulls } of this.#held) {
      f.get(nulls);
      f.op("i32.or");
    }
    f.op("i32.eqz");
    for (const { found } of this.#searches) {
      f.get(found);
      f.op("i32.and");
    }
  }

  /** Emits the loop over rows that find the run settled; `body` emits one of them, with `update(bindings, true)`. */
  settledLoop(isLast: () => void, body: () => void): void {
    const f = this.#f;
    f.block((done) => {
      f.loop((again) => {
        isLast();
        f.brIf(done);
        body();
        if (!this.#held.some(({ known }) => known!.mayEnd)) return f.br(again);
        this.pushSettled();
        f.brIf(again);
      });
    });
  }

  /** Emits what the row at hand does to its group, which is that of the run. */
  update(bindings: Bindings, isSettled: boolean): void {
    const f = this.#f;
    this.#steady.update(isSettled ? this.#settledPlace : this.#place, bindings, this.#writer);
    for (const { by, choice, best, bestRow, found } of this.#searches) {
      const next = this.#stage.compileWith(f)(by, bindings);
      f.block((kept) => {
        if (next.isNull) {
          next.isNull();
          f.brIf(kept);
        }
        const keepBetter = (): void => {
          const [old, candidate] = [BEST_ID, NEXT_ID].map((id): Attribute => ({
            kind: "attribute",
            id,
            name: "ordering",
            dataType: typeOf(by),
            nullable: false,
          }));
          const values: Bindings = new Map([
            [BEST_ID, { ...next, isNull: null, push: () => f.get(best) }],
            [NEXT_ID, { ...next, isNull: null }],
          ]);
          this.#stage.compileWith(f)(choice.keepsOld(old!, candidate!), values).push();
          f.brIf(kept);
        };
        if (isSettled) keepBetter();
        else {
          f.get(found);
          f.if(keepBetter);
        }
        next.push();
        f.set(best);
        f.get(this.#cursor.row);
        f.set(bestRow);
        if (isSettled) return;
        f.i32(1);
        f.set(found);
      });
    }
  }

  /** Emits the end of a run, if there is one: what is known of it goes to the group's row. */
  end(): void {
    const f = this.#f;
    f.get(this.#place.row);
    f.if(() => {
      this.#steady.moveHeld(this.#place, "out");
      for (const search of this.#searches) this.#take(search);
    });
  }

  /** Emits the begin of a run of the group whose row has been found. */
  begin(): void {
    this.#steady.moveHeld(this.#place, "in");
  }

  /** Updates the aggregates of a search by the row that was found. */
  #take({ aggregates, bestRow, found }: Search): void {
    const f = this.#f;
    const { row, rebind } = this.#cursor;
    f.get(found);
    f.if(() => {
      const current = f.local("i32");
      f.get(row);
      f.set(current);
      f.get(bestRow);
      f.set(row);
      rebind((bindings) => this.#codeOf(aggregates).update({ row: this.#place.row, base: this.#place.base }, bindings, this.#writer));
      f.get(current);
      f.set(row);
      f.i32(0);
      f.set(found);
    });
  }

  /** Null: the aggregate has to see every row. What it takes over is computed for one row only, so it must not be able to fail. */
  #choiceOf({ name, args, argumentTypes, result, ignoreNulls, filter }: PlannedAggregate): DeclarativeAggregate["choice"] | null {
    const { functions, program } = this.#stage;
    const plan = functions.aggregate(name).plan(argumentTypes, result.dataType, { ignoreNulls });
    if (plan.form !== "declarative" || !plan.choice || filter) return null;
    const by = plan.choice.by(args);
    if (physicalKind(typeOf(by)) === "struct") return null;
    const options = { registry: functions, timeZone: program.timeZone };
    return args.some((arg) => arg !== by && canFail(arg, options)) ? null : plan.choice;
  }

  #codeOf(aggregates: readonly PlannedAggregate[]): AggregateCode {
    const { module, functions } = this.#stage;
    return new AggregateCode(module.builder, this.#f, { ...this.#operator, aggregates }, this.#stage.compileWith(this.#f), functions);
  }
}
