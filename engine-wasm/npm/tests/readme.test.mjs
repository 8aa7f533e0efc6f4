// The README's examples run, and print what it says they print.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { example } from "./fixtures.mjs";
import { load, packageDir, project } from "./support.mjs";

const { engine } = await load();
const dir = project();
writeFileSync(join(dir, "image.tar"), example(engine));

const blocks = [...readFileSync(join(packageDir, "README.md"), "utf8").matchAll(/^```js\n(.*?)^```\n\n```text\n(.*?)^```$/gms)];

test("there are examples", () => assert.ok(blocks.length >= 5));

for (const [index, [, script, expected]] of blocks.entries()) {
  test(`example ${index + 1}: ${script.match(/^(?:const|for|console).*$/m)?.[0]}`, () => {
    const file = join(dir, `example-${index}.mjs`);
    writeFileSync(file, script);
    assert.equal(execFileSync(process.execPath, [file], { cwd: dir, encoding: "utf8", timeout: 30_000 }), expected);
  });
}
