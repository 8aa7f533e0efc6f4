// An engine in a worker thread, in Node.js.
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { Engine } from "./client.js";
import { EngineError } from "./core.js";

export { Engine, EngineError };

/** Starts a worker thread with an engine in it. It does not keep the process alive while nothing is asked of it. */
export function createWorker() {
  const worker = new Worker(new URL("entry.node.js", import.meta.url));
  worker.unref();
  let open = 0;
  return new Engine({
    post: (message, transfer) => {
      const [from, ...rest] = message.args;
      // An address cannot be sent, its path can.
      worker.postMessage(from instanceof URL ? { ...message, args: [fileURLToPath(from), ...rest] } : message, transfer ?? []);
      if (open++ === 0) worker.ref();
    },
    onMessage: (listener) =>
      worker.on("message", (message) => {
        if (!message.progress && --open === 0) worker.unref();
        listener(message);
      }),
    onFailure: (listener) => worker.on("error", (error) => listener(new EngineError({ message: `the engine's worker failed: ${error.message}`, code: "worker" }))),
    end: () => void worker.terminate(),
  });
}
