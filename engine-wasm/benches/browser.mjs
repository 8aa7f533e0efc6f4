// The engine's numbers in Chromium: browser.mjs DIR, with the archives that `cargo xtask bench` makes there. Prints one JSON object of medians.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "../../web/tests/support/browser.mjs";
import { site } from "../npm/tests/site.mjs";

const dir = process.argv[2];
const dockerfile = readFileSync(new URL("Dockerfile", import.meta.url), "utf8");
const names = ["gzip.tar", "blob.tar", "layer.tar.gz"];
const server = await site({ files: Object.fromEntries(names.map((name) => [name, readFileSync(join(dir, name))])) });
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(server.url);
  // A file of the disk, as a person gives one.
  await page.evaluate(() => document.body.append(Object.assign(document.createElement("input"), { type: "file" })));
  await page.setInputFiles("input", join(dir, "large.tar"));
  const measured = await page.evaluate(async (dockerfile) => {
    const median = (taken) => taken.sort((a, b) => a - b)[taken.length >> 1];
    const time = async (times, work) => {
      await work();
      const taken = [];
      for (let i = 0; i < times; i++) {
        const begun = performance.now();
        await work();
        taken.push(performance.now() - begun);
      }
      return median(taken);
    };
    const engine = await import("/package/browser.js");
    await engine.init();

    // Clocks of pages are coarse: many at a time.
    const check_ms = (await time(30, () => { for (let i = 0; i < 20; i++) engine.dockerfile.check(dockerfile); })) / 20;
    const data = Array.from({ length: 1000 }, (_, i) => ({
      Id: i.toString(16).padStart(64, "0"), Names: [`/container-${i}`], Image: "nginx:1.27", ImageID: "sha256:0",
      Command: "/docker-entrypoint.sh nginx -g 'daemon off;'", Created: 1_700_000_000 + i, State: "running", Status: "Up 3 hours",
      Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8000 + i, Type: "tcp" }],
      Labels: { "com.example.role": "web", "com.example.number": String(i) }, Mounts: [], NetworkSettings: { Networks: { bridge: {} } },
    }));
    const format = 'table {{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}\t{{.Label "com.example.role"}}';
    const list_ms = await time(30, () => engine.template.list("container", format, data, { now: 1_700_010_000 }));

    const { createWorker } = await import("/package/worker.js");
    const worker = createWorker();
    const large = document.querySelector("input").files[0];
    const index_ms = await time(15, async () => (await worker.openImage(large)).close());

    // All ways in turns, so that what else the machine does meets them alike. `blob` hashes the compressed bytes as well, since that archive says
    // their digest; the others do not.
    const [gzip, named, layer] = await Promise.all(["gzip.tar", "blob.tar", "layer.tar.gz"].map(async (name) => (await fetch(`/${name}`)).blob()));
    const verify = (archive) => async () => {
      const image = await worker.openImage(archive);
      const { checks } = await image.verify();
      if (!checks.some(({ subject, failure }) => subject === "diffid" && failure === null)) throw new Error(JSON.stringify(checks));
      await image.close();
    };
    let size = 0;
    const own = async () => {
      const parts = [];
      size = 0;
      for await (const part of layer.stream().pipeThrough(new DecompressionStream("gzip"))) {
        parts.push(part);
        size += part.length;
      }
      const tar = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        tar.set(part, at);
        at += part.length;
      }
      const names = [];
      const text = new TextDecoder();
      for (at = 0; at + 512 <= size && tar[at] !== 0; ) {
        const field = (from, length) => text.decode(tar.subarray(at + from, at + from + length)).split("\0")[0];
        names.push(field(345, 155) + field(0, 100));
        at += 512 + Math.ceil(parseInt(field(124, 12), 8) / 512) * 512;
      }
      await crypto.subtle.digest("SHA-256", tar);
      return names;
    };
    const ways = { ours: verify(gzip), blob: verify(named), own };
    const taken = { ours: [], blob: [], own: [] };
    for (let round = 0; round < 8; round++) {
      for (const [name, work] of Object.entries(ways)) {
        const begun = performance.now();
        await work();
        if (round > 0) taken[name].push(performance.now() - begun);
      }
    }
    // Bytes per microsecond are megabytes per second.
    const rate = (ms) => size / ms / 1e3;
    const [unpack_mb_per_s, blob_mb_per_s, own_mb_per_s] = [taken.ours, taken.blob, taken.own].map((times) => rate(median(times)));
    return { check_ms, list_ms, index_ms, unpack_mb_per_s, blob_mb_per_s, own_mb_per_s };
  }, dockerfile);
  console.log(JSON.stringify(measured));
} finally {
  await browser.close();
  await server.close();
}
