// The whole path on the real server: a visitor opens the page, clicks through the lab, loses the network, floods the terminal.
// Needs a running `node-agent serve` with this repository's labs, its address in SLIPWAY_URL, and the node's way to a Debian mirror.
// Leaves screenshots in web/screenshots/ (the README's) and target/slipway/screenshots/.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connection, launch, screen, shows, until } from "./support/browser.mjs";
import { Line } from "./support/line.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const server = process.env.SLIPWAY_URL;
const required = process.env.SLIPWAY_REQUIRE_ROOT_TESTS === "1";
const skip = !server && !required && "SLIPWAY_URL is not set: start `cargo xtask serve` and give its address";
const lab = "/labs/doing-more-with-docker-images";
const minutes = 60_000;
const prompt = /\[node1\][^\n]*root@[^\n]*\n\$ ?$/;

describe("first light", { skip }, () => {
  let browser;
  let line;
  let url;
  let context;
  let page;

  before(async () => {
    assert.ok(server, "SLIPWAY_URL must be set when no test may be skipped");
    line = await Line.to(server);
    url = line.url;
    browser = await launch();
    context = await browser.newContext({ viewport: { width: 1360, height: 820 }, colorScheme: "light" });
    page = await context.newPage();
  });

  after(async () => {
    // The session's node is not left to its timeout.
    await page
      ?.evaluate(() =>
        Promise.all(
          Object.keys(localStorage)
            .filter((key) => key.startsWith("slipway.session."))
            .map((key) => fetch(`/api/v1/sessions/${localStorage.getItem(key)}`, { method: "DELETE" })),
        ),
      )
      .catch(() => {});
    await browser?.close();
    await line?.close();
  });

  /** The lab's n-th run block (from 0) that has this text. */
  const block = (text, n = 0) => page.locator(".block-run", { hasText: text }).nth(n).locator("pre");

  /** What the terminal shows after the last line that ends with `command`. */
  async function following(command, pattern, timeout) {
    const text = await until(
      async () => {
        const all = await screen(page);
        const at = all.lastIndexOf(command);
        const rest = at < 0 ? "" : all.slice(at + command.length);
        return pattern.test(rest) && rest;
      },
      `${pattern} after «${command}»`,
      timeout ?? 15_000,
    ).catch(async (error) => {
      throw new Error(`${error.message}; the terminal shows:\n${(await screen(page)).slice(-3000)}`);
    });
    return text;
  }

  /** Types a command by hand and waits for its prompt. */
  async function type(command, pattern, timeout) {
    await page.locator(".xterm").first().click();
    await page.keyboard.type(`${command}\n`);
    return following(command, pattern, timeout);
  }

  test("the front page leads to the lab, and a node comes without a login", async () => {
    await page.goto(url);
    await page.getByRole("link", { name: "Doing more with Docker images" }).click();
    const started = Date.now();
    await shows(page, prompt, { timeout: minutes });
    console.log(`first prompt ${Date.now() - started} ms after the click`);
    assert.match(await screen(page), /\[node1\] .*root@\d+\.\d+\.\d+\.\d+/);
    await page.getByText("connected", { exact: true }).waitFor();
  });

  test("docker container run -ti ubuntu bash opens a shell in a container", async () => {
    await block("docker container run -ti ubuntu bash").click();
    await following("run -ti ubuntu bash", /root@[0-9a-f]{12}:\/# ?$/, minutes);
  });

  test("apt-get update and install fetch figlet from the mirror", async () => {
    await block("apt-get update").click();
    await following("apt-get update", /Reading package lists\.\.\. Done\s[^]*root@[0-9a-f]{12}:\/# ?$/, 3 * minutes);
    await block("apt-get install -y figlet").click();
    await following("apt-get install -y figlet", /Setting up figlet[^]*root@[0-9a-f]{12}:\/# ?$/, 3 * minutes);
  });

  test("figlet draws its banner", async () => {
    await block('figlet "hello docker"').click();
    const banner = await following('figlet "hello docker"', /\n[^\n]*_[^]*\|[^]*root@[0-9a-f]{12}:\/# ?$/);
    assert.ok(banner.split("\n").filter((line) => /[|_\\/]{2}/.test(line)).length >= 4, banner);
    mkdirSync(path.join(root, "web/screenshots"), { recursive: true });
    await block('figlet "hello docker"').scrollIntoViewIfNeeded();
    await page.evaluate(() => document.activeElement.blur());
    await page.waitForTimeout(2500);
    await page.screenshot({ path: path.join(root, "web/screenshots/first-light.png") });
  });

  test("exit returns to the node", async () => {
    await page.locator(".block-run").filter({ has: page.locator("code", { hasText: /^exit\s*$/ }) }).locator("pre").click();
    await following("exit", prompt);
  });

  test("docker container ls -a lists the stopped container", async () => {
    await block("docker container ls -a").click();
    const list = await following("docker container ls -a", /Exited[^]*\n\$ ?$/);
    assert.match(list, /CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES/);
    assert.match(list, /[0-9a-f]{12} +ubuntu +"bash" .* Exited \(0\) .* ago/);
  });

  test("docker container diff shows what figlet added", async () => {
    await block("docker container diff CONTAINER_ID").click();
    const diff = await until(async () => {
      const text = await screen(page);
      const at = text.search(/docker container diff [0-9a-f]{12}\n/);
      return at >= 0 && prompt.test(text) && text.slice(at);
    }, "the list of changes");
    assert.match(diff, /^A \/usr\/bin\/figlet$/m);
    assert.match(diff, /^C \/usr\/bin$/m);
  });

  test("docker container commit makes an image, and image ls shows it without a name", async () => {
    await block("docker container commit CONTAINER_ID").click();
    await until(async () => /docker container commit [0-9a-f]{12}\nsha256:[0-9a-f]{64}\n/.test(await screen(page)), "the image's id");
    await shows(page, prompt);
    await block("docker image ls").click();
    const list = await following("docker image ls", /ubuntu[^]*\n\$ ?$/);
    assert.match(list, /REPOSITORY +TAG +IMAGE ID +CREATED +SIZE/);
    assert.match(list, /<none> +<none> +[0-9a-f]{12} /);
  });

  test("docker image tag gives it a name", async () => {
    await block("docker image tag IMAGE_ID ourfiglet").click();
    await until(async () => /docker image tag [0-9a-f]{12} ourfiglet\n/.test(await screen(page)), "the tag command");
    await shows(page, prompt);
    await block("docker image ls", 1).click();
    const list = await following("docker image ls", /\nourfiglet [^]*\n\$ ?$/);
    assert.match(list, /ourfiglet +latest +[0-9a-f]{12} /);
    assert.doesNotMatch(list, /<none>/);
  });

  test("docker container run ourfiglet figlet hello works without installing anything", async () => {
    await block("docker container run ourfiglet figlet hello").click();
    const banner = await following("run ourfiglet figlet hello", /\|_\|[^]*\n\$ ?$/, minutes);
    assert.match(banner, /_ {2}/);
  });

  test("the node has the tools that a student expects", async () => {
    const tools = "bash vi nano git curl jq less ps ip ping python3 python";
    const found = await type(`for t in ${tools}; do command -v $t >/dev/null && echo have:$t; done; echo over`, /\nover\n/);
    for (const tool of tools.split(" ")) assert.match(found, new RegExp(`have:${tool}\\n`));
  });

  test("a reload replays the screen and stays in the session", async () => {
    await type("marker=kept-in-this-shell", prompt);
    await page.reload();
    await shows(page, /marker=kept-in-this-shell\n[^]*\n\$ ?$/);
    await type("echo $marker", /\nkept-in-this-shell\n/);
  });

  test("without a network nothing is lost, and nothing typed twice", async () => {
    await type("(sleep 3; echo said while away) &", prompt);
    await page.locator(".xterm").first().click();
    line.cut();
    await until(async () => (await connection(page)) === "reconnecting", "the header to say so");
    await page.keyboard.type("echo typed while away\n");
    await page.waitForTimeout(4000);
    line.mend();
    // As the browser says when a laptop wakes up; without it the page would find out within ten seconds.
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await shows(page, /\ntyped while away\n/, { timeout: 60_000 });
    await shows(page, /(\n|[#$] )said while away\n/, { timeout: 60_000 });
    await until(async () => (await connection(page)) === "connected", "the connection to be back");
    assert.equal((await screen(page)).match(/^typed while away$/gm).length, 1);
    assert.equal((await screen(page)).match(/(^|[#$] )said while away$/gm).length, 1);
  });

  test("the shell learns the terminal's size", async () => {
    const size = () => page.evaluate(() => `${window.slipwayTerminals[0].rows} ${window.slipwayTerminals[0].cols}`);
    const before = await size();
    await type("stty size", new RegExp(`\n${before}\n`));
    await page.setViewportSize({ width: 1100, height: 600 });
    await until(async () => (await size()) !== before, "another size");
    await type("stty  size", new RegExp(`\n${await size()}\n`));
    await page.setViewportSize({ width: 1360, height: 820 });
    // A shell that learns of a new size while a line is typed draws the line again.
    await until(async () => (await size()) === before, "the former size");
    await type("stty   size", new RegExp(`\n${before}\n`));
  });

  test("UTF-8 arrives whole, whatever its pieces", async () => {
    await type("for i in 1 2 3; do printf '\\xe6\\xbc'; sleep 0.1; printf '\\xa2€é'; done; echo '|'", /漢€é漢€é漢€é\|\n/);
  });

  test("cat of 100 MB leaves the page alive, and Ctrl-C stops it at once", async () => {
    await type("yes 'a line of a large file, to be shown' | head -c 100000000 > /tmp/large; echo made", /\nmade\n/, minutes);
    await page.keyboard.type("cat /tmp/large\n");
    await shows(page, /(a line of a large file, to be shown\n){100}/, { timeout: 60_000 });
    await page.waitForTimeout(500);
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
    const started = Date.now();
    await page.keyboard.press("Control+c");
    await shows(page, /\^C[^]*\n\$ ?$/, { timeout: 30_000 });
    console.log(`flood: ${frames} frames/s; prompt ${Date.now() - started} ms after Ctrl-C`);
    assert.ok(frames >= 5, `${frames} frames in a second`);
    await type("rm /tmp/large; echo responsive", /\nresponsive\n/);
  });

  test("the other looks are pictured", async () => {
    const folder = path.join(root, "target/slipway/screenshots");
    mkdirSync(folder, { recursive: true });
    await page.getByRole("button", { name: "Switch to the dark theme" }).click();
    await page.screenshot({ path: path.join(folder, "lab-dark.png") });
    await page.setViewportSize({ width: 400, height: 780 });
    await page.waitForTimeout(300);
    await page.screenshot({ path: path.join(folder, "lab-narrow-dark.png") });
    await page.goto(url);
    await page.getByRole("link", { name: "Doing more with Docker images" }).waitFor();
    await page.screenshot({ path: path.join(folder, "home-narrow-dark.png") });
    await page.goto(url + lab);
    await shows(page, prompt);
  });

  test("the session ends when asked to, and its node with it", async () => {
    await page.setViewportSize({ width: 1360, height: 820 });
    page.on("dialog", (dialog) => dialog.accept());
    const id = await page.evaluate((key) => localStorage.getItem(key), "slipway.session.doing-more-with-docker-images");
    await page.getByRole("button", { name: "Close the session" }).click();
    await page.getByText("You have closed this session.").waitFor();
    const answer = await context.request.get(`${url}/api/v1/sessions/${id}`);
    assert.ok([401, 404].includes(answer.status()), `the closed session answers ${answer.status()}`);
  });
});
