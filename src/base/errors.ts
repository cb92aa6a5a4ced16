/**
 * Typed errors. Each has a Spark error condition, its SQLSTATE and named parameters; the texts are data
 * (`error-conditions.json`). Everything a user can cause is raised through `MillraceError` or a subclass.
 *
 * `throw new AnalysisError("UNRESOLVED_COLUMN.WITH_SUGGESTION", { objectName: "`a`", proposal: "`b`" })`
 */
import conditions from "./error-conditions.json" with { type: "json" };

export type ErrorCondition = keyof typeof conditions;

/** Where in the user's SQL text an error lies. `start` and `stop` are 0-based offsets (stop exclusive); `line` and `column` 1-based. */
export interface QueryContext {
  readonly fragment: string;
  readonly start: number;
  readonly stop: number;
  readonly line: number;
  readonly column: number;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  readonly queryContext?: QueryContext;
}

export type MessageParameters = Readonly<Record<string, string>>;

/**
 * Base of every error that Millrace raises on purpose.
 * `message` reads `[CONDITION] text SQLSTATE: xxxxx`, as Spark prints it, followed by the remedy where there is one.
 */
export class MillraceError extends Error {
  readonly condition: ErrorCondition;
  readonly sqlState: string;
  readonly messageParameters: MessageParameters;
  readonly queryContext: QueryContext | undefined;

  constructor(condition: ErrorCondition, parameters: MessageParameters = {}, options: ErrorOptions = {}) {
    super(formatMessage(condition, parameters, options.queryContext), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.condition = condition;
    this.sqlState = conditions[condition].sqlState;
    this.messageParameters = parameters;
    this.queryContext = options.queryContext;
  }

  /** A plain object that crosses thread boundaries; `MillraceError.revive` is the inverse. */
  toTransfer(): TransferredError {
    return {
      name: this.name,
      condition: this.condition,
      parameters: this.messageParameters,
      ...(this.queryContext && { queryContext: this.queryContext }),
      ...(this.cause instanceof Error && { cause: { name: this.cause.name, message: this.cause.message, stack: this.cause.stack } }),
    };
  }

  static revive(transferred: TransferredError): MillraceError {
    const Subclass = subclasses[transferred.name] ?? MillraceError;
    const { condition, parameters, queryContext, cause } = transferred;
    return new Subclass(condition, parameters, {
      ...(queryContext && { queryContext }),
      ...(cause && { cause: Object.assign(new Error(cause.message), cause) }),
    });
  }
}

export interface TransferredError {
  readonly name: string;
  readonly condition: ErrorCondition;
  readonly parameters: MessageParameters;
  readonly queryContext?: QueryContext;
  /** The error below it, as far as it can cross. */
  readonly cause?: { readonly name: string; readonly message: string; readonly stack: string | undefined };
}

/** The text does not parse. */
export class ParseError extends MillraceError {}
/** The query is well formed but wrong: unknown column, wrong type, unsupported operation, unknown option. */
export class AnalysisError extends MillraceError {}
/** A value broke an ANSI rule at run time: overflow, division by zero, invalid cast. */
export class ArithmeticError extends MillraceError {}
/** An argument of an API call is wrong (Spark's IllegalArgumentException). */
export class IllegalArgumentError extends MillraceError {}
/** A streaming query ended with an error; `cause` is the first error, `startOffset` and `endOffset` say of which batch. */
export class StreamingQueryError extends MillraceError {}
/** A checkpoint is damaged, foreign, in use or inconsistent. */
export class CheckpointError extends MillraceError {}
/** A file of a format to come, in a checkpoint or in the log of a sink; `found` and `supported` are format versions. */
export function newerFile(fileName: string, supported: number, found: number): CheckpointError {
  const parameters = { fileName, matchVersion: `v${supported}`, version: `v${found}` };
  return new CheckpointError("UNSUPPORTED_LOG_VERSION.MAX_SUPPORTED_VERSION", parameters);
}
/** Reading or writing external data failed. */
export class ConnectorError extends MillraceError {}

const subclasses: Record<string, typeof MillraceError> = {
  ParseError,
  AnalysisError,
  ArithmeticError,
  IllegalArgumentError,
  StreamingQueryError,
  CheckpointError,
  ConnectorError,
};

function formatMessage(condition: ErrorCondition, parameters: MessageParameters, context: QueryContext | undefined): string {
  const { message, sqlState } = conditions[condition];
  const text = message.replace(/<(\w+)>/g, (whole, name: string) => parameters[name] ?? whole);
  const where = context ? `\n== SQL (line ${context.line}, position ${context.column}) ==\n${context.fragment}` : "";
  return `[${condition}] ${text} SQLSTATE: ${sqlState}${where}`;
}

/** The closest of `candidates` to `name`, nearest first, at most `limit`; for "did you mean". */
export function suggest(name: string, candidates: Iterable<string>, limit = 5): string[] {
  const wanted = name.toLowerCase();
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

/** Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}
