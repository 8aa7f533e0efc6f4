// The Worker's own script, in Node.js.
import { parentPort } from "node:worker_threads";
import "./node.js";
import { serve } from "./serve.js";

const answer = serve((message, transfer) => parentPort.postMessage(message, transfer ?? []), Promise.resolve());
parentPort.on("message", answer);
