/**
 * Simple conditions on columns of a scan, all of which hold for every row that the query keeps. A reader may leave rows out for which one
 * surely does not hold; the query filters all the same. Made by the planner, used by readers in workers.
 */
import type { Value } from "./values.ts";

export interface ScanPredicate {
  /** Name of a top-level column. */
  readonly column: string;
  readonly test: "<" | "<=" | "=" | ">=" | ">" | "in" | "isnull" | "isnotnull";
  /** What the column is compared with: values of its own type (integers of any width), never null; several for `in`, none for the last two. */
  readonly values: readonly Value[];
}
