// SHA-256 in a Worker of its own, beside the one that decompresses: the same script, started with `#hash`. It reads the tars that it hashes, too.
import * as wasm from "engine-wasm-bound";
import { compiled } from "./core.js";

/** Bytes that may be on their way: what keeps the Worker busy, and memory small. */
const WINDOW = 32 << 20;
/** How long a Worker without work is kept, in milliseconds. */
const PATIENCE = 20_000;

/** The digest of bytes, by the platform's own means. */
export const sha256 = async (bytes) =>
  `sha256:${Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** The memory of a tar that was put together, for the next one: new memory takes time. It goes with the Worker. */
let spare;

/** A tar whose size is known, put together in memory: the platform hashes several times as fast, but nothing that comes in pieces. */
class Whole {
  #tar;
  #at = 0;

  constructor(size) {
    this.#tar = spare?.length >= size ? spare.subarray(0, size) : new Uint8Array(size);
    spare = undefined;
  }

  feed(piece) {
    if (piece.length > this.#tar.length - this.#at) {
      this.#tar = new Uint8Array();
      this.#at = 1;
      return;
    }
    this.#tar.set(piece, this.#at);
    this.#at += piece.length;
    return this.#at;
  }

  async finish(taken) {
    const tar = this.#tar;
    if (this.#at !== tar.length) return;
    const digest = sha256(tar);
    const headers = new wasm.HashHandle(true, tar.length);
    for (let at = 0; at < tar.length; ) at = headers.feed(tar.subarray(at, at + 512), taken) ?? tar.length;
    // What is hashed is a copy.
    spare = new Uint8Array(tar.buffer);
    return headers.finish(taken) && digest;
  }

  free() {}
}

/**
 * The end that hashes. It is told the compiled module, then `[stream, taken, pieces, tar, size]`: with `tar`, that a stream begins, whether
 * it is one and its size, where it is to be put together; with pieces, more of it, when `taken` bytes of its blob have been read; without,
 * its end; and the stream alone when it is of no more use. It answers pieces with `[stream, bytes, good]`, and the end with
 * `[stream, 0, digest]`, which is missing where something is wrong.
 */
export function hashing() {
  const hashes = new Map();
  addEventListener("message", async ({ data }) => {
    if (data instanceof WebAssembly.Module) return wasm.initSync({ module: data });
    const [stream, taken, pieces, tar, size] = data;
    const hash = hashes.get(stream);
    if (tar !== undefined) hashes.set(stream, size === undefined ? new wasm.HashHandle(tar) : new Whole(size));
    else if (pieces) {
      let bytes = 0;
      let good;
      for (const piece of pieces) {
        good = hash.feed(piece, taken) !== undefined;
        bytes += piece.length;
      }
      postMessage([stream, bytes, good]);
    } else {
      hashes.delete(stream);
      if (taken === undefined) hash?.free();
      else postMessage([stream, 0, await hash.finish(taken)]);
    }
  });
}

/** The Worker that hashes, with the streams that are given to it. */
class Hasher {
  #worker = new Worker(`${location.href.split("#")[0]}#hash`, { type: "module", name: "engine-wasm hash" });
  #under = 0;
  #room = [];
  /** What waits for a stream's digest, or for nothing yet. */
  #streams = new Map();
  #next = 0;
  failed = false;

  constructor(module) {
    this.#worker.postMessage(module);
    this.#worker.onmessage = ({ data: [stream, bytes, result] }) => {
      this.#under -= bytes;
      if (this.#under <= WINDOW) for (const go of this.#room.splice(0)) go();
      const known = this.#streams.get(stream);
      if (typeof result !== "boolean") known?.end(result);
      else if (known) known.good = result;
    };
    this.#worker.onerror = () => {
      this.end();
      for (const go of this.#room.splice(0)) go();
      for (const { end } of this.#streams.values()) end();
    };
  }

  /** Begins a stream: a tar, perhaps of a known size, or a blob. */
  begin(tar, size) {
    this.#streams.set(++this.#next, { good: true, end() {} });
    this.#worker.postMessage([this.#next, 0, null, tar, size]);
    return this.#next;
  }

  /** Gives pieces away, which are of no use here afterwards; resolves when there is room for more. Whether all is well with the stream. */
  async update(stream, taken, pieces) {
    const known = this.#streams.get(stream);
    if (pieces.length > 0) this.#worker.postMessage([stream, taken, pieces], pieces.map(({ buffer }) => buffer));
    for (const { length } of pieces) this.#under += length;
    if (this.#under > WINDOW && !this.failed) await new Promise((go) => this.#room.push(go));
    return known.good && !this.failed;
  }

  /** The digest of a whole stream; nothing where something is wrong with it. */
  finish(stream, taken) {
    this.#worker.postMessage([stream, taken]);
    return new Promise((end) => (this.failed ? end() : (this.#streams.get(stream).end = end)));
  }

  /** Forgets a stream. */
  drop(stream) {
    this.#streams.delete(stream);
    this.#worker.postMessage([stream]);
  }

  end() {
    this.failed = true;
    this.#worker.terminate();
  }
}

let hasher;
let users = 0;
let idle;

/** Does some work with the Worker, which is kept for a while for what comes next. */
export async function withHasher(work) {
  clearTimeout(idle);
  users++;
  if (!hasher || hasher.failed) hasher = new Hasher(compiled());
  try {
    return await work(hasher);
  } finally {
    if (--users === 0) {
      idle = setTimeout(() => {
        hasher.end();
        hasher = undefined;
      }, PATIENCE);
    }
  }
}
