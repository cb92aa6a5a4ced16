/**
 * `operators/state` and `operators/state-<n>`: what the stateful operators of the query looked like from some batch on. Written once each; every
 * start is compared with the one that the newest commit record names, before anything else happens. Main thread.
 */
import type { RowLayout } from "../columnar/row-layout.ts";
import { CheckpointError } from "../base/errors.ts";
import type { LogStore } from "../connectors/source.ts";
import {
  compatibleLayout,
  type LayoutAgreement,
  parseStateSchema,
  schemaChain,
  type StateOperatorMetadata,
  type StateSchema,
  stateSchemaJson,
  withoutConsent,
} from "../state/state-metadata.ts";

const NAME = "state";
const FILE = /^state(?:-([1-9]\d*))?$/;

const fileName = (schema: number): string => (schema === 0 ? NAME : `${NAME}-${schema}`);

/** What a start wants, and what it knows of the checkpoint. */
export interface LayoutRequest {
  readonly log: LogStore;
  readonly wanted: readonly StateOperatorMetadata[];
  /** Of the checkpoint, for messages. */
  readonly path: string;
  /** No batch has been planned in this checkpoint yet, so what an earlier start left counts for nothing. */
  readonly isNew: boolean;
  /** Schema of the newest commit record; null: there is no record. */
  readonly committedSchema: number | null;
  /** Whether aggregates may begin empty or lose their state. */
  readonly mayLose: boolean;
}

/** The rows to run with. */
export interface AgreedState {
  readonly layouts: ReadonlyMap<number, RowLayout>;
  /** Schemas that state files may have, from the checkpoint's first to the one to write; empty: there is no state. */
  readonly schemas: readonly StateSchema[];
}

/**
 * Compares the program with the checkpoint, and stores a schema where it is another than before. That changes nothing yet: it counts from the first
 * commit record that names it, and until then the program of before goes on as if it was not there. Throws what `layoutsFor` throws, and
 * `STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY` when batches have run without any state.
 */
export async function agreeOnLayouts({ log, wanted, path, isNew, committedSchema, mayLose }: LayoutRequest): Promise<AgreedState> {
  if (isNew) for (const name of await log.list()) if (isSchemaName(name)) await log.remove(name);
  const known = await readSchemas(await log.list(), (name) => log.read(name), path);
  if (known.length === 0) {
    if (!isNew && wanted.length > 0) throw withoutState(wanted);
    const first: StateSchema = { schema: 0, parent: null, operators: wanted };
    if (wanted.length > 0) await log.putIfAbsent(NAME, stateSchemaJson(first));
    return { layouts: new Map(wanted.map(({ operatorId, layout }) => [operatorId, layout])), schemas: wanted.length > 0 ? [first] : [] };
  }
  const chain = currentChain(known, committedSchema, path);
  const base = chain.at(-1)!;
  const { layouts, isChanged } = layoutsFor(base.operators, wanted, mayLose);
  if (!isChanged) return { layouts, schemas: chain };
  const operators = wanted.map((operator) => ({ ...operator, layout: layouts.get(operator.operatorId)! }));
  const following = (schema: number): StateSchema => ({ schema, parent: base.schema, operators });
  // A start before this one that did not get to a commit, or one after which the checkpoint was taken back.
  const again = known.find(
    (schema) => schema.parent === base.schema && stateSchemaJson(schema) === stateSchemaJson(following(schema.schema)),
  );
  const next = again ?? following(Math.max(...known.map(({ schema }) => schema)) + 1);
  if (!again) await log.putIfAbsent(fileName(next.schema), stateSchemaJson(next));
  return { layouts, schemas: [...chain, next] };
}

/** Whether a file in `operators/` is a schema. */
export const isSchemaName = (name: string): boolean => FILE.test(name);

/** Every schema of a checkpoint, in no particular order. `names`: the files in `operators/`. */
export async function readSchemas(
  names: readonly string[],
  read: (name: string) => Promise<string | null>,
  path: string,
): Promise<readonly StateSchema[]> {
  const schemas: StateSchema[] = [];
  for (const name of names) {
    if (!isSchemaName(name)) continue;
    const text = await read(name);
    if (text !== null) schemas.push(parseStateSchema(text, `${path}/operators/${name}`));
  }
  return schemas;
}

/** From the first schema to the one in force: that of the newest commit record or, where there is no record, the newest of all. */
export function currentChain(known: readonly StateSchema[], committedSchema: number | null, path: string): readonly StateSchema[] {
  const current = committedSchema ?? Math.max(...known.map(({ schema }) => schema));
  const chain = schemaChain(known, current);
  if (chain) return chain;
  throw new CheckpointError("STATE_METADATA_CORRUPT", {
    path: `${path}/operators/${fileName(current)}`,
    reason: "it is missing, or one that it follows",
  });
}

/** For a checkpoint whose batches kept no state. */
export function withoutState(wanted: readonly StateOperatorMetadata[]): CheckpointError {
  return new CheckpointError("STREAMING_STATEFUL_OPERATOR_MISSING_STATE_DIRECTORY", { OpsInCurBatchSeq: describe(wanted) });
}

/**
 * Layouts under which the rows of `stored` operators serve the `wanted` ones. Throws `STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE`,
 * `STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE` (also where something would be lost and `mayLose` is not set),
 * `STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA`.
 */
export function layoutsFor(
  stored: readonly StateOperatorMetadata[],
  wanted: readonly StateOperatorMetadata[],
  mayLose: boolean,
): { readonly layouts: ReadonlyMap<number, RowLayout>; readonly isChanged: boolean } {
  if (describe(stored) !== describe(wanted)) {
    throw new CheckpointError("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA", {
      OpsInMetadataSeq: describe(stored),
      OpsInCurBatchSeq: describe(wanted),
    });
  }
  const agreements = stored.map(({ operatorId, operatorName, layout }, index): readonly [number, LayoutAgreement] => {
    const name = `Operator ${operatorId} (${operatorName})`;
    const { layout: now } = wanted[index]!;
    const agreement = compatibleLayout(layout, now, name);
    if (agreement.losses.length > 0 && !mayLose) throw withoutConsent(layout, now, name, agreement.losses);
    return [operatorId, agreement];
  });
  return {
    layouts: new Map(agreements.map(([operatorId, { layout }]) => [operatorId, layout])),
    isChanged: agreements.some(([, agreement]) => agreement.isChanged),
  };
}

const describe = (operators: readonly StateOperatorMetadata[]): string =>
  operators.map(({ operatorId, operatorName }) => `(OperatorId: ${operatorId} -> OperatorName: ${operatorName})`).join(", ");
