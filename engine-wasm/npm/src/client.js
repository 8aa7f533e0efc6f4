// The side that asks: an engine in a Worker, with promises, progress and cancelling. How a Worker is made and heard is given from outside.
import { EngineError, modules } from "./core.js";
import { makeToken } from "./cancel.js";

/** Takes `signal` and `onProgress` out of the options, which cannot be sent. */
function controls(args) {
  const last = args.at(-1);
  if (last === null || typeof last !== "object" || !("signal" in last || "onProgress" in last)) return [args, {}];
  const { signal, onProgress, ...options } = last;
  return [[...args.slice(0, -1), options], { signal, onProgress }];
}

export class Engine {
  #port;
  #next = 1;
  #waiting = new Map();
  #ended;

  /** `port`: `{post(message, transfer), onMessage(listener), onFailure(listener), end()}`. */
  constructor(port) {
    this.#port = port;
    port.onMessage((message) => this.#hear(message));
    port.onFailure((error) => this.#fail(error));
    Object.assign(this, modules((name, args) => this.#ask({ kind: "call", name }, args)));
  }

  /** Ends the Worker. What is still asked of it is rejected. */
  terminate() {
    this.#fail(new EngineError({ message: "the engine's worker was terminated", code: "terminated" }));
    this.#port.end();
  }

  #ask(question, args = []) {
    const [sent, { signal, onProgress }] = controls(args);
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = this.#next++;
    const token = signal && makeToken();
    return new Promise((resolve, reject) => {
      const abort = () => {
        token.cancel();
        settle();
        reject(signal.reason);
      };
      const settle = () => {
        this.#waiting.delete(id);
        signal?.removeEventListener("abort", abort);
        token?.release();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, { resolve, reject, settle, onProgress });
      try {
        this.#port.post({ ...question, id, args: sent, token: token?.shared, progress: onProgress !== undefined });
      } catch (error) {
        // Something that cannot be sent to another thread.
        settle();
        reject(error);
      }
    });
  }

  #hear({ id, value, error, progress }) {
    const waiting = this.#waiting.get(id);
    // It was aborted meanwhile.
    if (!waiting) return;
    if (progress) return waiting.onProgress?.(progress);
    waiting.settle();
    if (error) waiting.reject(error.foreign ? Object.assign(new Error(error.message), { name: error.name }) : new EngineError(error));
    else waiting.resolve(value);
  }

  #fail(error) {
    this.#ended ??= error;
    for (const { settle, reject } of [...this.#waiting.values()]) {
      settle();
      reject(error);
    }
  }
}
