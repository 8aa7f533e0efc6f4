// Verifying faster than one thread can: the browser's own decompression here, hashing in another Worker. Whatever is unusual about a layer
// (several members, something behind its end, a fault, a limit) is left to the engine, which reads that layer again and says what it is.
import { EngineError } from "./core.js";
import { sha256, withHasher } from "./hash.js";

/** Compressed bytes from which on another Worker is worth its start. */
const WORTH = 4 << 20;
/** Bytes below which a layer and its blob are hashed as a whole. */
const WHOLE = 192 << 20;
/** Decompressed bytes that are sent to be hashed at once. */
const BATCH = 4 << 20;

/** Reads an image's gzipped layers, so that `verify` need not; `onProgress` may stop it. */
export async function hasten(image, onProgress) {
  if (typeof Worker === "undefined" || typeof DecompressionStream === "undefined") return;
  const { blob, layers, total } = image.gzipped();
  if (layers.reduce((sum, { stored }) => sum + stored, 0) < WORTH) return;
  await withHasher(async (hasher) => {
    let before = 0;
    for (const layer of layers) {
      const tell = (taken) => {
        if (!onProgress({ done: before + taken, total })) throw new EngineError({ message: "cancelled", code: "cancelled" });
      };
      try {
        await unpack(image, blob.slice(layer.offset, layer.offset + layer.stored), layer, hasher, tell);
      } catch (error) {
        if (error instanceof EngineError) throw error;
      }
      before += layer.stored;
    }
  });
}

async function unpack(image, blob, { path, stored, digest }, hasher, tell) {
  const small = stored < WHOLE && globalThis.crypto?.subtle;
  // Gzip ends with the size of what it holds (RFC 1952, 2.3.1), of which that tells the lower 32 bits.
  const said = small ? new DataView(await blob.slice(-4).arrayBuffer()).getUint32(0, true) : WHOLE;
  const tar = hasher.begin(true, said < WHOLE ? said : undefined);
  let stream;
  let found;
  if (digest && small) {
    found = blob.arrayBuffer().then(sha256);
    found.catch(() => {});
  } else if (digest) stream = hasher.begin(false);
  let taken = 0;
  let size = 0;
  let compressed = [];
  const counted = new TransformStream({
    transform(piece, controller) {
      taken += piece.length;
      if (stream) compressed.push(piece.slice());
      controller.enqueue(piece);
    },
  });
  const reader = blob.stream().pipeThrough(counted).pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let batch = [], bytes = 0; ; ) {
      const { done, value } = await reader.read();
      if (!done) {
        bytes += value.length;
        batch.push(value);
      }
      if (bytes >= BATCH || done) {
        tell(taken);
        size += bytes;
        // What comes meanwhile belongs to the next.
        const [pieces, plain] = [compressed, batch];
        [batch, compressed, bytes] = [[], [], 0];
        if (stream) await hasher.update(stream, taken, pieces);
        if (!(await hasher.update(tar, taken, plain))) return;
      }
      if (done) break;
    }
    const diffId = await hasher.finish(tar, stored);
    found = stream ? await hasher.finish(stream, stored) : await found;
    if (diffId && !digest === !found) image.know(path, stored, size, found, diffId);
  } finally {
    hasher.drop(tar);
    if (stream) hasher.drop(stream);
    await reader.cancel().catch(() => {});
  }
}
