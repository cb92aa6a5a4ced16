// Writes `dist/**/*.js`: four chunks with all that a start needs, and every other module as a door to them. A thread that loads four files instead of
// four hundred starts in half the time; a module stays one module, whichever door it came through. Called by `ensure-built.mjs`.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";
import manifest from "../package.json" with { type: "json" };

const STATIC_IMPORT = /^(?:import|export) (?!type\b)[^;]*?\bfrom "(\.[^"]+\.ts)";/gm;

/** Another language with the same ending. */
const ASSEMBLY = "kernels/assembly/";

/** In the order in which they take modules: a chunk has what its root imports statically and no chunk before it has. */
const CHUNK_ROOTS = { worker: "worker/main.ts", api: "index.ts", start: "api/local-start.ts", engine: "api/local-executor.ts" };

/** Absolute path of a module → name of its chunk. */
function chunksOf(source) {
  const chunks = new Map();
  const visit = (path, chunk) => {
    if (chunks.has(path)) return;
    chunks.set(path, chunk);
    for (const [, imported] of readFileSync(path, "utf8").matchAll(STATIC_IMPORT)) visit(join(dirname(path), imported), chunk);
  };
  for (const [chunk, root] of Object.entries(CHUNK_ROOTS)) visit(join(source, root), chunk);
  return chunks;
}

/** From the folder `source` of TypeScript into the folder `target`. */
export async function bundle(source, target) {
  const chunks = chunksOf(source);
  const modules = readdirSync(source, { recursive: true }).filter((path) => path.endsWith(".ts") && !path.startsWith(ASSEMBLY));
  const build = await rolldown({
    input: Object.fromEntries(modules.map((path) => [path.slice(0, -".ts".length), join(source, path)])),
    platform: "node",
    external: [/^node:/, ...Object.keys(manifest.dependencies)],
    transform: { target: "node20.19" },
    treeshake: false,
  });
  await build.write({
    dir: target,
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    minifyInternalExports: false,
    comments: { annotation: false, jsdoc: false, legal: false },
    codeSplitting: {
      groups: Object.keys(CHUNK_ROOTS).map((name, at, { length }) => ({
        name,
        test: (path) => chunks.get(path) === name,
        priority: length - at,
      })),
    },
  });
  await build.close();
}
