// The declarations fit what programs write: `types.ts` compiles, and so do both declaration files by themselves.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { load, project } from "./support.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

for (const [what, settings] of Object.entries({
  "Node.js": { module: "nodenext", lib: ["es2023"], types: ["node"] },
  browsers: { module: "esnext", moduleResolution: "bundler", lib: ["es2023", "dom"], types: [] },
})) {
  test(`programs for ${what} compile`, () => {
    const dir = project();
    copyFileSync(here("types.ts"), join(dir, "types.mts"));
    mkdirSync(join(dir, "node_modules"), { recursive: true });
    for (const name of ["@types", "undici-types"]) symlinkSync(here(`../node_modules/${name}`), join(dir, "node_modules", name));
    writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: { noEmit: true, strict: true, target: "es2022", skipLibCheck: false, ...settings }, files: ["types.mts"] }));
    const tsc = spawnSync(process.execPath, [here("../node_modules/typescript/bin/tsc"), "--project", dir], { cwd: dir, encoding: "utf8" });
    assert.equal(tsc.stdout + tsc.stderr, "");
    assert.equal(tsc.status, 0);
  });
}

test("what the declarations name is there, and what is there is named", async () => {
  const { engine, worker } = await load();
  const { readFileSync } = await import("node:fs");
  const { packageDir } = await import("./support.mjs");
  const declared = (file) => [...readFileSync(join(packageDir, file), "utf8").matchAll(/^export declare (?:const|class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(engine).sort(), declared("index.d.ts").sort());
  assert.deepEqual(Object.keys(worker).sort(), [...declared("worker.d.ts"), "EngineError"].sort());
  const text = readFileSync(join(packageDir, "index.d.ts"), "utf8");
  for (const [module, name] of [["dockerfile", "DockerfileModule"], ["template", "TemplateModule"], ["reference", "ReferenceModule"], ["units", "UnitsModule"], ["ignore", "IgnoreModule"], ["graph", "GraphModule"]]) {
    const body = text.match(new RegExp(`export interface ${name} \\{(.*?)^\\}`, "ms"))[1];
    const methods = new Set([...body.matchAll(/^  (\w+)\(/gm)].map(([, method]) => method));
    assert.deepEqual(Object.keys(engine[module]).sort(), [...methods].sort(), module);
  }
});
