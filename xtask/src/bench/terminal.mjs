// Measures sessions and terminals as a page would: POST a session, open its terminal, wait for the prompt; then let the shell print
// a lot and count bytes. Usage: node terminal.mjs URL SESSIONS MEGABYTES; run in web/, whose packages it uses. Prints one JSON object.
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

const WebSocket = createRequire(join(process.cwd(), "package.json"))("ws");
const [url, sessions, megabytes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const ENDLESS = (1n << 64n) - 1n;

function frame(opcode, ...parts) {
  return Buffer.concat([Buffer.from([opcode]), ...parts]);
}
function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

class Terminal {
  constructor(session) {
    this.text = "";
    this.bytes = 0;
    this.sent = 0;
    this.wake = () => {};
    const path = `/api/v1/sessions/${session.id}/nodes/${session.nodes[0].name}/terminals/1`;
    this.socket = new WebSocket(url.replace(/^http/, "ws") + path, ["slipway.v1"], {
      headers: { Authorization: `Bearer ${session.token}` },
    });
    this.socket.on("open", () => {
      this.socket.send(frame(0x00, u64(ENDLESS), randomBytes(16), Buffer.from([0, 80, 0, 24])));
    });
    this.socket.on("message", (data) => this.read(data));
    this.failed = new Promise((_, reject) => this.socket.on("error", reject));
  }
  read(data) {
    if (data[0] === 0x84) throw new Error(data.subarray(1).toString());
    if (data[0] !== 0x81) return;
    this.bytes += data.length - 9;
    this.text = (this.text + data.toString("latin1", Math.max(9, data.length - 200))).slice(-200);
    this.socket.send(frame(0x03, u64(data.readBigUInt64BE(1) + BigInt(data.length - 9))));
    this.wake();
  }
  type(text) {
    const bytes = Buffer.from(text);
    this.socket.send(frame(0x01, u64(this.sent), bytes));
    this.sent += bytes.length;
  }
  async until(test) {
    const seen = new Promise((resolve) => {
      this.wake = () => test(this) && resolve();
      this.wake();
    });
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`nothing after 60 s; last: ${this.text}`)), 60_000).unref());
    await Promise.race([seen, this.failed, late]);
  }
}

async function open() {
  const answer = await fetch(`${url}/api/v1/sessions`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  if (answer.status !== 201) throw new Error(`POST sessions: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
async function close(session) {
  await fetch(`${url}/api/v1/sessions/${session.id}`, { method: "DELETE", headers: { Authorization: `Bearer ${session.token}` } });
}
const atPrompt = (terminal) => /\$ $/.test(terminal.text.replaceAll(/\x1b\[[0-9;?]*[a-zA-Z]/g, ""));

const prompts = [];
let rate = 0;
for (let run = 0; run <= sessions; run++) {
  const begun = performance.now();
  const session = await open();
  try {
    const terminal = new Terminal(session);
    await terminal.until(atPrompt);
    if (run > 0) prompts.push(performance.now() - begun);
    if (run === sessions) {
      const wanted = terminal.bytes + megabytes * 1e6;
      const started = performance.now();
      terminal.type(`head -c ${megabytes * 1e6} /dev/zero | tr '\\0' x; echo\r`);
      await terminal.until(() => terminal.bytes >= wanted);
      rate = megabytes / ((performance.now() - started) / 1000);
    }
    terminal.socket.terminate();
  } finally {
    await close(session);
  }
}
console.log(JSON.stringify({ prompts, rate }));
