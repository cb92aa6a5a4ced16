/**
 * Reads the statements of Spark's recordings as far as frames can express them: `[WITH] SELECT … FROM one relation [WHERE] [GROUP BY]
 * [HAVING] [ORDER BY] [LIMIT]`, `VALUES`, `UNION ALL`, and views of these. Expressions stay text for the product's own parser.
 */

/** Thrown for what this reader or the frames do not cover: the statement is skipped. */
export class OutOfScope extends Error {}

export interface Select {
  readonly kind: "select";
  readonly items: readonly string[];
  readonly isDistinct: boolean;
  readonly from: Query | { readonly kind: "table"; readonly name: string } | null;
  readonly alias: string | null;
  readonly columns: readonly string[] | null;
  readonly where: string | null;
  readonly groupBy: readonly string[] | null;
  readonly having: string | null;
}

export interface Values {
  readonly kind: "values";
  readonly rows: readonly (readonly string[])[];
}

export type Query = {
  readonly kind: "query";
  readonly parts: readonly (Select | Values | Query)[];
  /** UNION without ALL. */
  readonly isDistinct: boolean;
  readonly orderBy: readonly string[];
  readonly limit: string | null;
};

export interface View {
  readonly kind: "view";
  readonly name: string;
  readonly columns: readonly string[] | null;
  readonly query: Query;
}

interface Token {
  readonly text: string;
  /** Upper case for words, else null. */
  readonly word: string | null;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

const TOKEN =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`]|``)*`|[A-Za-z_]\w*|\d[\w.]*|[^\s\w]/gy;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const token = match[0];
    if (/^\s|^--|^\/\*/.test(token)) continue;
    if (token === ")" || token === "]") depth--;
    const word = /^[A-Za-z_]/.test(token) ? token.toUpperCase() : null;
    tokens.push({ text: token, word, start: match.index, end: TOKEN.lastIndex, depth });
    if (token === "(" || token === "[") depth++;
  }
  return tokens;
}

export interface Table {
  readonly kind: "table";
  readonly name: string;
  /** Columns as DDL. */
  readonly ddl: string;
}

export interface Truncate {
  readonly kind: "truncate";
  readonly name: string;
}

export interface Insert {
  readonly kind: "insert";
  readonly name: string;
  readonly query: Query;
}

/** A SELECT, VALUES, CREATE TEMPORARY VIEW, CREATE TABLE or INSERT INTO. */
export function readStatement(text: string): Query | View | Table | Insert | Truncate {
  const tokens = tokenize(text);
  const words = tokens.map(({ word }) => word);
  if (words[0] === "TRUNCATE") return { kind: "truncate", name: tokens[2]!.text };
  if (words[0] === "INSERT" && words[1] === "INTO") {
    const nameAt = words[2] === "TABLE" ? 3 : 2;
    const next = tokens[nameAt + 1];
    if (next?.word !== "VALUES" && next?.word !== "SELECT") throw new OutOfScope("INSERT");
    return { kind: "insert", name: tokens[nameAt]!.text, query: readQuery(text.slice(next.start), new Map()) };
  }
  if (words[0] === "CREATE" && words[1] === "TABLE" && tokens[3]?.text === "(") {
    if (words.includes("PARTITIONED")) throw new OutOfScope("PARTITIONED BY");
    return { kind: "table", name: tokens[2]!.text, ddl: text.slice(tokens[3].end, tokens[closing(tokens, 3)]!.start) };
  }
  if (words[0] !== "CREATE") return readQuery(text, new Map());
  const at = words.indexOf("VIEW");
  if (at < 0 || !(words.includes("TEMPORARY") || words.includes("TEMP"))) throw new OutOfScope("CREATE other than a temporary view");
  const asAt = tokens.findIndex(({ word, depth }) => word === "AS" && depth === 0);
  const nameEnd = at + 2;
  const columns = tokens[nameEnd]?.text === "(" ? names(text.slice(tokens[nameEnd]!.end, tokens[asAt - 1]!.start)) : null;
  return { kind: "view", name: tokens[at + 1]!.text, columns, query: readQuery(text.slice(tokens[asAt]!.end), new Map()) };
}

const CLAUSES = [
  "FROM",
  "WHERE",
  "GROUP",
  "HAVING",
  "ORDER",
  "SORT",
  "DISTRIBUTE",
  "CLUSTER",
  "LIMIT",
  "OFFSET",
  "WINDOW",
  "LATERAL",
  "QUALIFY",
  "UNPIVOT",
  "PIVOT",
] as const;

function readQuery(text: string, ctes: ReadonlyMap<string, Query>): Query {
  let tokens = tokenize(text);
  if (tokens.length === 0) throw new OutOfScope("empty");
  if (tokens[0]!.word === "WITH") {
    const known = new Map(ctes);
    let index = 1;
    for (;;) {
      const name = tokens[index]!.text.toUpperCase();
      if (tokens[index + 1]?.word !== "AS" || tokens[index + 2]?.text !== "(") throw new OutOfScope("WITH");
      const close = closing(tokens, index + 2);
      known.set(name, readQuery(text.slice(tokens[index + 2]!.end, tokens[close]!.start), known));
      index = close + 1;
      if (tokens[index]?.text !== ",") break;
      index++;
    }
    return readQuery(text.slice(tokens[index]!.start), known);
  }
  const limitAt = last(tokens, "LIMIT");
  const limit = limitAt < 0 ? null : text.slice(tokens[limitAt]!.end).trim();
  if (limitAt >= 0) [text, tokens] = [text.slice(0, tokens[limitAt]!.start), tokens.slice(0, limitAt)];
  const orderAt = tokens.findLastIndex(({ word, depth }, i) => word === "ORDER" && depth === 0 && tokens[i + 1]?.word === "BY");
  const orderBy = orderAt < 0 ? [] : splitAtCommas(text.slice(tokens[orderAt + 1]!.end));
  if (orderAt >= 0) [text, tokens] = [text.slice(0, tokens[orderAt]!.start), tokens.slice(0, orderAt)];
  const parts: (Select | Values | Query)[] = [];
  let isDistinct = false;
  let start = 0;
  for (let index = 0; index <= tokens.length; index++) {
    const token = tokens[index];
    if (token && !(token.depth === 0 && token.word === "UNION")) {
      if (token.depth === 0 && /^(INTERSECT|EXCEPT|MINUS)$/.test(token.word ?? "") && start !== index && tokens[index - 1]!.text !== "*")
        throw new OutOfScope("set operation");
      continue;
    }
    const from = tokens[start];
    if (!from) throw new OutOfScope("syntax");
    parts.push(readPart(text.slice(from.start, token ? token.start : undefined), ctes));
    if (token) {
      const isAll = tokens[index + 1]?.word === "ALL";
      if (start > 0 && isAll === isDistinct) throw new OutOfScope("UNION with and without ALL");
      isDistinct = !isAll;
      start = index + (isAll ? 2 : 1);
    }
  }
  return { kind: "query", parts, isDistinct, orderBy, limit };
}

function readPart(text: string, ctes: ReadonlyMap<string, Query>): Select | Values | Query {
  const tokens = tokenize(text);
  if (tokens[0]!.text === "(" && closing(tokens, 0) === tokens.length - 1)
    return readQuery(text.slice(tokens[0]!.end, tokens.at(-1)!.start), ctes);
  if (tokens[0]!.word === "VALUES")
    return { kind: "select", items: ["*"], isDistinct: false, ...readFrom(text, ctes), where: null, groupBy: null, having: null };
  if (tokens[0]!.word !== "SELECT") throw new OutOfScope(`statement ${tokens[0]!.word ?? tokens[0]!.text}`);
  const clauses = new Map<string, string>();
  let open = "SELECT";
  let start = tokens[0]!.end;
  tokens.forEach((token, index) => {
    if (token.depth !== 0 || index === 0 || !CLAUSES.includes(token.word as (typeof CLAUSES)[number])) return;
    if (tokens[index - 1]!.text === "." || (token.word === "FROM" && tokens[index - 1]!.word === "DISTINCT")) return;
    if ((token.word === "GROUP" || token.word === "ORDER") && tokens[index + 1]?.word !== "BY") return;
    clauses.set(open, text.slice(start, token.start).trim());
    open = token.word!;
    start = token.word === "GROUP" ? tokens[index + 1]!.end : token.end;
  });
  clauses.set(open, text.slice(start).trim());
  for (const word of ["SORT", "DISTRIBUTE", "CLUSTER", "OFFSET", "WINDOW", "LATERAL", "QUALIFY", "PIVOT", "UNPIVOT", "ORDER"])
    if (clauses.has(word)) throw new OutOfScope(`clause ${word}`);
  let items = clauses.get("SELECT")!;
  const isDistinct = /^distinct\b/i.test(items);
  if (isDistinct) items = items.replace(/^distinct\b/i, "");
  const groupBy = clauses.get("GROUP");
  if (groupBy !== undefined && /\b(cube|rollup|grouping\s+sets|with\s+(cube|rollup))\b/i.test(groupBy))
    throw new OutOfScope("grouping sets");
  if (/\bover\b\s*[(\w]/i.test(items)) throw new OutOfScope("OVER");
  if (/\(\s*select\b/i.test(`${items} ${clauses.get("WHERE") ?? ""} ${clauses.get("HAVING") ?? ""}`))
    throw new OutOfScope("subquery in an expression");
  const from = clauses.has("FROM") ? readFrom(clauses.get("FROM")!, ctes) : { from: null, alias: null, columns: null };
  return {
    kind: "select",
    items: splitAtCommas(items),
    isDistinct,
    ...from,
    where: clauses.get("WHERE") ?? null,
    groupBy: groupBy === undefined ? null : splitAtCommas(groupBy),
    having: clauses.get("HAVING") ?? null,
  };
}

function readFrom(text: string, ctes: ReadonlyMap<string, Query>): Pick<Select, "from" | "alias" | "columns"> {
  const tokens = tokenize(text);
  const first = tokens[0];
  if (!first) throw new OutOfScope("FROM");
  if (tokens.some(({ word, depth }) => depth === 0 && /^(JOIN|TABLESAMPLE)$/.test(word ?? ""))) throw new OutOfScope("JOIN");
  let from: Select["from"];
  let end: number;
  if (first.text === "(") {
    end = closing(tokens, 0) + 1;
    from = readQuery(text.slice(first.end, tokens[end - 1]!.start), ctes);
  } else if (first.word === "VALUES") {
    const isAlias = ({ word, depth }: Token, index: number): boolean =>
      depth === 0 && index > 0 && word !== null && (tokens[index - 1]!.text === ")" || word === "AS");
    const found = tokens.findIndex(isAlias);
    end = found < 0 ? tokens.length : found;
    from = { kind: "query", parts: [readValues(text.slice(first.end, tokens[end - 1]!.end))], isDistinct: false, orderBy: [], limit: null };
  } else if (first.word !== null && tokens[1]?.text !== "(" && tokens[1]?.text !== ".") {
    end = 1;
    from = ctes.get(first.word) ?? { kind: "table", name: first.text };
  } else throw new OutOfScope("FROM");
  if (tokens[end]?.word === "AS") end++;
  const alias = tokens[end]?.word != null ? tokens[end++]!.text : null;
  let columns: string[] | null = null;
  if (alias !== null && tokens[end]?.text === "(") {
    const close = closing(tokens, end);
    columns = names(text.slice(tokens[end]!.end, tokens[close]!.start));
    end = close + 1;
  }
  if (end < tokens.length) throw new OutOfScope(tokens[end]!.text === "," ? "JOIN" : "FROM");
  return { from, alias, columns };
}

const readValues = (text: string): Values => ({
  kind: "values",
  rows: splitAtCommas(text).map((row) => {
    const tokens = tokenize(row);
    const isRow = tokens[0]?.text === "(" && closing(tokens, 0) === tokens.length - 1;
    return isRow ? splitAtCommas(row.slice(tokens[0]!.end, tokens.at(-1)!.start)) : [row];
  }),
});

const names = (text: string): string[] => splitAtCommas(text).map((name) => name.replaceAll("`", "").split(/\s/)[0]!);
const last = (tokens: readonly Token[], word: string): number => tokens.findLastIndex((token) => token.word === word && token.depth === 0);

function closing(tokens: readonly Token[], open: number): number {
  const close = tokens.findIndex(({ text, depth }, index) => index > open && text === ")" && depth === tokens[open]!.depth);
  if (close < 0) throw new OutOfScope("brackets");
  return close;
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (const { text: token, depth, start: at, end } of tokenize(text)) {
    if (token !== "," || depth !== 0) continue;
    parts.push(text.slice(start, at));
    start = end;
  }
  return [...parts, text.slice(start)].map((part) => part.trim());
}
