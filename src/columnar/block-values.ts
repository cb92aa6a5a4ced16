/**
 * Values of a block in a worker's memory, read and written one by one from JavaScript: for tier-three functions. Slow and plain; the hot
 * paths are generated code and kernels.
 */
import type { Kernels } from "../kernels/load.ts";
import { variableBytes, variableValue } from "./list-encoding.ts";
import { ARENA_BLOCK, BLOCK_COLUMN_BYTES, BLOCK_COLUMN_DICTIONARY, BLOCK_COLUMNS, PADDING_BYTES } from "./memory-layout.ts";
import { type DataType, leafCount, physicalKind, physicalWidthBytes, type StructType } from "./types.ts";
import type { Value } from "./values.ts";

/** Reads rows of the block at `address`, whose columns are the leaves of `schema`. Valid while the block is. */
export class BlockReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #address: number;
  readonly #schema: StructType;
  readonly #firstLeaf: number[] = [];

  constructor(kernels: Pick<Kernels, "bytes" | "view">, address: number, schema: StructType) {
    this.#bytes = kernels.bytes();
    this.#view = kernels.view();
    this.#address = address;
    this.#schema = schema;
    let leaf = 0;
    for (const field of schema.fields) {
      this.#firstLeaf.push(leaf);
      leaf += leafCount(field.dataType);
    }
  }

  /** The value of top-level column `column` in row `row`. */
  value(column: number, row: number): Value {
    return this.#value(this.#schema.fields[column]!.dataType, this.#firstLeaf[column]!, row);
  }

  #value(type: DataType, leaf: number, row: number): Value {
    const descriptor = this.#address + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaf;
    const validity = this.#view.getUint32(descriptor + 4, true);
    if (validity !== 0 && this.#bytes[validity + row] === 0) return null;
    if (type.kind === "struct") {
      let next = leaf + 1;
      return type.fields.map((field) => {
        const value = this.#value(field.dataType, next, row);
        next += leafCount(field.dataType);
        return value;
      });
    }
    const physical = physicalKind(type);
    const values = this.#view.getUint32(descriptor, true);
    if (values === 0) return null;
    const at = values + row * physicalWidthBytes[physical];
    switch (physical) {
      case "i8":
        return type.kind === "boolean" ? this.#view.getInt8(at) !== 0 : this.#view.getInt8(at);
      case "i16":
        return this.#view.getInt16(at, true);
      case "i32":
        return this.#view.getInt32(at, true);
      case "i64":
        return this.#view.getBigInt64(at, true);
      case "f32":
        return this.#view.getFloat32(at, true);
      case "f64":
        return this.#view.getFloat64(at, true);
      default: {
        const start = this.#view.getUint32(at, true);
        return variableValue(type, this.#bytes, start, start + this.#view.getUint32(at + 4, true));
      }
    }
  }
}

/**
 * Writes columns of values into memory (ARENA_BLOCK) and their addresses into the block at `address`, from leaf `firstLeaf` on.
 * `columns[i][row]` is a value of `schema.fields[i]`.
 */
export function writeValues(
  kernels: Kernels,
  address: number,
  firstLeaf: number,
  schema: StructType,
  columns: readonly (readonly Value[])[],
  rows: number,
): void {
  const allocate = (bytes: number): number => (kernels.exports["arena_alloc"]!(ARENA_BLOCK, bytes) as number) >>> 0;
  let leaf = firstLeaf;
  const write = (type: DataType, values: readonly Value[]): void => {
    const physical = physicalKind(type);
    const width = physicalWidthBytes[physical];
    const validity = allocate(rows);
    const data = width === 0 ? 0 : allocate(rows * width);
    const variable = physical === "view" || physical === "wide" || physical === "list";
    const encoded = variable ? values.map((value) => (value === null ? null : variableBytes(type, value))) : [];
    const heap = variable ? allocate(encoded.reduce((sum, bytes) => sum + (bytes?.length ?? 0), PADDING_BYTES)) : 0;
    const view = kernels.view();
    const bytes = kernels.bytes();
    const descriptor = address + BLOCK_COLUMNS + BLOCK_COLUMN_BYTES * leaf++;
    view.setUint32(descriptor, data, true);
    view.setUint32(descriptor + 4, validity, true);
    view.setUint32(descriptor + BLOCK_COLUMN_DICTIONARY, 0, true);
    let end = heap;
    for (let row = 0; row < rows; row++) {
      const value = values[row]!;
      bytes[validity + row] = value === null ? 0 : 1;
      if (width === 0) continue;
      const at = data + row * width;
      switch (physical) {
        case "i8":
          view.setInt8(at, Number(value ?? 0));
          break;
        case "i16":
          view.setInt16(at, Number(value ?? 0), true);
          break;
        case "i32":
          view.setInt32(at, Number(value ?? 0), true);
          break;
        case "i64":
          view.setBigInt64(at, (value ?? 0n) as bigint, true);
          break;
        case "f32":
          view.setFloat32(at, Number(value ?? 0), true);
          break;
        case "f64":
          view.setFloat64(at, Number(value ?? 0), true);
          break;
        default: {
          const text = encoded[row];
          view.setUint32(at, end, true);
          view.setUint32(at + 4, text?.length ?? 0, true);
          if (text) {
            bytes.set(text, end);
            end += text.length;
          }
        }
      }
    }
    if (type.kind !== "struct") return;
    type.fields.forEach((field, i) =>
      write(
        field.dataType,
        values.map((value) => (value === null ? null : (value as readonly Value[])[i]!)),
      ),
    );
  };
  schema.fields.forEach((field, i) => write(field.dataType, columns[i]!));
}
