/**
 * Runs one compiled expression over rows: encodes columns into a worker's memory, emits a module with a loop over them,
 * and decodes what it stored. Tests only.
 */
import { ExpressionCompiler, type CompileOptions } from "../../src/compile/expression.ts";
import { typeOf } from "../../src/plan/expr/expression-type.ts";
import { ModuleContext } from "../../src/compile/module-context.ts";
import { runtimeError } from "../../src/compile/runtime-error.ts";
import { hostHelpers } from "../../src/compile/host-helpers.ts";
import { type CompiledValue, LOAD_OPS, type Scope, STORE_OPS } from "../../src/compile/value.ts";
import type { FunctionBuilder, Local } from "../../src/compile/emitter.ts";
import { ARENA_BATCH, ARENA_BLOCK, ARENA_QUERY, BATCH_TIMESTAMP, ERROR_CODE, PADDING_BYTES } from "../../src/columnar/memory-layout.ts";
import { type DataType, type Leaf, leavesOf, physicalKind, physicalWidthBytes, structField, structType } from "../../src/columnar/types.ts";
import type { Value } from "../../src/columnar/values.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";
import type { Attribute, Expression } from "../../src/plan/expr/expression.ts";
import type { FunctionRegistry } from "../../src/plan/expr/function-registry.ts";

const kernels = instantiateKernels(compileKernels(), createMemory());

export interface Column {
  readonly attribute: Attribute;
  readonly values: readonly Value[];
}

/** A registry without functions: enough for what has inline emitters. */
const emptyRegistry: FunctionRegistry = {
  find: () => undefined,
  scalar: (name) => {
    throw new Error(`no function ${name}`);
  },
  aggregate: (name) => {
    throw new Error(`no aggregate ${name}`);
  },
  names: () => [],
};

export const utc: CompileOptions = { registry: emptyRegistry, timeZone: "UTC" };

/** The attribute of a test column. */
export const attribute = (id: number, dataType: DataType, nullable = true): Attribute => ({
  kind: "attribute",
  id,
  name: `c${id}`,
  dataType,
  nullable,
});

/** The module that stores `expression` of every row; `printWat` reads it. */
export function moduleOf(expression: Expression, columns: readonly Attribute[], options: CompileOptions = utc): ModuleContext {
  const module = new ModuleContext();
  module.builder.addFunction({ name: "run", params: ["i32", "i32", "i32"], results: ["i32"], exported: true }, (f) => {
    const [rowCount, inputs, outputs] = [f.param(0), f.param(1), f.param(2)];
    const row = f.local("i32");
    f.block((end) => {
      f.loop((next) => {
        f.get(row);
        f.get(rowCount);
        f.op("i32.ge_u");
        f.brIf(end);
        const loaded = new Map<number, CompiledValue>();
        let leaf = 0;
        for (const column of columns) {
          loaded.set(column.id, load(column.dataType, column.nullable));
        }
        const scope: Scope = { attribute: (id) => loaded.get(id)! };
        let out = 0;
        store(new ExpressionCompiler(f, module, scope, options).compile(expression));
        f.get(row);
        f.i32(1);
        f.op("i32.add");
        f.set(row);
        f.br(next);

        function load(dataType: DataType, nullable: boolean): CompiledValue {
          const index = leaf++;
          const physical = physicalKind(dataType);
          const nulls = nullable ? f.local("i32") : null;
          if (nulls) {
            pushElement(f, inputs, index * 8 + 4, row, 1);
            f.memory("i32.load8_u");
            f.op("i32.eqz");
            f.set(nulls);
          }
          const isNull = nulls && (() => f.get(nulls));
          if (dataType.kind === "struct") {
            const fields = dataType.fields.map((field) => load(field.dataType, true));
            return { dataType, physical, push: () => {}, isNull, fields };
          }
          pushElement(f, inputs, index * 8, row, physicalWidthBytes[physical]);
          f.memory(LOAD_OPS[physical]);
          const local = f.local(physical === "f32" || physical === "f64" ? physical : physicalWidthBytes[physical] === 8 ? "i64" : "i32");
          f.set(local);
          return { dataType, physical, push: () => f.get(local), isNull };
        }

        function store(value: CompiledValue): void {
          const index = out++;
          pushElement(f, outputs, index * 8 + 4, row, 1);
          if (value.isNull) value.isNull();
          else f.i32(0);
          f.op("i32.eqz");
          f.memory("i32.store8");
          if (value.physical !== "struct") {
            pushElement(f, outputs, index * 8, row, physicalWidthBytes[value.physical]);
            value.push();
            f.memory(STORE_OPS[value.physical]);
          }
          for (const field of value.fields ?? []) store(field);
        }
      });
    });
    f.i32(0);
  });
  return module;
}

/** Pushes the address of element `row` of the buffer whose address is at `descriptors + offset`. */
function pushElement(f: FunctionBuilder, descriptors: Local, offset: number, row: Local, width: number): void {
  f.get(descriptors);
  f.memory("i32.load", offset);
  f.get(row);
  f.i32(width);
  f.op("i32.mul", "i32.add");
}

/** Values of `expression` per row. Throws the typed error of the first row that fails. */
export function evaluateCompiled(
  expression: Expression,
  columns: readonly Column[],
  rowCount: number,
  options: CompileOptions = utc,
  batchTimestampMicros = 0n,
): Value[] {
  const module = moduleOf(
    expression,
    columns.map((column) => column.attribute),
    options,
  );
  for (const arena of [ARENA_BATCH, ARENA_BLOCK, ARENA_QUERY]) kernels.exports.arena_reset!(arena);
  const compiled = new WebAssembly.Module(module.builder.toBytes());
  const literalBytes = module.literalBytes;
  const literals = allocate(ARENA_QUERY, literalBytes.length);
  kernels.bytes().set(literalBytes, literals);
  const instance = new WebAssembly.Instance(compiled, {
    env: { memory: kernels.memory, literals },
    kernels: kernels.exports as Record<string, unknown>,
    host: hostHelpers(kernels),
  });
  const run = instance.exports.run as (rowCount: number, inputs: number, outputs: number) => number;

  const inputLeaves = leavesOf(structType(columns.map(({ attribute: { name, dataType } }) => structField(name, dataType))));
  const inputs = buffers(inputLeaves, rowCount);
  const state = { leaf: 0 };
  for (const column of columns) encodeColumn(column.attribute.dataType, column.values, inputs, state);
  const resultType = typeOf(expression);
  const outputs = buffers(leavesOf(structType([structField("result", resultType)])), rowCount);
  kernels.view().setBigInt64(BATCH_TIMESTAMP, batchTimestampMicros, true);
  kernels.view().setUint32(ERROR_CODE, 0, true);
  if (run(rowCount, inputs, outputs) !== 0) throw runtimeError(kernels, module.sites);
  return Array.from({ length: rowCount }, (_, row) => decode(resultType, outputs, row, { leaf: 0 }));
}

function allocate(arena: number, bytes: number): number {
  return (kernels.exports.arena_alloc!(arena, bytes + PADDING_BYTES) as number) >>> 0;
}

/** Descriptors (values address, validity address) with buffers for `rowCount` rows. */
function buffers(leaves: readonly Leaf[], rowCount: number): number {
  const descriptors = allocate(ARENA_BATCH, leaves.length * 8);
  leaves.forEach((leaf, index) => {
    const values = allocate(ARENA_BATCH, rowCount * physicalWidthBytes[leaf.physical]);
    const validity = allocate(ARENA_BATCH, rowCount);
    kernels.view().setUint32(descriptors + index * 8, values, true);
    kernels.view().setUint32(descriptors + index * 8 + 4, validity, true);
  });
  return descriptors;
}

function encodeColumn(dataType: DataType, values: readonly Value[], descriptors: number, state: { leaf: number }): void {
  const index = state.leaf++;
  const address = kernels.view().getUint32(descriptors + index * 8, true);
  const validity = kernels.view().getUint32(descriptors + index * 8 + 4, true);
  values.forEach((value, row) => {
    kernels.bytes()[validity + row] = value === null ? 0 : 1;
    if (dataType.kind === "struct") return;
    const width = physicalWidthBytes[physicalKind(dataType)];
    // Nulls lie on bits that no one may look at.
    if (value === null) kernels.bytes().fill(0xf3, address + row * width, address + (row + 1) * width);
    else encode(dataType, value, address + row * width);
  });
  if (dataType.kind === "struct") {
    dataType.fields.forEach((field, i) =>
      encodeColumn(
        field.dataType,
        values.map((value) => (value === null ? null : (value as readonly Value[])[i]!)),
        descriptors,
        state,
      ),
    );
  }
}

function encode(dataType: DataType, value: Value, address: number): void {
  const view = kernels.view();
  switch (physicalKind(dataType)) {
    case "i8":
      return view.setInt8(address, Number(value));
    case "i16":
      return view.setInt16(address, value as number, true);
    case "i32":
      return view.setInt32(address, value as number, true);
    case "i64":
      return view.setBigInt64(address, value as bigint, true);
    case "f32":
      return view.setFloat32(address, value as number, true);
    case "f64":
      return view.setFloat64(address, value as number, true);
    case "view": {
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : (value as Uint8Array);
      return encodeView(bytes, address);
    }
    case "wide": {
      const bytes = new DataView(new ArrayBuffer(16));
      bytes.setBigInt64(0, BigInt.asIntN(64, value as bigint), true);
      bytes.setBigInt64(8, (value as bigint) >> 64n, true);
      return encodeView(new Uint8Array(bytes.buffer), address);
    }
    default:
      throw new Error(`the harness has no ${dataType.kind} columns`);
  }
}

function encodeView(bytes: Uint8Array, address: number): void {
  const place = allocate(ARENA_BATCH, bytes.length);
  kernels.bytes().fill(0xab, place, place + bytes.length + PADDING_BYTES);
  kernels.bytes().set(bytes, place);
  kernels.view().setBigUint64(address, (BigInt(bytes.length) << 32n) | BigInt(place), true);
}

function decode(dataType: DataType, descriptors: number, row: number, state: { leaf: number }): Value {
  const index = state.leaf++;
  const view = kernels.view();
  const isValid = view.getUint8(view.getUint32(descriptors + index * 8 + 4, true) + row) === 1;
  if (dataType.kind === "struct") {
    const fields = dataType.fields.map((field) => decode(field.dataType, descriptors, row, state));
    return isValid ? fields : null;
  }
  if (!isValid) return null;
  const physical = physicalKind(dataType);
  const address = view.getUint32(descriptors + index * 8, true) + row * physicalWidthBytes[physical];
  switch (physical) {
    case "i8":
      return dataType.kind === "boolean" ? view.getInt8(address) === 1 : view.getInt8(address);
    case "i16":
      return view.getInt16(address, true);
    case "i32":
      return view.getInt32(address, true);
    case "i64":
      return view.getBigInt64(address, true);
    case "f32":
      return view.getFloat32(address, true);
    case "f64":
      return view.getFloat64(address, true);
    default: {
      const bits = view.getBigUint64(address, true);
      const start = Number(bits & 0xffffffffn);
      const bytes = kernels.bytes().slice(start, start + Number(bits >> 32n));
      if (dataType.kind === "string") return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      if (dataType.kind === "binary") return bytes;
      const limbs = new DataView(bytes.buffer, bytes.byteOffset);
      return (limbs.getBigInt64(8, true) << 64n) | limbs.getBigUint64(0, true);
    }
  }
}
