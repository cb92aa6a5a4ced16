/**
 * `operators/state` of a checkpoint: which rows the state of each operator has. Written at the first start, compared at every later one. A start of
 * a changed program that can go on with the state adds `operators/state-<n>`: a schema that follows from an earlier one. Main thread.
 */
import { CheckpointError, newerFile } from "../base/errors.ts";
import { sealText, unsealText } from "../base/sealed-text.ts";
import { layoutDifference, type RowField, type RowLayout, withNullWords } from "../columnar/row-layout.ts";
import { simpleString } from "../columnar/types.ts";
import { planRowMigration, startText, typesText } from "./state-migration.ts";

export interface StateOperatorMetadata {
  readonly operatorId: number;
  /** Spark's name: `stateStoreSave`, `dedupe`, … */
  readonly operatorName: string;
  /** Fixed for the life of the checkpoint. */
  readonly partitionCount: number;
  readonly layout: RowLayout;
}

/** The rows of all operators from some batch on. */
export interface StateSchema {
  /** 0 is that of the first start. State files and commit records name it. */
  readonly schema: number;
  /** The schema that this one follows; null for the first. */
  readonly parent: number | null;
  readonly operators: readonly StateOperatorMetadata[];
}

interface MetadataFile extends Partial<StateSchema> {
  /** 2: some rows have their null bits in the header. */
  readonly version: 1 | 2;
  readonly operators: readonly StateOperatorMetadata[];
}

const VERSION_MAX = 2;

/** With a checksum as its last member; bigints are written as `{"$bigint": "…"}`. */
export function stateSchemaJson({ schema, parent, operators }: StateSchema): string {
  const version = operators.some(({ layout }) => layout.version === 2) ? 2 : 1;
  const file: MetadataFile = schema === 0 ? { version, operators } : { version, schema, parent: parent ?? 0, operators };
  return sealText(JSON.stringify(file, (_, value: unknown) => (typeof value === "bigint" ? { $bigint: value.toString() } : value)));
}

/** Inverse of `stateSchemaJson`; `path` is for the message when the text is damaged or of an unknown version. */
export function parseStateSchema(text: string, path: string): StateSchema {
  const unsealed = unsealText(text);
  if (unsealed === null) throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "its checksum is wrong" });
  let file: Partial<MetadataFile>;
  try {
    file = JSON.parse(unsealed.text, (_, value: unknown) =>
      value !== null && typeof value === "object" && "$bigint" in value ? BigInt(String(value.$bigint)) : value,
    ) as Partial<MetadataFile>;
  } catch (cause) {
    throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "it is not JSON" }, { cause });
  }
  const version = Number(file?.version);
  if (version > VERSION_MAX && unsealed.isSealed) throw newerFile(path, VERSION_MAX, version);
  if (version !== 1 && version !== VERSION_MAX) {
    throw new CheckpointError("STATE_METADATA_CORRUPT", {
      path,
      reason: `its version is ${String(file?.version)}, not 1 or ${VERSION_MAX}`,
    });
  }
  if (!Array.isArray(file.operators)) throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "it lists no operators" });
  if (!unsealed.isSealed) throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "its checksum is missing" });
  const { schema = 0, parent = null, operators } = file;
  return { schema, parent, operators };
}

/** From the first schema to `schema`, each followed by the next; null where one is missing. */
export function schemaChain(all: readonly StateSchema[], schema: number): readonly StateSchema[] | null {
  const chain: StateSchema[] = [];
  for (let wanted: number | null = schema; wanted !== null;) {
    const found = all.find((candidate) => candidate.schema === wanted);
    if (!found || chain.includes(found)) return null;
    chain.unshift(found);
    wanted = found.parent;
  }
  return chain;
}

/** The layout to run with, and what that means for the rows that are there. */
export interface LayoutAgreement {
  /** That of the plan with the stored width of time buckets. */
  readonly layout: RowLayout;
  /** The rows must be rewritten, or what they are called has changed: the checkpoint needs another schema. */
  readonly isChanged: boolean;
  /** Sentences about state that begins empty or is lost: what a program must agree to. */
  readonly losses: readonly string[];
}

/**
 * How a plan whose rows are `wanted` goes on with rows that are `stored`. Throws `STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE` or
 * `STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE` when it cannot; `operator` names the operator in these messages.
 */
export function compatibleLayout(stored: RowLayout, planned: RowLayout, operator = "The operator"): LayoutAgreement {
  // Rows stay as they are for the life of a checkpoint, unless they get too many fields for that.
  const wanted = stored.version === 1 ? withNullWords(planned) : planned;
  const part = layoutDifference(stored, wanted)?.part ?? placementDifference(stored, wanted);
  if (part === "key") {
    throw new CheckpointError("STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", {
      storedKeySchema: fieldsText(stored.keys) + panesText(stored),
      newKeySchema: fieldsText(wanted.keys) + panesText(wanted),
      difference: `${operator} finds its state by these keys: under others, or other windows, there is none. Start with a new checkpoint, or go back to the program that had the existing ones; millrace checkpoint diff shows everything that differs.`,
    });
  }
  const layout = {
    ...wanted,
    bucket: wanted.bucket && stored.bucket ? { ...wanted.bucket, widthMicros: stored.bucket.widthMicros } : wanted.bucket,
  };
  if (!wanted.aggregates) {
    if (part === "value") throw valueDifference(stored, wanted, `${operator} keeps other values. ${REMEDY}`);
    return { layout, isChanged: stored.version !== wanted.version, losses: [] };
  }
  if (!stored.aggregates && stored.values.length !== wanted.values.length) {
    throw valueDifference(stored, wanted, `${operator}: the checkpoint does not say which aggregates it has the state of. ${REMEDY}`);
  }
  const { pairs, impossible, isIdentity } = planRowMigration(stored, wanted);
  if (impossible.length > 0) throw valueDifference(stored, wanted, `${operator} cannot go on: ${impossible.join("; ")}. ${REMEDY}`);
  const losses = pairs.flatMap(({ stored: before, wanted: now }) => {
    if (before === null) return [`${now!.call} is new and starts with ${startText(now!, wanted)} in groups that exist`];
    return now === null ? [`the state of ${before.call} (${typesText(before, stored)}) is lost`] : [];
  });
  const isRenamed = stored.aggregates !== undefined && pairs.some((pair) => pair.stored?.call !== pair.wanted?.call);
  return { layout, isChanged: !isIdentity || isRenamed, losses };
}

const REMEDY =
  "Go back to the program before, or take the checkpoint back to a batch that it can go on from (millrace checkpoint rollback), or start with a new checkpoint; millrace checkpoint diff shows everything that differs.";

/** For a program that has not agreed to `losses`. */
export function withoutConsent(stored: RowLayout, wanted: RowLayout, operator: string, losses: readonly string[]): CheckpointError {
  const what = losses.join("; ");
  return valueDifference(
    stored,
    wanted,
    `${operator}: ${what}. To start so, set millrace.state.migrate to true; otherwise go back to the program before. millrace checkpoint diff shows everything that differs.`,
  );
}

function valueDifference(stored: RowLayout, wanted: RowLayout, difference: string): CheckpointError {
  return new CheckpointError("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", {
    storedValueSchema: fieldsText(stored.values),
    newValueSchema: fieldsText(wanted.values),
    difference,
  });
}

/** Equal types may still lie differently: sketches of another size, other time buckets. Where their null bits are does not matter. */
function placementDifference(storedRows: RowLayout, wantedRows: RowLayout): "key" | "value" | null {
  const [stored, wanted] = [withNullWords(storedRows), withNullWords(wantedRows)];
  const offsets = (fields: readonly RowField[]): string => fields.map((field) => field.offset).join();
  if (offsets(stored.keys) !== offsets(wanted.keys) || stored.bucket?.keyIndex !== wanted.bucket?.keyIndex) return "key";
  if (panesText(stored) !== panesText(wanted)) return "key";
  if (offsets(stored.values) !== offsets(wanted.values) || stored.rowBytes !== wanted.rowBytes) return "value";
  return null;
}

const panesText = ({ panes }: RowLayout): string =>
  panes
    ? ` in panes of ${panes.paneMicros} microseconds for windows of ${panes.windowMicros} every ${panes.slideMicros} from ${panes.startMicros}`
    : "";

const fieldsText = (fields: readonly RowField[]): string =>
  `struct<${fields.map((field) => `${field.name}:${simpleString(field.dataType)}`).join(",")}>`;
