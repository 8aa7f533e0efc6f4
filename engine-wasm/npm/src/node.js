// The package in Node.js: the module lies beside this file and is started by the import.
import { readFileSync } from "node:fs";
import { startSync } from "./core.js";

export { EngineError, dockerfile, reference, template, units } from "./core.js";

startSync(readFileSync(new URL("engine.wasm", import.meta.url)));

/** Nothing is left to do here; so that the same program runs in browsers. */
export async function init() {}
