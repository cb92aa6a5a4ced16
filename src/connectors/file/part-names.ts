/** Names of part files. Both threads: the sink finds an attempt's files by them. */
import { createHash } from "node:crypto";

/** A UUID made from what names an attempt, so that its files can be told from those of any other. */
export function attemptUuid(queryId: string, attempt: string): string {
  const hex = createHash("sha256").update(`${queryId}/${attempt}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** `part-00003-<uuid>-c000.json` */
export function partName(taskIndex: number, uuid: string, extension: string): string {
  return `part-${String(taskIndex).padStart(5, "0")}-${uuid}-c000.${extension}`;
}
