/** JSON text as Spark's progress and status print it (json4s over Jackson): doubles keep their point, the pretty form has ` : `. */

/** A number that is a double in Spark: 10 prints as `10.0`, 12345678.9 as `1.23456789E7`. */
export class JsonDouble {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  toString(): string {
    const { value } = this;
    const magnitude = Math.abs(value);
    if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
    if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(value) ? `${value}.0` : String(value);
    const [mantissa = "", exponent = ""] = value.toExponential().split("e");
    return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
  }
}

/** What can be printed; members that are `undefined` are left out. */
export type JsonTree =
  | null
  | undefined
  | boolean
  | number
  | string
  | JsonDouble
  | readonly JsonTree[]
  | { readonly [key: string]: JsonTree };

/** The text of `tree`: one line, or indented like Jackson's default pretty printer. */
export function jsonText(tree: JsonTree, isPretty = false): string {
  return isPretty ? pretty(tree, "") : compact(tree);
}

function compact(tree: JsonTree): string {
  if (isArray(tree)) return `[${tree.map(compact).join(",")}]`;
  if (isObject(tree)) {
    return `{${members(tree)
      .map(([key, value]) => `${JSON.stringify(key)}:${compact(value)}`)
      .join(",")}}`;
  }
  return scalar(tree);
}

function pretty(tree: JsonTree, indent: string): string {
  if (isArray(tree)) return tree.length === 0 ? "[ ]" : `[ ${tree.map((item) => pretty(item, indent)).join(", ")} ]`;
  if (isObject(tree)) {
    const inner = `${indent}  `;
    const lines = members(tree).map(([key, value]) => `${inner}${JSON.stringify(key)} : ${pretty(value, inner)}`);
    return lines.length === 0 ? "{ }" : `{\n${lines.join(",\n")}\n${indent}}`;
  }
  return scalar(tree);
}

function scalar(value: JsonTree): string {
  return value instanceof JsonDouble ? value.toString() : JSON.stringify(value ?? null);
}

function members(tree: { readonly [key: string]: JsonTree }): readonly (readonly [string, JsonTree])[] {
  return Object.entries(tree).filter(([, value]) => value !== undefined);
}

function isArray(tree: JsonTree): tree is readonly JsonTree[] {
  return Array.isArray(tree);
}

function isObject(tree: JsonTree): tree is { readonly [key: string]: JsonTree } {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree) && !(tree instanceof JsonDouble);
}
