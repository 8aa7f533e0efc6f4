// SHA-256 in a Worker of its own, beside the one that decompresses: the same script, started with `#hash`.
import * as wasm from "engine-wasm-bound";

/** Bytes that may be on their way: what keeps the Worker busy, and memory small. */
const WINDOW = 8 << 20;

/** The end that hashes. It is told the compiled module, then `[stream, pieces]`, and `[stream]` at a stream's end. */
export function hashing() {
  const hashes = new Map();
  addEventListener("message", ({ data }) => {
    if (data instanceof WebAssembly.Module) return wasm.initSync({ module: data });
    const [stream, pieces] = data;
    if (!hashes.has(stream)) hashes.set(stream, new wasm.HashHandle());
    const hash = hashes.get(stream);
    let bytes = 0;
    for (const piece of pieces ?? []) {
      hash.update(piece);
      bytes += piece.length;
    }
    if (!pieces) hashes.delete(stream);
    postMessage(pieces ? bytes : [stream, hash.finish()]);
  });
}

/** The end that asks, in the Worker that decompresses: what it was started from is what it starts. */
export class Hashing {
  #worker = new Worker(`${location.href.split("#")[0]}#hash`, { type: "module", name: "engine-wasm hash" });
  #under = 0;
  #room = [];
  #ends = new Map();
  #failed;

  constructor(module) {
    this.#worker.postMessage(module);
    this.#worker.onmessage = ({ data }) => {
      if (typeof data !== "number") return this.#ends.get(data[0]).resolve(data[1]);
      this.#under -= data;
      if (this.#under <= WINDOW) for (const { resolve } of this.#room.splice(0)) resolve();
    };
    this.#worker.onerror = () => {
      this.#failed = new Error("hashing failed");
      for (const { reject } of [...this.#room.splice(0), ...this.#ends.values()]) reject(this.#failed);
    };
  }

  /** Gives pieces away, which are of no use here afterwards; resolves when there is room for more. */
  async update(stream, pieces) {
    this.#worker.postMessage([stream, pieces], pieces.map(({ buffer }) => buffer));
    for (const { length } of pieces) this.#under += length;
    if (this.#under > WINDOW) await new Promise((resolve, reject) => (this.#failed ? reject(this.#failed) : this.#room.push({ resolve, reject })));
  }

  /** The stream's digest. */
  finish(stream) {
    this.#worker.postMessage([stream]);
    return new Promise((resolve, reject) => (this.#failed ? reject(this.#failed) : this.#ends.set(stream, { resolve, reject })));
  }

  end() {
    this.#worker.terminate();
  }
}
