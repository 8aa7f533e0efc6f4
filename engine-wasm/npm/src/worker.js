// An engine in a Worker, in browsers.
import { Engine } from "./client.js";
import { EngineError } from "./core.js";

export { Engine, EngineError };

/** Starts a Worker with an engine in it. */
export function createWorker() {
  const worker = new Worker(new URL("entry.js", import.meta.url), { type: "module", name: "engine-wasm" });
  return new Engine({
    post: (message, transfer) => worker.postMessage(message, transfer ?? []),
    onMessage: (listener) => worker.addEventListener("message", (event) => listener(event.data)),
    onFailure: (listener) =>
      worker.addEventListener("error", (event) => listener(new EngineError({ message: `the engine's worker failed: ${event.message ?? "its script could not be loaded"}`, code: "worker" }))),
    end: () => worker.terminate(),
  });
}
