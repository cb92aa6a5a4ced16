import type { Session, StreamingQuery } from "../../src/index.ts";

export interface WindowsOptions {
  readonly format?: string;
  /** Options of the reader. */
  readonly read?: Readonly<Record<string, string | number>>;
}

export function startWindows(spark: Session, directory: string, options?: WindowsOptions): Promise<StreamingQuery>;
