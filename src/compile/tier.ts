/**
 * Decides where an expression runs: fused into generated code (inline emitters and kernels), or, when some function has only
 * its row-at-a-time meaning, materialised through the interpreter. `splitTierThree` takes such parts out. Main thread.
 */
import { type DataType, physicalKind } from "../columnar/types.ts";
import type { Attribute, Call, Expression } from "../plan/expr/expression.ts";
import type { CompileOptions } from "./expression.ts";
import { nullableOf, typeOf } from "../plan/expr/expression-type.ts";
import { isIntegral } from "../plan/expr/type-coercion.ts";
import { isInlineCast, isSafeCast } from "./inline-cast.ts";
import { hasKernel } from "./kernel-names.ts";
import type { InlineFunction } from "./inline-function.ts";
import { inlineFunctions } from "./inline-functions.ts";
import { isUtc } from "./time-zone-names.ts";

export type Tier = "fused" | "materialize";

/** The inline emitter of a call, if one covers its types. */
export function inlineFor(call: Call, options: CompileOptions): InlineFunction | null {
  if (!Object.hasOwn(inlineFunctions, call.name)) return null;
  const inline = inlineFunctions[call.name]!;
  const types = call.args.map(typeOf);
  return inline.accepts({ types, returnType: call.dataType, isUtc: isUtc(options.timeZone), call }) ? inline : null;
}

/** Whether the evaluation of a fused expression can raise an error. */
export function canFail(expression: Expression, options: CompileOptions): boolean {
  return mayFailItself(expression, options) || childrenOf(expression).some((child) => canFail(child, options));
}

function mayFailItself(expression: Expression, options: CompileOptions): boolean {
  if (expression.kind === "cast") return expression.mode === "ansi" && !isSafeCast(typeOf(expression.child), expression.to as DataType);
  if (expression.kind !== "call" || dividesByConstant(expression)) return false;
  const inline = inlineFor(expression, options);
  if (inline) return inline.isSafe !== true;
  const definition = options.registry.find(expression.name);
  return definition?.kind !== "scalar" || kernelOf(expression, options) === null || !definition.cannotFail?.(expression.args);
}

/** A remainder can fail only by its divisor. */
function dividesByConstant({ name, args: [, divisor], dataType }: Call): boolean {
  const isRemainder = (name === "%" || name === "pmod") && isIntegral(dataType);
  return isRemainder && divisor?.kind === "literal" && divisor.value !== null && Number(divisor.value) !== 0;
}

/** `fused` if generated code can compute all of the expression. */
export function tierOf(expression: Expression, options: CompileOptions): Tier {
  return isOwnTierFused(expression, options) && childrenOf(expression).every((child) => tierOf(child, options) === "fused")
    ? "fused"
    : "materialize";
}

/** The tier of the node alone. */
function isOwnTierFused(expression: Expression, options: CompileOptions): boolean {
  switch (expression.kind) {
    case "literal":
      return expression.value === null || !containsList(expression.dataType);
    case "cast":
      return isInlineCast(expression, options);
    case "call":
      return inlineFor(expression, options) !== null || kernelOf(expression, options) !== null;
    case "user_function":
      return false;
    default:
      return true;
  }
}

/** The kernel that computes a call, if there is one for its types. */
export function kernelOf(call: Call, options: CompileOptions): string | null {
  const definition = options.registry.find(call.name);
  if (definition?.kind !== "scalar") return null;
  const types = call.args.map(typeOf);
  const kernel = definition.kernelFor ? definition.kernelFor(types) : definition.kernel;
  if (kernel === undefined || !hasKernel(kernel)) return null;
  // Kernels know no zones: they compute in UTC.
  if (definition.usesTimeZone && !isUtc(options.timeZone)) return null;
  return types.every((type) => physicalKind(type) !== "struct") ? kernel : null;
}

const containsList = (type: DataType): boolean =>
  type.kind === "struct" ? type.fields.some((field) => containsList(field.dataType)) : physicalKind(type) === "list";

export interface HoistedExpression {
  /** Id of the attribute that stands for the value in `rest`. */
  readonly id: number;
  readonly expression: Expression;
  readonly resultType: DataType;
}

export interface Split {
  /** To be computed by the interpreter, row by row, from the attributes that they mention; in no particular order. */
  readonly hoisted: readonly HoistedExpression[];
  /** Fused; equal to the original once the hoisted attributes are known. */
  readonly rest: Expression;
}

/**
 * Takes out the outermost sub-expressions that generated code cannot compute. One that is evaluated only under a condition
 * is taken out together with the conditional, because evaluating it for every row could fail where Spark does not.
 */
export function splitTierThree(expression: Expression, options: CompileOptions, freshId: () => number): Split {
  const hoisted: HoistedExpression[] = [];
  const rewrite = (node: Expression): Expression => {
    if (tierOf(node, options) === "fused") return node;
    const lazyOperandHasTierThree = lazyChildrenOf(node, options).some((child) => tierOf(child, options) !== "fused");
    if (!isOwnTierFused(node, options) || lazyOperandHasTierThree) {
      const [id, resultType] = [freshId(), typeOf(node)];
      hoisted.push({ id, expression: node, resultType });
      const attribute: Attribute = { kind: "attribute", id, name: `hoisted_${id}`, dataType: resultType, nullable: true };
      return attribute;
    }
    return withChildren(node, rewrite);
  };
  return { rest: rewrite(expression), hoisted };
}

/** Whether `part`, the very object, is evaluated whenever `expression` is. */
export function alwaysEvaluates(expression: Expression, part: Expression, options: Pick<CompileOptions, "registry">): boolean {
  if (expression === part) return true;
  const lazy = lazyChildrenOf(expression, options);
  return childrenOf(expression).some((child) => !lazy.includes(child) && alwaysEvaluates(child, part, options));
}

/** Sub-expressions that are not evaluated for every row: alternatives, and arguments of strict functions after one that may be null. */
function lazyChildrenOf(expression: Expression, options: Pick<CompileOptions, "registry">): readonly Expression[] {
  if (expression.kind === "case_when") return childrenOf(expression).slice(1);
  if (expression.kind !== "call") return [];
  const definition = options.registry.find(expression.name);
  if (definition?.kind !== "scalar") return [];
  if (definition.lazy) return expression.args.slice(1);
  const firstNullable = definition.nulls === "strict" ? expression.args.findIndex(nullableOf) : -1;
  return firstNullable < 0 ? [] : expression.args.slice(firstNullable + 1);
}

function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "alias":
    case "cast":
    case "get_field":
      return [expression.child];
    case "call":
    case "user_function":
      return expression.args;
    case "create_struct":
      return expression.values;
    case "case_when":
      return [
        ...expression.branches.flatMap((branch) => [branch.condition, branch.value]),
        ...(expression.otherwise ? [expression.otherwise] : []),
      ];
    default:
      return [];
  }
}

function withChildren(expression: Expression, map: (child: Expression) => Expression): Expression {
  switch (expression.kind) {
    case "alias":
    case "cast":
    case "get_field":
      return { ...expression, child: map(expression.child) };
    case "call":
    case "user_function":
      return { ...expression, args: expression.args.map(map) };
    case "create_struct":
      return { ...expression, values: expression.values.map(map) };
    case "case_when":
      return {
        ...expression,
        branches: expression.branches.map((branch) => ({ condition: map(branch.condition), value: map(branch.value) })),
        otherwise: expression.otherwise && map(expression.otherwise),
      };
    default:
      return expression;
  }
}
