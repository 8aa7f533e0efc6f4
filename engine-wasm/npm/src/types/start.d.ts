/**
 * Dockerfiles, Go templates, image references and container images, without a server.
 *
 * Call {@link init} once in a browser; in Node.js the import has done it. Everything here is synchronous; `@slipway/engine-wasm/worker`
 * has the same functions with promises, in a Worker.
 */

/**
 * Where the engine's module is: an address, what `fetch` gave (or a promise of it), its bytes, packed (`engine.wasm.lzma`) or not, or a
 * `WebAssembly.Module`.
 */
export type ModuleSource = string | URL | ArrayBuffer | ArrayBufferView | object;

/** Starts the engine in a browser; nothing works before. In Node.js it does nothing. Default: the module beside the script. */
export declare function init(from?: ModuleSource): Promise<void>;

/** A place in a text, in UTF-16 units: `text.slice(span.start, span.end)`. */
export interface Span {
  start: number;
  /** After the last unit. */
  end: number;
}

/** What every function here throws when it refuses. The message is Docker's own (or Go's) where they have one. */
export declare class EngineError extends Error {
  name: "EngineError";
  /** The line of the text that was given, from 1. */
  line?: number;
  /** The column in that line, as the origin of the message counts. */
  column?: number;
  /** The place in the text. */
  span?: Span;
  /**
   * `cancelled`, `limit` (more than is allowed here), `closed` (the image or store was), `terminated` (the Worker was), `worker` (it failed);
   * absent otherwise.
   */
  code?: "cancelled" | "limit" | "closed" | "terminated" | "worker";
  /** Which part of an archive: `the archive`, `layer sha256:…`, `manifest.json`. */
  file?: string;
  /** Where in it, in bytes. */
  offset?: number;
  /** Which entry of a tar, or which path. */
  entry?: string;
}

