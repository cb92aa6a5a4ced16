/**
 * Row types at compile time. A literal DDL text gives the type of its rows; frames carry it as `DataFrame<R>` and every method maps it.
 * Whatever is not known at compile time (a schema in a variable, an unnamed expression) makes the frame a `DataFrame<Row>`.
 * Types only: nothing here exists at run time.
 */
import type { Column } from "./column.ts";
import type { Decimal, LocalDate, Timestamp, TimestampNtz } from "../columnar/row-values.ts";

/** A row whose columns are not known at compile time. */
export type Row = Record<string, any>;

/** Marks a column expression whose type is that of column `Path` of the frame it is used in. */
export interface Ref<Path extends string> {
  readonly ref: Path;
}

export type AnyColumn = Column<any, any, any>;
/** Functions take columns, and strings as names of columns. */
export type ColumnOrName = AnyColumn | string;

/** `S` if it is a literal type, else nothing that could be checked. */
type Known<S> = S extends string ? (string extends S ? never : S) : never;
/** The columns that an argument uses, where a string is the name of a column. */
export type UsesOf<A> = A extends Column<any, any, infer U> ? (0 extends 1 & U ? never : U) : Known<A>;
/** The same, where a string is a value. */
export type OperandUses<A> = A extends Column<any, any, infer U> ? (0 extends 1 & U ? never : U) : never;

/** A column as methods with a fixed result name make it. */
export type NamedColumn<Name extends string, Value> = Column<Name, Value, never>;

type IsUntyped<R> = string extends keyof R ? true : false;
type Simplify<T> = { [K in keyof T]: T[K] } & {};
/** What the frame gets when something about it is unknown. */
type Checked<R> = IsUntyped<R> extends true ? Row : Simplify<R>;

/** Names that a frame of rows `R` accepts. Names with a dot are not checked: they may lead into structs or through an alias. */
export type ColumnPath<R> = (keyof R & string) | "*" | `${string}.${string}` | `\`${string}\``;
/** A column expression that uses only columns of `R`. */
export type ColumnOf<R> = Column<any, any, ColumnPath<R>>;
export type Selectable<R> = ColumnPath<R> | ColumnOf<R>;

type FieldOf<R, Path extends string> = Path extends keyof R
  ? R[Path]
  : Path extends `${infer Head}.${infer Rest}`
    ? Head extends keyof R
      ? FieldOf<NonNullable<R[Head]>, Rest> | (null extends R[Head] ? null : never)
      : any
    : any;

type LastPart<Path extends string> = Path extends `${string}.${infer Rest}` ? LastPart<Rest> : Path;
type IsAny<T> = 0 extends 1 & T ? true : false;

export type NameOf<C> = C extends string ? LastPart<C> : C extends Column<infer N, any, any> ? N : string;
/** The value type of a selected item in a frame of rows `R`. */
type ValueOf<R, C> = C extends string ? FieldOf<R, C> : C extends Column<any, infer V, any> ? Resolved<R, V> : any;
type Resolved<R, V> = IsAny<V> extends true ? any : V extends Ref<infer Path> ? FieldOf<R, Path> : V;

/** Rows of `select(...items)`. */
export type Selected<R, Items> =
  IsUntyped<R> extends true ? Row : Checked<{ [E in Exclude<Items, "*"> as NameOf<E>]: ValueOf<R, E> } & ("*" extends Items ? R : unknown)>;
/** Rows with column `Name` added or replaced. */
export type WithColumn<R, Name extends string, C> =
  IsUntyped<R> extends true ? Row : Checked<Omit<R, Name> & { [K in Name]: ValueOf<R, C> }>;
export type WithColumns<R, Columns> =
  IsUntyped<R> extends true ? Row : Checked<Omit<R, keyof Columns> & { -readonly [K in keyof Columns]: ValueOf<R, Columns[K]> }>;
export type Renamed<R, From extends string, To extends string> =
  IsUntyped<R> extends true ? Row : Checked<{ [K in keyof R as K extends From ? To : K]: R[K] }>;
export type Dropped<R, Items> = IsUntyped<R> extends true ? Row : Checked<Omit<R, NameOf<Items>>>;
/** Rows of `groupBy(...keys).agg(...aggregates)`. */
export type Aggregated<R, Keys, Aggregates> = Selected<R, Keys | Aggregates>;

export type JoinName =
  | ("inner" | "cross" | "outer" | "full" | "fullouter" | "full_outer" | "left" | "leftouter" | "left_outer")
  | ("right" | "rightouter" | "right_outer" | "semi" | "leftsemi" | "left_semi" | "anti" | "leftanti" | "left_anti");
type OneSided<J> = J extends `${string}semi` | `${string}anti` | "semi" | "anti" ? true : false;
type LeftNullable<J> = J extends "outer" | `full${string}` | `right${string}` ? true : false;
type RightNullable<J> = J extends "outer" | `full${string}` | "left" | `left${"" | "_"}outer` ? true : false;
type Nullable<R, Yes> = Yes extends true ? { [K in keyof R]: R[K] | null } : R;
/** Rows of a join of `L` and `R` on columns `K` of both. */
export type Joined<L, R, K extends PropertyKey, J> =
  OneSided<J> extends true
    ? L
    : IsUntyped<L> extends true
      ? Row
      : IsUntyped<R> extends true
        ? Row
        : Checked<
            { [Key in keyof L as Key extends K ? Key : never]: L[Key] } & Nullable<Omit<L, K>, LeftNullable<J>> &
              Nullable<Omit<R, K | keyof L>, RightNullable<J>>
          >;

/** What a program may give for a row of `R`: an object by column name, an array by position, or a single value where there is one column. */
export type RowInput<R> =
  | { readonly [K in keyof R]?: R[K] | (bigint extends R[K] ? number : never) }
  | readonly unknown[]
  | Exclude<R[keyof R], object>;

// The DDL parser. `[value type, rest of the text]` is the result of reading one thing.

/** The row type that a literal DDL text describes; `Row` when the text is not known at compile time or not understood. */
export type RowOf<Ddl extends string> = string extends Ddl
  ? Row
  : ReadFields<StripOuter<Trim<Ddl>>> extends [infer Fields, infer Rest extends string]
    ? Trim<Rest> extends "" | ">"
      ? Simplify<Fields>
      : Row
    : Row;
/** The value type that a literal type text describes, `any` when it is not known. Nulls not counted. */
export type ValueOfType<Ddl> = Ddl extends string
  ? string extends Ddl
    ? any
    : ReadType<Trim<Ddl>> extends [infer Type, string]
      ? Type
      : any
  : any;

type Blank = " " | "\n" | "\t" | "\r";
type Trim<S extends string> = S extends `${Blank}${infer R}` ? Trim<R> : S extends `${infer R}${Blank}` ? Trim<R> : S;
type StripOuter<S extends string> = Uppercase<S> extends `STRUCT<${string}` ? (S extends `${string}<${infer R}` ? R : S) : S;
type Until<S extends string, Stop extends string> = S extends `${infer Head}${Stop}${string}` ? Head : S;
/** The characters before the first blank or punctuation mark. */
type Word<S extends string> = Until<Until<Until<Until<Until<Until<Until<S, " ">, "\n">, ",">, ">">, "<">, "(">, ":">;
type After<S extends string, Head extends string> = S extends `${Head}${infer R}` ? Trim<R> : S;

type ReadFields<S extends string, Fields = unknown> = S extends `>${string}` | ""
  ? [Fields, S]
  : ReadName<S> extends [infer Name extends string, infer Rest extends string]
    ? ReadType<Rest extends `:${infer R}` ? Trim<R> : Rest> extends [infer Type, infer AfterType extends string]
      ? ReadSuffix<AfterType> extends [infer Null, infer AfterSuffix extends string]
        ? AfterSuffix extends `,${infer More}`
          ? ReadFields<Trim<More>, Fields & { [K in Name]: Type | Null }>
          : [Fields & { [K in Name]: Type | Null }, AfterSuffix]
        : never
      : never
    : never;

type ReadName<S extends string> = S extends `\`${infer Name}\`${infer Rest}`
  ? [Name, Trim<Rest>]
  : Word<S> extends ""
    ? never
    : [Word<S>, After<S, Word<S>>];

/** `NOT NULL` and `COMMENT '…'`: `[null or never, rest]`. */
type ReadSuffix<S extends string, Null = null> =
  Uppercase<Word<S>> extends "NOT"
    ? After<S, Word<S>> extends infer R extends string
      ? ReadSuffix<After<R, Word<R>>, never>
      : never
    : Uppercase<Word<S>> extends "COMMENT"
      ? After<S, Word<S>> extends `'${string}'${infer R}` | `"${string}"${infer R}`
        ? ReadSuffix<Trim<R>, Null>
        : never
      : [Null, S];

type ReadType<S extends string> = ReadNamedType<Uppercase<Word<S>>, After<S, Word<S>>>;

type ReadNamedType<Name extends string, Rest extends string> = Name extends "ARRAY"
  ? Rest extends `<${infer R}`
    ? ReadType<Trim<R>> extends [infer Element, infer Tail extends string]
      ? [(Element | null)[], Close<Tail>]
      : never
    : never
  : Name extends "MAP"
    ? Rest extends `<${infer R}`
      ? ReadType<Trim<R>> extends [infer Key, infer Tail extends string]
        ? ReadType<After<Tail, ",">> extends [infer Entry, infer End extends string]
          ? [Map<Key, Entry | null>, Close<End>]
          : never
        : never
      : never
    : Name extends "STRUCT"
      ? Rest extends `<${infer R}`
        ? ReadFields<Trim<R>> extends [infer Fields, infer Tail extends string]
          ? [Simplify<Fields>, Close<Tail>]
          : never
        : never
      : Name extends "INTERVAL"
        ? never
        : Name extends keyof SimpleTypes
          ? [SimpleTypes[Name], Rest extends `(${string})${infer R}` ? Trim<R> : Rest]
          : never;

type Close<S extends string> = S extends `>${infer R}` ? Trim<R> : S;

interface SimpleTypes {
  BOOLEAN: boolean;
  TINYINT: number;
  BYTE: number;
  SMALLINT: number;
  SHORT: number;
  INT: number;
  INTEGER: number;
  BIGINT: bigint;
  LONG: bigint;
  FLOAT: number;
  REAL: number;
  DOUBLE: number;
  DECIMAL: Decimal;
  DEC: Decimal;
  NUMERIC: Decimal;
  STRING: string;
  VARCHAR: string;
  CHAR: string;
  CHARACTER: string;
  BINARY: Uint8Array;
  DATE: LocalDate;
  TIMESTAMP: Timestamp;
  TIMESTAMP_LTZ: Timestamp;
  TIMESTAMP_NTZ: TimestampNtz;
  VOID: null;
}
