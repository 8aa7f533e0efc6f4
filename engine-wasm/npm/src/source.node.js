// Archives by their paths, in Node.js: a string is a path, a URL one of a file.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { addOpener } from "./source.js";

addOpener((from) => {
  if (typeof from !== "string" && !(from instanceof URL)) return undefined;
  const file = openSync(from, "r");
  let open = true;
  const close = () => {
    if (open) closeSync(file);
    open = false;
  };
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw Object.assign(new Error(`${from}: not a regular file`), { code: "EISDIR" });
    const read = (offset, length) => {
      const buffer = new Uint8Array(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
    };
    return { size: stat.size, read, close };
  } catch (error) {
    close();
    throw error;
  }
});
