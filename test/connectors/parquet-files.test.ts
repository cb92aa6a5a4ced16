/**
 * Small files by other writers (pyarrow, Spark): the same rows in all encodings and codecs, whose values are recomputed here. Then the same
 * files damaged at random: a typed error or some rows within 1 GiB, never a crash; where pages have checksums, the right rows; and random tables through parquet-wasm's writer.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { MillraceError } from "../../src/base/errors.ts";
import {
  arrayType,
  BinaryType,
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  mapType,
  ShortType,
  StringType,
  structField,
  type StructType,
  structType,
  TimestampNTZType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { arrowType, parquetLibraries } from "../../src/connectors/parquet/arrow-types.ts";
import { arrowData } from "../../src/connectors/parquet/arrow-values.ts";
import { readParquetBytes } from "./parquet-reading.ts";
import { seededNumbers } from "../faults/event-stream.ts";

const { arrow, parquet } = parquetLibraries();
const folder = fileURLToPath(new URL("parquet-files", import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith(".parquet"));
const bytesOf = (name: string): Uint8Array => readFileSync(join(folder, name));

const ROWS = 120;
const expected = Array.from({ length: ROWS }, (_, i): Value[] => [
  i * 7 - 100,
  i % 11 === 3 ? null : BigInt(i) * 10_000_000_007n,
  i / 4,
  i % 6 === 1 ? null : i / 8,
  i % 5 === 0 ? null : `text ${i % 17}`,
  `row-${i}-${"x".repeat(i % 40)}`,
  i % 7 === 0 ? null : i % 3 === 0,
  new Uint8Array([0, 0, 0, i]),
  BigInt(i) * 1_000_001n,
  BigInt(i) * 1001n - 5000n,
  i % 4 === 0 ? null : Array.from({ length: i % 4 }, (_element, j) => (j === 2 ? null : i + j)),
  i % 9 === 0 ? null : [i, i % 2 === 1 ? null : `s${i}`],
]);

test.each(names)("%s", async (name) => {
  const { rows } = await readParquetBytes(bytesOf(name));
  expect(rows).toEqual(expected);
});

test.each(names)("single columns of %s", async (name) => {
  const columns = ["i", "l", "f", "d", "s", "u", "b", "x", "t", "m", "li", "st.a"];
  for (const [index, column] of columns.entries()) {
    const { rows } = await readParquetBytes(bytesOf(name), { wanted: [column] });
    const value = (row: Value[]): Value => row[index]!;
    if (column !== "st.a") expect(rows.map(value)).toEqual(expected.map(value));
    for (const other of rows[1]!.keys()) if (other !== index && other < 10) expect(rows[1]![other]).toBeNull();
  }
});

/** Numbers in [0, bound), the same for every run of a seed. */
function generator(seed: number): (bound: number) => number {
  const next = seededNumbers(seed);
  return (bound) => Math.floor(next() * bound);
}

const SEED = Number(process.env["MILLRACE_SEED"] ?? 20_261_128);
const ROUNDS = Number(process.env["MILLRACE_FUZZ_ROUNDS"] ?? (process.env["MILLRACE_LONG"] ? 20_000 : 250));
const CONDITIONS =
  /^(FAILED_READ_FILE\.(PARQUET_DATA_INVALID|PARQUET_FEATURE_NOT_SUPPORTED|CANNOT_READ_FILE_FOOTER|PARQUET_COLUMN_DATA_TYPE_MISMATCH)|PARQUET_TYPE_NOT_SUPPORTED|WORKER_OUT_OF_MEMORY)$/;
const MEMORY_BYTES_MAX = 1 << 30;

/** A few bits, a few bytes, or the end of the file gone. */
function damage(bytes: Uint8Array, random: (bound: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  // Half of the time near the end, where the footer is.
  const place = (): number => (random(2) === 0 ? random(copy.length) : copy.length - 1 - random(Math.min(copy.length, 6000)));
  switch (random(4)) {
    case 0:
      return copy.subarray(0, random(copy.length));
    case 1:
      for (let i = 0; i <= random(8); i++) copy[place()] = random(256);
      return copy;
    case 2: {
      const [from, to] = [place(), place()];
      copy.copyWithin(to, from, from + random(64));
      return copy;
    }
    default:
      for (let i = 0; i <= random(3); i++) copy[place()]! ^= 1 << random(8);
      return copy;
  }
}

describe.each(names)("damaged %s", (name) => {
  test(`${ROUNDS} times, seed ${SEED}`, { timeout: 600_000 }, async () => {
    const original = bytesOf(name);
    const given = (await readParquetBytes(original)).schema;
    for (let round = 0; round < ROUNDS; round++) {
      const random = generator(SEED + round);
      const bytes = damage(original, random);
      const label = `seed ${SEED} round ${round} of ${name}`;
      const settings = {
        ...(random(2) === 0 && { schema: given }),
        ...(random(2) === 0 && { predicates: [{ column: "i", test: "<" as const, values: [random(800)] }] }),
      };
      try {
        const { memoryBytes } = await readParquetBytes(bytes, settings);
        expect(memoryBytes, label).toBeLessThan(MEMORY_BYTES_MAX);
      } catch (error) {
        if (!(error instanceof MillraceError) || !CONDITIONS.test(error.condition))
          throw new Error(`${label}: ${String(error)}`, { cause: error });
      }
    }
  });
});

test("a bit of a page that has a checksum cannot change unnoticed", async () => {
  const name = "plain.snappy.parquet";
  const original = bytesOf(name);
  const random = generator(SEED);
  // The footer begins with its length, eight bytes from the end.
  const footer =
    original.length - 8 - new DataView(original.buffer, original.byteOffset, original.length).getUint32(original.length - 8, true);
  for (let round = 0; round < 200; round++) {
    const bytes = Uint8Array.from(original);
    bytes[4 + random(footer - 4)]! ^= 1 << random(8);
    const rows = await readParquetBytes(bytes).then(
      (result) => result.rows,
      (error: unknown) => (error instanceof MillraceError ? null : Promise.reject(error as Error)),
    );
    // Statistics in page headers may change, values may not.
    if (rows !== null) expect(rows, `seed ${SEED} round ${round}`).toEqual(expected);
  }
});

const LEAF_TYPES: readonly DataType[] = [
  BooleanType,
  ByteType,
  ShortType,
  IntegerType,
  LongType,
  FloatType,
  DoubleType,
  StringType,
  BinaryType,
  DateType,
  TimestampType,
  TimestampNTZType,
  decimalType(7, 2),
  decimalType(18, 4),
  decimalType(30, 5),
];

function randomType(random: (bound: number) => number, depth: number): DataType {
  const kind = random(depth > 0 ? 20 : 15);
  if (kind < 15) return LEAF_TYPES[kind]!;
  if (kind < 17) return structType(["p", "q"].map((field) => structField(field, randomType(random, depth - 1))));
  if (kind < 19) return arrayType(randomType(random, depth - 1));
  return mapType(random(2) === 0 ? StringType : IntegerType, randomType(random, depth - 1));
}

function randomValue(type: DataType, random: (bound: number) => number, nullsIn: number): Value {
  if (nullsIn > 0 && random(nullsIn) === 0) return null;
  // Few different values at times, so that dictionaries and runs come about.
  const number = (): number => (random(3) === 0 ? random(4) : random(2 ** 31) - 2 ** 30);
  switch (type.kind) {
    case "boolean":
      return random(2) === 0;
    case "byte":
      return random(256) - 128;
    case "short":
      return random(65_536) - 32_768;
    case "integer":
    case "date":
      return number();
    case "long":
    case "timestamp":
    case "timestamp_ntz":
      return BigInt(number()) * 1_000_003n;
    case "float":
      return Math.fround(number() / 7);
    case "double":
      return number() / 7;
    case "decimal":
      return type.precision > 18 ? BigInt(number()) * 10n ** 15n + 7n : BigInt(number() % 9_999_999);
    case "string":
      return random(4) === 0 ? "" : `é${random(50)}`.repeat(random(5) + 1);
    case "binary":
      return Uint8Array.from({ length: random(6) }, () => random(256));
    case "array":
      return Array.from({ length: random(4) }, () => randomValue(type.elementType, random, nullsIn));
    case "map":
      return Array.from({ length: random(3) }, (_, at) => [
        type.keyType.kind === "string" ? `k${at}` : at,
        randomValue(type.valueType, random, nullsIn),
      ]);
    case "struct":
      return type.fields.map((field) => randomValue(field.dataType, random, nullsIn));
    default:
      throw new Error(type.kind);
  }
}

function written(schema: StructType, rows: Value[][], random: (bound: number) => number): Uint8Array {
  const fields = schema.fields.map((field) => new arrow.Field(field.name, arrowType(field.dataType, field.name), true));
  const arrowSchema = new arrow.Schema(fields);
  const children = schema.fields.map((field, index) =>
    arrowData(
      field.dataType,
      rows.map((row) => row[index]!),
    ),
  );
  const data = arrow.makeData({ type: new arrow.Struct(fields), length: rows.length, nullCount: 0, children });
  const table = parquet.Table.fromIPCStream(
    arrow.tableToIPC(new arrow.Table(arrowSchema, [new arrow.RecordBatch(arrowSchema, data)]), "stream"),
  );
  const { Compression: C } = parquet;
  let properties = new parquet.WriterPropertiesBuilder()
    .setCompression([C.UNCOMPRESSED, C.SNAPPY, C.GZIP, C.BROTLI, C.LZ4_RAW, C.ZSTD][random(6)]!)
    .setWriterVersion(random(2) === 0 ? parquet.WriterVersion.V1 : parquet.WriterVersion.V2)
    .setMaxRowGroupSize([100, 1000, 100_000][random(3)]!)
    .setDataPageSizeLimit([64, 1000, 1_000_000][random(3)]!)
    .setDictionaryPageSizeLimit([100, 1_000_000][random(2)]!)
    .setWriteBatchSize([10, 1024][random(2)]!)
    .setDictionaryEnabled(random(3) > 0);
  for (const { name, dataType } of schema.fields) {
    const { Encoding: E } = parquet;
    const encoding =
      dataType.kind === "string"
        ? [E.PLAIN, E.DELTA_BYTE_ARRAY, E.DELTA_LENGTH_BYTE_ARRAY][random(3)]
        : dataType.kind === "long" || dataType.kind === "integer"
          ? [E.PLAIN, E.DELTA_BINARY_PACKED, E.BYTE_STREAM_SPLIT][random(3)]
          : dataType.kind === "double"
            ? [E.PLAIN, E.BYTE_STREAM_SPLIT][random(2)]
            : undefined;
    if (encoding !== undefined) properties = properties.setColumnEncoding(name, encoding);
  }
  return parquet.writeParquet(table, properties.build());
}

test(`random tables through parquet-wasm's writer, seed ${SEED}`, { timeout: 600_000 }, async () => {
  const tables = process.env["MILLRACE_LONG"] ? 2000 : 25;
  for (let round = 0; round < tables; round++) {
    const random = generator(SEED + 1_000_000 + round);
    const schema = structType(Array.from({ length: 1 + random(5) }, (_, index) => structField(`c${index}`, randomType(random, 2))));
    const nullsIn = [0, 2, 5, 100][random(4)]!;
    const rows = Array.from({ length: [0, 1, 50, 3000, 9000][random(5)]! }, () =>
      schema.fields.map((field) => randomValue(field.dataType, random, nullsIn)),
    );
    const bytes = written(schema, rows, random);
    expect((await readParquetBytes(bytes)).rows, `seed ${SEED} round ${round}`).toEqual(rows);
  }
});
