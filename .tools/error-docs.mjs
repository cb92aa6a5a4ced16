// Makes docs/errors.md from src/base/error-conditions.json. Every build does so (`ensure-built.mjs`); `test/docs.test.ts` compares. Uses Node's own
// modules only.
import { readFileSync, writeFileSync } from "node:fs";

const conditions = JSON.parse(readFileSync(new URL("../src/base/error-conditions.json", import.meta.url), "utf8"));
const cell = (text) =>
  text.replace(/[<&|]/g, (character) => ({ "<": "&lt;", "&": "&amp;", "|": "\\|" })[character]).replace(/\s*\n\s*/g, " ");

const rows = Object.keys(conditions)
  .sort()
  .map((name) => `| \`${name}\` | ${conditions[name].sqlState} | ${cell(conditions[name].message)} |`);

const page = `# Error conditions

Every error that Millrace raises on purpose is a \`MillraceError\` with a \`condition\`, its \`sqlState\`, the \`messageParameters\` that stand in angle brackets
below, and, for errors in SQL text, a \`queryContext\` (fragment, line, column). Conditions that Spark has keep Spark's name, SQLSTATE and wording. Subclasses
say what kind of error it is: \`ParseError\`, \`AnalysisError\`, \`ArithmeticError\`, \`IllegalArgumentError\`, \`StreamingQueryError\` (its \`cause\` is the first error
of the query), \`CheckpointError\`, \`ConnectorError\`.

\`\`\`ts
try {
  await query.awaitTermination();
} catch (error) {
  if (error instanceof StreamingQueryError) console.error(error.condition, error.cause);
}
\`\`\`

${rows.length} conditions. The build makes this page from [error-conditions.json](../src/base/error-conditions.json).

| condition | SQLSTATE | message |
|---|---|---|
${rows.join("\n")}
`;

const path = new URL("../docs/errors.md", import.meta.url);
if (process.argv.includes("--print")) process.stdout.write(page);
else if (readFileSync(path, "utf8") !== page) writeFileSync(path, page);
