/** Thrift's compact protocol, as far as the Parquet writer uses it: a struct is a list of fields by ascending id. In workers. */
export interface ThriftField {
  /** Of the protocol; booleans carry their value in it. */
  readonly type: number;
  readonly write: (out: number[]) => void;
}

const [FALSE, TRUE, BYTE, I32, I64, BINARY, LIST, STRUCT] = [2, 1, 3, 5, 6, 8, 9, 12];

export const bool = (value: boolean): ThriftField => ({ type: value ? TRUE! : FALSE!, write: () => {} });
export const byte = (value: number): ThriftField => ({ type: BYTE!, write: (out) => out.push(value & 255) });
export const i32 = (value: number): ThriftField => ({ type: I32!, write: (out) => writeInteger(out, value) });
export const i64 = (value: number): ThriftField => ({ type: I64!, write: (out) => writeInteger(out, value) });

export function binary(value: string | Uint8Array): ThriftField {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return {
    type: BINARY!,
    write: (out) => {
      writeUnsigned(out, bytes.length);
      for (const each of bytes) out.push(each);
    },
  };
}

/** A list of elements of one type, not of booleans; an empty one is of structs. */
export const list = (elements: readonly ThriftField[]): ThriftField => ({
  type: LIST!,
  write: (out) => {
    const type = elements[0]?.type ?? STRUCT!;
    if (elements.length < 15) out.push((elements.length << 4) | type);
    else {
      out.push(0xf0 | type);
      writeUnsigned(out, elements.length);
    }
    for (const element of elements) element.write(out);
  },
});

/** Fields by id; those that are undefined are absent. */
export const struct = (fields: Readonly<Record<number, ThriftField | undefined>>): ThriftField => ({
  type: STRUCT!,
  write: (out) => {
    let last = 0;
    for (const [key, field] of Object.entries(fields)) {
      if (!field) continue;
      const id = Number(key);
      // Ids of Parquet's structs never leave gaps of 16.
      out.push(((id - last) << 4) | field.type);
      field.write(out);
      last = id;
    }
    out.push(0);
  },
});

/** The bytes of a struct. */
export function thriftBytes(value: ThriftField): Uint8Array {
  const out: number[] = [];
  value.write(out);
  return Uint8Array.from(out);
}

function writeUnsigned(out: number[], value: number): void {
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) + 128);
  out.push(value);
}

/** Whole numbers up to 2^52. */
const writeInteger = (out: number[], value: number): void => writeUnsigned(out, value >= 0 ? 2 * value : -2 * value - 1);
