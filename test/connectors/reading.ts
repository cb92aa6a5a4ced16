/** What a worker does with splits, for tests: opens the reader, collects the rows, resets the arena. */
import { ARENA_SPLIT } from "../../src/columnar/memory-layout.ts";
import type { ScanPredicate } from "../../src/columnar/scan-predicate.ts";
import { leavesOf, type StructType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import type { ConnectorOptions } from "../../src/connectors/options.ts";
import { splitReader } from "../../src/connectors/readers.ts";
import type { LogStore, RowSelection, SourceContext, Split, SplitReader } from "../../src/connectors/source.ts";
import type { Kernels } from "../../src/kernels/load.ts";
import { toRows } from "../scan/kernel-fixture.ts";

export interface Reading {
  readonly kernels: Kernels;
  readonly schema: StructType;
  readonly options: ConnectorOptions;
  readonly files?: any;
  readonly timeZone?: string;
  /** A reader of the test's own; `readers.ts` otherwise. */
  readonly reader?: SplitReader;
  /** Dotted leaf paths that the query looks at; all if not given. */
  readonly wanted?: readonly string[];
  readonly predicates?: readonly ScanPredicate[];
  readonly selection?: RowSelection;
  /** Sees each block while its splits' memory is as it was made. */
  readonly onBlock?: (block: number) => void;
}

/** Rows of one split after the other. Columns that are not wanted come as null. */
export function readSplits(reading: Reading, splits: readonly Split[], attachments: readonly Uint8Array[] = []): Value[][] {
  const { kernels, schema, options, wanted } = reading;
  const leaves = leavesOf(schema);
  return splits.flatMap((split, index) => {
    const cursor = (reading.reader ?? splitReader(split.reader)).open(
      split,
      {
        kernels,
        schema,
        options,
        leaves,
        needed: leaves.map((leaf) => !wanted || wanted.includes(leaf.path.join("."))),
        files: reading.files,
        predicates: reading.predicates ?? [],
        timeZone: reading.timeZone ?? "UTC",
        selection: reading.selection ?? null,
      },
      attachments[index],
    );
    const rows: Value[][] = [];
    for (let block = cursor.next(); block !== 0; block = cursor.next()) {
      reading.onBlock?.(block);
      rows.push(...toRows(kernels, schema, [block]));
    }
    cursor.close();
    kernels.exports["arena_reset"]!(ARENA_SPLIT);
    return rows;
  });
}

/** A log in memory. */
export class MemoryLog implements LogStore {
  readonly directory = "/log";
  readonly files = new Map<string, string>();
  async read(name: string): Promise<string | null> {
    return this.files.get(name) ?? null;
  }
  async putIfAbsent(name: string, text: string): Promise<boolean> {
    if (this.files.has(name)) return false;
    this.files.set(name, text);
    return true;
  }
  async list(): Promise<readonly string[]> {
    return [...this.files.keys()];
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
}

/** A context for a source's coordinator half; `nowMs` is what its clock says. */
export function sourceContext(
  options: ConnectorOptions,
  rest: Partial<SourceContext> & { clock?: { nowMs(): number } } = {},
): SourceContext {
  const { clock = { nowMs: () => 0 }, ...given } = rest;
  return {
    ports: { clock: { monotonicMs: () => 0, ...clock } } as SourceContext["ports"],
    options,
    paths: [],
    schema: null,
    log: new MemoryLog(),
    conf: new Map(),
    parallelism: 2,
    nowMs: 0,
    ...given,
  };
}
