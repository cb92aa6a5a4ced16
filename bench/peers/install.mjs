/**
 * Puts the peers into a directory outside the repository, once: a virtual environment of Python with pinned packages, and Flink's libraries
 * with our class compiled against them. A runner that cannot be had gives the reason instead.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasNative } from "../harness/processes.mjs";

const PYTHON_PACKAGES = ["pyspark==4.1.1", "duckdb==2.0.1", "pyarrow==26.0.1"];
const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** By runner: `{ command, args }` to start it, or `{ missing }` with the reason. */
export function install(home, names, log) {
  mkdirSync(home, { recursive: true });
  const python = names.has("spark") || names.has("duckdb") ? pythonIn(home, log) : null;
  const runners = {
    millrace: () => ({ command: process.execPath, args: [path("systems/millrace.mjs")] }),
    node: () => ({ command: process.execPath, args: [path("systems/plain-node.mjs")] }),
    native: () =>
      hasNative() ? { command: process.execPath, args: [path("systems/native.mjs")] } : { missing: "not built (npm run bench:native)" },
    duckdb: () => (python.missing ? python : { command: python.command, args: [path("systems/duckdb_batch.py")] }),
    spark() {
      if (python.missing) return python;
      return works("java", ["-version"])
        ? { command: python.command, args: [path("systems/spark.py")] }
        : { missing: "there is no java on the PATH" };
    },
    flink: () => flinkIn(home, log),
  };
  return Object.fromEntries([...names].map((name) => [name, runners[name]()]));
}

const works = (command, args) => spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** Runs a command; gives false and shows its output when it fails. */
function succeeds(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd });
  if (status !== 0) console.error(`${command} ${args.join(" ")}\n${error?.message ?? `${stdout}${stderr}`}`);
  return status === 0;
}

function pythonIn(home, log) {
  const command = join(home, "venv", "bin", "python");
  if (!existsSync(command)) {
    if (!works("python3", ["--version"])) return { missing: "there is no python3 on the PATH" };
    log(`making ${join(home, "venv")}`);
    if (!succeeds("python3", ["-m", "venv", join(home, "venv")])) return { missing: "no virtual environment of Python" };
  }
  const wanted = PYTHON_PACKAGES.map((each) => each.split("=="));
  const check = `from importlib.metadata import version; assert all(version(n) == v for n, v in ${JSON.stringify(wanted)})`;
  if (works(command, ["-c", check])) return { command };
  log(`installing ${PYTHON_PACKAGES.join(", ")} (about 500 MB)`);
  return succeeds(command, ["-m", "pip", "install", "--quiet", ...PYTHON_PACKAGES]) ? { command } : { missing: "pip failed" };
}

function flinkIn(home, log) {
  const directory = join(home, "flink");
  const [libraries, classes, marker] = ["lib", "classes", "installed"].map((name) => join(directory, name));
  const pom = path("systems/flink/pom.xml");
  const source = path("systems/flink/src/Peer.java");
  const isNewer = (file) => !existsSync(marker) || statSync(file).mtimeMs > statSync(marker).mtimeMs;
  if (isNewer(pom) || isNewer(source)) {
    if (!works("javac", ["-version"])) return { missing: "there is no JDK (javac) on the PATH" };
    if (isNewer(pom)) {
      if (!works("mvn", ["-version"])) return { missing: "there is no mvn on the PATH" };
      log("fetching Flink's libraries (about 240 MB)");
      mkdirSync(directory, { recursive: true });
      copyFileSync(pom, join(directory, "pom.xml"));
      const settings = [`-Dmaven.repo.local=${join(home, "m2")}`, `-DoutputDirectory=${libraries}`, "-DoverWriteReleases=true"];
      if (!succeeds("mvn", ["-q", "-B", ...settings, "dependency:copy-dependencies"], directory)) return { missing: "mvn failed" };
    }
    mkdirSync(classes, { recursive: true });
    if (!succeeds("javac", ["-nowarn", "-cp", join(libraries, "*"), "-d", classes, source])) return { missing: "javac failed" };
    writeFileSync(marker, "");
  }
  // Arrow and Hadoop reach into the JDK; Flink's own scripts open the same packages.
  const opened = ["java.lang", "java.util", "java.nio", "java.time", "java.net"].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);
  return { command: "java", args: [...opened, "-XX:+UseG1GC", "-cp", `${join(libraries, "*")}:${classes}`, "Peer"], takesHeap: true };
}
