// The built package as a program that depends on it has it: in a node_modules folder, imported by its name.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Where `cargo xtask build` leaves it. */
export const packageDir = realpathSync(process.env.SLIPWAY_PACKAGE ?? fileURLToPath(new URL("../../../target/slipway/engine-wasm", import.meta.url)));

/** A folder in which the package can be imported; removed at the end of the process. */
export function project() {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "engine-wasm-")));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "node_modules/@slipway"), { recursive: true });
  symlinkSync(packageDir, join(dir, "node_modules/@slipway/engine-wasm"));
  return dir;
}

/** The package's two entries, resolved by its `exports`. */
export async function load() {
  const file = join(project(), "load.mjs");
  writeFileSync(file, 'export * as engine from "@slipway/engine-wasm";\nexport * as worker from "@slipway/engine-wasm/worker";\n');
  return import(pathToFileURL(file));
}
