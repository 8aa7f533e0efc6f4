// Archives: every question, in the main thread and in a Worker, from bytes, a path, and an object that reads.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { dockerArchive, example, large, tar } from "./fixtures.mjs";
import { load, project } from "./support.mjs";

const { engine, worker } = await load();
const inWorker = worker.createWorker();
after(() => inWorker.terminate());
const archive = example(engine);
const file = join(project(), "image.tar");
writeFileSync(file, archive);

const text = (bytes) => new TextDecoder().decode(bytes);

/** The same image, opened in every way. */
const ways = {
  bytes: () => engine.openImage(archive),
  "an ArrayBuffer": () => engine.openImage(archive.buffer.slice(archive.byteOffset, archive.byteOffset + archive.byteLength)),
  "a path": () => engine.openImage(file),
  "a file URL": () => engine.openImage(pathToFileURL(file)),
  "an object that reads a little at a time": () => engine.openImage({ size: archive.length, read: (offset, length) => archive.subarray(offset, offset + Math.min(length, 999)) }),
  "compressed bytes": () => engine.openImage(gzipSync(archive)),
  "bytes in a worker": () => inWorker.openImage(archive),
  "a path in a worker": () => inWorker.openImage(file),
  "a file URL in a worker": () => inWorker.openImage(pathToFileURL(file)),
  "a Blob in a worker": () => inWorker.openImage(new Blob([archive])),
};

for (const [name, open] of Object.entries(ways)) {
  test(`an image from ${name} answers every question`, async () => {
    const image = await open();
    const { images, docker, oci } = await image.list();
    assert.deepEqual([images.length, images[0].names, docker, oci], [1, ["example:1"], true, true]);
    assert.equal(images[0].id, `sha256:${createHash("sha256").update(JSON.stringify(await image.config())).digest("hex")}`);

    const inspect = await image.inspect();
    assert.deepEqual([inspect.Id, inspect.RepoTags, inspect.Config.Cmd], [images[0].id, ["example:1"], ["/bin/hello"]]);
    assert.ok(inspect.Config.Env.includes("GREETING=hello"));
    const history = await image.history();
    assert.equal(history.length, 4);
    assert.match(history[0].CreatedBy, /^CMD \["\/bin\/hello"\]/);
    const steps = await image.steps({ dockerfile: "FROM scratch\nCOPY etc /etc\nCOPY motd /etc/motd\nENV GREETING=hello\n" });
    assert.deepEqual(steps.map(({ instruction, layer, lines }) => [instruction, layer, lines]), [
      ["COPY", 0, [2, 2]],
      ["COPY", 1, [3, 3]],
      ["ENV", null, [4, 4]],
      ["CMD", null, null],
    ]);

    const layers = await image.layers();
    assert.deepEqual(layers.map(({ size, added, changed }) => [size, added, changed]), [[3, 2, 0], [6, 0, 1]]);
    assert.deepEqual((await image.tree("/")).map(({ path, kind }) => [path, kind]), [["etc", "directory"]]);
    const [motd] = await image.tree("/etc");
    assert.deepEqual([motd.path, motd.size, motd.mark, motd.layer], ["etc/motd", 6, "changed", 1]);
    assert.equal((await image.tree("etc", { layer: 0 }))[0].size, 3);
    assert.deepEqual((await image.search("motd")).map(({ path }) => path), ["etc/motd"]);
    assert.equal(text(await image.file("/etc/motd")), "hello\n");

    const { wasted, paths } = await image.efficiency();
    assert.deepEqual([wasted, paths[0].path, paths[0].count], [9, "etc/motd", 2]);
    assert.deepEqual(await image.secrets(), []);
    const { good, checks } = await image.verify();
    assert.ok(good && checks.length >= 5, JSON.stringify(checks));
    assert.match(await image.graph(), /^<svg/);
    assert.match(await image.graph({ format: "dot" }), /^digraph/);

    const same = await image.diff(image);
    assert.deepEqual([same.shared.length, same.common_base, same.files], [2, 2, []]);
    await image.close();
    await assert.rejects(async () => image.list(), { code: "closed" });
  });
}

test("a secret that a later layer removes is pointed out, with both layers", () => {
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n";
  const image = engine.openImage(dockerArchive([tar([["root/.ssh/id_ed25519", key]]), tar([["root/.ssh/.wh.id_ed25519"]])]));
  const [found] = image.secrets();
  assert.deepEqual([found.path, found.layer, found.hidden_by], ["root/.ssh/id_ed25519", 0, 1]);
  assert.deepEqual(image.tree("/root/.ssh"), []);
  const [gone] = image.tree("/root/.ssh", { removed: true });
  assert.deepEqual([gone.mark, gone.gone], ["removed", true]);
  assert.equal(image.verify().good, false, "its digests were made up");
});

test("two archives are compared", async () => {
  const [one, other] = [dockerArchive([tar([["a", "1"], ["b", "2"]])]), dockerArchive([tar([["a", "1"], ["b", "3"], ["c"]])], { gzip: true })];
  const expected = [["b", "changed"], ["c", "added"]];
  const plain = engine.openImage(one).diff(engine.openImage(other));
  assert.deepEqual(plain.files.map(({ path, difference }) => [path, difference]), expected);
  const remote = await (await inWorker.openImage(one)).diff(await inWorker.openImage(other));
  assert.deepEqual(remote, plain);
});

test("an image of another worker is not compared with one of its own", async () => {
  const [one, two] = [worker.createWorker(), worker.createWorker()];
  try {
    const [here, there, store] = [await one.openImage(example(engine)), await two.openImage(large(engine, 1)), await one.createStore()];
    for (const other of [there, store, undefined]) await assert.rejects(here.diff(other), /not one of this Worker/);
    assert.ok((await here.diff(await one.openImage(large(engine, 1)))).files.length > 0);
  } finally {
    one.terminate();
    two.terminate();
  }
});

test("what a registry keeps beside images does no harm to an archive", () => {
  const blobs = {};
  const blob = (content, mediaType, more = {}) => {
    const bytes = typeof content === "string" ? content : JSON.stringify(content);
    const digest = createHash("sha256").update(bytes).digest("hex");
    blobs[`blobs/sha256/${digest}`] = bytes;
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length, ...more };
  };
  const type = (kind) => `application/vnd.oci.${kind}+json`;
  const manifest = (config, layers, more = {}) => blob({ schemaVersion: 2, mediaType: type("image.manifest.v1"), config, layers, ...more }, type("image.manifest.v1"));
  const image = manifest(blob({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }, type("image.config.v1")), []);
  const materials = manifest(blob("{}", type("empty.v1")), [blob("{}", "application/spdx+json")], { artifactType: "application/spdx+json" });
  const index = { schemaVersion: 2, mediaType: type("image.index.v1"), manifests: [image, materials] };
  const archive = tar(Object.entries({ "oci-layout": '{"imageLayoutVersion":"1.0.0"}', "index.json": JSON.stringify(index), ...blobs }));
  const opened = engine.openImage(archive);
  assert.deepEqual([opened.list().images.length, opened.list().problems], [1, []]);
  assert.equal(opened.verify().good, true);
});

test("a large file is given whole, or as much of it as is asked for", () => {
  const image = engine.openImage(large(engine, 80));
  assert.equal(image.file("/big").length, 80 << 20);
  assert.deepEqual([70 << 20, 10].map((most) => image.file("/big", { most }).length), [70 << 20, 10]);
});

test("which image of several is meant", () => {
  const store = engine.createStore();
  for (const name of ["a", "b"]) store.build(`FROM scratch\nCOPY ${name} /\n`, { a: "1", b: "22" }, { tags: [name] });
  const image = engine.openImage(store.save(["a", "b"]));
  assert.equal(image.layers({ image: "b" })[0].size, 2);
  assert.equal(image.layers()[0].size, 1, "the first, where nothing is said");
  assert.throws(() => image.layers({ image: "c" }), engine.EngineError);
  assert.deepEqual(image.diff(image, { image: "a", otherImage: "b" }).files.map(({ path }) => path), ["a", "b"]);
});

const big = large(engine, 24);

test("progress grows up to the whole, and false stops the work", () => {
  const image = engine.openImage(big);
  const seen = [];
  image.verify({ onProgress: (progress) => void seen.push(progress) });
  assert.ok(seen.length > 3 && seen.every(({ done, total }, i) => done <= total && (i === 0 || done >= seen[i - 1].done)), JSON.stringify(seen.slice(0, 5)));
  assert.ok(seen.at(-1).total >= 24 << 20);
  assert.throws(() => image.layers({ onProgress: () => false }), { code: "cancelled" });
  const failure = new Error("of the one who watches");
  assert.throws(() => image.layers({ onProgress: () => { throw failure; } }), (error) => error === failure);
  assert.equal(image.layers()[0].size, 24 << 20);
});

test("opening and loading have progress and can be stopped, too", () => {
  const packed = gzipSync(big, { level: 1 });
  let calls = 0;
  engine.openImage(packed, { onProgress: () => void calls++ }).close();
  assert.ok(calls > 3, `${calls}`);
  assert.throws(() => engine.openImage(packed, { onProgress: ({ done }) => done < 1 << 20 }), { code: "cancelled" });
  const store = engine.createStore();
  assert.throws(() => store.load(big, { onProgress: ({ done }) => done < 1 << 20 }), { code: "cancelled" });
  assert.deepEqual([store.list(), store.diskUsage()], [[], 0]);
});

test("a worker's work is aborted, and it goes on with the next", async () => {
  const image = await inWorker.openImage(big);
  const controller = new AbortController();
  let seen = 0;
  const reason = new Error("enough");
  const onProgress = () => {
    seen++;
    controller.abort(reason);
  };
  await assert.rejects(image.verify({ signal: controller.signal, onProgress }), (error) => error === reason);
  assert.equal(seen, 1);
  assert.equal((await image.list()).images.length, 1);
  const progress = [];
  assert.ok((await image.verify({ onProgress: (step) => progress.push(step) })).good);
  assert.equal(progress.at(-1).done, progress.at(-1).total);
});

test("a source that fails is an error with its words", () => {
  const read = (offset, length) => {
    if (offset >= 4096) throw new Error("the disk is on fire");
    return archive.subarray(offset, Math.min(4096, offset + length));
  };
  assert.throws(() => engine.openImage({ size: archive.length, read }).verify(), /the disk is on fire/);
  assert.throws(() => engine.openImage("/no/such/file"), { code: "ENOENT" });
  assert.throws(() => engine.openImage(7), TypeError);
});
