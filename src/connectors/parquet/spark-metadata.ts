/** What Spark keeps in the footers of its Parquet files, and looks for when it reads one. In workers. */
import { schemaToJson } from "../../columnar/schema-json.ts";
import type { StructType } from "../../columnar/types.ts";

/**
 * The schema as Spark has it: types that Parquet does not know (intervals), comments and other metadata of columns come back with it. The version says
 * that dates and times are in today's calendar throughout; without one Spark refuses those before 1582.
 */
export const sparkMetadata = (schema: StructType): ReadonlyMap<string, string> =>
  new Map([
    ["org.apache.spark.version", "4.0.0"],
    ["org.apache.spark.sql.parquet.row.metadata", schemaToJson(schema)],
  ]);
