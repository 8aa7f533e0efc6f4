/**
 * Dockerfiles, Go templates, image references and container images, without a server.
 *
 * Call {@link init} once in a browser; in Node.js the import has done it. Everything here is synchronous; `@slipway/engine-wasm/worker`
 * has the same functions with promises, in a Worker.
 */

/** Starts the engine in a browser; nothing works before. In Node.js it does nothing. */
export declare function init(from?: RequestInfo | URL | Response | Promise<Response> | BufferSource | WebAssembly.Module): Promise<void>;

/** A place in a text, in UTF-16 units: `text.slice(span.start, span.end)`. */
export interface Span {
  start: number;
  /** After the last unit. */
  end: number;
}

/** What every function here throws when it refuses. The message is Docker's own (or Go's) where they have one. */
export declare class EngineError extends Error {
  name: "EngineError";
  /** The line of the text that was given, from 1. */
  line?: number;
  /** The column in that line, as the origin of the message counts. */
  column?: number;
  /** The place in the text. */
  span?: Span;
  /** `cancelled`, `terminated` (the Worker was), `worker` (it failed); absent otherwise. */
  code?: "cancelled" | "terminated" | "worker";
}

// Dockerfiles

/** A piece of an instruction as BuildKit takes it, and where it is written. */
export interface Word {
  text: string;
  span: Span;
}

/** A here-document. */
export interface Heredoc {
  /** The delimiter without quotes. */
  name: string;
  /** The number before `<<`, or 0. */
  fileDescriptor: number;
  /** Whether variables in it are expanded. */
  expand: boolean;
  /** `<<-`: leading tabs are dropped. */
  chomp: boolean;
  /** The lines as they stand. */
  content: string;
  span: Span;
}

/** An instruction as written. */
export interface Instruction {
  name: Word;
  /** Words beginning with `--`. */
  flags: Word[];
  /** The rest, cut by the instruction's grammar. `ENV` and `LABEL` give triples: name, value, `=` (or nothing). */
  args: Word[];
  /** Whether the arguments are a JSON array. */
  json: boolean;
  /** The instruction in an `ONBUILD`. */
  child: Instruction | null;
  heredocs: Heredoc[];
  /** On one line, without comments. */
  original: string;
  /** The comments right above. */
  comments: string[];
  /** First and last line, from 1. */
  lines: [number, number];
  span: Span;
}

/** `# name=value` at the top. */
export interface Directive {
  name: string;
  value: string;
  line: number;
  span: Span;
}

/** Something wrong with the syntax; a build stops at the first. */
export interface SyntaxFault {
  message: string;
  /** First and last line; 0 for a directive on the first line, as BuildKit counts. */
  lines: [number, number];
  span: Span;
}

/** A parsed Dockerfile. */
export interface Dockerfile {
  /** The escape character. */
  escape: "\\" | "`";
  directives: Directive[];
  instructions: Instruction[];
  warnings: { message: string; line: number }[];
  /** All faults, not only the first. */
  errors: SyntaxFault[];
}

/** How shell words are read. Every switch is off by default. */
export interface WordOptions {
  /** Default: a backslash. */
  escape?: "\\" | "`";
  /** Quotes stay. */
  rawQuotes?: boolean;
  /** Escapes stay. */
  rawEscapes?: boolean;
  /** Quotes mean nothing. */
  skipProcessQuotes?: boolean;
  /** A variable that is not set stays as written. */
  skipUnsetEnv?: boolean;
}

/** A word expanded. */
export interface Expansion {
  text: string;
  /** Variables it named that are set, by name. */
  matched: string[];
  /** And those that are not. */
  unmatched: string[];
}

export interface DockerfileModule {
  /** Parses as BuildKit does. Never throws for a fault in the text: `errors` has them. */
  parse(text: string): Dockerfile;
  /**
   * The syntax tree as BuildKit's parser dumps it, a line an instruction.
   * @throws {EngineError} the first fault.
   */
  dump(text: string): string;
  /**
   * Expands a word with quotes and variables (`${x:-y}`, `${x%.*}`, …) as instructions do.
   * @throws {EngineError} for an open quote or brace, or a bad modifier.
   */
  expand(word: string, env?: Record<string, string>, options?: WordOptions): Expansion;
  /**
   * Expands a text and cuts it into words.
   * @throws {EngineError} as `expand`.
   */
  words(text: string, env?: Record<string, string>, options?: WordOptions): string[];
}
export declare const dockerfile: DockerfileModule;

// Templates

/** Anything that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** How a template runs. The defaults are those of docker's list commands. */
export interface TemplateOptions {
  /** The name that errors show. Default: none, as docker's templates. */
  name?: string;
  /** What a missing key gives: `<no value>` (`default`, `zero`) or an error, as with `docker inspect`. */
  missingKey?: "default" | "zero" | "error";
  /** What type of Go numbers have. Default: `integer` where they are whole. */
  numbers?: "integer" | "float" | "text";
  /** What `null` is. Default: `untyped`, printed as `<no value>`. */
  nulls?: "untyped" | "emptyList";
  /** Functions beside Go's own. Default: `docker`. */
  functions?: "docker" | "go" | "dockerHeader";
  /** The order of keys that `json` writes. Default: `given`. */
  keyOrder?: "given" | "sorted";
  /** The Go type of the data, where a missing field is an error that names it: `*formatter.ContainerContext`. */
  rootType?: string;
  /** The most bytes of output. Default: 16 MiB. */
  maxOutput?: number;
  /** The most steps. Default: 5,000,000. */
  maxSteps?: number;
}

/** What docker lists. */
export type ListKind = "container" | "image" | "network" | "volume";

/** How {@link TemplateModule.list} lists. Every switch is off by default. */
export interface ListOptions {
  /** The present time in seconds since 1970, for `2 hours ago`. */
  now?: number;
  /** `--no-trunc` */
  noTrunc?: boolean;
  /** `--quiet` */
  quiet?: boolean;
  /** `docker ps --size` */
  size?: boolean;
  /** `docker images --digests` */
  digests?: boolean;
}

export interface TemplateModule {
  /**
   * Runs a Go template over data.
   * @throws {EngineError} with Go's text and place.
   */
  render(text: string, data?: unknown, options?: TemplateOptions): string;
  /**
   * A `--format` over any data: a template, `table TEMPLATE` (a row for each element of an array, under headings), or `json`.
   * @throws {EngineError} as `render`, and for `raw` and `pretty`, which only docker's own commands have.
   */
  format(format: string, data?: unknown, options?: TemplateOptions): string;
  /**
   * What `docker ps`, `docker images`, `docker network ls` or `docker volume ls` print of the Engine API's answer.
   * `format` is what `--format` takes; the empty string gives the usual table.
   * @throws {EngineError} with Go's text.
   */
  list(kind: ListKind, format: string, data: unknown, options?: ListOptions): string;
}
export declare const template: TemplateModule;

// References

/** An image's name. */
export interface Reference {
  /** The registry: `docker.io`. Empty only from `parseRaw`. */
  domain: string;
  /** The repository in it: `library/ubuntu`. */
  path: string;
  tag: string | null;
  /** `sha256:…` */
  digest: string | null;
  /** Registry and repository. */
  name: string;
  /** In full, with tag and digest: `docker.io/library/ubuntu:22.04`. */
  full: string;
  /** As people write it: `ubuntu`. */
  familiarName: string;
  /** The same with tag and digest. */
  familiar: string;
}

export interface ReferenceModule {
  /** Reads what one writes after `docker pull`; no tag is added. @throws {EngineError} */
  parse(text: string): Reference;
  /** Reads without adding what is missing. @throws {EngineError} */
  parseRaw(text: string): Reference;
  /** Reads a reference that must be in full. @throws {EngineError} */
  parseCanonical(text: string): Reference;
  /** As docker does: `latest` is added, and a digest replaces the tag. @throws {EngineError} */
  parseDocker(text: string): Reference;
  /** Reads an image id or digest as well. @throws {EngineError} */
  parseAny(text: string): Reference | { digestOnly: string };
  /** `--filter reference=PATTERN` @throws {EngineError} for a reference or pattern that is none. */
  matches(text: string, pattern: string): boolean;
  /** Go's `path.Match`. @throws {EngineError} for a bad pattern. */
  glob(pattern: string, text: string): boolean;
  /** @throws {EngineError} unless it is a digest. */
  validateDigest(digest: string): void;
}
export declare const reference: ReferenceModule;

// Units

export interface UnitsModule {
  /** `2.746MB`; `digits` significant digits, 4 by default (`docker images` has 3). */
  humanSize(bytes: number, digits?: number): string;
  /** `7.574GiB` */
  bytesSize(bytes: number): string;
  /** `About a minute` */
  humanDuration(seconds: number): string;
  /** `44kB` is 44000. @throws {EngineError} */
  fromHumanSize(size: string): number;
  /** `512m` is 536870912. @throws {EngineError} */
  ramInBytes(size: string): number;
}
export declare const units: UnitsModule;
