/** Closures over rows, as frames put them into plans: from the engine's values to what rows hold, and back. Session's thread. */
import { rowDecoder, rowToEngine } from "../columnar/row.ts";
import { sqlType, type StructType } from "../columnar/types.ts";
import type { Value } from "../columnar/values.ts";
import { guardedCall, refuseAsync, refusePromise } from "../functions/user-function.ts";
import { unresolvedFunction } from "../plan/expr/expression.ts";
import type { MapPartitions } from "../plan/logical/nodes.ts";
import { parseSchema } from "../sql/parser.ts";
import { Column } from "./column.ts";
import { udf } from "./functions/user.ts";

/** A column that calls `fn` with the whole row. */
export function overRow<R>(fn: (row: R) => unknown, returnType: string): Column {
  const row = new Column(unresolvedFunction("struct", [{ kind: "unresolved_star" }]));
  return udf(fn, returnType)(row);
}

/** What a `MapPartitions` node does with rows: `map`, which calls `fn`. `name` is the method's, for messages. */
export function rowMapper(
  name: string,
  fn: unknown,
  map: (rows: unknown[]) => unknown[],
  given: string | StructType,
): Pick<MapPartitions, "schema" | "bind"> {
  refuseAsync(name, fn);
  const schema = typeof given === "string" ? parseSchema(given) : given;
  const bind: MapPartitions["bind"] = (inputSchema) => {
    const decode = rowDecoder(inputSchema);
    const what = { name, signature: sqlType(inputSchema), result: sqlType(schema) };
    return (rows): Value[][] => {
      const decoded = rows.map((row) => decode(row));
      const made = guardedCall(what, () => map(decoded));
      return guardedCall(what, () => made.map((row) => settledRow(name, row, schema)));
    };
  };
  return { schema, bind };
}

function settledRow(name: string, row: unknown, schema: StructType): Value[] {
  refusePromise(name, row);
  return rowToEngine(row, schema);
}
