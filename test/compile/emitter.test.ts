import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ModuleBuilder } from "../../src/compile/emitter.ts";
import { inlineFunctions } from "../../src/compile/inline-functions.ts";
import { printWat } from "../../src/compile/wat.ts";
import { functionRegistry } from "../../src/functions/registry.ts";
import { call, literal } from "../../src/plan/expr/expression.ts";
import { BooleanType, StringType } from "../../src/columnar/types.ts";
import { attribute, moduleOf } from "./harness.ts";

function instantiate(builder: ModuleBuilder, imports: Record<string, Record<string, unknown>> = {}): Record<string, any> {
  return new WebAssembly.Instance(new WebAssembly.Module(builder.toBytes()), imports).exports as Record<string, any>;
}

describe("modules", () => {
  test("constants of every size survive their encoding", () => {
    const check = (type: "i32" | "i64" | "f32" | "f64", value: number | bigint): void => {
      const builder = new ModuleBuilder();
      builder.addFunction({ name: "value", results: [type], exported: true }, (f) => {
        if (type === "i32") f.i32(value as number);
        else if (type === "i64") f.i64(value);
        else if (type === "f32") f.f32(value as number);
        else f.f64(value as number);
      });
      expect(instantiate(builder).value()).toBe(value);
    };
    fc.assert(fc.property(fc.integer(), (value) => check("i32", value)));
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => check("i64", value)));
    fc.assert(fc.property(fc.double(), (value) => check("f64", value)));
    fc.assert(fc.property(fc.float(), (value) => check("f32", value)));
    for (const value of [0, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 2147483647, -2147483648]) check("i32", value);
  });

  test("functions may be imported while a body that calls its own functions is written", () => {
    const builder = new ModuleBuilder();
    const double = builder.addFunction({ name: "double", params: ["i32"], results: ["i32"] }, (f) => {
      f.get(f.param(0));
      f.i32(2);
      f.op("i32.mul");
    });
    builder.addFunction({ name: "run", params: ["i32"], results: ["i32"], exported: true }, (f) => {
      f.get(f.param(0));
      f.call(double);
      f.call(builder.importFunction("host", "increment", ["i32"], ["i32"]));
      f.call(double);
    });
    expect(instantiate(builder, { host: { increment: (x: number) => x + 1 } }).run(20)).toBe(82);
  });

  test("labels reach out of nested blocks, loops begin again", () => {
    const builder = new ModuleBuilder();
    // Sum of 1 to n.
    builder.addFunction({ name: "sum", params: ["i32"], results: ["i32"], exported: true }, (f) => {
      const total = f.local("i32");
      f.block((done) => {
        f.loop((again) => {
          f.get(f.param(0));
          f.op("i32.eqz");
          f.if(() => f.br(done));
          f.get(total);
          f.get(f.param(0));
          f.op("i32.add");
          f.set(total);
          f.get(f.param(0));
          f.i32(1);
          f.op("i32.sub");
          f.set(f.param(0));
          f.br(again);
        });
      });
      f.get(total);
    });
    expect(instantiate(builder).sum(100)).toBe(5050);
  });

  test("globals: imported ones come first, own ones keep their initial value", () => {
    const builder = new ModuleBuilder();
    const counter = builder.addGlobal("counter", "i64", -5n);
    builder.addFunction({ name: "next", results: ["i64"], exported: true }, (f) => {
      f.globalGet(counter);
      f.globalGet(builder.importGlobal("env", "step", "i32"));
      f.op("i64.extend_i32_s", "i64.add");
      f.globalSet(counter);
      f.globalGet(counter);
    });
    const { next } = instantiate(builder, { env: { step: 7 } });
    expect([next(), next()]).toEqual([2n, 9n]);
  });

  test("an import cannot be declared twice with different types", () => {
    const builder = new ModuleBuilder();
    builder.importFunction("host", "f", ["i32"], []);
    expect(() => builder.importFunction("host", "f", ["i64"], [])).toThrow("two signatures");
  });
});

test("every inline function is a scalar function of the registry under its canonical name", () => {
  const strangers = Object.keys(inlineFunctions).filter((name) => {
    const definition = functionRegistry.find(name);
    return definition?.kind !== "scalar" || definition.name !== name;
  });
  expect(strangers).toEqual([]);
});

test("a module prints as WebAssembly text", () => {
  const column = attribute(0, StringType, false);
  const expression = call("=", [column, literal("view", StringType)], BooleanType, true);
  expect(printWat(moduleOf(expression, [column]).builder)).toMatchInlineSnapshot(`
    "(module
      (import "env" "memory" (memory 64 65536 shared))
      (func $run (export "run") (param i32 i32 i32) (result i32)
        (local i32 i64 i64 i32)
        block
          loop
            local.get 3
            local.get 0
            i32.ge_u
            br_if 1
            local.get 1
            i32.load
            local.get 3
            i32.const 8
            i32.mul
            i32.add
            i64.load
            local.set 4
            local.get 4
            local.set 5
            local.get 5
            i64.const 32
            i64.shr_u
            i64.const 4
            i64.eq
            if (result i32)
              local.get 5
              i32.wrap_i64
              i64.load
              i64.const 2003134838
              i64.xor
              i64.const 32
              i64.shl
              i64.eqz
            else
              i32.const 0
            end
            local.set 6
            local.get 2
            i32.load offset=4
            local.get 3
            i32.const 1
            i32.mul
            i32.add
            i32.const 0
            i32.eqz
            i32.store8
            local.get 2
            i32.load
            local.get 3
            i32.const 1
            i32.mul
            i32.add
            local.get 6
            i32.store8
            local.get 3
            i32.const 1
            i32.add
            local.set 3
            br 0
          end
        end
        i32.const 0
      )
    )
    "
  `);
});
