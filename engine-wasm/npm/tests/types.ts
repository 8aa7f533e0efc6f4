// Compiled by types.test.mjs, not run.
import { EngineError, createStore, dockerfile, graph, ignore, init, openImage, reference, template, units } from "@slipway/engine-wasm";
import type { Diagnostic, FileEntry, TypedInstruction } from "@slipway/engine-wasm";
import { createWorker } from "@slipway/engine-wasm/worker";
import type { RemoteImage } from "@slipway/engine-wasm/worker";

await init();
const found: Diagnostic[] = dockerfile.check("FROM a\n", { rules: "hadolint", ignore: ["DL3006"], buildArgs: { A: "b" } });
const rule: string | undefined = dockerfile.explain(found[0]?.rule ?? "");
for (const stage of dockerfile.stages("FROM a\n").stages) {
  stage.instructions.forEach((instruction: TypedInstruction) => {
    if (instruction.name === "COPY") console.log(instruction.from?.text, instruction.dest.span.start);
    // @ts-expect-error WORKDIR has a value and no words.
    if (instruction.name === "WORKDIR") console.log(instruction.words);
  });
}
const json: Record<string, unknown> = dockerfile.report("FROM a\n", { format: "json" });
const streams: { output: string; errors: string } = dockerfile.report("FROM a\n");
// @ts-expect-error there is no such option.
dockerfile.format("FROM a\n", { indnt: 2 });

const image = openImage(new Uint8Array());
const entries: FileEntry[] = image.tree("/", { layer: 1, onProgress: ({ done, total }) => done < total });
const bytes: Uint8Array = image.file("/a", { most: 10 });
image.diff(image, { image: "a", otherImage: "b" }).files.map(({ difference }) => difference satisfies "added" | "removed" | "changed");
const store = createStore();
const { id } = store.build("FROM scratch\n", { a: "x", b: { content: new Uint8Array(), mode: 0o755 }, c: { symlink: "a" }, d: { directory: true } }, { tags: ["a"] });
store.save(id, { format: "oci" }) satisfies Uint8Array;

const engine = createWorker();
const remote: RemoteImage = await engine.openImage(new Blob([]), { signal: AbortSignal.timeout(1000) });
const layers = await remote.layers({ platform: "linux/arm64", signal: AbortSignal.timeout(1000), onProgress: ({ done }) => console.log(done) });
const size: number | null = layers[0].size;
const lines: string[] = await (await engine.createStore()).load(new Blob([]), { onProgress: () => {} });
const told: Record<string, unknown> = await engine.dockerfile.report("FROM a\n", { format: "json" });
const both: { output: string; errors: string } = await engine.dockerfile.report("FROM a\n");
// @ts-expect-error a number is no text.
engine.units.bytesSize("1");
const text: string = await engine.template.render("{{.}}", 1);
const marks: string = await engine.graph.dockerfile("FROM a\n", { format: "mermaid" });
try {
  reference.parse("A");
} catch (error) {
  if (error instanceof EngineError) console.log(error.line, error.code === "limit", error.file);
}
console.log(told, both, rule, json, streams, entries, bytes, size, lines, text, marks, units.bytesSize(1), ignore.ignores("a", ["a"]), graph.engine({}), template.table("a\tb"));
