// The Worker's own script, in browsers.
import { start } from "./core.js";
import { hashing } from "./hash.js";
import { hasten } from "./hasten.js";
import { serve } from "./serve.js";

if (location.hash) {
  hashing();
} else {
  const ready = start(() => new URL("engine.wasm.lzma", import.meta.url));
  // Every question waits for it and is told; alone it would be an unhandled rejection as well.
  ready.catch(() => {});
  const answer = serve((message, transfer) => postMessage(message, transfer ?? []), ready, hasten);
  addEventListener("message", (event) => answer(event.data));
}
