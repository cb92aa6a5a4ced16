/**
 * A checksum inside a text that ends with a JSON object: its last member, `"checksum":"xxxxxxxx"`, is the CRC-32C, in lower-case hex, of the
 * whole text in UTF-8 with those eight digits replaced by `00000000`. Readers that do not know it see one member more. Used for the logs of
 * file sources and file sinks and for descriptions of operators; the logs of `checkpoint/` have the same inside their metadata.
 */
import { crc32c } from "./crc32c.ts";

const BLANK = "00000000";
const SEAL = /,"checksum":"([0-9a-f]{8})"\}$/;

/** `text`, which ends with a non-empty JSON object, with a checksum in it. */
export function sealText(text: string): string {
  return `${text.slice(0, -1)},"checksum":"${checksum(text)}"}`;
}

/** The text that was sealed, or null when it has changed since. A text without a seal is `unsealed`. */
export function unsealText(sealed: string): { readonly text: string; readonly isSealed: boolean } | null {
  const match = SEAL.exec(sealed);
  if (match === null) return { text: sealed, isSealed: false };
  const text = `${sealed.slice(0, match.index)}}`;
  return match[1] === checksum(text) ? { text, isSealed: true } : null;
}

function checksum(text: string): string {
  const blanked = `${text.slice(0, -1)},"checksum":"${BLANK}"}`;
  return crc32c(Buffer.from(blanked)).toString(16).padStart(BLANK.length, "0");
}
