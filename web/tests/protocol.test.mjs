// The page's terminal against a server that misbehaves on purpose. Needs the built site (cargo xtask build) and Chromium.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { connection, launch, screen, shows, until } from "./support/browser.mjs";
import { FakeServer } from "./support/fake-server.mjs";
import { lab } from "./support/markdown.mjs";

const source = `---
title: "A lab"
description: "For tests."
terms: 1
---

\`\`\`.term1
echo one
\`\`\`

\`\`\`.term1
first line
second line
\`\`\`

\`\`\`.term1
docker container diff CONTAINER_ID && docker image tag <image ID> name
\`\`\`

\`\`\`
only shown
\`\`\`
`;

let browser;
let server;
let context;
let page;
const problems = [];

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

beforeEach(async () => {
  server = await new FakeServer().listen();
  server.labs.set("a-lab", lab("a-lab", source));
  context = await browser.newContext({ viewport: { width: 1200, height: 700 } });
  page = await context.newPage();
  problems.length = 0;
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|panicked/.test(message.text())) problems.push(message.text());
  });
});

afterEach(async () => {
  await context.close();
  await server.close();
  assert.deepEqual(problems, [], "the page throws nothing and breaks no policy");
});

async function open() {
  await page.goto(`${server.url}/labs/a-lab`);
  await shows(page, /root@node1/);
  return server.terminal;
}

const block = (text) => page.locator(".block-run", { hasText: text });

/** Takes away the connection, and answers no new one until `restore`; the page has noticed when this returns. */
async function cutOff(terminal) {
  server.accepting = false;
  terminal.cut();
  await until(async () => (await connection(page)) === "reconnecting", "the header says that the connection is lost");
}

/** Takes connections again, and waits for the page's: its own next attempt, or the one to which the browser's news leads. */
async function restore() {
  server.accepting = true;
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await until(async () => (await connection(page)) === "connected", "the header says that there is a connection");
}

test("the front page lists the labs and leads to one", async () => {
  await page.goto(server.url);
  await page.getByRole("link", { name: "A lab" }).click();
  await shows(page, /root@node1/);
  assert.equal(await page.title(), "A lab · Slipway");
});

test("a server that is full says so in its own words, and a second try works", async () => {
  server.refusal = "All 30 nodes of this server are in use. Try again in a few minutes.";
  await page.goto(`${server.url}/labs/a-lab`);
  await page.getByText("All 30 nodes").waitFor();
  server.refusal = null;
  await page.getByRole("button", { name: "Try again" }).click();
  await shows(page, /root@node1/);
});

test("a lab without terminals is text alone, and costs no node", async () => {
  server.labs.set("to-read", { slug: "to-read", title: "To read", description: "", terms: 0, html: "<p>Just words.</p>" });
  await page.goto(`${server.url}/labs/to-read`);
  await page.getByText("Just words.").waitFor();
  assert.equal(await page.getByRole("separator").count(), 0);
  assert.equal(server.sessions.size, 0);
});

test("a lab that is not there says so, starts no node, and leads to those that are", async () => {
  await page.goto(`${server.url}/labs/no-such-lab`);
  await page.getByRole("heading", { name: "No such lab" }).waitFor();
  assert.equal(await page.getByText("Starting your node").isVisible(), false);
  assert.equal(server.sessions.size, 0);
  await page.getByRole("button", { name: "See all labs" }).click();
  await page.locator(".card").first().waitFor();
});

test("keys arrive as the bytes they are", async () => {
  const terminal = await open();
  await page.locator(".xterm").click();
  await page.keyboard.type("echo žluťoučký 漢字");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+c");
  await page.keyboard.press("ArrowUp");
  await until(() => terminal.input.toString().endsWith("\x1b[A"), "the arrow key");
  assert.equal(terminal.input.toString(), "echo žluťoučký 漢字\r\x03\x1b[A");
});

test("UTF-8 cut anywhere arrives whole", async () => {
  const terminal = await open();
  for (const byte of Buffer.from("\r\ncafé €uro 漢字 😀|end")) {
    terminal.write([byte]);
    await new Promise((done) => setImmediate(done));
  }
  const text = await shows(page, /\|end/);
  assert.match(text, /café €uro 漢字 😀\|end/);
});

test("a cut in the middle of a character and of an escape sequence leaves no trace", async () => {
  const terminal = await open();
  const bytes = Buffer.from("\r\n\x1b[31mré");
  terminal.write(bytes.subarray(0, -1));
  await shows(page, /\nr/);
  await cutOff(terminal);
  terminal.write(Buffer.concat([bytes.subarray(-1), Buffer.from("d\x1b[")]));
  terminal.write("0m plain");
  await restore();
  assert.match(await shows(page, /plain/), /\nréd plain$/);
});

test("what is typed without a connection is sent once, in order", async () => {
  const terminal = await open();
  await page.locator(".xterm").click();
  await page.keyboard.type("before ");
  await until(() => terminal.input.toString() === "before ", "the first word");
  await cutOff(terminal);
  await page.keyboard.type("between ");
  await restore();
  await page.keyboard.type("after");
  await until(() => terminal.input.toString().endsWith("after"), "the last word");
  assert.equal(terminal.input.toString(), "before between after");
});

test("input whose acknowledgement is lost is not typed twice", async () => {
  const terminal = await open();
  terminal.silent = true;
  // The server takes the click, then the connection breaks before it can say so.
  await block("echo one").locator(".block-play").click();
  await until(() => terminal.input.length > 0, "the click's bytes");
  terminal.silent = false;
  await cutOff(terminal);
  await restore();
  assert.ok(terminal.connections > 1);
  await page.locator(".xterm").click();
  await page.keyboard.type("x");
  await until(() => terminal.input.toString().endsWith("x"), "a key after it");
  assert.equal(terminal.input.toString(), "echo one\rx");
});

test("input that the server never got is sent again, from the byte that it lacks", async () => {
  const terminal = await open();
  let lost = 0;
  terminal.intercept = (opcode, payload) => {
    if (opcode !== 0x01) return false;
    lost += payload.length - 8;
    return true;
  };
  await page.locator(".xterm").click();
  await page.keyboard.type("abc");
  await until(() => lost === 3, "all three to be lost");
  terminal.intercept = null;
  await cutOff(terminal);
  await restore();
  await until(() => terminal.input.toString() === "abc", "the lost bytes");
});

test("many cuts during a long output lose and repeat nothing", async () => {
  const terminal = await open();
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${String(index).padStart(5, "0")}`);
  for (let at = 0; at < lines.length; at += 100) {
    terminal.write(`\r\n${lines.slice(at, at + 100).join("\r\n")}`);
    if (at % 500 === 0) terminal.cut();
    await new Promise((done) => setTimeout(done, 5));
  }
  const text = await shows(page, /line 02999/, { timeout: 60_000 });
  assert.deepEqual(text.split("\n").filter((line) => line.startsWith("line")), lines);
  assert.ok(terminal.connections > 1);
});

test("a reload comes back to the same session and screen", async () => {
  const terminal = await open();
  terminal.write("\r\n\x1b[32mstill here\x1b[0m\r\n");
  await shows(page, /still here/);
  await page.reload();
  await shows(page, /root@node1.*\n.*still here/s);
  assert.equal(server.sessions.size, 1);
  assert.equal(terminal.connections, 2);
});

test("questions in a replay are not answered again", async () => {
  const terminal = await open();
  terminal.write("\x1b[6n\x1b[c\x1b]11;?\x07 asked");
  await shows(page, /asked/);
  await until(() => /R\x1b\[\?.*c/s.test(terminal.input.toString()), "answers to a live program");
  terminal.input = Buffer.alloc(0);
  await page.reload();
  await shows(page, /asked/);
  await page.locator(".xterm").click();
  await page.keyboard.type("q");
  await until(() => terminal.input.length > 0, "the key");
  assert.equal(terminal.input.toString(), "q");
});

test("a ring that has moved on is admitted in the terminal", async () => {
  const terminal = await open();
  await cutOff(terminal);
  // One line, written over and over, so that it does not push the remark out of the scrollback.
  terminal.write("0123456789abcde\r".repeat((3 * 1024 * 1024) / 16));
  terminal.write("\r\nafter the flood");
  await restore();
  await shows(page, /1\.0 MB of earlier output are no longer kept[^]*after the flood/, { timeout: 60_000 });
});

test("a flood is held to the window, the page stays alive, and Ctrl-C stops it at once", async () => {
  const terminal = await open();
  terminal.onInput((bytes) => {
    if (bytes.includes(3)) {
      terminal.flush();
      terminal.write("^C\r\nroot@node1:~# stopped");
    }
  });
  const line = `${"0123456789abcdef".repeat(5)}\r\n`;
  const chunk = Buffer.from(line.repeat(800));
  for (let written = 0; written < 100e6; written += chunk.length) terminal.write(chunk);
  await page.locator(".xterm").click();
  await until(() => terminal.written > 2e6, "two megabytes to arrive");
  // A page that is frozen does not draw; this one draws while the flood comes in.
  const frames = await page.evaluate(
    () =>
      new Promise((done) => {
        let count = 0;
        const end = performance.now() + 1000;
        const frame = () => {
          count += 1;
          if (performance.now() < end) requestAnimationFrame(frame);
          else done(count);
        };
        requestAnimationFrame(frame);
      }),
  );
  assert.ok(frames >= 5, `${frames} frames in a second`);
  const started = Date.now();
  await page.keyboard.press("Control+c");
  await shows(page, /stopped/);
  const took = Date.now() - started;
  console.log(`flood: ${frames} frames/s, Ctrl-C took ${took} ms, ${(terminal.written / 1e6).toFixed(1)} MB shown`);
  assert.ok(terminal.written < 100e6, "the flood was cut short");
  assert.ok(terminal.widest <= 256 * 1024, `${terminal.widest} bytes were under way`);
});

test("the terminal takes the size of its box, and the server is told once the box is quiet", async () => {
  const terminal = await open();
  const [cols, rows] = terminal.sizes.at(-1);
  const before = terminal.sizes.length;
  await page.setViewportSize({ width: 900, height: 500 });
  await until(() => terminal.sizes.length > before, "a resize");
  const [fewer, lower] = terminal.sizes.at(-1);
  assert.ok(fewer < cols && lower < rows, `${fewer}×${lower} after ${cols}×${rows}`);
  const shown = await page.evaluate(() => [window.slipwayTerminals[0].cols, window.slipwayTerminals[0].rows]);
  assert.deepEqual(shown, [fewer, lower]);
});

test("the splitter moves by keys and by mouse, and remembers", async () => {
  const terminal = await open();
  const splitter = page.getByRole("separator");
  const before = terminal.sizes.at(-1)[0];
  await splitter.focus();
  await page.keyboard.press("End");
  await until(() => terminal.sizes.at(-1)[0] < before, "a narrower terminal");
  assert.equal(await splitter.getAttribute("aria-valuenow"), "75");
  const box = await splitter.boundingBox();
  await page.mouse.move(box.x + 4, box.y + 200);
  await page.mouse.down();
  await page.mouse.move(600, box.y + 200, { steps: 4 });
  await page.mouse.up();
  assert.equal(Math.round(await splitter.getAttribute("aria-valuenow")), 50);
  await page.reload();
  await shows(page, /root@node1/);
  assert.equal(Math.round(await page.getByRole("separator").getAttribute("aria-valuenow")), 50);
});

test("a click types a block once; a double click does not type it twice", async () => {
  const terminal = await open();
  await block("echo one").locator("pre").dblclick();
  await page.getByText("Typed into node1.").waitFor();
  await block("first line").locator(".block-play").click();
  await until(() => terminal.input.toString().includes("second line\r"), "both lines");
  assert.equal(terminal.input.toString(), "echo one\rfirst line\rsecond line\r");
});

test("placeholders are filled with the newest ids, or the block says what is missing", async () => {
  const terminal = await open();
  await block("CONTAINER_ID").locator(".block-play").click();
  await page.getByText("There is no container on this node yet.").waitFor();
  assert.equal(terminal.input.length, 0);
  server.engine.containers = [{ Id: "4f1c2b3a4d5e6f708192", Created: 5 }];
  server.engine.images = [
    { Id: "sha256:aaaaaaaaaaaaaaaaaaaa", Created: 1 },
    { Id: "sha256:bbbbbbbbbbbbbbbbbbbb", Created: 9 },
  ];
  await new Promise((done) => setTimeout(done, 800));
  await block("CONTAINER_ID").locator(".block-play").click();
  await until(() => terminal.input.length > 0, "the command");
  assert.equal(terminal.input.toString(), "docker container diff 4f1c2b3a4d5e && docker image tag bbbbbbbbbbbb name\r");
});

test("a shell that ends says so, and Enter opens a new one", async () => {
  const terminal = await open();
  terminal.exit(3);
  await shows(page, /the shell has ended with code 3: press Enter for a new one/);
  assert.equal(await connection(page), "shell ended");
  await block("echo one").locator(".block-play").click();
  await page.getByText("The shell has ended. Press Enter").waitFor();
  await page.locator(".xterm").click();
  const hellos = () => terminal.frames.filter((frame) => frame.opcode === 0x00).length;
  const before = hellos();
  await page.keyboard.type("x");
  await page.keyboard.press("Enter");
  await until(() => hellos() === before + 1, "a new HELLO");
  await until(async () => (await connection(page)) === "connected", "the header says so");
  assert.equal(terminal.input.length, 0);
});

test("a session that is gone is called ended, and a new one can be had", async () => {
  const terminal = await open();
  server.sessions.clear();
  terminal.cut();
  await page.getByRole("heading", { name: "Session ended" }).waitFor({ timeout: 60_000 });
  await page.getByRole("button", { name: "Start a new session" }).click();
  await shows(page, /root@node1/);
  assert.equal(server.sessions.size, 1);
});

test("the clock counts down, extends, and the session can be closed", async () => {
  server.lifetime = 4 * 60_000;
  await open();
  assert.match(await page.locator(".clock-left").textContent(), /^[34]:\d\d/);
  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByText(/^33 min/).waitFor();
  page.on("dialog", (dialog) => dialog.accept());
  await page.getByRole("button", { name: "Close the session" }).click();
  await page.getByText("You have closed this session.").waitFor();
  assert.equal(server.sessions.size, 0);
});

test("the font grows by a key, and Shift+F6 leaves the terminal", async () => {
  const terminal = await open();
  const cols = terminal.sizes.at(-1)[0];
  await page.locator(".xterm").click();
  await page.keyboard.press("Control+=");
  await page.keyboard.press("Control+=");
  await until(() => terminal.sizes.at(-1)[0] < cols, "fewer columns");
  await page.keyboard.press("Shift+F6");
  assert.equal(await page.evaluate(() => document.activeElement.id), "lab-text");
  assert.equal(terminal.input.length, 0);
});

test("text pasted arrives whole, also when it is long", async () => {
  const terminal = await open();
  const text = Array.from({ length: 4000 }, (_, index) => `paste ${index}`).join("\n");
  await page.locator(".xterm").click();
  await page.evaluate((text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, text);
  const wanted = text.replaceAll("\n", "\r");
  await until(() => terminal.input.length >= wanted.length, "the paste");
  assert.equal(terminal.input.toString(), wanted);
});

test("marked text is copied", async () => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const terminal = await open();
  terminal.write("\r\nword-to-copy\r\n");
  await shows(page, /word-to-copy/);
  const box = await page.locator(".xterm-screen").boundingBox();
  const cell = await page.evaluate(() => document.querySelector(".xterm-screen").clientHeight / window.slipwayTerminals[0].rows);
  await page.mouse.dblclick(box.x + 30, box.y + cell * 1.5);
  await until(async () => (await page.evaluate(() => navigator.clipboard.readText())).includes("copy"), "the clipboard");
});

test("the screen reader's mirror follows the terminal", async () => {
  const terminal = await open();
  await page.getByRole("button", { name: "Screen reader" }).click();
  terminal.write("\r\nread me aloud\r\n");
  await page.locator(".xterm-accessibility", { hasText: "read me aloud" }).waitFor({ state: "attached" });
  assert.match(await screen(page), /read me aloud/);
});
