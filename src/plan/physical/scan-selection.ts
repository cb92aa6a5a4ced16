/**
 * A filter in front of a scan's pipeline that the reader runs itself, on the columns that it looks at, before it decodes the others. The compiler
 * makes functions of it. Main thread.
 */
import { leafCount, physicalKind } from "../../columnar/types.ts";
import type { Attribute, Expression } from "../expr/expression.ts";
import { conjunctionOf, conjunctsOf } from "../logical/conjunction.ts";
import { leavesIn, neededLeaves } from "./needed-leaves.ts";
import type { PhysicalProgram, Pipeline, Stage, Step } from "./program.ts";

type FilterStep = Extract<Step, { kind: "filter" }>;

export interface ScanSelection {
  readonly filter: FilterStep;
  /**
   * The conditions that together are the filter, each with the leaves of the source that it looks at; no two look at the same. Those on a text alone that
   * nobody looks at later are by themselves: in a dictionary it has few values.
   */
  readonly tests: readonly ScanTest[];
  /** Leaves that what comes behind it looks at. */
  readonly kept: readonly boolean[];
}

export interface ScanTest {
  readonly condition: Expression;
  readonly tested: readonly boolean[];
}

/** Formats whose readers do. */
const FORMATS: ReadonlySet<string> = new Set(["parquet"]);

/** Null: the pipeline filters its rows itself, if at all. */
export function scanSelection(program: PhysicalProgram, stage: Stage, pipeline: Pipeline): ScanSelection | null {
  const { sources, output, operators, staticTables, observed } = program;
  const { source, input, steps } = pipeline;
  const read = sources[source]?.read;
  if (read?.kind !== "read" || !FORMATS.has(read.format)) return null;
  const [filter, ...others] = steps;
  if (filter?.kind !== "filter") return null;
  const rest = { ...stage, pipelines: [{ ...pipeline, steps: others }] };
  const kept = neededLeaves([rest], sources, output, operators, staticTables, observed)[source]!;
  return { filter, tests: testsOf(input, filter.condition, kept), kept };
}

export const testOf = (input: readonly Attribute[], condition: Expression): ScanTest => ({
  condition,
  tested: leavesIn(input, [condition]),
});

function testsOf(input: readonly Attribute[], condition: Expression, kept: readonly boolean[]): ScanTest[] {
  const texts = input.flatMap(({ dataType }) => Array.from({ length: leafCount(dataType) }, () => physicalKind(dataType) === "view"));
  /** The one leaf that a conjunct looks at; -1: it looks at several, or at one that has to be read anyway. */
  const ownLeaf = (conjunct: Expression): number => {
    const [leaf = -1, ...more] = leavesIn(input, [conjunct]).flatMap((isTested, index) => (isTested ? [index] : []));
    return more.length === 0 && texts[leaf] && !kept[leaf] ? leaf : -1;
  };
  const conjuncts = conjunctsOf(condition);
  const shared = leavesIn(
    input,
    conjuncts.filter((conjunct) => ownLeaf(conjunct) < 0),
  );
  const groups = new Map<number, Expression[]>();
  for (const conjunct of conjuncts) {
    const leaf = shared[ownLeaf(conjunct)] ? -1 : ownLeaf(conjunct);
    groups.set(leaf, [...(groups.get(leaf) ?? []), conjunct]);
  }
  return [...groups.values()].map((group) => testOf(input, conjunctionOf(group)!));
}
