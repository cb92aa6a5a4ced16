/**
 * Writes the checkpoints of `released-queries.mjs` as this version writes them: `node test/checkpoint/write-released.mjs <version>`, once for every release. What
 * lies in `released/<version>` is never written again.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goOn, queries } from "./released-queries.mjs";

const BATCHES = 20;
const [, , version] = process.argv;
const folder = fileURLToPath(new URL(`released/${version}`, import.meta.url));
// Fails where there is one.
mkdirSync(folder);
for (const name of Object.keys(queries)) {
  const checkpoint = join(folder, name);
  for (let last = 4; last < BATCHES; last += 5) await goOn(name, checkpoint, 2, last);
  // Of the machine that wrote them: a copy of the state, and who the owner was.
  rmSync(join(checkpoint, "state/chunks"), { recursive: true, force: true });
  for (const epoch of readdirSync(join(checkpoint, "epoch"))) {
    writeFileSync(join(checkpoint, "epoch", epoch), JSON.stringify({ epoch: Number(epoch), owner: { pid: 1, bootId: "", startedMs: 0 } }));
  }
}
