/** Literals as compiled values: constants in the code, bytes in the module's literal area. */
import { assert } from "../base/assert.ts";
import { type DataType, physicalKind } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import type { FunctionBuilder } from "./emitter.ts";
import type { ModuleContext } from "./module-context.ts";
import { type CompiledValue, nullValue } from "./value.ts";

/** Arrays and maps have no literal form in generated code (`tier.ts` sends them to tier 3). */
export function compileLiteral(f: FunctionBuilder, module: ModuleContext, value: Value, dataType: DataType): CompiledValue {
  if (value === null) return nullValue(f, dataType);
  const physical = physicalKind(dataType);
  const fields = dataType.kind === "struct" ? structFields(f, module, value, dataType.fields) : undefined;
  return { dataType, physical, push: () => push(f, module, value, dataType), isNull: null, ...(fields && { fields }) };
}

function structFields(
  f: FunctionBuilder,
  module: ModuleContext,
  value: Value,
  fields: readonly { readonly dataType: DataType }[],
): CompiledValue[] {
  const values = value as readonly Value[];
  return fields.map((field, index) => compileLiteral(f, module, values[index]!, field.dataType));
}

function push(f: FunctionBuilder, module: ModuleContext, value: Value, dataType: DataType): void {
  switch (physicalKind(dataType)) {
    case "i8":
    case "i16":
    case "i32":
      return f.i32(Number(value));
    case "i64":
      return f.i64(value as bigint);
    case "f32":
      return f.f32(value as number);
    case "f64":
      return f.f64(value as number);
    case "view":
      return module.pushLiteralView(f, literalBytes(value));
    case "wide":
      return module.pushLiteralView(f, wideBytes(value as bigint));
    case "list":
      return assert(false, "a list literal reached the compiler");
    case "struct":
      return;
  }
}

/** The bytes of a string (UTF-8) or binary value. */
export const literalBytes = (value: Value): Uint8Array =>
  typeof value === "string" ? new TextEncoder().encode(value) : (value as Uint8Array);

/** Sixteen bytes, little-endian two's complement. */
function wideBytes(unscaled: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigInt64(0, BigInt.asIntN(64, unscaled), true);
  view.setBigInt64(8, unscaled >> 64n, true);
  return new Uint8Array(view.buffer);
}
