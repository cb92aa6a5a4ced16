/**
 * `functions`: Spark's, by Spark's names. They build expressions and compute nothing; what a function means is in `src/functions`, and
 * a test checks that every name here is known there.
 */
export * from "./functions/aggregate.ts";
export * from "./functions/collection.ts";
export * from "./functions/core.ts";
export * from "./functions/datetime.ts";
export * from "./functions/math.ts";
export * from "./functions/string.ts";
export { udf } from "./functions/user.ts";
