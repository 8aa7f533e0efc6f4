// The store: builds whose digests never change, and what docker does with images otherwise.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { example } from "./fixtures.mjs";
import { load } from "./support.mjs";

const { engine, worker } = await load();
const inWorker = worker.createWorker();
after(() => inWorker.terminate());

const DOCKERFILE = 'FROM scratch AS files\nCOPY . /src/\nFROM scratch\nARG WHO=nobody\nCOPY --from=files --chmod=0755 /src/run /bin/\nCOPY <<END /etc/who\n$WHO\nEND\nENTRYPOINT ["/bin/run"]\n';
const FILES = {
  run: { content: "#!/bin/sh\n", mode: 0o644 },
  "docs/a": "ignored",
  link: { symlink: "run" },
  empty: { directory: true, mode: 0o700 },
  ".dockerignore": "docs\n",
};

test("a build is the same everywhere, and what it says", async () => {
  const options = { tags: ["built:1"], buildArgs: { WHO: "me" }, labels: { a: "b" }, epoch: 1700000000 };
  const [here, there] = [engine.createStore(), await inWorker.createStore()];
  const built = here.build(DOCKERFILE, FILES, options);
  assert.deepEqual(await there.build(DOCKERFILE, { ...FILES, run: { content: new Blob(["#!/bin/sh\n"]) } }, options), built);
  assert.match(built.id, /^sha256:[0-9a-f]{64}$/);
  const saved = here.save("built:1", { format: "oci" });
  assert.deepEqual(await there.save(["built:1"], { format: "oci" }), saved);

  const image = engine.openImage(saved);
  assert.ok(image.verify().good);
  assert.equal(new TextDecoder().decode(image.file("/etc/who")), "me\n");
  assert.equal(image.tree("/bin")[0].mode, 0o755);
  assert.equal(image.config().created, "2023-11-14T22:13:20Z");
  const bits = here.build("FROM scratch\nCOPY . /\n", FILES).id;
  assert.notEqual(bits, here.build("FROM scratch\nCOPY . /\n", { ...FILES, empty: { directory: true, mode: 0o755 } }).id);
  assert.deepEqual(image.search("docs"), []);
});

test("images are loaded, listed, tagged, inspected and removed as docker does it", async () => {
  for (const store of [engine.createStore(), await inWorker.createStore()]) {
    await assert.rejects(async () => store.load(example(engine), { platform: "linux/s390x" }), { message: "no image for linux/s390x; the archive has linux/amd64" });
    assert.deepEqual(await store.load(example(engine), { platform: "linux/amd64" }), ["Loaded image: example:1"]);
    await store.tag("example:1", "other");
    const [listed] = await store.list();
    assert.deepEqual(listed.RepoTags, ["example:1", "other:latest"]);
    assert.equal(await store.diskUsage(), 9);
    assert.equal((await store.inspect("other")).Id, listed.Id);
    assert.equal((await store.history("other")).length, 4);
    const table = engine.template.list("image", "", await store.list(), { now: 0 });
    assert.match(table, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n/);
    assert.deepEqual(await store.remove("other"), ["Untagged: other:latest"]);
    await assert.rejects(async () => store.inspect("other"), { message: "No such image: other:latest" });
    const lines = await store.remove("example:1");
    assert.deepEqual([lines[0], lines.length], ["Untagged: example:1", 4]);
    assert.deepEqual(await store.list(), []);
    await store.close();
    await assert.rejects(async () => store.list(), { code: "closed" });
  }
});

test("a base image is one of the store", () => {
  const store = engine.createStore();
  store.load(example(engine));
  store.build("FROM example:1\nRUN --mount=type=cache,target=/x true\n".replace(/RUN.*\n/, "LABEL a=b\n"), {}, { tags: ["derived"] });
  assert.deepEqual(store.inspect("derived").Config.Labels, { a: "b" });
  assert.equal(store.inspect("derived").RootFS.Layers.length, 2);
});

test("what cannot be built says why and where, and leaves nothing", () => {
  const store = engine.createStore();
  const fails = (text, message, line) =>
    assert.throws(() => store.build(text, { a: "x" }), (error) => {
      assert.ok(error instanceof engine.EngineError, error.stack);
      assert.match(error.message, message);
      assert.equal(error.line, line);
      if (line) assert.ok(text.slice(error.span.start, error.span.end).length > 0);
      return true;
    });
  fails("FROM scratch\nCOPY a /\nRUN true\n", /RUN needs a machine/, 3);
  fails("FROM scratch\nCOPY b /\n", /"\/?b": not found/, 2);
  fails("FROM debian:12\n", /debian:12: the image is not in the store/, 1);
  fails("FROM scratch\nCOPI a /\n", /unknown instruction: COPI/, 2);
  assert.deepEqual([store.list(), store.diskUsage()], [[], 0]);
  for (const unknown of [7, null, [65], {}, { contents: "x" }, { mode: 0o755 }, new Blob(["x"]), Promise.resolve("x"), new URL("file:///x"), new SharedArrayBuffer(2)]) {
    assert.throws(() => store.build("FROM scratch\nCOPY . /\n", { a: unknown }), TypeError);
  }
  assert.equal(store.build("FROM scratch\nCOPY . /\n", { a: "x" }).layers.length, 1);
  assert.throws(() => store.save("nothing"), { message: /No such image/ });
  assert.throws(() => store.load(new Uint8Array(2048)), engine.EngineError);
});

test("a download is what was given for it", () => {
  const store = engine.createStore();
  const text = "FROM scratch\nADD https://example.org/a.txt /\n";
  assert.throws(() => store.build(text), /there is no network here/);
  store.build(text, {}, { tags: ["d"], downloads: { "https://example.org/a.txt": "content" } });
  assert.equal(new TextDecoder().decode(engine.openImage(store.save("d")).file("/a.txt")), "content");
});
