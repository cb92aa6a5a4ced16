// Makes a fresh clone runnable: installs dependencies when the lock file changed, builds when a source changed.
// Called by `npm start`, `npm test`, `npm run bench` and `npm run build` (`--force`). Uses Node's own modules only.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const force = process.argv.includes("--force");
const run = (command, args) => execFileSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });

const digest = (paths) => {
  const hash = createHash("sha256");
  for (const path of paths)
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
      .update("\0");
  return hash.digest("hex");
};
const filesUnder = (folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length))
    .sort();
const stampMatches = (stamp, value) => existsSync(join(root, stamp)) && readFileSync(join(root, stamp), "utf8") === value;

const SETTINGS = ["tsconfig.json", "package.json", ".tools/ensure-built.mjs", ".tools/bundle.mjs"];

const lock = digest(["package-lock.json"]);
if (!stampMatches("node_modules/.millrace-lock", lock)) {
  console.error("millrace: installing dependencies …");
  // Not `npm ci`: it refuses a lock file made where other platforms' optional binaries are not to be had. Versions are the
  // lock's all the same, and the lock is not rewritten.
  run("npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  writeFileSync(join(root, "node_modules/.millrace-lock"), lock);
}

const sources = digest([...SETTINGS, ...filesUnder("src")]);
if (force || !stampMatches("dist/.millrace-build", sources)) {
  console.error("millrace: building …");
  if (force) rmSync(join(root, "dist"), { recursive: true, force: true });
  mkdirSync(join(root, "dist/kernels"), { recursive: true });
  run("node", [".tools/error-docs.mjs"]);
  run("node", ["node_modules/typescript/bin/tsc", "--build"]);
  const { bundle } = await import("./bundle.mjs");
  await bundle(join(root, "src"), join(root, "dist"));
  const { assemblyLayoutSource } = await import(pathToFileURL(join(root, "dist/columnar/memory-layout.js")).href);
  const layoutPath = join(root, "src/kernels/assembly/memory-layout.ts");
  if (readFileSync(layoutPath, "utf8") !== assemblyLayoutSource()) writeFileSync(layoutPath, assemblyLayoutSource());
  run("node", [
    "node_modules/assemblyscript/bin/asc.js",
    "src/kernels/assembly/index.ts",
    "--config",
    "src/kernels/assembly/asconfig.json",
    "--target",
    "release",
  ]);
  writeFileSync(join(root, "dist/.millrace-build"), digest([...SETTINGS, ...filesUnder("src")]));
}
