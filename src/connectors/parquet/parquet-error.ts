/** Errors of damaged or unusual Parquet files, with the place in the file. Every thread. */
import { ConnectorError } from "../../base/errors.ts";
import { fileUri } from "../file/file-listing.ts";

export interface ParquetPlace {
  readonly path: string;
  /** Dotted path of the column, index of the row group. */
  readonly column: string;
  readonly rowGroup: number;
  /** Byte offset in the file. */
  readonly offset: number;
}

export function footerError(path: string, reason: string, cause?: unknown): ConnectorError {
  return new ConnectorError("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER", { path: fileUri(path), reason }, { cause });
}

export function damaged(place: ParquetPlace, reason: string, cause?: unknown): ConnectorError {
  return new ConnectorError("FAILED_READ_FILE.PARQUET_DATA_INVALID", { ...parameters(place), reason }, { cause });
}

export function unsupported(place: ParquetPlace, feature: string): ConnectorError {
  return new ConnectorError("FAILED_READ_FILE.PARQUET_FEATURE_NOT_SUPPORTED", { ...parameters(place), feature });
}

const parameters = ({ path, column, rowGroup, offset }: ParquetPlace): Record<string, string> => ({
  path: fileUri(path),
  column: `[${column}]`,
  rowGroup: String(rowGroup),
  offset: String(offset),
});
