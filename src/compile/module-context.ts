/**
 * What the functions of one generated module share: imports, string literals, error sites and helper functions. One per
 * module, on the main thread. `literalBytes` and `sites` travel to the workers beside the module.
 */
import type { DataType } from "../columnar/types.ts";
import { ERROR_CODE, ERROR_OPERAND_0, ERROR_OPERAND_1, ERROR_SITE, PADDING_BYTES } from "../columnar/memory-layout.ts";
import type { Origin } from "../plan/expr/expression.ts";
import { type FunctionBuilder, type FunctionHandle, type GlobalHandle, type Local, ModuleBuilder, type WasmType } from "./emitter.ts";

/** Where an error can come from: enough to word it. Plain data. */
export interface ErrorSite {
  /** Canonical function name; `cast` for casts. */
  readonly name: string;
  /** Types of the operands in the error cells, at most two. */
  readonly operandTypes: readonly DataType[];
  readonly resultType: DataType;
  readonly origin?: Origin;
}

export class ModuleContext {
  readonly builder = new ModuleBuilder();
  readonly sites: ErrorSite[] = [];
  readonly #helpers = new Map<string, FunctionHandle>();
  readonly #literals = new Map<string, number>();
  #literalBytes = new Uint8Array(256);
  #literalLength = 0;

  constructor() {
    this.builder.importMemory();
  }

  /** An export of the kernels module (`src/kernels/assembly`). */
  kernel(name: string, params: readonly WasmType[], results: readonly WasmType[]): FunctionHandle {
    return this.builder.importFunction("kernels", name, params, results);
  }

  /** A JavaScript helper that the worker provides. */
  host(name: string, params: readonly WasmType[], results: readonly WasmType[]): FunctionHandle {
    return this.builder.importFunction("host", name, params, results);
  }

  /** A function of the module's own, written on first use. */
  helper(name: string, params: readonly WasmType[], results: readonly WasmType[], body: (f: FunctionBuilder) => void): FunctionHandle {
    const known = this.#helpers.get(name);
    if (known) return known;
    const handle = this.builder.addFunction({ name, params, results }, body);
    this.#helpers.set(name, handle);
    return handle;
  }

  /** Index for the `ERROR_SITE` cell. */
  site(site: ErrorSite): number {
    this.sites.push(site);
    return this.sites.length - 1;
  }

  /**
   * Places bytes in the module's literal area; equal bytes share a place. The area's address is the imported global
   * `env.literals`.
   */
  stringLiteral(bytes: Uint8Array): { readonly offset: number; readonly length: number } {
    const key = Buffer.from(bytes).toString("latin1");
    let offset = this.#literals.get(key);
    if (offset === undefined) {
      offset = this.#literalLength;
      this.#literals.set(key, offset);
      this.#literalLength += Math.ceil(bytes.length / 8) * 8;
      if (this.#literalLength > this.#literalBytes.length) {
        const larger = new Uint8Array(Math.max(2 * this.#literalBytes.length, this.#literalLength));
        larger.set(this.#literalBytes);
        this.#literalBytes = larger;
      }
      this.#literalBytes.set(bytes, offset);
    }
    return { offset, length: bytes.length };
  }

  /** Contents of the literal area, padded; the worker copies them to a 16-byte aligned address that stays valid. */
  get literalBytes(): Uint8Array<ArrayBuffer> {
    const padded = new Uint8Array(this.#literalLength + PADDING_BYTES);
    padded.set(this.#literalBytes.subarray(0, this.#literalLength));
    return padded;
  }

  /** Pushes the view (i64) on literal bytes. */
  pushLiteralView(f: FunctionBuilder, bytes: Uint8Array): void {
    const { offset, length } = this.stringLiteral(bytes);
    f.globalGet(this.#literalBase());
    f.op("i64.extend_i32_u");
    f.i64((BigInt(length) << 32n) + BigInt(offset));
    f.op("i64.add");
  }

  /**
   * Writes the error cells and leaves the function with status 1. `pushOperands` push i64 bits, one function per operand.
   */
  raise(f: FunctionBuilder, code: number | Local, site: number, pushOperands: readonly (() => void)[]): void {
    const record = this.helper("record_error", ["i32", "i32", "i64", "i64"], [], (helper) => {
      const cells = [ERROR_CODE, ERROR_SITE, ERROR_OPERAND_0, ERROR_OPERAND_1];
      cells.forEach((address, index) => {
        helper.i32(address);
        helper.get(helper.param(index));
        helper.memory(index < 2 ? "i32.store" : "i64.store");
      });
    });
    if (typeof code === "number") f.i32(code);
    else f.get(code);
    f.i32(site);
    for (const index of [0, 1]) {
      const push = pushOperands[index];
      if (push) push();
      else f.i64(0n);
    }
    f.call(record);
    f.i32(1);
    f.op("return");
  }

  #literalBase(): GlobalHandle {
    return this.builder.importGlobal("env", "literals", "i32");
  }
}
