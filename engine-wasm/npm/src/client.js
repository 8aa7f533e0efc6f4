// The side that asks: an engine in a Worker, with promises, progress and cancelling. How a Worker is made and heard is given from outside.
import { EngineError, modules } from "./core.js";
import { makeToken } from "./cancel.js";
import { IMAGE_QUESTIONS, STORE_QUESTIONS } from "./image.js";

/** Takes `signal` and `onProgress` out of the options, which cannot be sent. */
function controls(args) {
  const last = args.at(-1);
  // A template's data may have fields of these names, but not of these types.
  if (!(last?.signal instanceof AbortSignal || typeof last?.onProgress === "function")) return [args, {}];
  const { signal, onProgress, ...options } = last;
  return [[...args.slice(0, -1), options], { signal, onProgress }];
}

export class Engine {
  #port;
  #next = 1;
  #waiting = new Map();
  /** Archives that were to be opened and no longer are, by the numbers of their questions. */
  #orphans = new Set();
  #ended;
  #remote = (kind, args, more) => this.#ask({ kind, ...more }, args);

  /** `port`: `{post(message, transfer), onMessage(listener), onFailure(listener), end()}`. */
  constructor(port) {
    this.#port = port;
    port.onMessage((message) => this.#hear(message));
    port.onFailure((error) => this.#fail(error));
    Object.assign(this, modules((name, args) => this.#ask({ kind: "call", name }, args)));
  }

  /** Opens an archive of images in the Worker. */
  async openImage(from, options) {
    return new RemoteImage(this.#remote, await this.#ask({ kind: "open" }, [from, options ?? {}]));
  }

  /** Makes an empty store in the Worker. */
  async createStore() {
    return new RemoteStore(this.#remote, await this.#ask({ kind: "store" }));
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
      const stop = (reason) => {
        token?.cancel();
        if (question.kind === "open") this.#orphans.add(id);
        settle();
        reject(reason);
      };
      const abort = () => stop(signal.reason);
      const settle = () => {
        this.#waiting.delete(id);
        signal?.removeEventListener("abort", abort);
        token?.release();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.set(id, { resolve, reject, settle, stop, onProgress });
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
    if (!waiting) {
      // It was aborted meanwhile; what it opened all the same is of no use to anyone.
      if (!progress && this.#orphans.delete(id) && value !== undefined) this.#ask({ kind: "close", object: value }).catch(() => {});
      return;
    }
    if (progress) {
      try {
        waiting.onProgress?.(progress);
      } catch (error) {
        waiting.stop(error);
      }
      return;
    }
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

/** Objects of the Worker by their numbers there, which only this file sees. */
const numbers = new WeakMap();

/** An image or a store that lives in the Worker. */
class Remote {
  #ask;

  constructor(ask, number) {
    this.#ask = ask;
    numbers.set(this, number);
  }

  /** Whether both live in one Worker. */
  _of(other) {
    return this.#ask === other.#ask;
  }

  /** Asks the object something of a kind. */
  _ask(kind, args = [], more = {}) {
    return this.#ask(kind, args, { ...more, object: numbers.get(this) });
  }

  /** Gives the memory back. */
  close() {
    return this._ask("close");
  }
}

export class RemoteImage extends Remote {
  file(path, options = {}) {
    return this._ask("file", [path, options]);
  }

  async diff(other, options = {}) {
    if (!(other instanceof RemoteImage && other._of(this))) throw new EngineError({ message: "the other image is not one of this Worker" });
    return this._ask("diff", [numbers.get(other), options]);
  }
}

export class RemoteStore extends Remote {
  load(from, options = {}) {
    return this._ask("load", [from, options]);
  }

  save(images, options = {}) {
    return this._ask("save", [images, options]);
  }

  build(dockerfile, files = {}, options = {}) {
    return this._ask("build", [dockerfile, files, options]);
  }
}

for (const name of IMAGE_QUESTIONS) {
  RemoteImage.prototype[name] = function (...args) {
    return this._ask("ask", args, { name });
  };
}
for (const name of STORE_QUESTIONS) {
  RemoteStore.prototype[name] = function (...args) {
    return this._ask("tell", args, { name });
  };
}
