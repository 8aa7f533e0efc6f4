// The side that answers, in the Worker: does what a message asks and posts what came of it.
import { EngineError, call } from "./core.js";
import { readToken } from "./cancel.js";
import { createStore, openImage } from "./image.js";

/** Progress is told at most this often, in milliseconds. */
const PACE = 30;

/** A function that tells how far work is, and says whether to go on with it. */
function watch({ id, token, progress }, post) {
  const cancelled = readToken(token);
  let last = 0;
  return ({ done, total }) => {
    if (progress) {
      const now = performance.now();
      if (now - last >= PACE || done === total) {
        last = now;
        post({ id, progress: { done, total } });
      }
    }
    return !cancelled();
  };
}

/** The images and stores that the other side has, by number. */
const objects = new Map();
let next = 1;
function keep(object) {
  objects.set(next, object);
  return { value: next++ };
}

/** Blobs of Node.js cannot be read piece by piece at once; those of browsers can, in a Worker. */
async function readable(from) {
  return from instanceof Blob && typeof FileReaderSync === "undefined" ? from.arrayBuffer() : from;
}

/** A build's files; Blobs among them are read. */
async function contents(files = {}) {
  const bytes = (content) => (content instanceof Blob ? content.arrayBuffer() : content);
  const read = async ([path, file]) => [path, file?.content instanceof Blob ? { ...file, content: await bytes(file.content) } : await bytes(file)];
  return Object.fromEntries(await Promise.all(Object.entries(files).map(read)));
}

const BYTES = (value) => ({ value, transfer: [value.buffer] });

/** Handlers by the message's kind: they get the message and the function above. */
const KINDS = {
  call: ({ name, args }) => ({ value: call(name, args) }),
  open: async ({ args: [from, options] }, onProgress) => keep(openImage(await readable(from), { ...options, onProgress })),
  store: () => keep(createStore()),
  ask: async ({ object, name, args }, onProgress, hasten) => {
    if (name === "verify") await hasten?.(at(object), onProgress);
    const options = { onProgress };
    const last = args.at(-1);
    const given = last !== null && typeof last === "object" && !Array.isArray(last);
    return { value: at(object).ask(name, given ? [...args.slice(0, -1), { ...last, ...options }] : [...args, options]) };
  },
  file: ({ object, args: [path, options] }, onProgress) => BYTES(at(object).file(path, { ...options, onProgress })),
  diff: ({ object, args: [other, options] }, onProgress) => ({ value: at(object).diff(at(other), { ...options, onProgress }) }),
  tell: ({ object, name, args }) => ({ value: at(object).ask(name, args) }),
  load: async ({ object, args: [from, options] }, onProgress) => ({ value: at(object).load(await readable(from), { ...options, onProgress }) }),
  save: ({ object, args }) => BYTES(at(object).save(...args)),
  build: async ({ object, args: [dockerfile, files, { downloads, ...options } = {}] }) => ({
    value: at(object).build(dockerfile, await contents(files), { ...options, downloads: await contents(downloads) }),
  }),
  close: ({ object }) => {
    at(object).close();
    objects.delete(object);
    return {};
  },
};

function at(number) {
  const object = objects.get(number);
  if (!object) throw new EngineError({ message: "the image or store was closed", code: "closed" });
  return object;
}

/**
 * Makes the listener for messages. `post(message, transfer)` answers; `ready` resolves when the engine has started; `hasten(image, onProgress)`
 * does beforehand what makes an image's `verify` faster.
 */
export function serve(post, ready, hasten) {
  return async (message) => {
    try {
      await ready;
      const { value, transfer } = await KINDS[message.kind](message, watch(message, post), hasten);
      post({ id: message.id, value }, transfer);
    } catch (error) {
      const told = error instanceof EngineError ? error.toJSON() : { foreign: true, name: error.name, message: String(error.message ?? error) };
      post({ id: message.id, error: told });
    }
  };
}
