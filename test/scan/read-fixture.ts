/** Reads text through a split reader as a worker would: splits of an in-memory file, blocks back as rows. No file may stay open, whatever is thrown. */
import assert from "node:assert/strict";
import { ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import { leavesOf, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { ConnectorOptions, type OptionSpecs } from "../../src/connectors/options.ts";
import type { ReaderContext, Split, SplitReader } from "../../src/connectors/source.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { makeKernels, toRows } from "./kernel-fixture.ts";

export interface ReadSettings {
  readonly reader: SplitReader;
  readonly specs: OptionSpecs;
  readonly schema: StructType;
  readonly options?: Record<string, string>;
  readonly needed?: readonly boolean[];
  readonly timeZone?: string;
  /** Where the file is cut, ascending; default: one split. */
  readonly cuts?: readonly number[];
}

let shared: Kernels | undefined;

export function readBytes(bytes: Uint8Array, settings: ReadSettings): { rows: Value[][]; malformed: number; blockRows: number[] } {
  const kernels = (shared ??= makeKernels());
  const leaves = leavesOf(settings.schema);
  let filesOpen = 0;
  const context: ReaderContext = {
    kernels,
    files: {
      openReadSync: () => (
        filesOpen++,
        {
          read: (into, position) => {
            const part = bytes.subarray(position, position + into.length);
            into.set(part);
            return part.length;
          },
          append: () => {},
          write: () => {},
          sync: () => {},
          sizeBytes: () => bytes.length,
          close: () => filesOpen--,
        }
      ),
    },
    options: new ConnectorOptions(settings.reader.name, settings.options ?? {}, settings.specs),
    schema: settings.schema,
    leaves,
    needed: settings.needed ?? leaves.map(() => true),
    predicates: [],
    timeZone: settings.timeZone ?? "UTC",
  };
  const edges = [0, ...(settings.cuts ?? []), bytes.length];
  const rows: Value[][] = [];
  const blockRows: number[] = [];
  let malformed = 0;
  const readSplit = (split: Split): void => {
    const cursor = settings.reader.open(split, context);
    try {
      for (let block = cursor.next(); block !== 0; block = cursor.next()) {
        const read = toRows(kernels, settings.schema, [block]);
        rows.push(...read);
        blockRows.push(read.length);
        if (cursor.reusableBytes) cursor.reuse!();
      }
      malformed += cursor.metrics.malformed;
    } finally {
      cursor.close();
      kernels.exports.arena_reset!(ARENA_SPLIT);
    }
  };
  for (let at = 0; at + 1 < edges.length; at++) {
    const start = edges[at]!;
    try {
      readSplit({ reader: settings.reader.name, path: "/data/file", start, length: edges[at + 1]! - start, sizeBytes: bytes.length });
    } finally {
      assert.equal(filesOpen, 0, "files left open");
    }
  }
  return { rows, malformed, blockRows };
}

export const readText = (text: string, settings: ReadSettings): Value[][] => readBytes(new TextEncoder().encode(text), settings).rows;
