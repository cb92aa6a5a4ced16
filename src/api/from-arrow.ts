/**
 * Arrow tables as frames (`createDataFrame(table)`): the tables of the `apache-arrow` package, of any version, read from their buffers. Nothing of
 * that package is loaded for it. Session's thread.
 */
import type { Data, DataType as ArrowType, Field, Table } from "apache-arrow";
import { AnalysisError, IllegalArgumentError } from "../base/errors.ts";
import { encodeColumnBatch } from "../columnar/column-batch.ts";
import {
  arrayType,
  BinaryType,
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  DayTimeIntervalType,
  decimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  mapType,
  sameType,
  ShortType,
  sqlType,
  StringType,
  type StructType,
  structField,
  structType,
  TimestampNTZType,
  TimestampType,
  VoidType,
  YearMonthIntervalType,
} from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";

/** An engine type, and how its values are read. */
interface Reading {
  readonly dataType: DataType;
  /** Of a column's chunk: the value at an index that is not null. */
  open(data: Data): (index: number) => Value;
}

/** By its looks: a table may be of another copy of the package than ours. */
export function isArrowTable(rows: unknown): rows is Table {
  const { schema, batches } = rows as Partial<Table>;
  return Array.isArray(batches) && Array.isArray(schema?.fields);
}

/** Schema and encoded batches, one for each of the table's. Throws `UNSUPPORTED_ARROWTYPE`, `NOT_NULL_ASSERT_VIOLATION`, and, where `wanted` has other types, `INVALID_EXTERNAL_TYPE`. */
export function readArrowTable(table: Table, wanted: StructType | null): { readonly schema: StructType; readonly batches: Uint8Array[] } {
  const readings = table.schema.fields.map((field) => readingOf(field.type, field.name));
  const own = structType(table.schema.fields.map((field, index) => structField(field.name, readings[index]!.dataType, field.nullable)));
  const schema = wanted ?? own;
  if (wanted) checkTypes(own, wanted);
  const batches = table.batches
    .filter(({ numRows }) => numRows > 0)
    .map((batch) => {
      const columns = readings.map((reading, index) => valuesOf(reading, batch.data.children[index] as Data));
      const rows = Array.from({ length: batch.numRows }, (_, row) => columns.map((value) => value(row)));
      checkNulls(rows, schema);
      return encodeColumnBatch(schema, rows);
    });
  return { schema, batches };
}

function checkTypes(own: StructType, { fields }: StructType): void {
  const text = (all: StructType["fields"]): string => all.map(({ name, dataType }) => `${name} ${sqlType(dataType)}`).join(", ");
  if (own.fields.length === fields.length && own.fields.every(({ dataType }, index) => sameType(dataType, fields[index]!.dataType))) return;
  throw new IllegalArgumentError("INVALID_EXTERNAL_TYPE", {
    externalType: `Table(${text(own.fields)})`,
    type: text(fields),
    expr: "the Arrow table",
  });
}

function checkNulls(rows: readonly (readonly Value[])[], { fields }: StructType): void {
  for (const [index, { name, nullable }] of fields.entries()) {
    if (!nullable && rows.some((row) => row[index] === null))
      throw new IllegalArgumentError("NOT_NULL_ASSERT_VIOLATION", { walkedTypePath: `\n- column: ${name}\n` });
  }
}

/** The values of a column of one chunk, null where they are. */
function valuesOf(reading: Reading, data: Data): (index: number) => Value {
  const value = reading.open(data);
  return (index) => (data.getValid(index) ? value(index) : null);
}

// Of `Type` in apache-arrow, as its format numbers them.
const NULL = 1;
const INT = 2;
const FLOAT = 3;
const BINARY = 4;
const UTF8 = 5;
const BOOL = 6;
const DECIMAL = 7;
const DATE = 8;
const TIMESTAMP = 10;
const INTERVAL = 11;
const LIST = 12;
const STRUCT = 13;
const FIXED_SIZE_BINARY = 15;
const FIXED_SIZE_LIST = 16;
const MAP = 17;
const DURATION = 18;
const LARGE_BINARY = 19;
const LARGE_UTF8 = 20;
const LARGE_LIST = 21;
const DICTIONARY = -1;

/** Microseconds of a unit, as a fraction: seconds, milliseconds, microseconds, nanoseconds. */
const UNITS: readonly (readonly [number: bigint, divisor: bigint])[] = [
  [1_000_000n, 1n],
  [1000n, 1n],
  [1n, 1n],
  [1n, 1000n],
];

const MICROS_PER_DAY = 86_400_000_000n;
const MILLIS_PER_DAY = 86_400_000n;

/** Fields that the types of this package have, each only some. */
interface AnyArrowType {
  readonly typeId: number;
  readonly bitWidth?: number;
  readonly byteWidth?: number;
  readonly isSigned?: boolean;
  readonly precision?: number;
  readonly scale?: number;
  readonly unit?: number;
  readonly timezone?: string | null;
  readonly listSize?: number;
  readonly dictionary?: ArrowType;
  readonly children?: readonly Field[] | null;
}

/** `column` is the path to it, for messages. */
function readingOf(given: ArrowType, column: string): Reading {
  const type = given as unknown as AnyArrowType;
  const refuse = (): never => {
    throw new AnalysisError("UNSUPPORTED_ARROWTYPE", { typeName: `${String(given)} of column ${column}` });
  };
  const child = (index: number, name: string): Reading => readingOf(type.children![index]!.type, `${column}.${name}`);
  switch (type.typeId) {
    case NULL:
      return { dataType: VoidType, open: () => () => null };
    case BOOL:
      return { dataType: BooleanType, open: bits };
    case INT: {
      const dataType = type.isSigned ? { 8: ByteType, 16: ShortType, 32: IntegerType, 64: LongType }[type.bitWidth!] : undefined;
      return dataType ? { dataType, open: plain } : refuse();
    }
    case FLOAT:
      return type.precision === 0 ? refuse() : { dataType: type.precision === 1 ? FloatType : DoubleType, open: plain };
    case UTF8:
    case LARGE_UTF8:
      return { dataType: StringType, open: (data) => mapped<Uint8Array>(bytes(data), (value) => DECODER.decode(value)) };
    case BINARY:
    case LARGE_BINARY:
      return { dataType: BinaryType, open: bytes };
    case FIXED_SIZE_BINARY: {
      const width = type.byteWidth!;
      return {
        dataType: BinaryType,
        open:
          ({ values }) =>
          (index) =>
            (values as Uint8Array).slice(width * index, width * (index + 1)),
      };
    }
    case DECIMAL: {
      const isExact = type.bitWidth === 128 && type.precision! <= 38 && type.scale! >= 0 && type.scale! <= type.precision!;
      return isExact ? { dataType: decimalType(type.precision!, type.scale!), open: decimals } : refuse();
    }
    case DATE:
      return {
        dataType: DateType,
        open: type.unit === 0 ? plain : (data) => mapped<bigint>(bigints(data), (millis) => Number(floorDivide(millis, MILLIS_PER_DAY))),
      };
    case TIMESTAMP:
      return { dataType: type.timezone ? TimestampType : TimestampNTZType, open: (data) => micros(data, type.unit!, given, column) };
    case DURATION:
      return { dataType: DayTimeIntervalType, open: (data) => micros(data, type.unit!, given, column) };
    case INTERVAL:
      if (type.unit === 0) return { dataType: YearMonthIntervalType, open: plain };
      return type.unit === 1 ? { dataType: DayTimeIntervalType, open: daysAndMillis } : refuse();
    case LIST:
    case LARGE_LIST: {
      const element = child(0, "element");
      const dataType = arrayType(element.dataType, type.children![0]!.nullable);
      return {
        dataType,
        open: (data) => listed(element, data, ({ valueOffsets }, index) => [Number(valueOffsets[index]), Number(valueOffsets[index + 1])]),
      };
    }
    case FIXED_SIZE_LIST: {
      const [element, size] = [child(0, "element"), type.listSize!];
      const dataType = arrayType(element.dataType, type.children![0]!.nullable);
      return { dataType, open: (data) => listed(element, data, (_, index) => [size * index, size * (index + 1)]) };
    }
    case MAP: {
      const entry = child(0, "entries");
      const [key, value] = (entry.dataType as StructType).fields;
      const dataType = mapType(key!.dataType, value!.dataType, value!.nullable);
      return {
        dataType,
        open: (data) => listed(entry, data, ({ valueOffsets }, index) => [Number(valueOffsets[index]), Number(valueOffsets[index + 1])]),
      };
    }
    case STRUCT: {
      const fields = type.children!.map((field, index) => ({ field, reading: child(index, field.name) }));
      const dataType = structType(fields.map(({ field, reading }) => structField(field.name, reading.dataType, field.nullable)));
      return {
        dataType,
        open(data) {
          const values = fields.map(({ reading }, index) => valuesOf(reading, data.children[index] as Data));
          return (index) => values.map((value) => value(index)) as Value;
        },
      };
    }
    case DICTIONARY: {
      const reading = readingOf(type.dictionary!, column);
      return { dataType: reading.dataType, open: (data) => looked(reading, data) };
    }
    default:
      return refuse();
  }
}

const DECODER = new TextDecoder();

const mapped =
  <T extends Value>(read: (index: number) => Value, make: (value: T) => Value) =>
  (index: number) =>
    make(read(index) as T);

const plain =
  ({ values }: Data) =>
  (index: number): Value =>
    values[index] as number | bigint;

const bigints =
  ({ values }: Data) =>
  (index: number): Value =>
    BigInt(values[index] as bigint);

const bits =
  ({ values, offset }: Data) =>
  (index: number): Value =>
    ((values as Uint8Array)[(offset + index) >> 3]! & (1 << ((offset + index) & 7))) !== 0;

const bytes =
  ({ values, valueOffsets }: Data) =>
  (index: number): Value =>
    (values as Uint8Array).slice(Number(valueOffsets[index]), Number(valueOffsets[index + 1]));

/** Four words each, two's complement, the lowest first. */
const decimals =
  ({ values }: Data) =>
  (index: number): Value => {
    const words = values as Uint32Array;
    const word = (at: number): bigint => BigInt(words[4 * index + at]!) << BigInt(32 * at);
    return BigInt.asIntN(128, word(0) | word(1) | word(2) | word(3));
  };

/** Days and milliseconds side by side. */
const daysAndMillis =
  ({ values }: Data) =>
  (index: number): Value =>
    BigInt((values as Int32Array)[2 * index]!) * MICROS_PER_DAY + BigInt((values as Int32Array)[2 * index + 1]!) * 1000n;

/** Times of a finer unit must be whole microseconds. */
function micros(data: Data, unit: number, type: ArrowType, column: string): (index: number) => Value {
  const [factor, divisor] = UNITS[unit]!;
  return mapped<bigint>(bigints(data), (value) => {
    if (value % divisor === 0n) return (value * factor) / divisor;
    throw new AnalysisError("UNSUPPORTED_ARROWTYPE", {
      typeName: `${String(type)} of column ${column} with a value of ${value}, no whole microseconds,`,
    });
  });
}

function listed(element: Reading, data: Data, range: (data: Data, index: number) => readonly [number, number]): (index: number) => Value {
  const value = valuesOf(element, data.children[0] as Data);
  return (index) => {
    const [from, to] = range(data, index);
    return Array.from({ length: to - from }, (_, i) => value(from + i)) as Value;
  };
}

/** A dictionary may come in several chunks. */
function looked(reading: Reading, { values, dictionary }: Data): (index: number) => Value {
  const known = dictionary!.data.flatMap((chunk) => {
    const value = valuesOf(reading, chunk as Data);
    return Array.from({ length: chunk.length }, (_, index) => value(index));
  });
  return (index) => known[Number(values[index])]!;
}

const floorDivide = (value: bigint, divisor: bigint): bigint => (value - (((value % divisor) + divisor) % divisor)) / divisor;
