/** Which fields a row of state or of an exchange has for some columns. Main thread, called by the planner and the compiler. */
import type { RowFieldSpec } from "../../columnar/row-layout.ts";
import { BooleanType, leavesOf } from "../../columnar/types.ts";
import { type Attribute, schemaOf } from "../expr/expression.ts";

/** Fields for the leaves of attributes: a boolean for a struct that can be null (is it?), the others as they are. */
export const fieldSpecs = (attributes: readonly Attribute[]): RowFieldSpec[] =>
  leavesOf(schemaOf(attributes)).flatMap((leaf): RowFieldSpec[] => {
    const name = leaf.path.join(".");
    if (leaf.physical !== "struct") return [{ name, dataType: leaf.dataType }];
    return leaf.nullable ? [{ name: `${name} is null`, dataType: BooleanType }] : [];
  });
