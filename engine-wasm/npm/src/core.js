// The package on top of the WebAssembly module's few exports: names, objects and errors as JavaScript has them.
import * as wasm from "engine-wasm-bound";
import { unpack } from "./unpack.js";

/** Where and of what kind an error is; most have some of these. */
const FIELDS = ["line", "column", "span", "code", "file", "offset", "entry"];

/** What the engine refused, and where. */
export class EngineError extends Error {
  constructor(fields) {
    super(fields.message);
    this.name = "EngineError";
    for (const field of FIELDS) {
      if (fields[field] !== undefined) this[field] = fields[field];
    }
  }
  /** The fields as a plain object, for a message to another thread. */
  toJSON() {
    const fields = { message: this.message };
    for (const field of FIELDS) fields[field] = this[field];
    return fields;
  }
}

let ready = false;
let module;
/** The module as it was compiled, for another Worker. */
export const compiled = () => module;
/** A module's bytes, which the package has compressed. */
function unpacked(bytes) {
  const view = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
  return view[0] === 0 ? view : unpack(view);
}
/** Starts the module from its bytes at once. */
export function startSync(bytes) {
  if (!ready) wasm.initSync({ module: unpacked(bytes) });
  ready = true;
}
async function begin(from) {
  module = await from();
  if (!(module instanceof WebAssembly.Module)) {
    let bytes = module;
    if (!(bytes instanceof ArrayBuffer) && !ArrayBuffer.isView(bytes)) {
      const response = bytes instanceof Response ? bytes : await fetch(bytes);
      if (!response.ok) throw new Error(`fetching the engine's module: ${response.status} ${response.url}`);
      bytes = await response.arrayBuffer();
    }
    module = await WebAssembly.compile(unpacked(bytes));
  }
  return wasm.default({ module_or_path: module });
}
let starting;
/** Starts the module from what a function gives: an address, a response, bytes, or a compiled module. */
export function start(from) {
  if (ready) return Promise.resolve();
  starting ??= begin(from).then(
    () => {
      ready = true;
    },
    (error) => {
      starting = undefined;
      throw error;
    },
  );
  return starting;
}

/** Runs an export of the module; what it throws as JSON is thrown as an {@link EngineError}. */
export function guarded(work) {
  if (!ready) throw new EngineError({ message: "the engine has not been started: `await init()` first" });
  try {
    return work();
  } catch (error) {
    throw typeof error === "string" ? new EngineError(JSON.parse(error)) : error;
  }
}

/** Arguments as JSON. Half a surrogate pair, which is no text, becomes U+FFFD. */
export function encode(args) {
  let json;
  try {
    json = JSON.stringify(args);
  } catch (error) {
    if (error instanceof RangeError) throw new EngineError({ message: "the arguments are nested too deeply", code: "limit" });
    throw error;
  }
  if (!/\\ud[89a-f]/.test(json)) return json;
  return JSON.stringify(args, (_, value) => (typeof value === "string" ? value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd") : value));
}

export function decode(json) {
  return json === undefined ? undefined : (JSON.parse(json) ?? undefined);
}

/** A listing's arguments without the fields that it will not look at. */
function shown([kind, format, data, ...rest]) {
  if (kind === "container" && Array.isArray(data)) {
    const unread = Object.fromEntries(call("template.unread", [format]).map((field) => [field, undefined]));
    data = data.map((row) => ({ ...row, ...unread }));
  }
  return [kind, format, data, ...rest];
}

const utf8 = new TextEncoder();
/** Calls a function of the engine by its name. */
export function call(name, args) {
  return guarded(() => decode(wasm.call(name, utf8.encode(encode(name === "template.list" ? shown(args) : args)))));
}

/** Every function that takes data and gives data. */
const FUNCTIONS = {
  dockerfile: [
    ...["parse", "stages", "dump", "expand", "words", "check", "fixAll", "report", "rules", "explain", "format", "sameMeaning", "complete", "hover"],
    ...["definition", "references", "selection", "renameRange", "rename", "folds", "symbols", "tokens", "instructionAtLine"],
  ],
  template: ["render", "format", "list", "table"],
  ignore: ["patterns", "ignores", "walk"],
  graph: ["dockerfile", "engine"],
  reference: ["parse", "parseRaw", "parseCanonical", "parseDocker", "parseAny", "matches", "glob", "validateDigest"],
  units: ["humanSize", "bytesSize", "humanDuration", "fromHumanSize", "ramInBytes"],
};

/** The modules as objects of functions, each of which passes its name and arguments on. */
export function modules(pass) {
  const out = {};
  for (const [module, names] of Object.entries(FUNCTIONS)) {
    out[module] = Object.freeze(Object.fromEntries(names.map((name) => [name, (...args) => pass(`${module}.${name}`, args)])));
  }
  return out;
}

export const { dockerfile, graph, ignore, reference, template, units } = modules(call);
