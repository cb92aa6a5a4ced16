/** Streaming `Deduplicate` and `Limit` → operators with the layouts of their state and of the rows that are shuffled to them. */
import { type RowFieldSpec, type RowLayout, rowLayout, withNullWords } from "../../columnar/row-layout.ts";
import { LongType, TimestampType } from "../../columnar/types.ts";
import type { Attribute } from "../expr/expression.ts";
import type { Deduplicate, Limit } from "../logical/nodes.ts";
import { fieldSpecs } from "./field-specs.ts";
import { bucketWidth } from "./plan-aggregate.ts";
import type { DeduplicateOperator, LimitOperator } from "./program.ts";

/** Time buckets within the delay of a deduplication: its keys live for one to two delays, and its filter knows 32 buckets apart. */
const BUCKETS_PER_DELAY = 8n;
const SECOND = 1_000_000n;

/** `output`: the attributes that come in, and leave. */
export function planDeduplicate(plan: Deduplicate, index: number, output: readonly Attribute[]): DeduplicateOperator {
  const keys = plan.columns as readonly Attribute[];
  const carried = output.filter(({ id }) => keys.every((key) => key.id !== id));
  const eventTime = output.find(({ watermarkDelayMs }) => watermarkDelayMs !== undefined) ?? null;
  const keySpecs = fieldSpecs(keys);
  if (plan.withinWatermark) {
    const keptMicros = BigInt(eventTime!.watermarkDelayMs!) * 1000n;
    const width = keptMicros / BUCKETS_PER_DELAY;
    return {
      kind: "deduplicate",
      index,
      keys,
      carried,
      eventTime,
      keptMicros,
      ...layouts(keySpecs, [{ name: "expiresAtMicros", dataType: TimestampType }], carried, {
        keyIndex: -1,
        valueIndex: 0,
        widthMicros: width > SECOND ? width : SECOND,
      }),
      state: { operatorId: index, operatorName: "dedupeWithinWatermark", watermarked: true },
    };
  }
  const timeKey = keys.find(({ watermarkDelayMs }) => watermarkDelayMs !== undefined);
  const bucket = timeKey && {
    // Its last field: of a window the end.
    keyIndex: fieldSpecs(keys.slice(0, keys.indexOf(timeKey) + 1)).length - 1,
    widthMicros: bucketWidth(timeKey, plan.child),
  };
  return {
    kind: "deduplicate",
    index,
    keys,
    carried,
    eventTime,
    keptMicros: null,
    ...layouts(keySpecs, [], carried, bucket),
    state: { operatorId: index, operatorName: "dedupe", watermarked: timeKey !== undefined },
  };
}

export function planLimit(plan: Limit, index: number, output: readonly Attribute[]): LimitOperator {
  return {
    kind: "limit",
    index,
    keys: [],
    carried: output,
    // A u32 in generated code and kernels.
    limit: Math.min(plan.limit, 0xffff_ffff),
    ...layouts([], [{ name: "value", dataType: LongType }], output),
    state: { operatorId: index, operatorName: "globalLimit", watermarked: false },
  };
}

/** Both layouts place keys and state values alike, so that a shuffled row can be taken for one of the state. */
function layouts(
  keys: readonly RowFieldSpec[],
  values: readonly RowFieldSpec[],
  carried: readonly Attribute[],
  bucket?: Parameters<typeof rowLayout>[2],
): { readonly layout: RowLayout; readonly shuffled: RowLayout } {
  const behind = fieldSpecs(carried);
  const layout = rowLayout(keys, values, bucket);
  const shuffled = rowLayout(keys, [...values, ...behind], bucket);
  return { layout: shuffled.version === 1 ? withNullWords(layout) : layout, shuffled };
}
