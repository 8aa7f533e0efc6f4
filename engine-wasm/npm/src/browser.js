// The package in a browser: `await init()` once, then everything is synchronous.
import { start } from "./core.js";

export { EngineError, dockerfile, graph, ignore, reference, template, units } from "./core.js";
export { Image, Store, createStore, openImage } from "./image.js";

/** Fetches and starts the module; a second call does nothing. */
export function init(from) {
  return start(() => from ?? new URL("engine.wasm.lzma", import.meta.url));
}
