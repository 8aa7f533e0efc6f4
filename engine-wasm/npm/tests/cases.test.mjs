// The engine in WebAssembly gives what it gives natively: the results in cases/ were made by native code, whose own test compares them too.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { load } from "./support.mjs";

const { engine, worker } = await load();
const inWorker = worker.createWorker();
after(() => inWorker.terminate());

const plain = (error) => {
  assert.ok(error instanceof engine.EngineError || error instanceof worker.EngineError, error.stack);
  return JSON.parse(JSON.stringify(error));
};

const dir = new URL("cases/", import.meta.url);
for (const file of readdirSync(dir)) {
  const cases = JSON.parse(readFileSync(new URL(file, dir), "utf8"));
  test(`${file}: ${cases.length} cases are as natively`, () => {
    for (const { call, args, result, error } of cases) {
      const [module, name] = call.split(".");
      let outcome;
      try {
        outcome = { result: engine[module][name](...args) ?? null };
      } catch (thrown) {
        outcome = { error: plain(thrown) };
      }
      assert.deepEqual(outcome, error ? { error } : { result }, `${call}(${JSON.stringify(args)})`);
    }
  });
  test(`${file}: and so they are in a worker`, async () => {
    const outcomes = await Promise.all(
      cases.map(({ call, args }) => {
        const [module, name] = call.split(".");
        return inWorker[module][name](...args).then((result) => ({ result: result ?? null }), (thrown) => ({ error: plain(thrown) }));
      }),
    );
    assert.deepEqual(outcomes, cases.map(({ result, error }) => (error ? { error } : { result })));
  });
}
