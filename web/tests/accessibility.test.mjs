// The pages against axe-core's rules (WCAG 2.1 A and AA), in both themes and on a narrow screen.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, shows } from "./support/browser.mjs";
import { FakeServer, root } from "./support/fake-server.mjs";
import { lab } from "./support/markdown.mjs";

const slug = "doing-more-with-docker-images";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
let server;

before(async () => {
  browser = await launch();
  server = await new FakeServer().listen();
  server.labs.set(slug, lab(slug, await readFile(path.join(root, "labs", slug, "lab.md"), "utf8")));
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  return violations.map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [
    { width: 1280, height: 760 },
    { width: 390, height: 780 },
  ]) {
    test(`no rule is broken: ${colorScheme}, ${viewport.width} wide`, async () => {
      const context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
      const page = await context.newPage();
      await page.goto(server.url);
      await page.locator(".card").waitFor();
      assert.deepEqual(await violations(page), []);
      await page.goto(`${server.url}/labs/${slug}`);
      await shows(page, /root@node1/);
      await page.getByRole("button", { name: "Run: docker container diff CONTAINER_ID" }).click();
      await page.getByText("There is no container on this node yet.").waitFor();
      assert.deepEqual(await violations(page), []);
      server.sessions.clear();
      await page.reload();
      await shows(page, /root@node1/);
      await context.close();
    });
  }
}
