// Input that means harm, or makes no sense: an error that is one of ours, never a trap, and the instance goes on.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { dockerArchive, example, numbers, tar } from "./fixtures.mjs";
import { load } from "./support.mjs";

const { engine } = await load();

/** Does something that may fail, but not in any way. Says how it failed. */
function survives(work, what) {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof engine.EngineError, `${what}: ${error.stack}`);
    assert.ok(error.message.length > 0, what);
    return error;
  } finally {
    assert.equal(engine.units.bytesSize(2048), "2KiB", `the engine is broken after ${what}`);
  }
}

/** Everything that reads an archive. */
function explore(bytes) {
  const image = engine.openImage(bytes);
  const errors = [];
  const tried = (work) => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof engine.EngineError)) throw error;
      errors.push(error);
    }
  };
  try {
    for (const { id } of image.list().images.slice(0, 3)) {
      for (const question of ["inspect", "history", "steps", "layers", "efficiency", "secrets"]) tried(() => image[question]({ image: id }));
      for (const { path, kind } of tried(() => image.search("", { image: id, limit: 20 })) ?? []) if (kind === "file") tried(() => image.file(path, { image: id }));
    }
    tried(() => image.verify());
    tried(() => image.graph());
    tried(() => engine.createStore().load(bytes));
  } finally {
    image.close();
  }
  return errors;
}

test("an archive that is cut off anywhere is an error with its place", () => {
  const whole = example(engine);
  const index = Buffer.from(whole).indexOf("index.json");
  for (let length = 0; length < whole.length; length += 211) {
    const error = survives(() => {
      const errors = explore(whole.subarray(0, length));
      if (errors.length > 0) throw errors[0];
    }, `${length} of ${whole.length} bytes`);
    // The documents that name everything else stand at the end; what is cut off behind them may be one of two, or no more than zeros.
    if (length < index) assert.ok(error, `${length} of ${whole.length} bytes were taken for a whole archive`);
  }
  const layer = gzipSync(tar([["a", "x".repeat(100_000)]]));
  const cut = dockerArchive([layer.subarray(0, layer.length - 20)]);
  const error = survives(() => engine.openImage(cut).tree("/"), "a layer that is cut off");
  assert.ok(error.file.includes("layer") && error.offset > 0, JSON.stringify(error));
  assert.equal(engine.openImage(cut).layers()[0].failure, error.message);
});

test("damaged bytes", () => {
  const whole = example(engine);
  const random = numbers(7);
  const next = (most) => random.next().value % most;
  for (let round = 0; round < 400; round++) {
    const bytes = whole.slice();
    for (let i = 0; i <= next(8); i++) bytes[next(2) ? next(bytes.length) : next(Math.min(bytes.length, 2048))] = next(256);
    survives(() => explore(bytes), `round ${round}`);
  }
});

test("what fuzzing has kept", () => {
  const corpus = new URL("../../fuzz/corpus/", import.meta.url);
  let seen = 0;
  for (const target of ["image", "tar"]) {
    const dir = new URL(`${target}/`, corpus);
    assert.ok(existsSync(dir), `${dir}`);
    for (const name of readdirSync(dir)) {
      survives(() => explore(readFileSync(new URL(name, dir)).subarray(1)), `${target}/${name}`);
      seen++;
    }
  }
  assert.ok(seen > 10, `only ${seen}`);
});

test("layers with evil entries", () => {
  const cases = {
    "a path out of the layer": tar([["../../etc/passwd", "x"]]),
    "links in a circle": tar([["a", "", { type: "2", link: "b" }], ["b", "", { type: "2", link: "a" }], ["a/c", "x"]]),
    "a link to itself": tar([["a", "", { type: "1", link: "a" }]]),
    "a size beyond the end": tar([["a", "x", { size: 2 ** 32 }]]),
    "a size of 8 GiB": tar([["a", "x", { size: 8 ** 11 - 1 }]]),
    "a path through a file": tar([["a", "x"], ["a/b", "y"]]),
    "a whiteout without a name": tar([["a/.wh."]]),
    "a name of nothing": tar([["", "x"]]),
    "a thousand levels": tar([[Array(49).fill("d").join("/"), ""], ["x".repeat(90), "", { type: "5" }]]),
    "a gzip in a gzip": gzipSync(gzipSync(tar([["a", "x"]]))),
    "no tar at all": Buffer.from("hello".repeat(1000)),
  };
  for (const [what, layer] of Object.entries(cases)) {
    survives(() => {
      const errors = explore(dockerArchive([layer]));
      for (const error of errors) assert.ok(error.message.length > 0);
    }, what);
  }
  const image = engine.openImage(dockerArchive([cases["links in a circle"]]));
  assert.throws(() => image.file("/a"), engine.EngineError);
});

test("a bomb is stopped by its limit", () => {
  // A gibibyte of zeros three times over, in three megabytes.
  const zeros = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  const bomb = Buffer.concat(Array.from({ length: 48 }, () => zeros));
  const error = survives(() => engine.openImage(bomb), "a bomb");
  assert.equal(error.code, "limit", JSON.stringify(error));
});

test("a layer of 100,000 entries is read", () => {
  const entry = (i) => [`${(i % 977).toString(36)}/${i.toString(36)}`];
  const many = tar(Array.from({ length: 100_000 }, (_, i) => entry(i)));
  const image = engine.openImage(dockerArchive([many], { gzip: true }));
  assert.equal(image.layers()[0].entries, 100_000);
  assert.equal(image.search("", { limit: 5 }).length, 5);
  image.close();
});

test("documents that are too deep or of the wrong form", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  survives(() => engine.openImage(tar([["manifest.json", deep]])), "a deep manifest");
  survives(() => explore(tar([["index.json", deep], ["oci-layout", "{}"]])), "a deep index");
  for (const text of ["null", "7", "[null]", '[{"Config": 1}]', "{}", "[]", '[{"Config":"../x","Layers":["/etc/passwd"]}]', "\xff"]) {
    survives(() => explore(tar([["manifest.json", text]])), `manifest.json ${text}`);
    survives(() => explore(tar([["index.json", text], ["oci-layout", text]])), `index.json ${text}`);
  }
});

test("texts that recurse, nest or go on for ever", () => {
  const nested = (open, middle, close, times) => open.repeat(times) + middle + close.repeat(times);
  const cases = {
    "a template that calls itself": () => engine.template.render('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}'),
    "two that call each other": () => engine.template.render('{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}{{template "a"}}'),
    "an endless range": () => engine.template.render("{{range 1000000000}}x{{end}}"),
    "deep ifs": () => engine.template.render(nested("{{if true}}", "x", "{{end}}", 20_000)),
    "deep parentheses": () => engine.template.render(`{{${nested("(", "1", ")", 20_000)}}}`),
    "a huge width": () => engine.template.render('{{printf "%999999999d" 1}}'),
    "deep data": () => engine.template.render("{{json .}}", JSON.parse(nested("[", "", "]", 5000))),
    "deep variables": () => engine.dockerfile.expand(nested("${a:-", "x", "}", 20_000)),
    "deep ONBUILD": () => engine.dockerfile.check(`FROM a\n${"ONBUILD ".repeat(20_000)}RUN x\n`),
    "deep JSON in CMD": () => engine.dockerfile.check(`FROM a\nCMD ${nested("[", "1", "]", 20_000)}\n`),
    "a deep shell command": () => engine.dockerfile.check(`FROM a\nRUN ${nested("(", "x", ")", 20_000)}\n`),
    "deep command substitution": () => engine.dockerfile.check(`FROM a\nRUN ${nested("$(", "x", ")", 20_000)}\n`),
    "a deep pattern": () => engine.ignore.ignores(`${nested("[", "a", "]", 20_000)}\n`, ["a"]),
    "a thousand stages": () => engine.graph.dockerfile(Array.from({ length: 1000 }, (_, i) => `FROM ${i ? `s${i - 1}` : "a"} AS s${i}\n`).join("")),
    "many edges": () => engine.graph.dockerfile(`${Array.from({ length: 300 }, (_, i) => `FROM a AS s${i}\n`).join("")}FROM b\n${Array.from({ length: 300 }, (_, i) => `COPY --from=s${i} /a /\n`).join("")}`),
    "a long line": () => engine.dockerfile.format(`FROM a\nRUN ${"x ".repeat(500_000)}\n`),
    "a reference of a megabyte": () => engine.reference.parse("a/".repeat(500_000)),
    "a stage that needs itself": () => engine.createStore().build("FROM b AS a\nFROM a AS b\nCOPY --from=1 / /\n"),
  };
  for (const [what, work] of Object.entries(cases)) survives(work, what);
});

test("no sequence of bytes breaks a question about text", () => {
  const random = numbers(99);
  const words = ["FROM a AS b\n", "RUN ", "COPY --from=b ", "<<E\n", "E\n", "\\\n", "# ", "ARG x=", "${x:-", "}", '"', "'", "[", "]", "\u{1f600}", "\ud800", "\0", "{{", "}}", "é", "--mount=type=", "\t", "$(", "&& ", "@sha256:", "*", "**/", "!"];
  for (let round = 0; round < 300; round++) {
    let text = "";
    for (let i = random.next().value % 30; i > 0; i--) text += words[random.next().value % words.length];
    const at = random.next().value % (text.length + 2);
    for (const [module, name, ...args] of [
      ["dockerfile", "parse", text], ["dockerfile", "stages", text], ["dockerfile", "check", text], ["dockerfile", "fixAll", text], ["dockerfile", "report", text],
      ["dockerfile", "format", text], ["dockerfile", "complete", text, at], ["dockerfile", "hover", text, at], ["dockerfile", "rename", text, at, "z"],
      ["dockerfile", "references", text, at], ["dockerfile", "tokens", text], ["dockerfile", "symbols", text], ["dockerfile", "expand", text, { x: text }],
      ["template", "render", text, { x: 1 }], ["template", "format", `table ${text}`, [{ x: 1 }]], ["reference", "parse", text], ["ignore", "ignores", text, [text, "a/b"]],
      ["graph", "dockerfile", text], ["units", "ramInBytes", text],
    ]) {
      survives(() => engine[module][name](...args), `${module}.${name}(${JSON.stringify(args)})`);
    }
  }
});
