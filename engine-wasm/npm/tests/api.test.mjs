// What the package adds to the engine: errors, text that is no text, a Worker's life, and its size.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { large } from "./fixtures.mjs";
import { load, packageDir, project } from "./support.mjs";

const { engine, worker } = await load();

test("an error says what and where, and is an Error", () => {
  const text = "FROM a\nENV 😀\n";
  assert.throws(() => engine.dockerfile.dump(text), (error) => {
    assert.ok(error instanceof engine.EngineError && error instanceof Error);
    assert.equal(error.name, "EngineError");
    assert.equal(error.message, "ENV must have two arguments");
    assert.equal(error.line, 2);
    assert.match(text.slice(error.span.start, error.span.end), /^ENV 😀/);
    return true;
  });
});

test("spans are counted in JavaScript's units", () => {
  const text = "FROM é😀 AS ü\n";
  const [from] = engine.dockerfile.parse(text).instructions;
  assert.deepEqual(from.args.map(({ span }) => text.slice(span.start, span.end)), ["é😀", "AS", "ü"]);
});

test("half a surrogate pair is replaced, wherever it stands", () => {
  const [from] = engine.dockerfile.parse("FROM \ud83d\n").instructions;
  assert.equal(from.args[0].text, "\ufffd");
  assert.equal(engine.template.render("{{.a}}", { a: "x\udc00" }), "x\ufffd");
});

test("init may be called, and does nothing, in Node.js", async () => {
  assert.equal(await engine.init(), undefined);
});

test("a worker answers many questions at once, in any order", async () => {
  const inWorker = worker.createWorker();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => inWorker.template.render("{{.}}", i)));
  assert.deepEqual(answers, Array.from({ length: 50 }, (_, i) => String(i)));
  inWorker.terminate();
});

test("what a watcher throws in a worker is thrown by what it watches", async () => {
  const inWorker = worker.createWorker();
  const failure = new Error("of the one who watches");
  const watch = { onProgress: () => { throw failure; } };
  await assert.rejects(inWorker.openImage(gzipSync(large(engine, 8), { level: 1 }), watch), (error) => error === failure);
  assert.equal(await inWorker.units.bytesSize(2048), "2KiB");
  inWorker.terminate();
});

test("a terminated worker rejects what was asked of it and what is asked later", async () => {
  const inWorker = worker.createWorker();
  const asked = inWorker.template.render("{{range 1000000}}{{end}}", {});
  inWorker.terminate();
  await assert.rejects(asked, { code: "terminated" });
  await assert.rejects(inWorker.units.bytesSize(1), { code: "terminated" });
});

test("an aborted signal rejects with its reason", async () => {
  const inWorker = worker.createWorker();
  const reason = new Error("no longer wanted");
  await assert.rejects(inWorker.template.render("x", {}, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  assert.equal(await inWorker.template.render("x", {}, { signal: new AbortController().signal }), "x");
  inWorker.terminate();
});

test("an idle worker does not keep the process alive, one at work does", () => {
  const dir = project();
  writeFileSync(
    join(dir, "main.mjs"),
    'import { createWorker } from "@slipway/engine-wasm/worker";\nconst engine = createWorker();\nengine.units.bytesSize(2048).then(console.log);\n',
  );
  assert.equal(execFileSync(process.execPath, [join(dir, "main.mjs")], { timeout: 20_000, encoding: "utf8" }), "2KiB\n");
});

test("something that cannot be sent is an error, not a promise for ever", async () => {
  const inWorker = worker.createWorker();
  await assert.rejects(inWorker.template.render("x", { f() {} }), { name: "DataCloneError" });
  inWorker.terminate();
});

test("the whole package has no more than 450 KB compressed, and every file that it names", () => {
  const sizes = readdirSync(packageDir).map((name) => gzipSync(readFileSync(join(packageDir, name)), { level: 9 }).length);
  assert.ok(sizes.reduce((a, b) => a + b) <= 450_000, `${sizes}`);
  const { exports } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8"));
  const named = JSON.stringify(exports).match(/\.\/[\w.-]+\.[\w.]+/g).map((path) => path.slice(2));
  assert.deepEqual(named.filter((name) => name !== "package.json" && !readdirSync(packageDir).includes(name)), []);
});
