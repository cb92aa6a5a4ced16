/**
 * Expressions of one operator: names are bound first (`bind`), then functions and types are resolved (`finish`). Between the two
 * steps, unnamed results get Spark's names and time windows are taken out (`time-windows.ts`). Called by the rules of the
 * analyzer, main thread.
 */
import { userFunction } from "../expr/user-function.ts";
import { type AnalysisError, suggest } from "../../base/errors.ts";
import { DateType, sameType, TimestampNTZType, type DataType } from "../../columnar/types.ts";
import {
  alias,
  cast,
  literal,
  type Alias,
  type Attribute,
  type Cast,
  type Expression,
  type UnresolvedExtractValue,
  type UnresolvedFunction,
  type UnresolvedStar,
} from "../expr/expression.ts";
import { aliasOf, nullableOf, typeOf } from "../expr/expression-type.ts";
import type { AggregateFunction, ArgumentInfo, ScalarFunction } from "../expr/function-registry.ts";
import { prettyName, quotedName, quotedSql, quotedType } from "../expr/sql-text.ts";
import { canCast, isIntegral, isNumeric } from "../expr/type-coercion.ts";
import { contains, mapChildren } from "../tree.ts";
import { analysisError, locatedAt, notYet, type AnalysisContext } from "./context.ts";
import { extractField, resolveName, sameName, type Scope } from "./resolve-names.ts";
import { resolveCaseWhen } from "./resolve-case-when.ts";
import { createStruct, namedStruct } from "./struct-functions.ts";

/** True for an aggregate function call anywhere in a resolved expression. */
export const hasAggregate = (expression: Expression): boolean => contains(expression, (node) => node.kind === "aggregate_call");

export class ExpressionResolver {
  readonly context: AnalysisContext;
  readonly caseSensitive: boolean;

  constructor(context: AnalysisContext) {
    this.context = context;
    this.caseSensitive = context.conf.get("spark.sql.caseSensitive")?.toLowerCase() === "true";
  }

  /** Binds and finishes. For expressions in which time windows and aggregates mean nothing special. */
  resolve(expression: Expression, scope: Scope): Expression {
    return this.finish(this.bind(expression, scope));
  }

  /** Texts are parsed and names become attributes and struct fields; functions stay as they are. */
  bind(expression: Expression, scope: Scope): Expression {
    switch (expression.kind) {
      case "expression_string":
        return this.bind(this.context.parseExpression(expression.text), scope);
      case "unresolved_attribute":
        return resolveName(expression, scope);
      case "unresolved_star":
        throw analysisError("INVALID_USAGE_OF_STAR_OR_REGEX", { elem: "'*'", prettyName: "expression" });
      case "cast":
        return typeof expression.to === "string"
          ? this.bind({ ...expression, to: this.context.parseDataType(expression.to) }, scope)
          : mapChildren(expression, (child) => this.bind(child, scope));
      case "unresolved_function":
        return this.#bindFunction(expression, scope);
      default:
        return mapChildren(expression, (child) => this.bind(child, scope));
    }
  }

  /** A select list bound and named: stars are expanded, every item is an attribute or an alias with an id. */
  bindNamed(expressions: readonly Expression[], scope: Scope): (Alias | Attribute)[] {
    return expressions.flatMap((written): (Alias | Attribute)[] => {
      const expression = written.kind === "expression_string" ? this.context.parseExpression(written.text) : written;
      if (expression.kind === "unresolved_star") return this.expandStar(expression, scope);
      return [this.#named(this.bind(expression, scope), expression)];
    });
  }

  /** The columns that `*` or `t.*` or `struct.*` stand for. */
  expandStar(star: UnresolvedStar, scope: Scope): (Alias | Attribute)[] {
    const { target } = star;
    if (target === undefined) return [...scope.output];
    const same = (a: string, b: string): boolean => sameName(a, b, this.caseSensitive);
    const qualified = scope.output.filter(
      ({ qualifier }) =>
        qualifier !== undefined &&
        qualifier.length >= target.length &&
        qualifier.slice(-target.length).every((part, index) => same(part, target[index]!)),
    );
    if (qualified.length > 0) return qualified;
    const struct = resolveName({ kind: "unresolved_attribute", nameParts: target }, scope);
    const type = typeOf(struct);
    if (type.kind !== "struct")
      throw analysisError("INVALID_EXTRACT_BASE_FIELD_TYPE", { base: quotedSql(struct), other: quotedType(type) });
    return type.fields.map((field, ordinal) =>
      alias(Object.freeze({ kind: "get_field", child: struct, ordinal }), field.name, this.context.ids()),
    );
  }

  /** Functions are looked up, arguments cast to what they ask for, casts checked. The result is resolved throughout. */
  finish(expression: Expression): Expression {
    switch (expression.kind) {
      case "alias":
        return expression.watermarkDelayMs === undefined
          ? aliasOf(this.#finishInner(expression.child), expression.name, expression.id)
          : mapChildren(expression, (child) => this.#finishInner(child));
      default:
        return this.#finishInner(expression);
    }
  }

  /** `expression` as `type`: itself, a literal of that type, or a cast. No check: the caller knows that the cast is allowed. */
  coerce(expression: Expression, type: DataType): Expression {
    const from = typeOf(expression);
    if (sameType(from, type)) return expression;
    if (expression.kind === "literal" && expression.value === null) return literal(null, type);
    return this.#folded(cast(expression, type));
  }

  /** A function of the registry applied to resolved arguments. */
  call(name: string, args: readonly Expression[]): Expression {
    return this.#finishFunction({ kind: "unresolved_function", name, args }, args, args);
  }

  /** Fails unless the type of `expression` is boolean; nulls become boolean nulls. */
  asCondition(expression: Expression, refuse: (type: DataType) => Error): Expression {
    const type = typeOf(expression);
    if (type.kind !== "boolean" && type.kind !== "void") throw refuse(type);
    return this.coerce(expression, { kind: "boolean" });
  }

  /** Over an aggregate, arguments of aggregate functions are columns of its input first. */
  #bindFunction(call: UnresolvedFunction, scope: Scope): Expression {
    const { hidden, ...plain } = scope;
    const isInner = hidden !== undefined && this.context.functions.find(call.name)?.kind === "aggregate";
    const argumentScope = isInner ? { ...plain, output: hidden, hidden: scope.output } : scope;
    return mapChildren(this.#withoutStars(call, argumentScope), (child) => this.bind(child, argumentScope));
  }

  #named(bound: Expression, written: Expression): Alias | Attribute {
    if (bound.kind === "alias") return bound.id >= 0 ? bound : alias(bound.child, bound.name, this.context.ids());
    if (bound.kind === "attribute") return bound;
    return alias(bound, this.#automaticName(bound, written), this.context.ids());
  }

  /** Spark's names of unnamed results: the last part of a nested name, the column under a cast, else the SQL text. */
  #automaticName(bound: Expression, written: Expression): string {
    if (bound.kind === "unresolved_function" && bound.args.length === 1 && TYPE_FUNCTIONS.has(bound.name.toLowerCase()))
      return prettyName(withoutInnerAliases(bound.args[0]!));
    if (written.kind === "unresolved_attribute") return written.nameParts.at(-1)!;
    if (bound.kind === "cast" && bound.child.kind === "attribute") return bound.child.name;
    if (bound.kind === "cast" && bound.child.kind === "alias") return bound.child.name;
    if (bound.kind === "cast" && written.kind === "cast" && written.child.kind === "unresolved_attribute")
      return written.child.nameParts.at(-1)!;
    return prettyName(withoutInnerAliases(bound));
  }

  #withoutStars(call: UnresolvedFunction, scope: Scope): UnresolvedFunction {
    if (!call.args.some((arg) => arg.kind === "unresolved_star")) return call;
    const isCount = call.name.toLowerCase() === "count";
    if (isCount && call.args.length === 1 && !call.isDistinct && (call.args[0] as UnresolvedStar).target === undefined)
      return { ...call, args: [literal(1, { kind: "integer" })] };
    return { ...call, args: call.args.flatMap((arg) => (arg.kind === "unresolved_star" ? this.expandStar(arg, scope) : [arg])) };
  }

  #finishInner(expression: Expression): Expression {
    switch (expression.kind) {
      case "unresolved_function": {
        const keepsNames = expression.name.toLowerCase() === "struct";
        const args = expression.args.map((arg) => (keepsNames ? this.finish(arg) : this.#finishInner(arg)));
        return locatedAt(expression.origin, () => this.#finishFunction(expression, expression.args, args));
      }
      case "unresolved_extract_value":
        return this.#finishExtraction(this.#finishInner(expression.child), this.#finishInner(expression.extraction), expression);
      case "cast":
        return this.#finishCast({ ...expression, child: this.#finishInner(expression.child) });
      case "case_when":
        return resolveCaseWhen(
          this,
          expression.branches.map(({ condition, value }) => [this.#finishInner(condition), this.#finishInner(value)]),
          expression.otherwise && this.#finishInner(expression.otherwise),
        );
      case "alias":
        return this.#finishInner(expression.child);
      default:
        return mapChildren(expression, (child) => this.#finishInner(child));
    }
  }

  #finishExtraction(child: Expression, extraction: Expression, { origin }: UnresolvedExtractValue): Expression {
    const extracted = extractField(child, extraction, this.caseSensitive, origin);
    if (extracted.kind !== "unresolved_extract_value") return extracted;
    if (typeOf(child).kind === "array") throw notYet("reading one element of an array", "Store the elements in columns of their own.");
    return locatedAt(origin, () => this.call("element_at", [child, extraction]));
  }

  #finishCast(node: Cast): Expression {
    const to = typeof node.to === "string" ? this.context.parseDataType(node.to) : node.to;
    const from = typeOf(node.child);
    if (!canCast(from, to)) {
      const parameters = { sqlExpr: quotedSql(node), srcType: quotedType(from), targetType: quotedType(to) };
      const byFunction =
        isNumeric(from) && to.kind === "date" ? "DATE_FROM_UNIX_DATE" : from.kind === "date" && isNumeric(to) ? "UNIX_DATE" : null;
      if (!byFunction && node.mode === "ansi" && isLegacyCast(from, to)) {
        const setting = { config: '"spark.sql.ansi.enabled"', configVal: "'false'" };
        throw analysisError("DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION", { ...parameters, ...setting }, node.origin);
      }
      throw byFunction
        ? analysisError("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION", { ...parameters, functionNames: `\`${byFunction}\`` }, node.origin)
        : analysisError("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", parameters, node.origin);
    }
    return Object.freeze({ ...node, to });
  }

  /** `written` are the arguments as the user wrote them, for messages; `args` the same resolved. */
  #finishFunction(node: UnresolvedFunction, written: readonly Expression[], args: readonly Expression[]): Expression {
    const name = node.name.toLowerCase();
    const registered = this.context.userFunctions?.get(name);
    if (registered) {
      refuseAggregateSyntax(node, node.name);
      return userFunction(node.name, registered.implementation, registered.returnType, args);
    }
    const special = this.#finishSpecial(name, args);
    if (special !== undefined) return special;
    const definition = this.context.functions.find(name);
    if (definition === undefined) {
      throw analysisError("UNRESOLVED_ROUTINE", {
        routineName: quotedName(node.name.split(".")),
        searchPath: "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]",
        suggestion: suggest(name, this.context.functions.names(), 3).join(", "),
      });
    }
    const infos = args.map((arg, index): ArgumentInfo => argumentInfo(arg, written[index] ?? arg));
    switch (definition.kind) {
      case "scalar":
        return this.#finishScalar(definition, node, args, infos);
      case "aggregate":
        return this.#finishAggregate(definition, node, args, infos);
      case "planned":
        throw notYet(`the function ${definition.name}`, "Write it with other functions, or with foreachBatch.");
      case "special":
        throw analysisError("UNSUPPORTED_EXPR_FOR_OPERATOR", { invalidExprSqls: quotedSql(node) });
    }
  }

  #finishScalar(definition: ScalarFunction, node: UnresolvedFunction, args: readonly Expression[], infos: ArgumentInfo[]): Expression {
    refuseAggregateSyntax(node, definition.name);
    const resolution = definition.resolve(infos);
    return Object.freeze({
      kind: "call",
      name: definition.name,
      args: args.map((arg, index) => this.coerce(arg, resolution.argumentTypes[index]!)),
      dataType: resolution.returnType,
      nullable: resolution.nullable,
      ...(node.origin && { origin: node.origin }),
    });
  }

  #finishAggregate(
    definition: AggregateFunction,
    node: UnresolvedFunction,
    args: readonly Expression[],
    infos: ArgumentInfo[],
  ): Expression {
    const filter = node.filter ? this.#finishInner(node.filter) : null;
    if (args.some(hasAggregate) || (filter && hasAggregate(filter))) throw analysisError("NESTED_AGGREGATE_FUNCTION");
    const ignoreNulls = node.ignoreNulls ?? false;
    const resolution = definition.resolve(infos, { ignoreNulls });
    return Object.freeze({
      kind: "aggregate_call",
      name: definition.name,
      args: args.map((arg, index) => this.coerce(arg, resolution.argumentTypes[index]!)),
      isDistinct: node.isDistinct ?? false,
      filter:
        filter &&
        this.asCondition(filter, (type) =>
          analysisError("DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", {
            sqlExpr: quotedSql(node),
            filter: quotedSql(filter),
            type: quotedType(type),
          }),
        ),
      ignoreNulls,
      dataType: resolution.returnType,
      nullable: resolution.nullable,
    });
  }

  /** Functions that become kinds of their own. */
  #finishSpecial(name: string, args: readonly Expression[]): Expression | undefined {
    if (CLOCK_FUNCTIONS.has(name) && args.length > 0) throw wrongArgumentCount(name, 0, args);
    switch (name) {
      case "current_timestamp":
      case "now":
        return batchTimestamp;
      case "localtimestamp":
        return cast(batchTimestamp, TimestampNTZType);
      case "current_date":
      case "curdate":
        return cast(batchTimestamp, DateType);
      case "struct":
        return createStruct(args);
      case "named_struct":
        return namedStruct(args);
      case "when":
        return resolveCaseWhen(
          this,
          Array.from({ length: Math.floor(args.length / 2) }, (_, index) => args.slice(2 * index, 2 * index + 2)),
          args.length % 2 === 1 ? args.at(-1)! : null,
        );
      case "nullif":
        return args.length === 2 ? this.#nullIf(args[0]!, args[1]!) : undefined;
      case "session_window":
        throw notYet("session_window", "Group by window(...) instead.");
      default:
        return TYPE_FUNCTIONS.has(name) ? this.#finishTypeFunction(name, args) : undefined;
    }
  }

  /** The result has the type of the first argument, whatever both are compared as. */
  #nullIf(first: Expression, second: Expression): Expression | undefined {
    const type = typeOf(first);
    if (sameType(type, typeOf(second))) return undefined;
    return this.call("if", [this.call("=", [first, second]), literal(null, type), first]);
  }

  /** `int(x)` is `CAST(x AS INT)`. */
  #finishTypeFunction(name: string, args: readonly Expression[]): Expression {
    if (args.length === 1) return this.#finishCast(cast(args[0]!, name));
    throw wrongArgumentCount(name, 1, args);
  }

  /** A cast of a literal is computed at once, unless it fails: then it fails where and when the query reaches it. */
  #folded(node: Cast): Expression {
    const { evaluate } = this.context;
    if (evaluate === undefined || node.child.kind !== "literal") return node;
    try {
      return literal(evaluate(node), node.to as DataType);
    } catch {
      return node;
    }
  }
}

const CLOCK_FUNCTIONS: ReadonlySet<string> = new Set(["current_timestamp", "now", "localtimestamp", "current_date", "curdate"]);

const wrongArgumentCount = (name: string, expected: number, args: readonly Expression[]): AnalysisError =>
  analysisError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", {
    functionName: quotedName([name]),
    expectedNum: String(expected),
    actualNum: String(args.length),
    docroot: "https://spark.apache.org/docs/latest",
  });

/** Types that are also functions of one argument. */
const TYPE_FUNCTIONS: ReadonlySet<string> = new Set(
  "boolean tinyint smallint int bigint float double decimal date timestamp binary string".split(" "),
);

const batchTimestamp: Expression = Object.freeze({ kind: "batch_timestamp" });

function argumentInfo(resolved: Expression, written: Expression): ArgumentInfo {
  return {
    dataType: typeOf(resolved),
    nullable: nullableOf(resolved),
    ...(resolved.kind === "literal" && { literal: resolved.value }),
    sql: prettyName(withoutInnerAliases(written)),
  };
}

/** Refused by ANSI, taken without it. */
function isLegacyCast(from: DataType, to: DataType): boolean {
  if (to.kind === "binary") return isIntegral(from);
  if (to.kind === "boolean") return from.kind === "date" || from.kind === "timestamp";
  return from.kind === "boolean" && to.kind === "timestamp";
}

/** Names inside an expression do not show in its text. */
function withoutInnerAliases(expression: Expression): Expression {
  const stripped = expression.kind === "alias" ? expression.child : expression;
  const keepsNames = stripped.kind === "unresolved_function" && stripped.name.toLowerCase() === "struct";
  return keepsNames ? stripped : mapChildren(stripped, withoutInnerAliases);
}

/** What only aggregate functions take. */
function refuseAggregateSyntax(node: UnresolvedFunction, name: string): void {
  for (const [present, syntax] of [
    [node.isDistinct, "DISTINCT"],
    [node.filter, "FILTER clause"],
    [node.ignoreNulls, "IGNORE NULLS"],
  ] as const)
    if (present) throw analysisError("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", { prettyName: quotedName([name]), syntax });
}
