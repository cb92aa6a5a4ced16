/** State files of one row layout, loaded as another: every row comes through, however long, from changes and from chunks. */
import { describe, expect, test } from "vitest";
import type { RowAggregate, RowFieldSpec, RowLayout } from "../../src/columnar/row-layout.ts";
import { rowLayout, withNullWords } from "../../src/columnar/row-layout.ts";
import { IntegerType, LongType, StringType } from "../../src/columnar/types.ts";
import { ChunkStager } from "../../src/state/chunk-stager.ts";
import { ChunkWriter } from "../../src/state/chunk-writer.ts";
import { migratingTargets } from "../../src/state/frame-migration.ts";
import { restoreStateFile, StateBuffer, StateFileWriter } from "../../src/state/state-file.ts";
import type { StateSchema } from "../../src/state/state-metadata.ts";
import { StateStore } from "../../src/state/state-store.ts";
import { MemoryFileSystem } from "../support/memory-file-system.ts";
import { testPorts } from "../support/test-ports.ts";
import { keyText, newKernels, RowCodec, type TestRow, type TestValue } from "./row-codec.ts";
import { header, MemoryFile } from "./store-harness.ts";

const PARTITIONS = 4;

interface TestAggregate {
  readonly call: string;
  readonly field: RowFieldSpec;
  readonly initial: bigint | null;
}

const aggregate = (call: string, field: RowFieldSpec, initial: bigint | null): TestAggregate => ({ call, field, initial });
const text = aggregate("max(s)", { name: "max.max", dataType: StringType }, null);
const rows = aggregate("count(1)", { name: "count.count", dataType: LongType }, 0n);
const least = aggregate("min(i)", { name: "min.min", dataType: IntegerType }, null);
const leastLong = aggregate("min(i)", { name: "min.min", dataType: LongType }, null);
const total = aggregate("sum(j)", { name: "sum.sum", dataType: LongType }, null);

/** Where rows have their null bits. */
type Nulls = "header" | "words";

function layoutOf(aggregates: readonly TestAggregate[], nulls: Nulls): RowLayout {
  const keys = [
    { name: "id", dataType: LongType },
    { name: "name", dataType: StringType },
  ];
  const inHeader = rowLayout(
    keys,
    aggregates.map(({ field }) => field),
  );
  const layout = nulls === "header" ? inHeader : withNullWords(inHeader);
  return {
    ...layout,
    aggregates: aggregates.map(({ call, initial }, index): RowAggregate => {
      return { call, castless: call, encoding: "", firstField: index, fieldCount: 1, initial: [initial] };
    }),
  };
}

const schemaOf = (schema: number, aggregates: readonly TestAggregate[], nulls: Nulls): StateSchema => ({
  schema,
  parent: schema === 0 ? null : schema - 1,
  operators: [{ operatorId: 7, operatorName: "stateStoreSave", partitionCount: PARTITIONS, layout: layoutOf(aggregates, nulls) }],
});

const kernels = newKernels();

function storeOf(layout: RowLayout, [workerIndex, workerCount] = [0, 1]): StateStore {
  return new StateStore(kernels, { operatorId: 7, layout, partitionCount: PARTITIONS, workerIndex, workerCount, dropsLateRows: false });
}

/** A batch that puts `put` and, after a commit, one that removes `removed`: the change files of both and a snapshot in between. */
function written(layout: RowLayout, put: readonly { keys: TestRow; values: TestRow }[], removed: readonly TestRow[]) {
  const store = storeOf(layout);
  const codec = new RowCodec(kernels, layout);
  const buffer = new StateBuffer(kernels);
  const changes = (batchId: number): MemoryFile => {
    const file = new MemoryFile();
    const writer = new StateFileWriter(buffer, file, header("changes", batchId));
    store.writeChanges(writer, batchId);
    writer.finish();
    return file;
  };
  const end = (): void => {
    store.commit();
    kernels.exports["arena_reset"]!(1);
  };
  store.begin(1);
  for (const { keys, values } of put) kernels.exports["store_upsert"]!(store.handle, codec.write(keys, values), 0);
  const first = changes(0);
  end();
  const snapshot = new MemoryFile();
  const operators = [{ operatorId: 7, partitionCount: PARTITIONS, rowBytes: layout.rowBytes, widthMicros: 1n }];
  const target = { path: "/checkpoint", queryId: header("changes", 0).queryId, inode: 1, bootId: "boot", operators, schema: 0 };
  const chunks = new ChunkWriter(testPorts(new MemoryFileSystem()), buffer, target);
  const stager = new ChunkStager(kernels, [store]);
  const staging = new Uint8Array(1 << 20);
  for (let begins: "changed" | "no" = "changed", isDone = false; !isDone; begins = "no") {
    const slice = stager.slice(staging, begins, () => false);
    chunks.write([{ ...slice, buffer: staging, batchId: 0 }], 0);
    isDone = slice.isDone;
  }
  chunks.snapshot(snapshot, header("snapshot", 0));
  store.begin(2);
  for (const keys of removed) {
    const row = kernels.exports["store_find"]!(
      store.handle,
      codec.write(
        keys,
        layout.values.map(() => null),
      ),
      0,
    ) as number;
    kernels.exports["store_remove"]!(store.handle, row);
  }
  const second = changes(1);
  end();
  return { first, snapshot, second };
}

function contents(store: StateStore): Map<string, TestValue[]> {
  const codec = new RowCodec(kernels, store.layout);
  return new Map(
    codec
      .scan("store_scan_all", store.handle)
      .map(({ row, base }) => [keyText(codec.keysOf(row, base)), codec.valuesOf(row, base)] as const),
  );
}

const long = (length: number, letter: string): string => letter.repeat(length);
/** Short and long texts, nulls, keys beyond a view, and a row larger than any buffer at first. */
const put = Array.from({ length: 3000 }, (_, i) => ({
  keys: [i % 7 === 0 ? null : BigInt(i), `key ${i} ${long(i % 30, "k")}`] as TestRow,
  values: [i % 5 === 0 ? null : long(i === 1234 ? 2_500_000 : i % 400, "t"), BigInt(i) * 3n, i % 3 === 0 ? null : -i] as TestRow,
}));
const removed = put.filter((_, i) => i % 10 === 4).map(({ keys }) => keys);

const chainOf = (...[first, second, third]: readonly [Nulls, Nulls, Nulls]): readonly StateSchema[] => [
  schemaOf(0, [text, rows, least], first),
  schemaOf(1, [rows, total, leastLong, text], second),
  schemaOf(2, [leastLong, text, total], third),
];
const chain = chainOf("header", "header", "header");
/** The row in the last of them. */
const migrated = ([t, , m]: TestRow): TestValue[] => [m === null ? null : BigInt(m!), t!, null];
const isRemoved = new Set(removed.map(keyText));

describe.each([
  ["changes", chain],
  ["snapshot", chain],
  ["changes", chainOf("words", "words", "words")],
  ["snapshot", chainOf("words", "words", "words")],
  // Too many fields for the header from some schema on.
  ["changes", chainOf("header", "words", "words")],
  ["snapshot", chainOf("header", "header", "words")],
] as const)("rows from %s", (kind, schemas) => {
  test.each([
    [0, 1],
    [1, 2],
    [3, 4],
  ])("come through two steps, to worker %i of %i", (workerIndex, workerCount) => {
    const { first, snapshot, second } = written(schemas[0]!.operators[0]!.layout, put, removed);
    const store = storeOf(schemas[2]!.operators[0]!.layout, [workerIndex, workerCount]);
    const buffer = new StateBuffer(kernels);
    const targets = migratingTargets(kernels, schemas, new Map([[7, store]]));
    const load = (file: MemoryFile, of: "changes" | "snapshot", batchId: number): void => {
      const expected = { path: "f", kind: of, queryId: header("changes", 0).queryId, batchId, schemas: [0, 1, 2] };
      restoreStateFile(buffer, file, expected, targets);
      if (of === "snapshot") store.endLoading();
    };
    load(kind === "changes" ? first : snapshot, kind, 0);
    const codec = new RowCodec(kernels, schemas[0]!.operators[0]!.layout);
    const isOwn = ({ keys }: { keys: TestRow }): boolean =>
      store.ownsPartition((kernels.view().getUint32(codec.write(keys, [null, null, null]), true) >>> 0) & (PARTITIONS - 1));
    const own = put.filter(isOwn);
    expect(contents(store)).toEqual(new Map(own.map(({ keys, values }) => [keyText(keys), migrated(values)])));
    load(second, "changes", 1);
    const left = own.filter(({ keys }) => !isRemoved.has(keyText(keys)));
    expect(contents(store)).toEqual(new Map(left.map(({ keys, values }) => [keyText(keys), migrated(values)])));
    store.close();
  });
});

test("a file of a schema that does not lead to the query's is refused", () => {
  const { first } = written(chain[0]!.operators[0]!.layout, put.slice(0, 3), []);
  const store = storeOf(chain[2]!.operators[0]!.layout);
  const expected = { path: "f", kind: "changes", queryId: header("changes", 0).queryId, batchId: 0, schemas: [1, 2] } as const;
  const targets = migratingTargets(kernels, chain.slice(1), new Map([[7, store]]));
  expect(() => restoreStateFile(new StateBuffer(kernels), first, expected, targets)).toThrow("STATE_SCHEMA_OF_OTHER_PROGRAM");
});

test("damage is found before a row is taken", () => {
  const { first } = written(chain[0]!.operators[0]!.layout, put.slice(0, 100), []);
  const store = storeOf(chain[2]!.operators[0]!.layout);
  const expected = { path: "f", kind: "changes", queryId: header("changes", 0).queryId, batchId: 0, schemas: [0, 1, 2] } as const;
  const buffer = new StateBuffer(kernels);
  const targets = migratingTargets(kernels, chain, new Map([[7, store]]));
  for (let position = 300; position < first.bytes.length - 24; position += 97) {
    const bytes = Uint8Array.from(first.bytes);
    bytes[position]! ^= 1 << (position & 7);
    expect(() => restoreStateFile(buffer, new MemoryFile(bytes), expected, targets)).toThrow("STATE_CHANGE_FILE_CORRUPT");
  }
});
