// The package in Chromium, from its files as they are: a page that starts it, and a Worker that opens an archive from a Blob.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { launch } from "../../../web/tests/support/browser.mjs";
import { gzipSync } from "node:zlib";
import { dockerArchive, example, large, tar } from "./fixtures.mjs";
import { site } from "./site.mjs";
import { load } from "./support.mjs";

const { engine } = await load();
const files = { "image.tar": example(engine), "large.tar": large(engine, 96), ...Object.fromEntries(Object.entries(gzipped()).map(([name, layer]) => [name, dockerArchive([layer], { blobs: true })])) };

/** Layers that another Worker is worth: as they should be, and in every way in which gzip can be unusual or wrong. */
function gzipped() {
  const content = new Uint32Array(6 << 18);
  for (let i = 0, state = 7; i < content.length; i++) content[i] = state = (Math.imul(state, 1664525) + 1013904223) ^ (state >>> 15);
  const plain = tar([["big", new Uint8Array(content.buffer)], ["motd", "hello\n"]]);
  const good = gzipSync(plain, { level: 1 });
  const half = plain.length >> 1;
  const changed = (at, by) => {
    const bytes = Buffer.from(good);
    bytes[bytes.length - at] ^= by;
    return bytes;
  };
  return {
    "one member": good,
    "two members": Buffer.concat([gzipSync(plain.subarray(0, half), { level: 1 }), gzipSync(plain.subarray(half), { level: 1 })]),
    "zeros behind it": Buffer.concat([good, Buffer.alloc(512)]),
    "text behind it": Buffer.concat([good, Buffer.from("something else")]),
    "cut off": good.subarray(0, good.length - 20),
    "a wrong checksum": changed(8, 1),
    "a wrong length": changed(3, 1),
    "a tar that is cut off": gzipSync(plain.subarray(0, plain.length - 3000), { level: 1 }),
    "no tar": gzipSync(Buffer.from(content.buffer), { level: 1 }),
  };
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function page(options) {
  const server = await site({ ...options, files: { ...files, ...options?.files } });
  const context = await browser.newContext();
  const opened = await context.newPage();
  const complaints = [];
  opened.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  opened.on("pageerror", (error) => complaints.push(String(error)));
  await opened.goto(server.url);
  return {
    complaints,
    requests: server.requests,
    run: (work, arg) => opened.evaluate(work, arg),
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

test("a page that forbids Blobs' addresses gets its answers, and its promises are rejected at once all the same", async () => {
  const { run, close } = await page({ connect: "'self'" });
  try {
    const result = await run(async () => {
      const { createWorker } = await import("/package/worker.js");
      const engine = createWorker();
      const image = await engine.openImage(await (await fetch("/large.tar")).blob(), { signal: new AbortController().signal });
      const { good } = await image.verify({ signal: new AbortController().signal });
      const controller = new AbortController();
      const stopped = image.layers({ signal: controller.signal }).catch((error) => error.message);
      controller.abort(new Error("enough"));
      const found = [good, await stopped, (await image.list()).images[0].names];
      engine.terminate();
      return found;
    });
    assert.deepEqual(result, [true, "enough", ["large:1"]]);
  } finally {
    await close();
  }
});

test("a layer that is too large to be put together in memory is hashed as it comes, with its blob", async () => {
  const piece = tar([["big", randomBytes(5 << 20)]]).subarray(0, -1024);
  const layer = gzipSync(Buffer.concat([...Array(40).fill(piece), Buffer.alloc(1024)]), { level: 0 });
  assert.ok(layer.length > 192 << 20);
  const large = dockerArchive([layer], { blobs: true });
  const broken = Buffer.from(large);
  broken[broken.length >> 1] ^= 1;
  const { run, close, requests } = await page({ files: { large, broken } });
  try {
    for (const [name, bytes] of Object.entries({ large, broken })) {
      const image = engine.openImage(bytes);
      const expected = image.verify();
      image.close();
      const result = await run(async (name) => {
        const { createWorker } = await import("/package/worker.js");
        const engine = createWorker();
        const image = await engine.openImage(await (await fetch(`/${name}`)).blob());
        const progress = [];
        const report = await image.verify({ onProgress: (step) => progress.push(step) });
        engine.terminate();
        return { report, last: progress.at(-1) };
      }, name);
      assert.deepEqual(result.report, expected, name);
      assert.equal(result.last.done, result.last.total, name);
      assert.equal(expected.checks[0].failure === null, name === "large", name);
    }
    assert.equal(requests.filter((path) => path === "/package/entry.js").length, 4, "each with a Worker that hashes");
  } finally {
    await close();
  }
});

test("layers that the browser decompresses are found to be what the engine finds them to be", async () => {
  const { run, close, requests } = await page();
  try {
    for (const name of Object.keys(gzipped())) {
      const image = engine.openImage(files[name]);
      const expected = image.verify();
      image.close();
      const before = requests.length;
      const result = await run(async (name) => {
        const { createWorker } = await import("/package/worker.js");
        const engine = createWorker();
        const image = await engine.openImage(await (await fetch(`/${encodeURIComponent(name)}`)).blob());
        const progress = [];
        const report = await image.verify({ onProgress: (step) => progress.push(step) });
        // Told to stop at the first sign of life, and asked again at once.
        const controller = new AbortController();
        const stopped = await image.verify({ signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) }).catch((error) => error.message);
        const again = await image.verify();
        engine.terminate();
        return { report, again, stopped, last: progress.at(-1), most: Math.max(...progress.map(({ done, total }) => done / total)) };
      }, name);
      assert.deepEqual(result.report, expected, name);
      assert.deepEqual(result.again, expected, name);
      assert.equal(result.stopped, "enough", name);
      assert.ok(result.most <= 1, name);
      if (name === "one member") {
        assert.equal(result.last.done, result.last.total);
        assert.deepEqual(expected.checks.map(({ subject, failure }) => [subject, failure === null]), [["blob", true], ["diffid", false]]);
      }
      // One Worker was asked for here, and one that hashes, for all three questions.
      assert.equal(requests.slice(before).filter((path) => path === "/package/entry.js").length, 2, name);
    }
  } finally {
    await close();
  }
});
