/** `node bench/digest.mjs FILE …`: the digest of the lines of all files together, for answers written by other programs. */
import { readFileSync } from "node:fs";
import { digestOfLines } from "./harness/digest.mjs";

console.log(
  digestOfLines(
    process.argv.slice(2).flatMap((path) =>
      readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
    ),
  ),
);
