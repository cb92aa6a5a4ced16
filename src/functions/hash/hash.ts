/** `hash` (Murmur3) and `xxhash64` of any values, seed 42: the same numbers as Spark's, also used to place rows in partitions. */
import { AnalysisError } from "../../base/errors.ts";
import { IntegerType, LongType, type DataType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import type { ArgumentInfo, ScalarFunction } from "../../plan/expr/function-registry.ts";
import { callSql, checkCount } from "../signature.ts";
import { murmur3Bytes, murmur3Int, murmur3Long } from "./murmur3.ts";
import { xxhash64Bytes, xxhash64Int, xxhash64Long } from "./xxhash64.ts";

/** What differs between hash families. */
interface Hasher<Hash> {
  int(value: number, seed: Hash): Hash;
  long(value: bigint, seed: Hash): Hash;
  bytes(value: Uint8Array, seed: Hash): Hash;
}

const murmur3: Hasher<number> = { int: murmur3Int, long: murmur3Long, bytes: murmur3Bytes };
const xxhash64: Hasher<bigint> = { int: xxhash64Int, long: xxhash64Long, bytes: xxhash64Bytes };

const SEED = 42;
const scratch = new DataView(new ArrayBuffer(8));

/** Folds `value` into `seed`; null leaves the seed as it is. */
function hashValue<Hash>(hasher: Hasher<Hash>, value: Value, type: DataType, seed: Hash): Hash {
  if (value === null) return seed;
  switch (type.kind) {
    case "void":
      return seed;
    case "boolean":
      return hasher.int(value === true ? 1 : 0, seed);
    case "float":
      scratch.setFloat32(0, normalized(value as number));
      return hasher.int(scratch.getInt32(0), seed);
    case "double":
      scratch.setFloat64(0, normalized(value as number));
      return hasher.long(scratch.getBigInt64(0), seed);
    case "decimal":
      return type.precision <= 18 ? hasher.long(value as bigint, seed) : hasher.bytes(shortestTwosComplement(value as bigint), seed);
    case "long":
    case "timestamp":
    case "timestamp_ntz":
    case "day_time_interval":
      return hasher.long(value as bigint, seed);
    case "string":
      return hasher.bytes(new TextEncoder().encode(value as string), seed);
    case "binary":
      return hasher.bytes(value as Uint8Array, seed);
    case "array":
      return (value as readonly Value[]).reduce<Hash>((hash, element) => hashValue(hasher, element, type.elementType, hash), seed);
    case "struct":
      return (value as readonly Value[]).reduce<Hash>(
        (hash, field, index) => hashValue(hasher, field, type.fields[index]!.dataType, hash),
        seed,
      );
    case "map":
      return (value as readonly [Value, Value][]).reduce<Hash>(
        (hash, [key, entry]) => hashValue(hasher, entry, type.valueType, hashValue(hasher, key, type.keyType, hash)),
        seed,
      );
    default:
      return hasher.int(value as number, seed);
  }
}

/** One zero and one NaN. */
const normalized = (value: number): number => (value === 0 ? 0 : Number.isNaN(value) ? NaN : value);

/** Big-endian, with as few bytes as keep the sign (Java's `BigInteger.toByteArray`). */
function shortestTwosComplement(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(8 * length, value) !== value) length++;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[length - 1 - index] = Number((value >> BigInt(8 * index)) & 0xffn);
  return bytes;
}

/** Murmur3 over several values, as `hash(…)` and as the partition of a key. */
export function murmur3Row(values: readonly Value[], types: readonly DataType[], seed = SEED): number {
  return values.reduce<number>((hash, value, index) => hashValue(murmur3, value, types[index]!, hash), seed);
}

export function xxhash64Row(values: readonly Value[], types: readonly DataType[], seed = BigInt(SEED)): bigint {
  return values.reduce<bigint>((hash, value, index) => hashValue(xxhash64, value, types[index]!, hash), seed);
}

function checkHashable(name: string, args: readonly ArgumentInfo[]): readonly DataType[] {
  checkCount(name, args, 1, Infinity);
  const holdsMap = (type: DataType): boolean =>
    type.kind === "map" ||
    (type.kind === "array" && holdsMap(type.elementType)) ||
    (type.kind === "struct" && type.fields.some((field) => holdsMap(field.dataType)));
  if (args.some((arg) => holdsMap(arg.dataType)))
    throw new AnalysisError("DATATYPE_MISMATCH.HASH_MAP_TYPE", { sqlExpr: `"${callSql(name, args)}"`, functionName: `\`${name}\`` });
  return args.map((arg) => arg.dataType);
}

export const hashFunctions: readonly ScalarFunction[] = [
  {
    kind: "scalar",
    name: "hash",
    description: "Murmur3 hash of the arguments, 32 bits.",
    example: ["hash('Spark', array(123), 2)", "-1321691492"],
    nulls: "custom",
    resolve: (args) => ({ argumentTypes: checkHashable("hash", args), returnType: IntegerType, nullable: false }),
    evaluate: (args, types) => murmur3Row(args, types),
  },
  {
    kind: "scalar",
    name: "xxhash64",
    description: "XXH64 hash of the arguments, 64 bits.",
    example: ["xxhash64('Spark', array(123), 2)", "5602566077635097486"],
    nulls: "custom",
    resolve: (args) => ({ argumentTypes: checkHashable("xxhash64", args), returnType: LongType, nullable: false }),
    evaluate: (args, types) => xxhash64Row(args, types),
  },
];
