/**
 * The text form of one log file, shared by the offset log and the commit log. Spark's layout, with our fields inside the metadata:
 *
 *     v1
 *     {"batchWatermarkMs":0,…,"millrace":{"formatVersion":1,"queryId":"…","batchId":7,…,"checksum":"9ae0daaf"}}
 *     {"logOffset":3}
 *
 * `millrace` is the last member of the metadata and `checksum` the last member of `millrace`, so line 2 ends with
 * `"checksum":"xxxxxxxx"}}`. The checksum is the CRC-32C, in lower-case hex, of the bytes of the whole file with those eight digits
 * replaced by `00000000`. The file has no final line feed.
 */
import { crc32c } from "../base/crc32c.ts";
import { CheckpointError, newerFile } from "../base/errors.ts";

const LOG_VERSION = 1;
const FORMAT_VERSION = 1;

export type JsonObject = Readonly<Record<string, unknown>>;

export interface LogFile {
  /** Line 2 without `millrace`. */
  readonly metadata: JsonObject;
  readonly millrace: JsonObject;
  /** Lines 3 and later. */
  readonly lines: readonly string[];
}

/** Who must have written a file; a file of another query or batch under this name is damage. */
export interface LogFileIdentity {
  readonly queryId: string;
  readonly batchId: number;
}

const CHECKSUM_DIGITS = 8;
const BLANK = "0".repeat(CHECKSUM_DIGITS);
const TAIL = /"checksum":"([0-9a-f]{8})"\}\}$/;
const TAIL_AFTER_DIGITS_BYTES = 3;

export function encodeLogFile(metadata: JsonObject, identity: LogFileIdentity, fields: JsonObject, lines: readonly string[]): Uint8Array {
  const millrace = { formatVersion: FORMAT_VERSION, queryId: identity.queryId, batchId: identity.batchId, ...fields, checksum: BLANK };
  const head = `v${LOG_VERSION}\n${JSON.stringify({ ...metadata, millrace })}`;
  const bytes = Buffer.from([head, ...lines].join("\n"));
  const digitsAt = Buffer.byteLength(head) - TAIL_AFTER_DIGITS_BYTES - CHECKSUM_DIGITS;
  bytes.write(toHex(crc32c(bytes)), digitsAt, "latin1");
  return bytes;
}

/**
 * Checks and parses a log file. Throws a `CheckpointError`: `CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED` (damaged, or of another query or
 * batch), `CHECKPOINT_FOREIGN` (written by Spark), `UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION` (newer).
 */
export function decodeLogFile(fileName: string, content: Uint8Array, identity: LogFileIdentity): LogFile {
  const damaged = (offset: number, reason: string) => damagedFile(fileName, offset, reason);
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (bytes.length === 0) throw damaged(0, "the file is empty");
  const versionEnd = bytes.indexOf(10);
  if (versionEnd < 0) throw damaged(bytes.length, "the file ends in its first line");
  const nextLine = bytes.indexOf(10, versionEnd + 1);
  const metadataEnd = nextLine < 0 ? bytes.length : nextLine;
  const versionLine = bytes.toString("utf8", 0, versionEnd);
  const metadataLine = bytes.toString("utf8", versionEnd + 1, metadataEnd);

  const stored = TAIL.exec(metadataLine)?.[1];
  if (stored !== undefined) {
    const digitsAt = metadataEnd - TAIL_AFTER_DIGITS_BYTES - CHECKSUM_DIGITS;
    const blanked = Buffer.from(bytes);
    blanked.write(BLANK, digitsAt, "latin1");
    const computed = toHex(crc32c(blanked));
    if (computed !== stored) throw damaged(digitsAt, `the stored checksum is ${stored}, that of the content ${computed}`);
  }

  const version = Number(/^v(\d+)$/.exec(versionLine)?.[1] ?? Number.NaN);
  if (Number.isNaN(version)) throw damaged(0, `the first line is not a version but ${JSON.stringify(versionLine.slice(0, 20))}`);
  if (version > LOG_VERSION) throw newerFile(fileName, LOG_VERSION, version);

  const parsed = parseObject(metadataLine);
  if (parsed === null) throw damaged(versionEnd + 1, "the second line is not a JSON object");
  const { millrace, ...metadata } = parsed as { millrace?: JsonObject };
  if (millrace === undefined) throw new CheckpointError("CHECKPOINT_FOREIGN", { fileName });
  if (Number(millrace["formatVersion"]) > FORMAT_VERSION) throw newerFile(fileName, FORMAT_VERSION, Number(millrace["formatVersion"]));
  if (stored === undefined) throw damaged(metadataEnd, "the second line does not end with a checksum");
  if (millrace["queryId"] !== identity.queryId) {
    throw damaged(versionEnd + 1, `it belongs to query ${String(millrace["queryId"])}, not to ${identity.queryId}`);
  }
  if (millrace["batchId"] !== identity.batchId) throw damaged(versionEnd + 1, `it is the record of batch ${String(millrace["batchId"])}`);
  const lines = nextLine < 0 ? [] : bytes.toString("utf8", nextLine + 1).split("\n");
  return { metadata, millrace, lines };
}

export function damagedFile(fileName: string, offset: number, reason: string): CheckpointError {
  return new CheckpointError("CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED", { fileName, offset: String(offset), reason });
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

function toHex(crc: number): string {
  return crc.toString(16).padStart(CHECKSUM_DIGITS, "0");
}
