/** `withWatermark`: checks the event time, computes the delay, marks the column. A batch plan loses the node. Main thread. */
import { IllegalArgumentError } from "../../base/errors.ts";
import type { DataType } from "../../columnar/types.ts";
import type { Attribute } from "../expr/expression.ts";
import { intervalMicros, parseInterval } from "../expr/interval.ts";
import { quotedName, quotedSql, quotedType } from "../expr/sql-text.ts";
import type { LogicalPlan, WithWatermark } from "../logical/nodes.ts";
import { isStreaming, outputOf } from "../logical/output.ts";
import { walkPlan } from "../tree.ts";
import { analysisError } from "./context.ts";
import type { ExpressionResolver } from "./resolve-expressions.ts";
import { scopeOf } from "./resolve-names.ts";
import { typeOf } from "../expr/expression-type.ts";

/**
 * Throws `CANNOT_PARSE_INTERVAL`, `INVALID_PARAMETER_VALUE.DELAY_THRESHOLD`, `EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE` and, for a
 * stream that has a watermark already, `_LEGACY_ERROR_TEMP_3102` (Redefining watermark …).
 */
export function resolveWatermark(node: WithWatermark, child: LogicalPlan, resolver: ExpressionResolver): LogicalPlan {
  const eventTime = resolver.resolve(node.eventTime, scopeOf([child], resolver.caseSensitive));
  const delayMs = delayMillis(node.delay);
  const type = typeOf(eventTime);
  if (!isEventTime(type)) {
    const eventName = eventTime.kind === "attribute" ? quotedName([eventTime.name]) : quotedSql(eventTime);
    throw analysisError("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", { eventName, eventType: quotedType(type) });
  }
  if (eventTime.kind !== "attribute") throw analysisError("EVENT_TIME_MUST_BE_TOP_LEVEL_COLUMN", { eventExpr: quotedSql(eventTime) });
  if (!isStreaming(child)) return child;
  if ([...walkPlan(child)].some((below) => below.kind === "with_watermark")) {
    throw analysisError("_LEGACY_ERROR_TEMP_3102", {
      msg:
        "Redefining watermark is disallowed. You can set the config 'spark.sql.streaming.statefulOperator.allowMultiple' to 'false' to " +
        "restore the previous behavior. Note that multiple stateful operators will be disallowed.",
    });
  }
  const output = outputOf(child).map((attribute) => (attribute.id === eventTime.id ? marked(attribute, delayMs) : unmarked(attribute)));
  return Object.freeze({ ...node, child, eventTime, delayMs, output });
}

function delayMillis(delay: string): number {
  const micros = intervalMicros(parseInterval(delay));
  if (micros < 0n) throw new IllegalArgumentError("INVALID_PARAMETER_VALUE.DELAY_THRESHOLD", { delayThreshold: delay });
  return Number(micros / 1000n);
}

/** A timestamp, or a struct (a window) whose `end` is one. */
function isEventTime(type: DataType): boolean {
  if (type.kind === "struct") return type.fields.some((field) => field.name === "end" && isEventTime(field.dataType));
  return type.kind === "timestamp" || type.kind === "timestamp_ntz";
}

const marked = (attribute: Attribute, watermarkDelayMs: number): Attribute => Object.freeze({ ...attribute, watermarkDelayMs });

function unmarked(attribute: Attribute): Attribute {
  if (attribute.watermarkDelayMs === undefined) return attribute;
  const { watermarkDelayMs: _, ...rest } = attribute;
  return Object.freeze(rest);
}
