/**
 * The schema of a Parquet file as nested shapes with definition and repetition levels, and as Spark's types
 * (ParquetToSparkSchemaConverter's rules, the older forms of lists and maps included). Every thread.
 */
import { ConnectorError } from "../../base/errors.ts";
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
  VoidType,
} from "../../columnar/types.ts";
import { footerError } from "./parquet-error.ts";
import { type ParquetFooter, PHYSICAL, PHYSICAL_NAMES, type SchemaElement } from "./footer.ts";

/** A column or a part of one. `definition`: the level from which on its value is not null. */
export type Shape = LeafShape | StructShape | ListShape | MapShape | UnknownShape;

export interface LeafShape {
  readonly kind: "leaf";
  readonly name: string;
  readonly element: SchemaElement;
  /** Index among the file's leaves, which is that of its column chunk. */
  readonly column: number;
  readonly path: string;
  /** The highest levels that its pages can have. */
  readonly definition: number;
  readonly repetition: number;
}
export interface StructShape {
  readonly kind: "struct";
  readonly name: string;
  readonly definition: number;
  readonly fields: readonly Shape[];
}
export interface ListShape {
  readonly kind: "list";
  readonly name: string;
  readonly definition: number;
  /** Levels of the repeated part: a list with elements has this definition, an element that is not the first this repetition. */
  readonly elementDefinition: number;
  readonly elementRepetition: number;
  readonly element: Shape;
}
export interface MapShape {
  readonly kind: "map";
  readonly name: string;
  readonly definition: number;
  readonly elementDefinition: number;
  readonly elementRepetition: number;
  readonly key: Shape;
  readonly value: Shape;
}

/** The parts of a shape, in the order of the file's leaves. */
export function childShapes(shape: Shape): readonly Shape[] {
  switch (shape.kind) {
    case "struct":
      return shape.fields;
    case "list":
      return [shape.element];
    case "map":
      return [shape.key, shape.value];
    case "leaf":
    case "unknown":
      return [];
  }
}

/** A list or map whose parts are not as they must be. */
export interface UnknownShape {
  readonly kind: "unknown";
  readonly name: string;
  readonly annotation: "list" | "map";
  readonly definition: number;
}

const DEPTH_MAX = 64;

interface Node {
  readonly element: SchemaElement;
  readonly children: readonly Node[];
  /** Of a leaf. */
  readonly column: number;
}
interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

/** The top-level columns. Throws CANNOT_READ_FILE_FOOTER for trees that are none. */
export function fileShape(footer: ParquetFooter, file: string): StructShape {
  const none: Levels = { definition: 0, repetition: 0 };
  const fields = schemaTree(footer, file).children.map((child) => shapeOf(child, none, []));
  return { kind: "struct", name: "", definition: 0, fields };
}

function schemaTree({ elements }: ParquetFooter, file: string): Node {
  let next = 0;
  let column = 0;
  const node = (depth: number): Node => {
    const element = elements[next++];
    if (element === undefined || depth > DEPTH_MAX) throw footerError(file, "its schema is not a tree");
    if (element.physical !== null && depth > 0) return { element, children: [], column: column++ };
    const { childCount } = element;
    if (childCount < (depth === 0 ? 0 : 1) || childCount > elements.length - next) throw footerError(file, "its schema is not a tree");
    return { element, children: Array.from({ length: childCount }, () => node(depth + 1)), column: -1 };
  };
  const root = node(0);
  if (next !== elements.length) throw footerError(file, "its schema is not a tree");
  return root;
}

function shapeOf(node: Node, above: Levels, names: readonly string[]): Shape {
  const { name, repetition } = node.element;
  const path = [...names, name];
  if (repetition !== "repeated")
    return ownShape(node, repetition === "optional" ? { ...above, definition: above.definition + 1 } : above, path);
  // Without an annotation around it: a list that is never null.
  const within = repeated(above);
  return { kind: "list", name, definition: above.definition, ...elementLevels(within), element: ownShape(node, within, path) };
}

/** The shape of a node whose own repetition is in `levels` already. */
function ownShape(node: Node, levels: Levels, path: readonly string[]): Shape {
  const { element, children } = node;
  const { name, logical } = element;
  const { definition } = levels;
  if (element.physical !== null) return { kind: "leaf", name, element, column: node.column, path: path.join("."), ...levels };
  const isAnnotated = logical?.kind === "list" || logical?.kind === "map";
  if (!isAnnotated) return { kind: "struct", name, definition, fields: children.map((child) => shapeOf(child, levels, path)) };
  const [inner] = children as [Node];
  const within = repeated(levels);
  const innerPath = [...path, inner.element.name];
  if (children.length === 1 && inner.element.repetition === "repeated") {
    if (logical.kind === "list") {
      const content = isElement(inner, name) ? ownShape(inner, within, innerPath) : shapeOf(inner.children[0]!, within, innerPath);
      return { kind: "list", name, definition, ...elementLevels(within), element: content };
    }
    if (inner.children.length === 2) {
      const [key, value] = inner.children.map((child) => shapeOf(child, within, innerPath)) as [Shape, Shape];
      return { kind: "map", name, definition, ...elementLevels(within), key, value };
    }
  }
  return { kind: "unknown", name, annotation: logical.kind as "list" | "map", definition };
}

const repeated = ({ definition, repetition }: Levels): Levels => ({ definition: definition + 1, repetition: repetition + 1 });
const elementLevels = ({ definition, repetition }: Levels) => ({ elementDefinition: definition, elementRepetition: repetition });

/** Whether the repeated node of a list is its element (older writers) and not a wrapper around it. */
const isElement = ({ element, children }: Node, listName: string): boolean =>
  children.length !== 1 ||
  element.name === "array" ||
  element.name === `${listName}_tuple` ||
  children[0]!.element.repetition === "repeated";

/** The columns of a file. Every column is nullable, as Spark reads files. */
export function sparkSchema({ fields }: StructShape): StructType {
  return structType(fields.map((field) => structField(field.name, sparkType(field))));
}

/** Throws `PARQUET_TYPE_NOT_SUPPORTED` for types that Spark does not have. */
export function sparkType(shape: Shape): DataType {
  switch (shape.kind) {
    case "leaf":
      return leafType(shape);
    case "struct":
      return structType(shape.fields.map((field) => structField(field.name, sparkType(field))));
    case "list":
      return arrayType(sparkType(shape.element));
    case "map":
      return mapType(sparkType(shape.key), sparkType(shape.value));
    case "unknown":
      throw new ConnectorError("PARQUET_TYPE_NOT_SUPPORTED", { column: shape.name, parquetType: parquetType(shape) });
  }
}

const SIGNED: Readonly<Record<number, DataType>> = { 8: ByteType, 16: ShortType, 32: IntegerType, 64: LongType };
const UNSIGNED: Readonly<Record<number, DataType>> = { 8: ShortType, 16: IntegerType, 32: LongType, 64: decimalType(20, 0) };
/** Digits that surely fit into so many bytes. */
const digitsOf = (bytes: number): number => Math.floor(Math.log10(2) * (8 * bytes - 1));

function leafType(leaf: LeafShape): DataType {
  const { physical, logical, typeLength } = leaf.element;
  if (logical?.kind === "unknown") return VoidType;
  if (logical?.kind === "decimal") {
    const { precision, scale } = logical;
    const most =
      physical === PHYSICAL.int32 ? 9 : physical === PHYSICAL.int64 ? 18 : physical === PHYSICAL.fixed ? digitsOf(typeLength) : 38;
    const isPossible =
      physical === PHYSICAL.int32 || physical === PHYSICAL.int64 || physical === PHYSICAL.fixed || physical === PHYSICAL.byteArray;
    if (isPossible && precision >= 1 && precision <= Math.min(38, most) && scale >= 0 && scale <= precision)
      return decimalType(precision, scale);
    throw notSupported(leaf);
  }
  switch (physical) {
    case PHYSICAL.boolean:
      if (logical === null) return BooleanType;
      break;
    case PHYSICAL.int32:
      if (logical === null) return IntegerType;
      if (logical.kind === "integer" && logical.bits < 64) return (logical.isSigned ? SIGNED : UNSIGNED)[logical.bits] ?? fail(leaf);
      if (logical.kind === "date") return DateType;
      break;
    case PHYSICAL.int64:
      if (logical === null) return LongType;
      if (logical.kind === "integer" && logical.bits === 64) return logical.isSigned ? LongType : UNSIGNED[64]!;
      if (logical.kind === "timestamp") return logical.isUtc ? TimestampType : TimestampNTZType;
      break;
    case PHYSICAL.int96:
      return TimestampType;
    case PHYSICAL.float:
      if (logical === null) return FloatType;
      break;
    case PHYSICAL.double:
      if (logical === null) return DoubleType;
      break;
    case PHYSICAL.byteArray:
      if (logical?.kind === "string") return StringType;
      if (logical === null || logical.kind === "bson" || logical.kind === "other") return BinaryType;
      break;
    case PHYSICAL.fixed:
      if (typeLength > 0 && (logical === null || logical.kind === "uuid")) return BinaryType;
      break;
  }
  throw notSupported(leaf);
}

function fail(leaf: LeafShape): never {
  throw notSupported(leaf);
}

const notSupported = (leaf: LeafShape): ConnectorError =>
  new ConnectorError("PARQUET_TYPE_NOT_SUPPORTED", { column: leaf.path, parquetType: parquetType(leaf) });

/** As errors name it: `INT64 (TIME)`. */
export function parquetType(shape: Shape): string {
  if (shape.kind === "unknown") return `group (${shape.annotation.toUpperCase()} without the parts of one)`;
  if (shape.kind !== "leaf") return `group (${shape.kind.toUpperCase()})`;
  const { physical, logical } = shape.element;
  const name = PHYSICAL_NAMES[physical!] ?? `type ${physical}`;
  if (logical === null) return name;
  const detail =
    logical.kind === "decimal"
      ? `(${logical.precision},${logical.scale})`
      : logical.kind === "integer"
        ? `(${logical.bits},${logical.isSigned})`
        : logical.kind === "timestamp"
          ? `(${logical.unit.toUpperCase()},${logical.isUtc})`
          : "";
  return `${name} (${logical.kind.toUpperCase()}${detail})`;
}
