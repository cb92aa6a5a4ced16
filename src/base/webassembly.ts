/** The part of the WebAssembly JavaScript interface that the engine uses; Node's types leave it to the DOM library. */
export {};
declare global {
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum?: number;
      shared?: boolean;
    }
    class Memory {
      constructor(descriptor: MemoryDescriptor);
      readonly buffer: SharedArrayBuffer;
      grow(pages: number): number;
    }
    class Module {
      constructor(bytes: Uint8Array | ArrayBuffer);
      static exports(module: Module): { readonly name: string; readonly kind: string }[];
    }
    class Instance {
      constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
      readonly exports: Readonly<Record<string, unknown>>;
    }
    class Global {
      constructor(descriptor: { value: string; mutable?: boolean }, value?: unknown);
      value: unknown;
    }
    function validate(bytes: Uint8Array): boolean;
  }
}
