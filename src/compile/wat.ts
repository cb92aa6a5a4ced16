/** Prints a module as WebAssembly text, for `explain("codegen")`. */
import type { FunctionHandle, GlobalHandle, Instruction, ModuleBuilder } from "./emitter.ts";

/** The whole module; functions, locals and globals by name or number as in the binary. */
export function printWat(module: ModuleBuilder): string {
  const lines = ["(module"];
  for (const imported of module.imports) {
    lines.push(`  (import "${imported.module}" "${imported.name}" (func ${nameOf(imported)}${signature(imported)}))`);
  }
  if (module.importsMemory) lines.push('  (import "env" "memory" (memory 64 65536 shared))');
  for (const global of module.globals) lines.push(globalLine(global));
  for (const defined of module.functions) {
    const exported = defined.isExported ? ` (export "${defined.name}")` : "";
    lines.push(`  (func ${nameOf(defined)}${exported}${signature(defined)}`);
    const own = defined.locals.slice(defined.params.length);
    if (own.length > 0) lines.push(`    (local ${own.map((local) => local.type).join(" ")})`);
    let depth = 2;
    for (const instruction of defined.body) {
      if (instruction.kind === "else" || instruction.kind === "end") depth--;
      lines.push(`${"  ".repeat(depth)}${text(instruction)}`);
      if (instruction.kind === "else" || instruction.kind === "open") depth++;
    }
    lines.push("  )");
  }
  lines.push(")");
  return `${lines.join("\n")}\n`;
}

function globalLine(global: GlobalHandle): string {
  if (global.isImport) return `  (import "${global.module}" "${global.name}" (global $${global.name} ${global.type}))`;
  return `  (global $${global.name} (mut ${global.type}) (${global.type}.const ${global.initial}))`;
}

const nameOf = (handle: FunctionHandle): string => `$${handle.name}`;

function signature(handle: FunctionHandle): string {
  const params = handle.params.length > 0 ? ` (param ${handle.params.join(" ")})` : "";
  const results = handle.results.length > 0 ? ` (result ${handle.results.join(" ")})` : "";
  return params + results;
}

function text(instruction: Instruction): string {
  switch (instruction.kind) {
    case "plain":
    case "bulk":
      return instruction.name;
    case "const":
      return `${instruction.type}.const ${constant(instruction.value)}`;
    case "memory":
      return instruction.offset === 0 ? instruction.name : `${instruction.name} offset=${instruction.offset}`;
    case "local":
      return `${instruction.name} ${instruction.local.index}`;
    case "global":
      return `${instruction.name} $${instruction.global.name}`;
    case "call":
      return `call ${nameOf(instruction.target)}`;
    case "branch":
      return `${instruction.name} ${instruction.levels}`;
    case "open":
      return instruction.result === null ? instruction.name : `${instruction.name} (result ${instruction.result})`;
    case "else":
      return "else";
    case "end":
      return "end";
  }
}

function constant(value: number | bigint): string {
  if (typeof value === "bigint") return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
