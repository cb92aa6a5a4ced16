/**
 * `operators/state`: what the stateful operators of the query's first start looked like. Written once; every later start is compared with it
 * before anything else happens. Main thread.
 */
import type { RowLayout } from "../columnar/row-layout.ts";
import { CheckpointError } from "../base/errors.ts";
import type { LogStore } from "../connectors/source.ts";
import { compatibleLayout, parseStateMetadata, type StateOperatorMetadata, stateMetadataJson } from "../state/state-metadata.ts";

const NAME = "state";

/**
 * The layouts to run with, by operator id; stores them at the first start. `isNew`: no batch has been planned in this checkpoint yet, so what an earlier
 * start left counts for nothing. Throws what `layoutsFor` throws, and `STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY` when batches
 * have run without any state.
 */
export async function agreeOnLayouts(
  log: LogStore,
  wanted: readonly StateOperatorMetadata[],
  path: string,
  isNew: boolean,
): Promise<ReadonlyMap<number, RowLayout>> {
  if (isNew) await log.remove(NAME);
  const text = await log.read(NAME);
  if (text !== null) return layoutsFor(parseStateMetadata(text, `${path}/operators/${NAME}`), wanted);
  if (!isNew && wanted.length > 0) throw withoutState(wanted);
  if (wanted.length > 0) await log.putIfAbsent(NAME, stateMetadataJson(wanted));
  return new Map(wanted.map(({ operatorId, layout }) => [operatorId, layout]));
}

/** For a checkpoint whose batches kept no state. */
export function withoutState(wanted: readonly StateOperatorMetadata[]): CheckpointError {
  return new CheckpointError("STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY", { OpsInCurBatchSeq: describe(wanted) });
}

/**
 * Layouts under which the rows of `stored` operators serve the `wanted` ones. Throws `STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE`,
 * `STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE`, `STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA`.
 */
export function layoutsFor(
  stored: readonly StateOperatorMetadata[],
  wanted: readonly StateOperatorMetadata[],
): ReadonlyMap<number, RowLayout> {
  if (describe(stored) !== describe(wanted)) {
    throw new CheckpointError("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA", {
      OpsInMetadataSeq: describe(stored),
      OpsInCurBatchSeq: describe(wanted),
    });
  }
  return new Map(stored.map(({ operatorId, layout }, i) => [operatorId, compatibleLayout(layout, wanted[i]!.layout)]));
}

const describe = (operators: readonly StateOperatorMetadata[]): string =>
  operators.map(({ operatorId, operatorName }) => `(OperatorId: ${operatorId} -> OperatorName: ${operatorName})`).join(", ");
