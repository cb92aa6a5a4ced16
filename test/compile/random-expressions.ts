/** Random typed expressions and rows for the comparison of compiled code with the interpreter. */
import fc from "fast-check";
import {
  BooleanType,
  ByteType,
  type DataType,
  DateType,
  DayTimeIntervalType,
  decimalType,
  type DecimalType,
  DoubleType,
  FloatType,
  IntegerType,
  LongType,
  ShortType,
  StringType,
  structField,
  structType,
  TimestampType,
} from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { call, cast, type Expression, literal } from "../../src/plan/expr/expression.ts";
import { attribute } from "./harness.ts";

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

const small = decimalType(5, 2);
const medium = decimalType(12, 4);
const wide = decimalType(25, 3);

/** Column types; the attribute of a type has its index as id. The first of two is nullable. */
export const columnTypes: readonly DataType[] = [
  BooleanType,
  ByteType,
  ShortType,
  IntegerType,
  LongType,
  FloatType,
  DoubleType,
  small,
  medium,
  wide,
  StringType,
  DateType,
  TimestampType,
  DayTimeIntervalType,
];
export const columnAttributes = columnTypes.flatMap((type, index) => [attribute(2 * index, type), attribute(2 * index + 1, type, false)]);

const oneOfValues = <T extends Value>(special: readonly T[], random: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constantFrom(...special), weight: 2 }, { arbitrary: random, weight: 3 });
const decimalValue = (type: DecimalType): fc.Arbitrary<bigint> => {
  const limit = 10n ** BigInt(type.precision) - 1n;
  return oneOfValues([0n, 1n, -1n, limit, -limit], fc.bigInt({ min: -limit, max: limit }));
};

/** Values of a type without null; the ends of ranges, zeros and NaN are frequent. */
export function valueOf(type: DataType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case "boolean":
      return fc.boolean();
    case "byte":
      return oneOfValues([0, 1, -1, 127, -128], fc.integer({ min: -128, max: 127 }));
    case "short":
      return oneOfValues([0, 1, -1, 32767, -32768], fc.integer({ min: -32768, max: 32767 }));
    case "integer":
      return oneOfValues([0, 1, -1, 2147483647, -2147483648, 100], fc.integer());
    case "long":
      return oneOfValues(
        [0n, 1n, -1n, MAX, MIN, 1n << 31n, 3037000500n],
        fc.oneof(fc.bigInt({ min: MIN, max: MAX }), fc.bigInt({ min: -1000n, max: 1000n })),
      );
    case "float":
      return oneOfValues([0, -0, NaN, Infinity, -Infinity, 1.5], fc.float()).map(Math.fround);
    case "double":
      return oneOfValues(
        [0, -0, NaN, Infinity, -Infinity, 0.1, 2147483648, -129],
        fc.oneof(fc.double(), fc.double({ min: -1e4, max: 1e4 })),
      );
    case "decimal":
      return decimalValue(type);
    case "string":
      return oneOfValues(
        [
          "",
          "a",
          "view",
          "purchase",
          "żółć",
          "東京",
          "😀",
          "ABCdef @[`{ 0123456789 xyzXYZ",
          "\ufeffOΔΥΣΣΕΎΣ straße",
          "a%\\",
          "\\_\\%_",
          "\\a",
          "a\u0000b",
          " 12 ",
          "-7.5",
          "1e3",
          "true",
          "2024-02-29",
          "2024-02-29 12:30:01.5",
          "2024-07-01 00:00:00 Europe/Berlin",
        ],
        fc.string({ unit: "binary", maxLength: 20 }),
      );
    case "date":
      return oneOfValues([0, -1, 59, 11016, -719468], fc.integer({ min: -1_000_000, max: 1_000_000 }));
    case "timestamp":
      return oneOfValues([0n, -1n, 1n, 86_400_000_000n], fc.bigInt({ min: -(2n ** 56n), max: 2n ** 56n }));
    case "day_time_interval":
      return oneOfValues([0n, 1n, -1n, 2n ** 61n, -(2n ** 61n)], fc.bigInt({ min: -(2n ** 50n), max: 2n ** 50n }));
    default:
      throw new Error(`no values of ${type.kind}`);
  }
}

export type Row = readonly Value[];

export const rows: fc.Arbitrary<readonly Row[]> = fc.array(
  fc.tuple(
    ...columnAttributes.map((column) =>
      column.nullable
        ? fc.oneof({ arbitrary: valueOf(column.dataType), weight: 4 }, { arbitrary: fc.constant(null), weight: 1 })
        : valueOf(column.dataType),
    ),
  ),
  { minLength: 1, maxLength: 8 },
);

const same = (a: DataType, b: DataType): boolean =>
  a.kind === b.kind && (a.kind !== "decimal" || (a.precision === (b as DecimalType).precision && a.scale === (b as DecimalType).scale));

const memo = new Map<string, fc.Arbitrary<Expression>>();

/** Expressions of a type, at most `depth` calls deep. */
export function expressionOf(type: DataType, depth: number): fc.Arbitrary<Expression> {
  const key = `${JSON.stringify(type)} ${depth}`;
  const known = memo.get(key);
  if (known) return known;
  const arbitrary =
    depth === 0
      ? leafOf(type)
      : fc.oneof({ arbitrary: leafOf(type), weight: 1 }, ...compound(type, depth - 1).map((inner) => ({ arbitrary: inner, weight: 1 })));
  memo.set(key, arbitrary);
  return arbitrary;
}

function leafOf(type: DataType): fc.Arbitrary<Expression> {
  const columns = columnAttributes.filter((column) => same(column.dataType, type));
  const literals = fc
    .oneof({ arbitrary: valueOf(type), weight: 6 }, { arbitrary: fc.constant(null), weight: 1 })
    .map((value) => literal(value, type));
  return columns.length === 0
    ? literals
    : fc.oneof({ arbitrary: fc.constantFrom<Expression>(...columns), weight: 3 }, { arbitrary: literals, weight: 1 });
}

const make = (name: string, returns: DataType, ...args: fc.Arbitrary<Expression>[]): fc.Arbitrary<Expression> =>
  fc.tuple(...args).map((values) => call(name, values, returns, true));
const named = (names: readonly string[], returns: DataType, ...args: fc.Arbitrary<Expression>[]): fc.Arbitrary<Expression> =>
  fc.constantFrom(...names).chain((name) => make(name, returns, ...args));

function compound(type: DataType, depth: number): fc.Arbitrary<Expression>[] {
  const of = (inner: DataType): fc.Arbitrary<Expression> => expressionOf(inner, depth);
  const self = of(type);
  const isCastSource = (from: DataType): boolean => !same(from, type) && castable(from, type);
  const sources = columnTypes.filter(isCastSource);
  const struct = structType([structField("a", LongType), structField("b", type)]);
  const anyKind: fc.Arbitrary<Expression>[] = [
    make("if", type, of(BooleanType), self, self),
    fc.tuple(of(BooleanType), self, of(BooleanType), self, fc.option(self)).map(([first, a, second, b, otherwise]): Expression => ({
      kind: "case_when",
      branches: [
        { condition: first, value: a },
        { condition: second, value: b },
      ],
      otherwise,
    })),
    make("coalesce", type, self, self),
    make("nullif", type, self, self),
    named(["greatest", "least"], type, self, self),
    make("nvl2", type, of(IntegerType), self, self),
    fc.tuple(of(LongType), self).map(([a, b]): Expression => ({
      kind: "get_field",
      child: { kind: "create_struct", names: ["a", "b"], values: [a, b] },
      ordinal: 1,
    })),
    fc.tuple(of(BooleanType), of(LongType), self).map(([condition, a, b]): Expression => ({
      kind: "get_field",
      child: call("if", [condition, { kind: "create_struct", names: ["a", "b"], values: [a, b] }, literal(null, struct)], struct, true),
      ordinal: 1,
    })),
    ...(sources.length > 0
      ? [
          fc
            .tuple(fc.constantFrom(...sources), fc.constantFrom<"ansi" | "try">("ansi", "try", "try"))
            .chain(([from, mode]) => of(from).map((child): Expression => cast(child, type, mode))),
        ]
      : []),
  ];
  return [...anyKind, ...specific(type, of, self)];
}

function castable(from: DataType, to: DataType): boolean {
  const numeric = ["byte", "short", "integer", "long", "float", "double", "decimal"];
  if (to.kind === "string") return ["boolean", "byte", "short", "integer", "long", "decimal", "date", "timestamp"].includes(from.kind);
  if (from.kind === "string") return ["boolean", "byte", "integer", "long", "decimal", "date", "timestamp"].includes(to.kind);
  if (numeric.includes(from.kind) && numeric.includes(to.kind)) {
    // Spark rounds long and decimal to float once; the interpreter rounds by way of double.
    return !(to.kind === "float" && (from.kind === "long" || from.kind === "decimal"));
  }
  if (from.kind === "boolean") return numeric.includes(to.kind);
  if (to.kind === "boolean") return numeric.includes(from.kind);
  if (from.kind === "date") return to.kind === "timestamp";
  if (from.kind === "timestamp") return ["date", "long", "integer", "short", "double"].includes(to.kind);
  if (to.kind === "timestamp") return from.kind === "integer";
  if (from.kind === "day_time_interval") return to.kind === "long" || to.kind === "integer";
  return to.kind === "day_time_interval" && (from.kind === "integer" || from.kind === "short");
}

function specific(
  type: DataType,
  of: (type: DataType) => fc.Arbitrary<Expression>,
  self: fc.Arbitrary<Expression>,
): fc.Arbitrary<Expression>[] {
  switch (type.kind) {
    case "byte":
    case "short":
      return [
        named(["+", "-", "*", "%", "try_add", "try_multiply", "&", "|", "^"], type, self, self),
        named(["negative", "abs"], type, self),
      ];
    case "integer":
      return [
        named(["+", "-", "*", "%", "try_add", "try_subtract", "try_multiply", "try_mod", "&", "|", "^"], type, self, self),
        named(["negative", "abs", "positive", "~"], type, self),
        named(["shiftleft", "shiftright"], type, self, self),
        named(["year", "month", "day", "quarter", "dayofweek", "weekday", "dayofyear"], type, of(DateType)),
        named(["hour", "minute", "second"], type, of(TimestampType)),
        named(["length", "octet_length"], type, of(StringType)),
        make("datediff", type, of(DateType), of(DateType)),
        fc.tuple(of(LongType), of(StringType), of(DoubleType)).map((values) => call("hash", values, type, false)),
      ];
    case "long":
      return [
        named(["+", "-", "*", "%", "div", "try_add", "try_subtract", "try_multiply", "&", "|", "^"], type, self, self),
        named(["negative", "abs", "~"], type, self),
        // Narrow divisors: Spark's sum of remainder and divisor wraps at 64 bits, the interpreter's does not.
        make(
          "pmod",
          type,
          self,
          of(IntegerType).map((divisor) => cast(divisor, LongType)),
        ),
        make("shiftleft", type, self, of(IntegerType)),
        named(["unix_seconds", "unix_millis", "unix_micros"], type, of(TimestampType)),
      ];
    case "float":
      return [named(["+", "-", "*"], type, self, self), named(["negative", "abs"], type, self)];
    case "double":
      return [named(["+", "-", "*", "/", "try_divide", "%"], type, self, self), named(["negative", "abs", "sqrt"], type, self)];
    case "decimal":
      return [named(["negative", "abs"], type, self), ...decimalResults(type, of)];
    case "boolean":
      return [
        named(["and", "or"], type, self, self),
        make("not", type, self),
        ...columnTypes.flatMap((operand) => [
          named(["=", "!=", "<", "<=", ">", ">=", "<=>"], type, of(operand), of(operand)),
          named(["isnull", "isnotnull"], type, of(operand)),
          make("between", type, of(operand), of(operand), of(operand)),
          fc
            .tuple(of(operand), fc.array(fc.option(valueOf(operand)), { minLength: 1, maxLength: 4 }))
            .map(([needle, values]) => call("in", [needle, ...values.map((value) => literal(value, operand))], type, true)),
        ]),
        make("isnan", type, of(DoubleType)),
        named(["contains", "startswith", "endswith", "like", "ilike"], type, of(StringType), of(StringType)),
      ];
    case "string":
      return [
        make("concat", type, self, self),
        named(["trim", "reverse", "lower", "upper"], type, self),
        make("replace", type, self, self, self),
      ];
    case "date":
      return [
        named(
          ["date_add", "date_sub"],
          type,
          self,
          of(ByteType).map((days) => cast(days, IntegerType)),
        ),
        make("last_day", type, self),
        make(
          "add_months",
          type,
          self,
          of(ByteType).map((months) => cast(months, IntegerType)),
        ),
        fc
          .tuple(self, fc.constantFrom("year", "Q", "QUARTER", "MM", "week", "day"))
          .map(([date, unit]) => call("trunc", [date, literal(unit, StringType)], type, true)),
      ];
    case "timestamp":
      return [
        named(["+", "-"], type, self, of(DayTimeIntervalType)),
        fc
          .tuple(fc.constantFrom("year", "QUARTER", "month", "WEEK", "day", "HOUR", "minute", "SECOND", "millisecond", "none"), self)
          .map(([unit, time]) => call("date_trunc", [literal(unit, StringType), time], type, true)),
        fc.constant<Expression>({ kind: "batch_timestamp" }),
      ];
    case "day_time_interval":
      return [named(["+", "-"], type, self, self), make("negative", type, self), make("-", type, of(TimestampType), of(TimestampType))];
    default:
      return [];
  }
}

/** Arithmetic whose natural type is cast to `type`. */
function decimalResults(type: DecimalType, of: (type: DataType) => fc.Arbitrary<Expression>): fc.Arbitrary<Expression>[] {
  const pairs: readonly (readonly [string, DecimalType, DecimalType, DecimalType])[] = [
    ["+", small, small, decimalType(6, 2)],
    ["-", small, medium, decimalType(13, 4)],
    ["*", small, medium, decimalType(18, 6)],
    ["*", medium, medium, decimalType(25, 8)],
    ["/", small, small, decimalType(13, 8)],
    ["%", medium, small, decimalType(7, 4)],
    ["+", wide, medium, decimalType(27, 4)],
    ["-", wide, wide, decimalType(26, 3)],
    ["+", wide, wide, wide],
    ["/", wide, small, decimalType(36, 9)],
  ];
  return pairs.map(([name, a, b, result]) =>
    fc.tuple(of(a), of(b)).map((values): Expression => {
      const value = call(name, values, result, true);
      return same(result, type) ? value : cast(value, type);
    }),
  );
}
