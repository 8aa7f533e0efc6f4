// The package in a browser: `await init()` once, then everything is synchronous.
import { start } from "./core.js";

export { EngineError, dockerfile, reference, template, units } from "./core.js";

/** Fetches and starts the module; a second call does nothing. */
export function init(from) {
  return start(() => from ?? fetch(new URL("engine.wasm", import.meta.url)));
}
