// The package in Node.js: the module lies beside this file and is started by the import.
import { readFileSync } from "node:fs";
import { startSync } from "./core.js";
import "./source.node.js";

export { EngineError, dockerfile, graph, ignore, reference, template, units } from "./core.js";
export { Image, Store, createStore, openImage } from "./image.js";

startSync(readFileSync(new URL("engine.wasm.lzma", import.meta.url)));

/** Nothing is left to do here; so that the same program runs in browsers. */
export async function init() {}
