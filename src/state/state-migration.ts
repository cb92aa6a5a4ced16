/**
 * What becomes of the state of an aggregation when its program has changed: aggregates are found again by what they compute, wherever they stand
 * now, and their buffers may have become wider. Decides only; `frame-migration.ts` carries it out. Main thread and workers.
 *
 * Always exact: a wider type holds every value of the narrower one. What cannot be so is refused. An aggregate that is new begins empty in groups
 * that exist already, and one that is gone takes its state with it: both only if the program says so (`millrace.state.migrate`).
 */
import { partsOf, type RowAggregate, type RowField, type RowLayout } from "../columnar/row-layout.ts";
import { type DataType, physicalWidthBytes, sameType, simpleString } from "../columnar/types.ts";

/** How one value gets from the old row into the new one, as the kernel `frame_migrate` reads it. */
export interface ValueMove {
  readonly kind: number;
  readonly before: RowField;
  readonly after: RowField;
  readonly argument: number;
}

const MOVE_COPY = 0;
const MOVE_INTEGER = 1;
const MOVE_TO_DOUBLE = 2;
const MOVE_TO_FLOAT = 3;
const MOVE_FLOAT_TO_DOUBLE = 4;
const MOVE_TO_DECIMAL = 5;
const MOVE_TO_WIDE = 6;
const MOVE_WIDE = 7;

/** An aggregate before and now; null where it is not. */
export interface AggregatePair {
  readonly stored: RowAggregate | null;
  readonly wanted: RowAggregate | null;
}

/** The aggregates of two layouts, those of `wanted` in their order, then those that are gone. */
export function pairAggregates(stored: RowLayout, wanted: RowLayout): readonly AggregatePair[] {
  const now = wanted.aggregates ?? [];
  const before = stored.aggregates ?? (stored.values.length === wanted.values.length ? now : []);
  const left = new Set(before);
  const partners: (RowAggregate | null)[] = now.map(() => null);
  for (const name of ["call", "castless"] as const) {
    for (const [index, aggregate] of now.entries()) {
      if (partners[index]) continue;
      const isSame = (candidate: RowAggregate | undefined): boolean =>
        candidate !== undefined && left.has(candidate) && candidate[name] === aggregate[name];
      const partner = isSame(before[index]) ? before[index] : before.find(isSame);
      if (!partner) continue;
      partners[index] = partner;
      left.delete(partner);
    }
  }
  // The same buffers in the same places, as Spark compares them: what is called otherwise now goes on with the state that is there.
  const isSuccession =
    buffersText(before, stored) === buffersText(now, wanted) &&
    partners.every((partner, index) => partner === null || partner === before[index]);
  if (isSuccession) return now.map((aggregate, index) => ({ stored: before[index]!, wanted: aggregate }));
  const pairs = now.map((aggregate, index): AggregatePair => ({ stored: partners[index]!, wanted: aggregate }));
  return [...pairs, ...[...left].map((aggregate): AggregatePair => ({ stored: aggregate, wanted: null }))];
}

/** How rows of `stored` become rows of `wanted`; `impossible`: why they cannot, a sentence an aggregate. */
export interface RowMigration {
  readonly moves: readonly ValueMove[];
  /** Of the keys: the same in both. */
  readonly keyBytes: number;
  readonly pairs: readonly AggregatePair[];
  readonly impossible: readonly string[];
  /** Rows of `stored` are rows of `wanted` as they stand. */
  readonly isIdentity: boolean;
}

/** Keys are those of `stored`, in their order. */
export function planRowMigration(stored: RowLayout, wanted: RowLayout): RowMigration {
  const pairs = pairAggregates(stored, wanted);
  const moves: ValueMove[] = [];
  const impossible: string[] = [];
  for (const { stored: before, wanted: now } of pairs) {
    if (before === null || now === null) continue;
    const reason = pairMoves(before, now, stored, wanted, moves);
    if (reason !== null) impossible.push(`${now.call}: ${reason}`);
  }
  if (!stored.aggregates && !wanted.aggregates) moves.push(...sameValues(stored, wanted));
  const isEverywhere = pairs.every((pair) => pair.stored !== null && pair.wanted !== null);
  const isInPlace = moves.every(({ kind, before, after }) => kind === MOVE_COPY && samePlace(before, after));
  return {
    moves,
    keyBytes: partsOf(stored).keysEnd - partsOf(stored).keysStart,
    pairs,
    impossible,
    isIdentity: isEverywhere && isInPlace && stored.rowBytes === wanted.rowBytes && stored.version === wanted.version,
  };
}

/** Values that are no buffers stay what they are. */
function sameValues(stored: RowLayout, wanted: RowLayout): ValueMove[] {
  return stored.values.map((before, index) => ({
    kind: MOVE_COPY,
    before,
    after: wanted.values[index]!,
    argument: physicalWidthBytes[before.physical],
  }));
}

const samePlace = (before: RowField, after: RowField): boolean =>
  before.offset === after.offset && before.nullBit === after.nullBit && before.nullsOffset === after.nullsOffset;

/** Why an aggregate cannot go on with the state of its partner, or null. */
export const pairProblem = ({ stored: before, wanted: now }: AggregatePair, stored: RowLayout, wanted: RowLayout): string | null =>
  before && now ? pairMoves(before, now, stored, wanted, []) : null;

/** Adds the moves of one aggregate's buffers, or says why there are none. */
function pairMoves(before: RowAggregate, now: RowAggregate, stored: RowLayout, wanted: RowLayout, moves: ValueMove[]): string | null {
  const [fieldsBefore, fieldsNow] = [fieldsOf(before, stored), fieldsOf(now, wanted)];
  const [namesBefore, namesNow] = [fieldNames(before, stored), fieldNames(now, wanted)];
  if (namesBefore.join() !== namesNow.join()) return `its state was ${namesBefore.join(", ")} and is ${namesNow.join(", ")}`;
  if (before.encoding !== now.encoding) return `its state holds values of type ${before.encoding}, not ${now.encoding}`;
  for (const [index, field] of fieldsBefore.entries()) {
    const after = fieldsNow[index]!;
    const bytes = inlineBytes(field, stored);
    if (bytes !== inlineBytes(after, wanted)) return `its sketch has ${bytes} bytes, not ${inlineBytes(after, wanted)}`;
    const move = bytes > 0 ? ([MOVE_COPY, bytes] as const) : widening(field, after);
    if (move === null)
      return `column ${field.name} is ${simpleString(field.dataType)} in the state, and not every such value is ${simpleString(after.dataType)}`;
    moves.push({ kind: move[0], before: field, after, argument: move[1] });
  }
  return null;
}

const fieldsOf = ({ firstField, fieldCount }: RowAggregate, { values }: RowLayout): readonly RowField[] =>
  values.slice(firstField, firstField + fieldCount);

/** Everything about the buffers but whose they are. */
const buffersText = (aggregates: readonly RowAggregate[], layout: RowLayout): string =>
  JSON.stringify(
    aggregates.map((aggregate) => [
      aggregate.encoding,
      fieldsOf(aggregate, layout).map((field) => [field.name, simpleString(field.dataType), inlineBytes(field, layout)]),
    ]),
  );

const fieldNames = (aggregate: RowAggregate, layout: RowLayout): readonly string[] => fieldsOf(aggregate, layout).map(({ name }) => name);

/** Length of a sketch, which lies in the row; 0 for everything else. */
function inlineBytes(field: RowField, { values, rowBytes }: RowLayout): number {
  if (field.isVariable || physicalWidthBytes[field.physical] !== 8 || !["view", "wide", "list"].includes(field.physical)) return 0;
  return Math.min(rowBytes, ...values.map(({ offset }) => offset).filter((offset) => offset > field.offset)) - field.offset;
}

/** Digits of the largest whole number of a type. */
const DIGITS: Readonly<Record<string, number>> = { byte: 3, short: 5, integer: 10, long: 19 };

/** Kind and argument of the move, or null where a value could be lost: Spark's up-casts without those that round. */
function widening(
  { dataType: from, physical }: RowField,
  { dataType: to, physical: physicalAfter }: RowField,
): readonly [number, number] | null {
  const width = physicalWidthBytes[physical];
  if (sameType(from, to)) return [MOVE_COPY, width];
  const [digits, digitsAfter] = [DIGITS[from.kind], DIGITS[to.kind]];
  if (digits !== undefined && digitsAfter !== undefined)
    return digitsAfter > digits ? [MOVE_INTEGER, width | (physicalWidthBytes[physicalAfter] << 8)] : null;
  if (digits !== undefined && to.kind === "double") return digits <= DIGITS["integer"]! ? [MOVE_TO_DOUBLE, width] : null;
  if (digits !== undefined && to.kind === "float") return digits <= DIGITS["short"]! ? [MOVE_TO_FLOAT, width] : null;
  if (from.kind === "float" && to.kind === "double") return [MOVE_FLOAT_TO_DOUBLE, 0];
  if (to.kind !== "decimal") return null;
  const [whole, scale] = from.kind === "decimal" ? [from.precision - from.scale, from.scale] : [digits ?? Number.POSITIVE_INFINITY, 0];
  if (whole > to.precision - to.scale || scale > to.scale) return null;
  const power = to.scale - scale;
  if (physicalAfter === "i64") return [MOVE_TO_DECIMAL, width | (power << 8)];
  if (physical === "wide") return power === 0 ? [MOVE_COPY, width] : [MOVE_WIDE, power << 8];
  return [MOVE_TO_WIDE, width | (power << 8)];
}

/** What a new aggregate begins with in groups that exist: `count = 0`, `sum = null`. */
export function startText(aggregate: RowAggregate, layout: RowLayout): string {
  return fieldNames(aggregate, layout)
    .map((name, index) => {
      const buffer = name.slice(name.lastIndexOf(".") + 1);
      if (buffer === "list" || buffer === "sketch") return `an empty ${buffer}`;
      return `${buffer} = ${String(aggregate.initial[index])}`;
    })
    .join(", ");
}

/** Types of an aggregate's buffers, for people. */
export const typesText = (aggregate: RowAggregate, layout: RowLayout): string =>
  aggregate.encoding ||
  fieldsOf(aggregate, layout)
    .map(({ dataType }: { dataType: DataType }) => simpleString(dataType))
    .join(", ");
