/** Spark's names of join types: `left`, `leftouter` and `left_outer` are one. Session's thread. */
import { AnalysisError } from "../base/errors.ts";
import type { JoinType } from "../plan/logical/nodes.ts";

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  inner: "inner",
  cross: "cross",
  outer: "full_outer",
  full: "full_outer",
  fullouter: "full_outer",
  left: "left_outer",
  leftouter: "left_outer",
  right: "right_outer",
  rightouter: "right_outer",
  semi: "left_semi",
  leftsemi: "left_semi",
  anti: "left_anti",
  leftanti: "left_anti",
};

/** Throws `UNSUPPORTED_JOIN_TYPE`. */
export function joinType(name: string): JoinType {
  const key = name.toLowerCase().replaceAll("_", "");
  if (Object.hasOwn(JOIN_TYPES, key)) return JOIN_TYPES[key]!;
  const supported = Object.keys(JOIN_TYPES).map((known) => `'${known}'`);
  throw new AnalysisError("UNSUPPORTED_JOIN_TYPE", { typ: name, supported: supported.join(", ") });
}
