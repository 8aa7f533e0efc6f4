// The package in Chromium, from its files as they are: a page that starts it, and a Worker that opens an archive from a Blob.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "../../../web/tests/support/browser.mjs";
import { example, large } from "./fixtures.mjs";
import { site } from "./site.mjs";
import { load } from "./support.mjs";

const { engine } = await load();
const files = { "image.tar": example(engine), "large.tar": large(engine, 96) };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function page(options) {
  const server = await site({ files, ...options });
  const context = await browser.newContext();
  const opened = await context.newPage();
  const complaints = [];
  opened.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  opened.on("pageerror", (error) => complaints.push(String(error)));
  await opened.goto(server.url);
  return {
    complaints,
    run: (work) => opened.evaluate(work),
    close: async () => {
      await context.close();
      await server.close();
    },
  };
}

test("a page starts the engine and asks it", async () => {
  const { run, close, complaints } = await page();
  try {
    const result = await run(async () => {
      const engine = await import("/package/browser.js");
      let early;
      try {
        engine.units.bytesSize(1);
      } catch (error) {
        early = error.message;
      }
      await Promise.all([engine.init(), engine.init()]);
      const bytes = new Uint8Array(await (await fetch("/image.tar")).arrayBuffer());
      const image = engine.openImage(bytes);
      let refused;
      try {
        engine.openImage(new Blob([bytes]));
      } catch (error) {
        refused = error.message;
      }
      return {
        early,
        refused,
        rules: engine.dockerfile.check("FROM a as B\n").map(({ rule }) => rule),
        motd: new TextDecoder().decode(image.file("/etc/motd")),
        id: engine.createStore().build("FROM scratch\nCOPY a /\n", { a: "x" }).id,
      };
    });
    assert.match(result.early, /await init\(\)/);
    assert.match(result.refused, /in a Worker only/);
    assert.deepEqual(result.rules, ["DL3006", "FromAsCasing", "StageNameCasing"]);
    assert.equal(result.motd, "hello\n");
    assert.equal(result.id, engine.createStore().build("FROM scratch\nCOPY a /\n", { a: "x" }).id);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
  }
});

for (const isolated of [false, true]) {
  test(`a Worker opens a Blob by slices, tells its progress and stops when it is told to, on a page ${isolated ? "with" : "without"} shared memory`, async () => {
    const { run, close, complaints } = await page({ isolated });
    try {
      const result = await run(async () => {
        const { createWorker } = await import("/package/worker.js");
        const engine = createWorker();
        const blob = await (await fetch("/large.tar")).blob();
        const opening = performance.now();
        const image = await engine.openImage(new File([blob], "large.tar"));
        const opened = performance.now() - opening;
        const progress = [];
        const begun = performance.now();
        const { good } = await image.verify({ onProgress: (step) => progress.push(step) });
        const whole = performance.now() - begun;

        // Stopped at the first sign of life; what is asked next is answered long before the rest could be done.
        const controller = new AbortController();
        const again = performance.now();
        const rejected = await image.verify({ signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) }).catch((error) => error.message);
        const { images } = await image.list();
        const stopped = performance.now() - again;
        const layers = await image.layers();
        engine.terminate();
        return { isolated: crossOriginIsolated, opened, progress, good, whole, rejected, names: images[0].names, stopped, size: layers[0].size };
      });
      assert.equal(result.isolated, isolated);
      assert.equal(result.good, true);
      assert.ok(result.progress.length >= 3, `${result.progress.length} reports in ${result.whole} ms`);
      assert.deepEqual(result.progress.at(-1).done, result.progress.at(-1).total);
      assert.equal(result.rejected, "enough");
      assert.deepEqual([result.names, result.size], [["large:1"], 96 << 20]);
      assert.ok(result.opened < result.whole / 2, `opening took ${result.opened} ms, reading everything ${result.whole}`);
      assert.ok(result.stopped < result.whole * 0.75, `stopped after ${result.stopped} of ${result.whole} ms`);
      // Taking back the Blob's address is how the Worker hears of it where memory is not shared, which Chromium notes.
      assert.deepEqual(complaints.filter((text) => !text.includes("ERR_FILE_NOT_FOUND")), []);
    } finally {
      await close();
    }
  });
}
