/**
 * `state/<operator>/metadata` of a checkpoint: which rows the state of an operator has. Written at the first start, compared
 * at every later one. Main thread.
 */
import { CheckpointError } from "../base/errors.ts";
import { sealText, unsealText } from "../base/sealed-text.ts";
import { layoutDifference, type RowField, type RowLayout } from "../columnar/row-layout.ts";
import { simpleString } from "../columnar/types.ts";

export interface StateOperatorMetadata {
  readonly operatorId: number;
  /** Spark's name: `stateStoreSave`, `dedupe`, … */
  readonly operatorName: string;
  /** Fixed for the life of the checkpoint. */
  readonly partitionCount: number;
  readonly layout: RowLayout;
}

interface MetadataFile {
  readonly version: 1;
  readonly operators: readonly StateOperatorMetadata[];
}

/** With a checksum as its last member; bigints are written as `{"$bigint": "…"}`. */
export function stateMetadataJson(operators: readonly StateOperatorMetadata[]): string {
  const file: MetadataFile = { version: 1, operators };
  return sealText(JSON.stringify(file, (_, value: unknown) => (typeof value === "bigint" ? { $bigint: value.toString() } : value)));
}

/** Inverse of `stateMetadataJson`; `path` is for the message when the text is damaged or of an unknown version. */
export function parseStateMetadata(text: string, path: string): readonly StateOperatorMetadata[] {
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
  if (file?.version !== 1) {
    throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: `its version is ${String(file?.version)}, not 1` });
  }
  if (!Array.isArray(file.operators)) throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "it lists no operators" });
  if (!unsealed.isSealed) throw new CheckpointError("STATE_METADATA_CORRUPT", { path, reason: "its checksum is missing" });
  return file.operators;
}

/**
 * The layout to run with: that of the plan with the stored width of time buckets. Throws
 * STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE or STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE when the stored rows cannot be read so.
 */
export function compatibleLayout(stored: RowLayout, wanted: RowLayout): RowLayout {
  const part = layoutDifference(stored, wanted)?.part ?? placementDifference(stored, wanted);
  if (part === "key") {
    throw new CheckpointError("STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", {
      storedKeySchema: fieldsText(stored.keys) + panesText(stored),
      newKeySchema: fieldsText(wanted.keys) + panesText(wanted),
    });
  }
  if (part === "value") {
    throw new CheckpointError("STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", {
      storedValueSchema: fieldsText(stored.values),
      newValueSchema: fieldsText(wanted.values),
    });
  }
  return {
    ...wanted,
    bucket: wanted.bucket && stored.bucket ? { ...wanted.bucket, widthMicros: stored.bucket.widthMicros } : wanted.bucket,
  };
}

/** Equal types may still lie differently: sketches of another size, other time buckets. */
function placementDifference(stored: RowLayout, wanted: RowLayout): "key" | "value" | null {
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
