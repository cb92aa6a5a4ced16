/**
 * Frames of state files that an earlier version of the program has written, given to a store in the form it has now: each step of the way from the
 * file's schema to the program's rewrites the frame with a kernel (`kernels/assembly/migrate-frame.ts`). On the thread that loads state; the
 * memory it takes is that of some frames.
 */
import { CheckpointError } from "../base/errors.ts";
import { ARENA_QUERY } from "../columnar/memory-layout.ts";
import { type RowLayout, rowLayoutDescriptorBytes, writeRowLayout } from "../columnar/row-layout.ts";
import type { Kernels } from "../kernels/load.ts";
import type { StateSchema } from "./state-metadata.ts";
import { type FrameTarget, StateBuffer } from "./state-file.ts";
import { planRowMigration } from "./state-migration.ts";

const CURSOR_BYTES = 32;
const CURSOR_RESULT = 20;
const CURSOR_NEEDED = 24;
const BUFFER_TOO_SMALL = 0xffffffff;
const PLAN_HEADER_BYTES = 32;
const MOVE_BYTES = 24;
const WIDE_BYTES = 16;

type Apply = (address: number, length: number) => number;

/**
 * `targets` (stores by operator id) for files of every schema in `chain`, which leads from the checkpoint's first schema to that of the stores.
 */
export function migratingTargets(
  kernels: Kernels,
  chain: readonly StateSchema[],
  targets: ReadonlyMap<number, FrameTarget>,
): ReadonlyMap<number, FrameTarget> {
  if (chain.length <= 1) return targets;
  const wrapped = new Map<number, FrameTarget>();
  for (const [operatorId, target] of targets) {
    const layouts = chain.map(({ operators }) => operators.find((operator) => operator.operatorId === operatorId)?.layout ?? null);
    const entries = new Map<number, Apply>([
      [chain.at(-1)!.schema, (address, length) => target.applyFrame(address, length, chain.at(-1)!.schema)],
    ]);
    for (let step = chain.length - 2; step >= 0; step--) {
      const next = entries.get(chain[step + 1]!.schema)!;
      const [before, after] = [layouts[step], layouts[step + 1]];
      let migration: FrameMigration | null = null;
      const isSame = !before || !after || planRowMigration(before, after).isIdentity;
      entries.set(
        chain[step]!.schema,
        isSame ? next : (address, length) => (migration ??= new FrameMigration(kernels, before, after)).apply(address, length, next),
      );
    }
    wrapped.set(operatorId, {
      ownsPartition: (partition) => target.ownsPartition(partition),
      applyFrame: (address, length, schema) => entries.get(schema)!(address, length),
    });
  }
  return wrapped;
}

/** One step: from one layout to the next. */
class FrameMigration {
  readonly #kernels: Kernels;
  readonly #buffer: StateBuffer;
  readonly #plan: number;
  readonly #cursor: number;

  constructor(kernels: Kernels, before: RowLayout, after: RowLayout) {
    this.#kernels = kernels;
    this.#buffer = new StateBuffer(kernels);
    this.#cursor = this.#allocate(CURSOR_BYTES);
    this.#plan = this.#writePlan(before, after);
  }

  /** Hands the frame's rows to `next`; returns APPLY_* as a store does. */
  apply(address: number, length: number, next: Apply): number {
    const kernels = this.#kernels;
    kernels.bytes().fill(0, this.#cursor, this.#cursor + CURSOR_BYTES);
    for (;;) {
      const { address: out, bytes: capacity } = this.#buffer;
      const written = (kernels.exports["frame_migrate"]!(this.#plan, address, length, this.#cursor, out, capacity) as number) >>> 0;
      if (written === 0) return kernels.view().getUint32(this.#cursor + CURSOR_RESULT, true);
      if (written === BUFFER_TOO_SMALL) {
        this.#buffer.reserve(kernels.view().getUint32(this.#cursor + CURSOR_NEEDED, true));
        continue;
      }
      const result = next(out, written);
      if (result !== 0) return result;
    }
  }

  #writePlan(before: RowLayout, after: RowLayout): number {
    const { moves, keyBytes } = planRowMigration(before, after);
    const [layoutBefore, layoutAfter] = [this.#writeLayout(before), this.#writeLayout(after)];
    const template = this.#writeTemplate(after);
    const header = [
      layoutBefore,
      layoutAfter,
      moves.length,
      template,
      this.#allocate(before.rowBytes),
      this.#allocate(after.rowBytes),
      keyBytes,
      this.#allocate(WIDE_BYTES * Math.max(1, moves.length)),
    ];
    const plan = this.#allocate(PLAN_HEADER_BYTES + MOVE_BYTES * moves.length);
    const words = moves.flatMap(({ kind, before: from, after: to, argument }) => [
      kind,
      from.offset,
      to.offset,
      argument,
      from.nullBit,
      to.nullBit,
    ]);
    const view = this.#kernels.view();
    [...header, ...words].forEach((word, index) => view.setUint32(plan + 4 * index, word, true));
    return plan;
  }

  #writeLayout(layout: RowLayout): number {
    const address = this.#allocate(rowLayoutDescriptorBytes(layout));
    writeRowLayout(layout, this.#kernels.view(), address);
    return address;
  }

  /** A row whose aggregates have seen nothing yet. */
  #writeTemplate(layout: RowLayout): number {
    const row = this.#allocate(layout.rowBytes);
    const view = this.#kernels.view();
    for (const { firstField, initial } of layout.aggregates ?? []) {
      initial.forEach((value, index) => {
        const { offset, physical, nullsOffset, nullBit } = layout.values[firstField + index]!;
        if (value === null) {
          view.setBigUint64(row + nullsOffset, view.getBigUint64(row + nullsOffset, true) | (1n << BigInt(nullBit)), true);
        } else if (physical === "f64") view.setFloat64(row + offset, Number(value), true);
        else if (physical === "i64") view.setBigInt64(row + offset, BigInt(value), true);
        else view.setInt8(row + offset, Number(value));
      });
    }
    return row;
  }

  /** Zeroed. */
  #allocate(bytes: number): number {
    const address = (this.#kernels.exports["arena_alloc"]!(ARENA_QUERY, bytes) as number) >>> 0;
    if (address === 0) throw new CheckpointError("STATE_MEMORY_EXHAUSTED", { what: "the plan of a migration" });
    this.#kernels.bytes().fill(0, address, address + bytes);
    return address;
  }
}
