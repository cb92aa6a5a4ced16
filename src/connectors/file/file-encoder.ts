/** How a format turns blocks into the bytes of one file. Workers. */
import type { StructType } from "../../columnar/types.ts";
import type { Kernels } from "../../kernels/load.ts";
import type { ConnectorOptions } from "../options.ts";

export interface FileEncoder {
  open(schema: StructType, options: ConnectorOptions, kernels: Kernels, timeZone: string): OpenFileEncoder;
}

export interface OpenFileEncoder {
  /** Takes the rows of a block whose columns are the leaves of the schema. */
  append(block: number): void;
  /** The bytes that are ready, from the file's start or since the last call. */
  take(): Uint8Array;
  /** What comes last (a footer); nothing can be appended afterwards. */
  finish?(): Uint8Array;
}
