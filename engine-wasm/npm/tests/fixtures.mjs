// Archives for the tests, made by the engine's own store, and tars made by hand where they must be wrong.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** Two layers, a file that the second changes, a secret that it removes. */
export function example({ createStore }) {
  const store = createStore();
  store.build(
    'FROM scratch\nCOPY etc /etc\nCOPY motd /etc/motd\nENV GREETING=hello\nCMD ["/bin/hello"]\n',
    { "etc/motd": "old", motd: "hello\n" },
    { tags: ["example:1"] },
  );
  const archive = store.save("example:1");
  store.close();
  return archive;
}

/** An image with one layer of a size, of bytes that no compression could shrink. */
export function large({ createStore }, megabytes, seed = 1) {
  const content = new Uint32Array((megabytes << 20) / 4);
  let state = seed;
  for (let i = 0; i < content.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    content[i] = state;
  }
  const store = createStore();
  store.build("FROM scratch\nCOPY big /big\n", { big: content }, { tags: ["large:1"] });
  const archive = store.save("large:1");
  store.close();
  return archive;
}

/** A tar of `[name, content, {type, link, size}]`; `size` may lie. */
export function tar(entries) {
  const blocks = [];
  for (const [name, content = "", { type = "0", link = "", size } = {}] of entries) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const header = new Uint8Array(512);
    const put = (text, at) => header.set(new TextEncoder().encode(text), at);
    put(name.slice(0, 100), 0);
    put("0000644\x000000000\x000000000\x00", 100);
    put(`${(size ?? bytes.length).toString(8).padStart(11, "0")}\x00`, 124);
    put("00000000000\x00        ", 136);
    put(type, 156);
    put(link, 157);
    put("ustar\x0000", 257);
    const sum = header.reduce((a, b) => a + b, 0);
    put(`${sum.toString(8).padStart(6, "0")}\x00 `, 148);
    blocks.push(header, bytes, new Uint8Array((512 - (bytes.length % 512)) % 512));
  }
  blocks.push(new Uint8Array(1024));
  return Buffer.concat(blocks);
}

/** An archive of `docker save` with one image, whose layers are given as tars; compressed, and named as blobs by their digests, where asked. */
export function dockerArchive(layers, { names = ["made:1"], gzip = false, config = {}, blobs = false } = {}) {
  const document = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: layers.map((_, i) => `sha256:${String(i).padStart(64, "0")}`) }, ...config };
  const files = layers.map((layer, i) => [blobs ? `blobs/sha256/${createHash("sha256").update(layer).digest("hex")}` : `${i}/layer.tar`, gzip ? gzipSync(layer) : layer]);
  const manifest = [{ Config: "config.json", RepoTags: names, Layers: files.map(([name]) => name) }];
  return tar([["config.json", JSON.stringify(document)], ["manifest.json", JSON.stringify(manifest)], ...files]);
}

/** Numbers without order, the same each time. */
export function* numbers(seed = 1) {
  let state = seed;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}
