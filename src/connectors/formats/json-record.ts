/**
 * JSON records to rows by Spark's rules (its JacksonParser), in plain TypeScript: for the lines that the scanner kernel defers, for
 * multi-line files and for `from_json`. Any thread.
 *
 * A record that is not JSON, or no object, gives one row of nulls and is malformed. A value that does not fit its type is null, the
 * other fields keep theirs, and the record counts as malformed too.
 */
import { fitsPrecision, parseDecimal, rescale } from "../../columnar/decimal.ts";
import type { DataType, StructType } from "../../columnar/types.ts";
import type { Value } from "../../columnar/values.ts";
import { dateFromText, type DateTimeFormats, timestampFromText, timestampNtzFromText } from "./datetime-formats.ts";
import type { ParsedRecords } from "./record-mode.ts";
import { type JsonNode, type JsonSyntaxOptions, JsonSyntaxError, parseJsonValues } from "./json-syntax.ts";

export interface JsonRecordOptions extends JsonSyntaxOptions {
  readonly formats: DateTimeFormats;
}

/** Parses one record (a line, or a whole file) into the fields of `schema`. */
export function parseJsonRecord(text: string, schema: StructType, options: JsonRecordOptions): ParsedRecords {
  const nullRow = (): Value[] => schema.fields.map(() => null);
  let nodes: JsonNode[];
  try {
    nodes = parseJsonValues(text, options);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { rows: [nullRow()], isMalformed: true };
  }
  if (nodes.length === 0) return { rows: [], isMalformed: false };
  const root = nodes[0]!;
  const objects = root.kind === "array" ? root.items : [root];
  if (nodes.length > 1 || objects.some((node) => node.kind !== "object")) return { rows: [nullRow()], isMalformed: true };
  const converter = new Converter(text, options);
  const rows = objects.map((node) => converter.struct(node as JsonNode & { kind: "object" }, schema));
  return { rows, isMalformed: converter.sawBadValue };
}

/** Thrown for a value that does not fit its type; caught at the field that holds it. */
class BadValue extends Error {}

class Converter {
  sawBadValue = false;
  readonly #text: string;
  readonly #options: JsonRecordOptions;

  constructor(text: string, options: JsonRecordOptions) {
    this.#text = text;
    this.#options = options;
  }

  struct(node: JsonNode & { kind: "object" }, type: StructType): Value[] {
    const last = new Map(node.entries);
    return type.fields.map((field) => {
      const value = last.get(field.name);
      return value === undefined ? null : this.#field(value, field.dataType);
    });
  }

  #field(node: JsonNode, type: DataType): Value {
    try {
      return this.#convert(node, type);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      this.sawBadValue = true;
      return null;
    }
  }

  #convert(node: JsonNode, type: DataType): Value {
    if (node.kind === "null") return null;
    switch (type.kind) {
      case "void":
        return null;
      case "boolean":
        if (node.kind === "boolean") return node.value;
        break;
      case "byte":
      case "short":
      case "integer":
      case "long":
        if (node.kind === "number") return wholeNumber(node.text, type.kind);
        break;
      case "float":
        if (node.kind === "number") return node.isFinite ? nearestFloat(node.text) : nonFinite(node.text);
        if (node.kind === "string" && this.#options.allowNonNumericNumbers) return nonFinite(node.value);
        break;
      case "double":
        if (node.kind === "number") return node.isFinite ? Number(node.text) : nonFinite(node.text);
        if (node.kind === "string" && this.#options.allowNonNumericNumbers) return nonFinite(node.value);
        break;
      case "decimal": {
        const text = node.kind === "number" && node.isFinite ? node.text : node.kind === "string" ? node.value : null;
        if (text !== null) return decimal(text, type.precision, type.scale);
        break;
      }
      case "string":
        return node.kind === "string" ? node.value : this.#text.slice(node.start, node.end);
      case "binary":
        if (node.kind === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(node.value)) return Uint8Array.from(Buffer.from(node.value, "base64"));
        break;
      case "date":
        if (node.kind === "string") return defined(dateFromText(node.value, this.#options.formats));
        break;
      case "timestamp":
        if (node.kind === "number") return seconds(node.text);
        if (node.kind === "string") return defined(timestampFromText(node.value, this.#options.formats));
        break;
      case "timestamp_ntz":
        if (node.kind === "string") return defined(timestampNtzFromText(node.value, this.#options.formats));
        break;
      case "array":
        if (node.kind === "array") return node.items.map((item) => this.#field(item, type.elementType));
        break;
      case "map":
        if (node.kind === "object") return [...new Map(node.entries)].map(([key, item]): Value => [key, this.#field(item, type.valueType)]);
        break;
      case "struct":
        if (node.kind === "object") return this.struct(node, type);
        break;
      case "day_time_interval":
      case "year_month_interval":
        break;
    }
    throw new BadValue();
  }
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new BadValue();
  return value;
}

const DECIMAL_DIGITS_MAX = 38;
const INTEGER_BITS = { byte: 8, short: 16, integer: 32, long: 64 } as const;

function wholeNumber(text: string, kind: keyof typeof INTEGER_BITS): Value {
  if (!/^-?\d+$/.test(text)) throw new BadValue();
  const value = BigInt(text);
  if (BigInt.asIntN(INTEGER_BITS[kind], value) !== value) throw new BadValue();
  return kind === "long" ? value : Number(value);
}

function seconds(text: string): bigint {
  const micros = (wholeNumber(text, "long") as bigint) * 1_000_000n;
  if (BigInt.asIntN(64, micros) !== micros) throw new BadValue();
  return micros;
}

function decimal(text: string, precision: number, scale: number): bigint {
  const parsed = defined(parseDecimal(text));
  if (parsed.scale > 2 * DECIMAL_DIGITS_MAX + text.length) return 0n;
  if (parsed.scale < -DECIMAL_DIGITS_MAX) {
    if (parsed.unscaled === 0n) return 0n;
    throw new BadValue();
  }
  const unscaled = rescale(parsed.unscaled, parsed.scale, scale);
  if (!fitsPrecision(unscaled, precision)) throw new BadValue();
  return unscaled;
}

function nonFinite(text: string): number {
  if (text === "NaN") return NaN;
  if (/^\+?(?:INF|Infinity)$/.test(text)) return Infinity;
  if (/^-(?:INF|Infinity)$/.test(text)) return -Infinity;
  throw new BadValue();
}

/** The float nearest to a decimal text: rounding to a double first can be wrong by one when the double lies between two floats. */
export function nearestFloat(text: string): number {
  const double = Number(text);
  const float = Math.fround(double);
  if (float === double || !Number.isFinite(double) || !Number.isFinite(float)) return float;
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, float);
  bits.setInt32(0, bits.getInt32(0) + (Math.abs(double) > Math.abs(float) ? 1 : -1));
  const other = bits.getFloat32(0);
  if (Math.abs(double - float) !== Math.abs(other - double)) return float;
  const exact = compareDecimals(text, double);
  if (exact === 0) return float;
  return exact > 0 === other > double ? other : float;
}

/** Sign of the exact value of `text` minus that of `double`. */
function compareDecimals(text: string, double: number): number {
  const [mantissa, exponent] = text.toLowerCase().split("e") as [string, string | undefined];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string | undefined];
  const power = Number(exponent ?? 0) - fraction.length;
  // double = integer * 2^-1074 in any case
  let left = BigInt(whole + fraction) * 2n ** 1074n;
  let right = exactMultiple(double);
  if (power >= 0) left *= 10n ** BigInt(power);
  else right *= 10n ** BigInt(-power);
  return left < right ? -1 : left > right ? 1 : 0;
}

function exactMultiple(double: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, double);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return double < 0 ? -magnitude : magnitude;
}
