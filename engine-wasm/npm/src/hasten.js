// Verifying faster than one thread can: the browser's own decompression here, hashing in another Worker. Whatever is unusual about a layer
// (several members, something behind its end, a fault, a limit) is left to the engine, which reads that layer again and says what it is.
import { EngineError, compiled } from "./core.js";
import { Hashing } from "./hash.js";

/** Compressed bytes from which on another Worker is worth its start. */
const WORTH = 4 << 20;
/** Decompressed bytes that are sent to be hashed at once. */
const BATCH = 1 << 20;

/** Reads an image's gzipped layers, so that `verify` need not; `onProgress` may stop it. */
export async function hasten(image, onProgress) {
  if (typeof Worker === "undefined" || typeof DecompressionStream === "undefined") return;
  const { blob, layers, total } = image.gzipped();
  if (layers.reduce((sum, { stored }) => sum + stored, 0) < WORTH) return;
  const hashing = new Hashing(compiled());
  let before = 0;
  try {
    for (const layer of layers) {
      const tell = (taken) => {
        if (!onProgress({ done: before + taken, total })) throw new EngineError({ message: "cancelled", code: "cancelled" });
      };
      try {
        await unpack(image, blob.slice(layer.offset, layer.offset + layer.stored), layer, hashing, tell);
      } catch (error) {
        if (error instanceof EngineError) throw error;
      }
      before += layer.stored;
    }
  } finally {
    hashing.end();
  }
}

async function unpack(image, blob, { path, stored, digest }, hashing, tell) {
  const tar = image.outside();
  let taken = 0;
  let compressed = [];
  const counted = new TransformStream({
    transform(piece, controller) {
      taken += piece.length;
      if (digest) compressed.push(piece.slice());
      controller.enqueue(piece);
    },
  });
  const reader = blob.stream().pipeThrough(counted).pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let batch = [], bytes = 0; ; ) {
      const { done, value } = await reader.read();
      if (!done) {
        if (!tar.feed(value, taken)) throw new Error("left to the engine");
        bytes += value.length;
        batch.push(value);
      }
      if (bytes >= BATCH || done) {
        tell(taken);
        if (digest) await hashing.update(`${path} stored`, compressed);
        await hashing.update(path, batch);
        compressed = [];
        batch = [];
        bytes = 0;
      }
      if (done) break;
    }
    const diffId = await hashing.finish(path);
    image.know(path, tar, stored, digest ? await hashing.finish(`${path} stored`) : undefined, diffId);
  } catch (error) {
    tar.free();
    await reader.cancel().catch(() => {});
    throw error;
  }
}
