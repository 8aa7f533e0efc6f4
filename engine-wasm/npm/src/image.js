// Archives and the store as objects. Everything here is synchronous; the Worker makes these objects, too, and does what it is asked with them.
import * as wasm from "engine-wasm-bound";
import { EngineError, decode, encode, guarded } from "./core.js";
import { source } from "./source.js";

/** Takes `onProgress` out of the options, and makes of it what the module calls: told how far it is, it says whether to go on. */
function watched(args, work) {
  const last = args.at(-1);
  let onProgress;
  if (last !== null && typeof last === "object" && "onProgress" in last) {
    let options;
    ({ onProgress, ...options } = last);
    args = [...args.slice(0, -1), options];
  }
  let failed;
  const watch = (done, total) => {
    try {
      return onProgress?.({ done, total }) !== false;
    } catch (error) {
      failed = { error };
      return false;
    }
  };
  try {
    return guarded(() => work(args, watch));
  } catch (error) {
    throw failed ? failed.error : error;
  }
}

/** What an image answers with JSON. */
export const IMAGE_QUESTIONS = ["list", "inspect", "config", "history", "steps", "layers", "tree", "search", "efficiency", "secrets", "verify", "graph"];
/** And a store. */
export const STORE_QUESTIONS = ["list", "inspect", "history", "diskUsage", "tag", "remove"];

/** A part of the module's memory that is given back once nothing uses it: `close` may be called from within `onProgress`, and stops the work. */
class Held {
  #handle;
  #what;
  #uses = 0;
  #closed = false;

  constructor(what, handle) {
    this.#what = what;
    this.#handle = handle;
  }

  _hold(work) {
    if (this.#closed) throw new EngineError({ message: `the ${this.#what} was closed`, code: "closed" });
    this.#uses++;
    try {
      return work(this.#handle);
    } finally {
      this.#uses--;
      this.#release();
    }
  }

  /** As {@link watched}; the work gets the handle first. */
  _watched(args, work) {
    return watched(args, (args, watch) => this._hold((handle) => work(handle, args, (done, total) => watch(done, total) && !this.#closed)));
  }

  close() {
    this.#closed = true;
    this.#release();
  }

  #release() {
    if (!this.#closed || this.#uses > 0) return;
    this.#handle?.free();
    this.#handle = undefined;
    this._closed?.();
  }
}

export class Image extends Held {
  #source;

  constructor(from, options = {}) {
    const opened = source(from);
    try {
      super("image", watched([options], (_, watch) => new wasm.ImageHandle(opened, watch)));
    } catch (error) {
      opened.close();
      throw error;
    }
    this.#source = opened;
  }

  _closed() {
    this.#source.close();
  }

  ask(name, args) {
    return this._watched(args, (handle, args, watch) => decode(handle.call(name, encode(args), watch)));
  }

  file(path, options = {}) {
    return this._watched([path, options], (handle, args, watch) => handle.read(encode(args), watch));
  }

  diff(other, options = {}) {
    return this._watched([options], (handle, args, watch) => {
      // An archive compared with itself: the module takes two that are not the same.
      if (other === this) return decode(handle.diffWithin(encode(args), watch));
      return other._hold((theirs) => decode(handle.diff(theirs, encode(args), watch)));
    });
  }

  /** For what hastens `verify`: layers that may be read outside, and the Blob they are in. */
  gzipped() {
    const { blob } = this.#source;
    return blob ? { blob, ...this._hold((handle) => decode(handle.gzipped())) } : { layers: [] };
  }

  know(...found) {
    this._hold((handle) => handle.know(...found));
  }
}

export class Store extends Held {
  constructor() {
    super("store", guarded(() => new wasm.StoreHandle()));
  }

  ask(name, args) {
    return guarded(() => this._hold((handle) => decode(handle.call(name, encode(args)))));
  }

  load(from, options = {}) {
    const opened = source(from);
    try {
      return this._watched([options], (handle, args, watch) => decode(handle.load(opened, encode(args), watch)));
    } finally {
      opened.close();
    }
  }

  save(images, options = {}) {
    return guarded(() => this._hold((handle) => handle.save(encode([typeof images === "string" ? [images] : images, options]))));
  }

  build(dockerfile, files = {}, options = {}) {
    const { downloads = {}, ...rest } = options;
    return guarded(() =>
      this._hold((handle) => {
        // What a build left that failed before it began.
        handle.call("clear", "[]");
        for (const [path, file] of Object.entries(files)) add(handle, path, file);
        for (const [url, content] of Object.entries(downloads)) handle.add(encode([url, { url: true }]), bytesOf(content));
        return decode(handle.call("build", encode([dockerfile, rest])));
      }),
    );
  }
}

for (const name of IMAGE_QUESTIONS) {
  Image.prototype[name] = function (...args) {
    return this.ask(name, args);
  };
}
for (const name of STORE_QUESTIONS) {
  Store.prototype[name] = function (...args) {
    return this.ask(name, args);
  };
}

/** A file of a build's context: its content, or `{content, mode}`, `{symlink}`, `{directory: true, mode}`. */
function add(handle, path, file) {
  if (typeof file === "string" || file instanceof ArrayBuffer || ArrayBuffer.isView(file)) file = { content: file };
  if ((file?.content ?? file?.symlink ?? file?.directory) === undefined) throw new TypeError(`${path}: a file is its content, or an object with \`content\`, \`symlink\` or \`directory\``);
  const { content = "", mode, symlink, directory } = file;
  handle.add(encode([path, { mode, symlink, directory }]), bytesOf(content));
}

function bytesOf(content) {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  if (ArrayBuffer.isView(content)) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  throw new TypeError("a file's content is a string, a Uint8Array or an ArrayBuffer");
}

/** Opens an archive of images. */
export function openImage(from, options) {
  return new Image(from, options);
}

/** Makes an empty store. */
export function createStore() {
  return new Store();
}
