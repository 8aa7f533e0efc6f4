// A small server for the browser tests: it serves the built site and answers the site's API from memory, and its terminals speak
// slipway.v1. Tests decide what a terminal's program is, cut connections, and look at every byte that arrived.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { Terminal } from "./fake-terminal.mjs";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const site = path.join(root, "target/slipway/web");

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** The policy under which the site must work. */
export const policy =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
  "img-src 'self' data: https:; font-src 'self'; object-src 'none'; base-uri 'none'";

export class FakeServer {
  /** Sessions by id: `{ lab, expires, terminals }`. */
  sessions = new Map();
  /** Labs by slug: `{ title, description, html, … }`. */
  labs = new Map();
  /** Answers of the nodes' engine by path. */
  engine = { containers: [], images: [] };
  /** Called with each new terminal, to give it a program. */
  onTerminal = (terminal) => terminal.write("root@node1:~# ");
  /** While false, the server refuses WebSockets. */
  accepting = true;
  lifetime = 60 * 60_000;

  async listen(port = 0) {
    this.http = http.createServer((request, response) => {
      this.#answer(request, response).catch((error) => {
        response.writeHead(500).end(String(error));
      });
    });
    this.sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => offered.has("slipway.v1") && "slipway.v1" });
    this.http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    await new Promise((done) => this.http.listen(port, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${this.http.address().port}`;
    return this;
  }

  async close() {
    for (const session of this.sessions.values()) {
      for (const terminal of session.terminals.values()) terminal.end();
    }
    for (const client of this.sockets.clients) client.terminate();
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }

  /** The only terminal of the only session. */
  get terminal() {
    const [session] = [...this.sessions.values()].slice(-1);
    return session && [...session.terminals.values()][0];
  }

  async #answer(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const json = (status, body) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const missing = (what) => json(404, { error: { code: "not_found", message: `There is no ${what}.` } });
    if (!pathname.startsWith("/api/")) return this.#file(pathname, response);

    let body = "";
    for await (const chunk of request) body += chunk;
    const parts = pathname.split("/").slice(3).map(decodeURIComponent);
    if (parts[0] === "labs") {
      if (parts.length === 1) return json(200, [...this.labs.values()].map(({ html, ...lab }) => lab));
      const lab = this.labs.get(parts[1]);
      return lab ? json(200, lab) : missing(`lab called ${parts[1]}`);
    }
    if (parts[0] !== "sessions") return missing("such address");
    if (parts.length === 1) {
      if (this.refusal) return json(503, { error: { code: "full", message: this.refusal } });
      const id = randomUUID();
      this.sessions.set(id, { lab: JSON.parse(body).lab, expires: Date.now() + this.lifetime, terminals: new Map() });
      return json(201, this.#describe(id));
    }
    const session = this.sessions.get(parts[1]);
    if (!session) return missing(`session ${parts[1]}`);
    if (parts.length === 2 && request.method === "DELETE") {
      this.sessions.delete(parts[1]);
      for (const terminal of session.terminals.values()) terminal.cut();
      response.writeHead(204).end();
      return undefined;
    }
    if (parts[2] === "extend") session.expires += 30 * 60_000;
    if (parts[4] === "docker") return json(200, await this.#engine(parts[5]));
    return json(200, this.#describe(parts[1]));
  }

  async #engine(what) {
    const list = this.engine[what];
    return typeof list === "function" ? list() : list;
  }

  #describe(id) {
    const { expires } = this.sessions.get(id);
    const nodes = [{ name: "node1", address: "10.77.0.2", status: "running" }];
    return { id, expires_at: new Date(expires).toISOString(), nodes };
  }

  async #file(pathname, response) {
    const page = path.extname(pathname) === "";
    const file = path.join(site, page ? "index.html" : path.normalize(pathname));
    try {
      const content = await readFile(file);
      response.writeHead(200, {
        "content-type": types[path.extname(file)] ?? "application/octet-stream",
        "content-security-policy": policy,
      });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  #upgrade(request, socket, head) {
    const parts = new URL(request.url, this.url).pathname.split("/").slice(3);
    const session = this.sessions.get(parts[1]);
    if (!session || !this.accepting) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (client) => {
      const name = parts.slice(3).join("/");
      let terminal = session.terminals.get(name);
      const fresh = !terminal;
      if (fresh) {
        terminal = new Terminal();
        session.terminals.set(name, terminal);
      }
      terminal.attach(client);
      if (fresh) this.onTerminal(terminal);
    });
  }
}
