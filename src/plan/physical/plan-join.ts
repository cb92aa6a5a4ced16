/** `Join` of a flow with a static side → which side probes, which is built, equality keys and the rest of the condition. */
import { assert } from "../../base/assert.ts";
import { leafCount } from "../../columnar/types.ts";
import { attributeOf, typeOf } from "../expr/expression-type.ts";
import type { Alias, Attribute, Expression } from "../expr/expression.ts";
import { conjunctionOf, conjunctsOf } from "../logical/conjunction.ts";
import { isStreaming, outputOf } from "../logical/output.ts";
import type { Join, LogicalPlan } from "../logical/nodes.ts";
import { attributesOf } from "./needed-leaves.ts";

export interface SplitJoin {
  readonly probe: LogicalPlan;
  readonly build: LogicalPlan;
  readonly buildOutput: readonly Attribute[];
  readonly probeKeys: readonly Expression[];
  readonly buildKeys: readonly Expression[];
  /** Per key: `<=>`, where null equals null. */
  readonly nullSafe: readonly boolean[];
  readonly joinType: "inner" | "left_outer" | "left_semi" | "left_anti";
  readonly condition: Expression | null;
  /** Puts probe and build columns back into the order of the join's output. */
  outputOrder(columns: readonly Attribute[]): readonly Attribute[];
}

export function splitJoin(join: Join, nextId: () => number): SplitJoin {
  const swap = join.joinType === "right_outer" || (join.joinType !== "left_outer" && isStreaming(join.right) && !isStreaming(join.left));
  const probe = swap ? join.right : join.left;
  const build = swap ? join.left : join.right;
  assert(join.joinType !== "full_outer", "full outer joins are replaced before");
  const joinType = join.joinType === "cross" ? "inner" : join.joinType === "right_outer" ? "left_outer" : join.joinType;
  const probeIds = new Set(outputOf(probe).map(({ id }) => id));
  const buildOutput = outputOf(build);
  const buildIds = new Set(buildOutput.map(({ id }) => id));
  const within = (expression: Expression, ids: ReadonlySet<number>): boolean => {
    const used = [...attributesOf(expression)];
    return used.length > 0 && used.every((id) => ids.has(id));
  };

  const probeKeys: Expression[] = [];
  const buildKeys: Expression[] = [];
  const nullSafe: boolean[] = [];
  const rest: Expression[] = [];
  for (const conjunct of join.condition ? conjunctsOf(join.condition) : []) {
    if (conjunct.kind === "call" && (conjunct.name === "=" || conjunct.name === "<=>")) {
      const [a, b] = conjunct.args as [Expression, Expression];
      // Structs are compared field by field in the rest of the condition; with nothing else every row meets every row.
      if (leafCount(typeOf(a)) > 1) {
        rest.push(conjunct);
        continue;
      }
      const straight = within(a, probeIds) && within(b, buildIds);
      if (straight || (within(b, probeIds) && within(a, buildIds))) {
        probeKeys.push(straight ? a : b);
        buildKeys.push(straight ? b : a);
        nullSafe.push(conjunct.name === "<=>");
        continue;
      }
    }
    rest.push(conjunct);
  }
  const order = outputOf(join).map(({ id }) => id);
  // Keys of the built side become columns, so that the table is built from columns only.
  const computed = buildKeys.flatMap((key): Alias[] =>
    key.kind === "attribute" ? [] : [{ kind: "alias", child: key, name: "join_key", id: nextId() }],
  );
  const keyed: LogicalPlan = computed.length === 0 ? build : { kind: "project", child: build, expressions: [...buildOutput, ...computed] };
  return {
    probe,
    build: keyed,
    buildOutput: outputOf(keyed),
    probeKeys,
    buildKeys: buildKeys.map((key) => {
      const alias = computed.find(({ child }) => child === key);
      return alias ? attributeOf(alias) : key;
    }),
    nullSafe,
    joinType,
    condition: conjunctionOf(rest),
    outputOrder: (columns) => order.map((id) => columns.find((column) => column.id === id)!),
  };
}
