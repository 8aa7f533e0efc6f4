// Where an archive's bytes come from: anything with a size that can be read at any place, at once.
import { EngineError } from "./core.js";

/** More ways to open something, which only some platforms have: functions that give a source, or nothing. */
const openers = [];
export function addOpener(opener) {
  openers.push(opener);
}

/** `{size, read(offset, length), close()}` for bytes, for a Blob in a Worker, for a path in Node.js. */
export function source(from) {
  const bytes = from instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && from instanceof SharedArrayBuffer) ? new Uint8Array(from) : from;
  if (ArrayBuffer.isView(bytes)) {
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { size: view.length, read: (offset, length) => view.subarray(offset, offset + length), close() {} };
  }
  for (const opener of openers) {
    const found = opener(from);
    if (found) return found;
  }
  if (from instanceof Blob) {
    if (typeof FileReaderSync === "undefined") {
      throw new EngineError({ message: "a Blob can be read at once in a Worker only: use `createWorker().openImage(blob)`, or give its bytes" });
    }
    const reader = new FileReaderSync();
    return { blob: from, size: from.size, read: (offset, length) => new Uint8Array(reader.readAsArrayBuffer(from.slice(offset, offset + length))), close() {} };
  }
  if (typeof from?.size === "number" && typeof from.read === "function") return { size: from.size, read: (offset, length) => from.read(offset, length), close() {} };
  throw new TypeError("an archive is given as bytes (Uint8Array, ArrayBuffer), a Blob in a Worker, a path in Node.js, or an object with `size` and `read(offset, length)`");
}
