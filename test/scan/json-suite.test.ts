import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { StringType, structField, structType } from "../../src/columnar/types.ts";
import { jsonOptions } from "../../src/connectors/formats/json-options.ts";
import { jsonReader } from "../../src/connectors/formats/json-reader.ts";
import { readBytes } from "./read-fixture.ts";

const folder = fileURLToPath(new URL("../../../shared/corpora/json-test-suite/test_parsing", import.meta.url));
const files = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort()
  : [];
if (files.length === 0) console.log(`JSONTestSuite is not at ${folder}: its cases are skipped`);

const strict = { allowSingleQuotes: "false", allowNonNumericNumbers: "false" };

/** Whether the document is accepted as the value of a field that is read (as its own text), and of one that is skipped. */
function accepts(name: string): { read: boolean; skipped: boolean } {
  const document = readFileSync(`${folder}/${name}`);
  const check = (field: string, options: Record<string, string>): boolean => {
    const record = Buffer.concat([Buffer.from('{"v":'), document, Buffer.from('}\n{"w":"next"}\n')]);
    const schema = structType([structField(field, StringType), structField("w", StringType), structField("_corrupt_record", StringType)]);
    const { rows, malformed } = readBytes(record, { reader: jsonReader, specs: jsonOptions, schema, options: { ...strict, ...options } });
    if (options["multiLine"]) return malformed === 0;
    expect(rows.at(-1)).toEqual([null, "next", null]);
    return malformed === 0;
  };
  // A document of several lines is a record in multi-line mode only; there the second object is taken away.
  const isOneLine = !/[\n\r]/.test(document.toString("latin1"));
  const whole = (field: string): boolean => {
    const schema = structType([structField(field, StringType)]);
    const record = Buffer.concat([Buffer.from('{"v":'), document, Buffer.from("}")]);
    return readBytes(record, { reader: jsonReader, specs: jsonOptions, schema, options: { ...strict, multiLine: "true" } }).malformed === 0;
  };
  return isOneLine ? { read: check("v", {}), skipped: check("x", {}) } : { read: whole("v"), skipped: whole("x") };
}

describe.skipIf(files.length === 0)("JSONTestSuite", () => {
  test.each(files.filter((name) => name.startsWith("y_")))("%s is accepted", (name) => {
    expect(accepts(name)).toEqual({ read: true, skipped: true });
  });

  test.each(files.filter((name) => name.startsWith("n_")))("%s is a corrupt record, and the next line is read", (name) => {
    expect(accepts(name)).toEqual({ read: false, skipped: false });
  });

  test("documents that a parser may accept or reject", () => {
    const outcome = Object.fromEntries(files.filter((name) => name.startsWith("i_")).map((name) => [name, accepts(name)]));
    // Numbers of any size are syntax only until they are converted; malformed UTF-8 inside strings and lone surrogates become U+FFFD;
    // a byte order mark inside a line, UTF-16 and nesting beyond 1000 levels are rejected.
    const rejected = [
      "i_string_UTF-16LE_with_BOM.json",
      "i_string_utf16BE_no_BOM.json",
      "i_string_utf16LE_no_BOM.json",
      "i_structure_UTF-8_BOM_empty_object.json",
    ];
    for (const [name, { read, skipped }] of Object.entries(outcome)) {
      expect({ name, read, skipped }).toEqual({ name, read: !rejected.includes(name), skipped: !rejected.includes(name) });
    }
  });
});
