/** `npm run bench:native`: builds the native programs, or says why it does not. */
import { spawnSync } from "node:child_process";
import { arch, platform } from "node:os";
import { fileURLToPath } from "node:url";

const directory = fileURLToPath(new URL("programs", import.meta.url));
const cargo = spawnSync("cargo", ["--version"], { encoding: "utf8" });
if (cargo.status !== 0) {
  console.log("bench:native skipped: there is no cargo on the PATH (https://rustup.rs)");
} else if (arch() !== "x64" || platform() !== "linux") {
  console.log(`bench:native skipped: the programs are for Linux on x64, this is ${platform()} on ${arch()}`);
} else {
  const { status } = spawnSync("cargo", ["build", "--release", "--locked", "--offline"], { cwd: directory, stdio: "inherit" });
  process.exitCode = status ?? 1;
}
