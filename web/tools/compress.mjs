// Writes a .br and a .gz beside every file of a folder that gains by it: node web/tools/compress.mjs FOLDER
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const [, , folder] = process.argv;
const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile() && /\.(css|html|js|svg|wasm)$/.test(entry.name));
await Promise.all(
  files.map(async (entry) => {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const content = await readFile(file);
    const options = {
      [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
      [zlib.constants.BROTLI_PARAM_LGWIN]: 22,
      [zlib.constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    };
    const packed = [
      [".br", await brotli(content, { params: options })],
      [".gz", await gzip(content, { level: 9 })],
    ];
    for (const [suffix, data] of packed) {
      if (data.length < content.length * 0.95) await writeFile(file + suffix, data);
    }
  }),
);
