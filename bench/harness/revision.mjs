/** Another commit of the engine, built in a working tree of its own under the system's temporary directory, with this commit's benchmark. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Result of `work(root)`; the working tree is gone afterwards. */
export async function atRevision(commit, work) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-bench-revision-"));
  const root = join(folder, "millrace");
  const git = (...args) => execFileSync("git", ["-C", ROOT, ...args], { stdio: ["ignore", 2, 2] });
  try {
    git("worktree", "add", "--detach", root, commit);
    execFileSync(process.execPath, [join(root, ".tools/ensure-built.mjs")], { stdio: ["ignore", 2, 2] });
    rmSync(join(root, "bench"), { recursive: true });
    cpSync(join(ROOT, "bench"), join(root, "bench"), { recursive: true });
    return await work(root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    git("worktree", "prune");
  }
}
