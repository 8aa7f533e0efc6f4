// The package on top of the WebAssembly module's few exports: names, objects and errors as JavaScript has them.
import * as wasm from "engine-wasm-bound";

/** What the engine refused, and where. */
export class EngineError extends Error {
  constructor(fields) {
    super(fields.message);
    this.name = "EngineError";
    for (const field of ["line", "column", "span", "code"]) {
      if (fields[field] !== undefined) this[field] = fields[field];
    }
  }
  /** The fields as a plain object, for a message to another thread. */
  toJSON() {
    const { message, line, column, span, code } = this;
    return { message, line, column, span, code };
  }
}

let ready = false;
/** Starts the module: from bytes or a compiled module at once, or from what `fetch` gives. */
export function startSync(module) {
  if (!ready) wasm.initSync({ module });
  ready = true;
}
let starting;
export function start(from) {
  if (ready) return Promise.resolve();
  starting ??= wasm.default({ module_or_path: from() }).then(
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
  const json = JSON.stringify(args);
  if (!/\\ud[89a-f]/.test(json)) return json;
  return JSON.stringify(args, (_, value) => (typeof value === "string" ? value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd") : value));
}

export function decode(json) {
  return json === undefined ? undefined : (JSON.parse(json) ?? undefined);
}

/** Calls a function of the engine by its name. */
export function call(name, args) {
  return guarded(() => decode(wasm.call(name, encode(args))));
}

/** Every function that takes data and gives data. */
const FUNCTIONS = {
  dockerfile: ["parse", "dump", "expand", "words"],
  template: ["render", "format", "list"],
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

export const { dockerfile, template, reference, units } = modules(call);
