// A server on the loopback address with the package, files of a test, and an empty page; `isolated` makes the page one that may share memory,
// `connect` is what its policy lets it ask.
import { readFileSync } from "node:fs";
import http from "node:http";
import { basename, extname, join } from "node:path";
import { packageDir } from "./support.mjs";

const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

export async function site({ isolated = false, files = {}, connect = "'self' blob:" } = {}) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push(pathname);
    // Each script that is started is asked for.
    response.setHeader("Cache-Control", "no-store");
    if (isolated) response.setHeader("Cross-Origin-Opener-Policy", "same-origin").setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    // What the package asks of a page that allows little.
    response.setHeader("Content-Security-Policy", `default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src ${connect}`);
    if (pathname === "/") return response.setHeader("Content-Type", "text/html").end("<!doctype html><title>engine-wasm</title>");
    // Browsers ask for it by themselves.
    if (pathname === "/favicon.ico") return response.writeHead(204).end();
    try {
      const body = pathname.startsWith("/package/") ? readFileSync(join(packageDir, basename(pathname))) : files[decodeURIComponent(pathname.slice(1))];
      if (!body) throw new Error("no such file");
      response.setHeader("Content-Type", TYPES[extname(pathname)] ?? "application/octet-stream").end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    requests,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };
}
