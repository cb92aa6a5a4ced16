/** Writes the body of one WebAssembly function as a list of instructions. Handed out by `ModuleBuilder.addFunction` (`emitter.ts`). */
import { assert } from "../base/assert.ts";
import type { BLOCK_CODES, BR_CODES, BulkOp, GLOBAL_CODES, LOCAL_CODES, MemoryOp, PlainOp, WasmType } from "./opcodes.ts";

/** An imported or defined function; its index is settled by `toBytes`. */
export interface FunctionHandle {
  readonly name: string;
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
  readonly isImport: boolean;
  /** Among the imported, or among the defined functions. */
  readonly position: number;
}

export interface GlobalHandle {
  readonly name: string;
  readonly type: WasmType;
  readonly isMutable: boolean;
  readonly isImport: boolean;
  readonly position: number;
  /** Of imported globals. */
  readonly module: string;
  readonly initial: number | bigint;
}

export interface Local {
  readonly index: number;
  readonly type: WasmType;
}

/** A branch target: the end of a block or `if`, the start of a loop. Valid inside that construct only. */
export interface Label {
  readonly depth: number;
}

export type Instruction =
  | { readonly kind: "plain"; readonly name: PlainOp }
  | { readonly kind: "const"; readonly type: WasmType; readonly value: number | bigint }
  | { readonly kind: "memory"; readonly name: MemoryOp; readonly offset: number }
  | { readonly kind: "bulk"; readonly name: BulkOp }
  | { readonly kind: "local"; readonly name: keyof typeof LOCAL_CODES; readonly local: Local }
  | { readonly kind: "global"; readonly name: keyof typeof GLOBAL_CODES; readonly global: GlobalHandle }
  | { readonly kind: "call"; readonly target: FunctionHandle }
  | { readonly kind: "branch"; readonly name: keyof typeof BR_CODES; readonly levels: number }
  | { readonly kind: "open"; readonly name: keyof typeof BLOCK_CODES; readonly result: WasmType | null }
  | { readonly kind: "else" }
  | { readonly kind: "end" };

/** Writes the body of one function: instructions go to the end, in order. */
export class FunctionBuilder {
  readonly locals: Local[];
  readonly instructions: Instruction[] = [];
  readonly #free: Local[] = [];
  #depth = 0;

  constructor(params: readonly WasmType[]) {
    this.locals = params.map((type, index) => ({ index, type }));
  }

  /** The local that holds parameter `index`. */
  param(index: number): Local {
    return this.locals[index]!;
  }

  /** A new local, 0 at entry; in a loop it keeps its value from one round to the next. */
  local(type: WasmType): Local {
    const local = { index: this.locals.length, type };
    this.locals.push(local);
    return local;
  }

  /** Lends a local (contents undefined) to `use`; later scratch locals of the type may be the same one. */
  scratch(type: WasmType, use: (local: Local) => void): void {
    const position = this.#free.findIndex((candidate) => candidate.type === type);
    const local = position < 0 ? this.local(type) : this.#free.splice(position, 1)[0]!;
    use(local);
    this.#free.push(local);
  }

  op(...names: readonly PlainOp[]): void {
    for (const name of names) this.instructions.push({ kind: "plain", name });
  }
  i32(value: number): void {
    this.instructions.push({ kind: "const", type: "i32", value: value | 0 });
  }
  i64(value: bigint | number): void {
    this.instructions.push({ kind: "const", type: "i64", value: BigInt.asIntN(64, BigInt(value)) });
  }
  f32(value: number): void {
    this.instructions.push({ kind: "const", type: "f32", value });
  }
  f64(value: number): void {
    this.instructions.push({ kind: "const", type: "f64", value });
  }
  get(local: Local): void {
    this.instructions.push({ kind: "local", name: "local.get", local });
  }
  set(local: Local): void {
    this.instructions.push({ kind: "local", name: "local.set", local });
  }
  tee(local: Local): void {
    this.instructions.push({ kind: "local", name: "local.tee", local });
  }
  globalGet(global: GlobalHandle): void {
    this.instructions.push({ kind: "global", name: "global.get", global });
  }
  globalSet(global: GlobalHandle): void {
    this.instructions.push({ kind: "global", name: "global.set", global });
  }
  /** Pops the address (and, for stores, the value above it). `offset` is in bytes. */
  memory(name: MemoryOp, offset = 0): void {
    this.instructions.push({ kind: "memory", name, offset });
  }
  /** Pops destination, source, length in bytes. */
  memoryCopy(): void {
    this.instructions.push({ kind: "bulk", name: "memory.copy" });
  }
  /** Pops destination, byte value, length in bytes. */
  memoryFill(): void {
    this.instructions.push({ kind: "bulk", name: "memory.fill" });
  }
  call(target: FunctionHandle): void {
    this.instructions.push({ kind: "call", target });
  }

  /** Branching to the label leaves the block; with `result`, a value of the type is left on the stack. */
  block(body: (label: Label) => void, result: WasmType | null = null): void {
    this.#structured("block", result, body);
  }
  /** Branching to the label starts the next round; falling off the end leaves the loop. */
  loop(body: (label: Label) => void): void {
    this.#structured("loop", null, body);
  }
  /** Pops an i32; non-zero runs `then`. Branching to the label leaves the construct. */
  if(then: (label: Label) => void, otherwise: ((label: Label) => void) | null = null, result: WasmType | null = null): void {
    this.#structured("if", result, (label) => {
      then(label);
      if (!otherwise) return;
      this.instructions.push({ kind: "else" });
      otherwise(label);
    });
  }
  br(label: Label): void {
    this.instructions.push({ kind: "branch", name: "br", levels: this.#depth - label.depth });
  }
  /** Pops an i32; branches when it is not zero. */
  brIf(label: Label): void {
    this.instructions.push({ kind: "branch", name: "br_if", levels: this.#depth - label.depth });
  }

  finish(): void {
    assert(this.#depth === 0, "a block is still open at the end of the function");
  }

  #structured(name: keyof typeof BLOCK_CODES, result: WasmType | null, body: (label: Label) => void): void {
    this.instructions.push({ kind: "open", name, result });
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.instructions.push({ kind: "end" });
  }
}
