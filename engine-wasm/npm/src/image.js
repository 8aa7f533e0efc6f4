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

export class Image {
  #handle;
  #source;

  constructor(from, options = {}) {
    this.#source = source(from);
    try {
      this.#handle = watched([options], (_, watch) => new wasm.ImageHandle(this.#source, watch));
    } catch (error) {
      this.#source.close();
      throw error;
    }
  }

  #use() {
    if (!this.#handle) throw new EngineError({ message: "the image was closed", code: "closed" });
    return this.#handle;
  }

  ask(name, args) {
    return watched(args, (args, watch) => decode(this.#use().call(name, encode(args), watch)));
  }

  file(path, options = {}) {
    return watched([path, options], (args, watch) => this.#use().read(encode(args), watch));
  }

  diff(other, options = {}) {
    return watched([options], (args, watch) => {
      const handle = this.#use();
      // An archive compared with itself: the module takes two that are not the same.
      if (other === this) return decode(handle.diffWithin(encode(args), watch));
      return decode(handle.diff(other.#use(), encode(args), watch));
    });
  }

  /** For what hastens `verify`: layers that may be read outside, and the Blob they are in. */
  gzipped() {
    const { blob } = this.#source;
    return blob ? { blob, ...decode(this.#use().gzipped()) } : { layers: [] };
  }

  outside() {
    return this.#use().outside();
  }

  know(...found) {
    this.#use().know(...found);
  }

  close() {
    this.#handle?.free();
    this.#handle = undefined;
    this.#source.close();
  }
}

export class Store {
  #handle = guarded(() => new wasm.StoreHandle());

  #use() {
    if (!this.#handle) throw new EngineError({ message: "the store was closed", code: "closed" });
    return this.#handle;
  }

  ask(name, args) {
    return guarded(() => decode(this.#use().call(name, encode(args))));
  }

  load(from, options = {}) {
    const opened = source(from);
    try {
      return watched([options], (args, watch) => decode(this.#use().load(opened, encode(args), watch)));
    } finally {
      opened.close();
    }
  }

  save(images, options = {}) {
    return guarded(() => this.#use().save(encode([typeof images === "string" ? [images] : images, options])));
  }

  build(dockerfile, files = {}, options = {}) {
    const { downloads = {}, ...rest } = options;
    return guarded(() => {
      const handle = this.#use();
      // What a build left that failed before it began.
      handle.call("clear", "[]");
      for (const [path, file] of Object.entries(files)) add(handle, path, file);
      for (const [url, content] of Object.entries(downloads)) handle.add(encode([url, { url: true }]), bytesOf(content));
      return decode(handle.call("build", encode([dockerfile, rest])));
    });
  }

  close() {
    this.#handle?.free();
    this.#handle = undefined;
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
  if (file === null || typeof file !== "object") throw new TypeError(`${path}: a file is its content, or an object with \`content\`, \`symlink\` or \`directory\``);
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
