// The side that answers, in the Worker: does what a message asks and posts what came of it.
import { EngineError, call } from "./core.js";
import { readToken } from "./cancel.js";

/** Progress is told at most this often, in milliseconds. */
const PACE = 30;

/** A function that tells how far work is, and says whether to go on with it. */
function watch({ id, token, progress }, post) {
  const cancelled = readToken(token);
  let last = 0;
  return (done, total) => {
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

/** Handlers by the message's kind: they get the message and the function above. */
const KINDS = {
  call: ({ name, args }) => ({ value: call(name, args) }),
};

/** Makes the listener for messages. `post(message, transfer)` answers; `ready` resolves when the engine has started. */
export function serve(post, ready) {
  return async (message) => {
    try {
      await ready;
      const { value, transfer } = await KINDS[message.kind](message, watch(message, post));
      post({ id: message.id, value }, transfer);
    } catch (error) {
      const told = error instanceof EngineError ? error.toJSON() : { foreign: true, name: error.name, message: String(error.message ?? error) };
      post({ id: message.id, error: told });
    }
  };
}
