// The site with a shell of this very machine behind it, for work on the page: node web/tests/support/dev-server.mjs [PORT]
// It binds to the loopback address only; still, do not run it where others have an account.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { FakeServer, root } from "./fake-server.mjs";
import { lab } from "./markdown.mjs";
import { shell } from "./shell.mjs";

const server = new FakeServer();
const labs = path.join(root, "labs");
for (const slug of await readdir(labs)) {
  server.labs.set(slug, lab(slug, await readFile(path.join(labs, slug, "lab.md"), "utf8")));
}
server.onTerminal = shell;
await server.listen(Number(process.argv[2] ?? 8090));
console.log(`The site is at ${server.url}`);
