/**
 * A small assembler for WebAssembly modules. `pipeline.ts` and the expression compiler write functions with it on the main
 * thread; the bytes are compiled once and the module is posted to the workers. Bodies are kept as instruction lists until
 * `toBytes`, so imports may be declared while a body is being written, and `wat.ts` can print them.
 */
import { assert } from "../base/assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import { FunctionBuilder, type FunctionHandle, type GlobalHandle, type Instruction, type Local } from "./function-builder.ts";
import {
  BLOCK_CODES,
  BR_CODES,
  BULK_CODES,
  CALL_CODE,
  CONST_CODES,
  ELSE_CODE,
  END_CODE,
  GLOBAL_CODES,
  LOCAL_CODES,
  MEMORY_CODES,
  PLAIN_CODES,
  TYPE_CODES,
  type WasmType,
} from "./opcodes.ts";

export { FunctionBuilder } from "./function-builder.ts";
export type { FunctionHandle, GlobalHandle, Instruction, Label, Local } from "./function-builder.ts";
export type { MemoryOp, WasmType } from "./opcodes.ts";

export interface ImportedFunction extends FunctionHandle {
  readonly module: string;
}

export interface DefinedFunction extends FunctionHandle {
  readonly isExported: boolean;
  readonly locals: readonly Local[];
  readonly body: readonly Instruction[];
}

export interface FunctionSpec {
  readonly name: string;
  readonly params?: readonly WasmType[];
  readonly results?: readonly WasmType[];
  readonly exported?: boolean;
}

/** Memory of a worker as modules import it; must equal what `kernels/load.ts` creates. */
const MEMORY_PAGES_INITIAL = 64;
const MEMORY_PAGES_MAXIMUM = 65536;

/** Collects a module: imports, globals and functions in any order. */
export class ModuleBuilder {
  readonly imports: ImportedFunction[] = [];
  readonly functions: DefinedFunction[] = [];
  readonly globals: GlobalHandle[] = [];
  #importsMemory = false;

  get importsMemory(): boolean {
    return this.#importsMemory;
  }

  /** The function imported under `module` and `name`; the same handle when asked again. */
  importFunction(module: string, name: string, params: readonly WasmType[], results: readonly WasmType[]): FunctionHandle {
    const known = this.imports.find((candidate) => candidate.module === module && candidate.name === name);
    if (known) {
      const agrees = known.params.join() === params.join() && known.results.join() === results.join();
      assert(agrees, `${module}.${name} is imported with two signatures`);
      return known;
    }
    const imported = { module, name, params, results, isImport: true, position: this.imports.length };
    this.imports.push(imported);
    return imported;
  }

  /** Imports the worker's shared memory as "env" "memory". */
  importMemory(): void {
    this.#importsMemory = true;
  }

  /** An immutable imported global; the same handle when asked again. */
  importGlobal(module: string, name: string, type: WasmType): GlobalHandle {
    const known = this.globals.find((candidate) => candidate.isImport && candidate.module === module && candidate.name === name);
    if (known) return known;
    const position = this.globals.filter((candidate) => candidate.isImport).length;
    const handle: GlobalHandle = { module, name, type, isMutable: false, isImport: true, position, initial: 0 };
    this.globals.push(handle);
    return handle;
  }

  /** A mutable global of the module's own. */
  addGlobal(name: string, type: WasmType, initial: number | bigint = 0): GlobalHandle {
    const position = this.globals.filter((candidate) => !candidate.isImport).length;
    const handle: GlobalHandle = { module: "", name, type, isMutable: true, isImport: false, position, initial };
    this.globals.push(handle);
    return handle;
  }

  /** Defines a function. `body` writes its instructions; a value of each result type must be left at the end. */
  addFunction(spec: FunctionSpec, body: (f: FunctionBuilder) => void): FunctionHandle {
    const { name, params = [], results = [], exported = false } = spec;
    const f = new FunctionBuilder(params);
    const handle: DefinedFunction = {
      name,
      params,
      results,
      isImport: false,
      position: this.functions.length,
      isExported: exported,
      locals: f.locals,
      body: f.instructions,
    };
    this.functions.push(handle);
    body(f);
    f.finish();
    return handle;
  }

  indexOf(target: FunctionHandle): number {
    return target.isImport ? target.position : this.imports.length + target.position;
  }

  globalIndexOf(target: GlobalHandle): number {
    return target.isImport ? target.position : this.globals.filter((candidate) => candidate.isImport).length + target.position;
  }

  /** The binary module. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const types = new Map<string, number>();
    const typeIndex = (handle: FunctionHandle): number => {
      const key = `${handle.params.join()}>${handle.results.join()}`;
      const known = types.get(key);
      if (known !== undefined) return known;
      types.set(key, types.size);
      return types.size - 1;
    };
    const importTypes = this.imports.map(typeIndex);
    const functionTypes = this.functions.map(typeIndex);
    const importedGlobals = this.globals.filter((global) => global.isImport);
    const ownGlobals = this.globals.filter((global) => !global.isImport);
    const exported = this.functions.filter((defined) => defined.isExported);

    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    out.section(1, (section) => {
      section.u32(types.size);
      for (const key of types.keys()) {
        section.u8(0x60);
        for (const list of key.split(">")) {
          const names = list === "" ? [] : (list.split(",") as WasmType[]);
          section.u32(names.length);
          for (const name of names) section.u8(TYPE_CODES[name]);
        }
      }
    });
    out.section(2, (section) => {
      section.u32(this.imports.length + importedGlobals.length + (this.#importsMemory ? 1 : 0));
      this.imports.forEach((imported, index) => {
        section.name(imported.module);
        section.name(imported.name);
        section.u8(0x00);
        section.u32(importTypes[index]!);
      });
      if (this.#importsMemory) {
        section.name("env");
        section.name("memory");
        section.bytes([0x02, 0x03]);
        section.u32(MEMORY_PAGES_INITIAL);
        section.u32(MEMORY_PAGES_MAXIMUM);
      }
      for (const global of importedGlobals) {
        section.name(global.module);
        section.name(global.name);
        section.bytes([0x03, TYPE_CODES[global.type], 0x00]);
      }
    });
    out.section(3, (section) => {
      section.u32(this.functions.length);
      for (const type of functionTypes) section.u32(type);
    });
    if (ownGlobals.length > 0) {
      out.section(6, (section) => {
        section.u32(ownGlobals.length);
        for (const global of ownGlobals) {
          section.bytes([TYPE_CODES[global.type], 0x01]);
          this.#encode({ kind: "const", type: global.type, value: global.initial }, section);
          section.u8(END_CODE);
        }
      });
    }
    out.section(7, (section) => {
      section.u32(exported.length);
      for (const defined of exported) {
        section.name(defined.name);
        section.u8(0x00);
        section.u32(this.indexOf(defined));
      }
    });
    out.section(10, (section) => {
      section.u32(this.functions.length);
      for (const defined of this.functions) {
        section.sized((body) => {
          const own = defined.locals.slice(defined.params.length);
          const runs: { type: WasmType; count: number }[] = [];
          for (const { type } of own) {
            const last = runs.at(-1);
            if (last?.type === type) last.count++;
            else runs.push({ type, count: 1 });
          }
          body.u32(runs.length);
          for (const run of runs) {
            body.u32(run.count);
            body.u8(TYPE_CODES[run.type]);
          }
          for (const instruction of defined.body) this.#encode(instruction, body);
          body.u8(END_CODE);
        });
      }
    });
    out.section(0, (section) => {
      section.name("name");
      section.u8(1);
      section.sized((names) => {
        names.u32(this.imports.length + this.functions.length);
        [...this.imports, ...this.functions].forEach((handle, index) => {
          names.u32(index);
          names.name(handle.name);
        });
      });
    });
    return out.finish();
  }

  #encode(instruction: Instruction, out: ByteWriter): void {
    switch (instruction.kind) {
      case "plain":
        return out.opcode(PLAIN_CODES[instruction.name]);
      case "const":
        out.u8(CONST_CODES[instruction.type]);
        if (instruction.type === "i32") out.s32(Number(instruction.value));
        else if (instruction.type === "i64") out.s64(BigInt(instruction.value));
        else if (instruction.type === "f32") out.f32(Number(instruction.value));
        else out.f64(Number(instruction.value));
        return;
      case "memory": {
        const [code, alignment] = MEMORY_CODES[instruction.name];
        out.u8(code);
        out.u32(alignment);
        return out.u32(instruction.offset);
      }
      case "bulk": {
        const [code, zeros] = BULK_CODES[instruction.name];
        out.opcode(code);
        for (let i = 0; i < zeros; i++) out.u8(0);
        return;
      }
      case "local":
        out.u8(LOCAL_CODES[instruction.name]);
        return out.u32(instruction.local.index);
      case "global":
        out.u8(GLOBAL_CODES[instruction.name]);
        return out.u32(this.globalIndexOf(instruction.global));
      case "call":
        out.u8(CALL_CODE);
        return out.u32(this.indexOf(instruction.target));
      case "branch":
        out.u8(BR_CODES[instruction.name]);
        return out.u32(instruction.levels);
      case "open":
        out.u8(BLOCK_CODES[instruction.name]);
        return out.u8(instruction.result === null ? 0x40 : TYPE_CODES[instruction.result]);
      case "else":
        return out.u8(ELSE_CODE);
      case "end":
        return out.u8(END_CODE);
    }
  }
}
