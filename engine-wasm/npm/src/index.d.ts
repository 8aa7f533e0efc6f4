/**
 * Dockerfiles, Go templates, image references and container images, without a server.
 *
 * Call {@link init} once in a browser; in Node.js the import has done it. Everything here is synchronous; `@slipway/engine-wasm/worker`
 * has the same functions with promises, in a Worker.
 */

/**
 * Where the engine's module is: an address, what `fetch` gave (or a promise of it), its bytes, packed (`engine.wasm.lzma`) or not, or a
 * `WebAssembly.Module`.
 */
export type ModuleSource = string | URL | ArrayBuffer | ArrayBufferView | object;

/** Starts the engine in a browser; nothing works before. In Node.js it does nothing. Default: the module beside the script. */
export declare function init(from?: ModuleSource): Promise<void>;

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
  /**
   * `cancelled`, `limit` (more than is allowed here), `closed` (the image or store was), `terminated` (the Worker was), `worker` (it failed);
   * absent otherwise.
   */
  code?: "cancelled" | "limit" | "closed" | "terminated" | "worker";
  /** Which part of an archive: `the archive`, `layer sha256:…`, `manifest.json`. */
  file?: string;
  /** Where in it, in bytes. */
  offset?: number;
  /** Which entry of a tar, or which path. */
  entry?: string;
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

/** A stage: `FROM` and what follows. */
export interface Stage {
  base: Word;
  name: Word | null;
  platform: Word | null;
  /** What the comment above says of it: `# name description`. */
  comment: string;
  lines: [number, number];
  /** Of the `FROM`. */
  span: Span;
  instructions: TypedInstruction[];
}

/** A variable of `ARG`. */
export interface ArgVariable {
  name: Word;
  value: Word | null;
  comment: string;
}

interface InstructionPlace {
  /** On one line. */
  original: string;
  lines: [number, number];
  span: Span;
}
interface FileFields {
  paths: Word[];
  /** Here-documents. */
  contents: { name: Word; data: string; expand: boolean; span: Span }[];
  dest: Word;
  chown: Word | null;
  chmod: Word | null;
  link: boolean;
  excludes: Word[];
}
interface CommandFields {
  /** The exec form's words, or the whole line. */
  words: Word[];
  /** The shell form. */
  shell: boolean;
  /** Names of here-documents. */
  heredocs: string[];
}

/** What an instruction says. Quotes and variables are still in the words; times are nanoseconds. */
export type InstructionFields =
  | ({ name: "ADD"; checksum: Word | null; keepGitDir: boolean | null; unpack: boolean | null } & FileFields)
  | ({ name: "COPY"; from: Word | null; parents: boolean } & FileFields)
  | { name: "ARG"; variables: ArgVariable[] }
  | { name: "ENV" | "LABEL"; pairs: { name: Word; value: Word }[] }
  | ({ name: "CMD" | "ENTRYPOINT" } & CommandFields)
  | ({ name: "RUN"; mounts: { spec: Word; fields: Word[]; from: string }[]; network: Word | null; security: Word | null } & CommandFields)
  | {
      name: "HEALTHCHECK";
      test: "none" | "shell" | "exec";
      words: Word[] | null;
      interval: number;
      timeout: number;
      startPeriod: number;
      startInterval: number;
      retries: number;
    }
  | { name: "ONBUILD"; expression: string; trigger: InstructionFields | null }
  | { name: "EXPOSE" | "SHELL" | "VOLUME"; words: Word[] }
  | { name: "MAINTAINER" | "STOPSIGNAL" | "USER" | "WORKDIR"; value: Word };
export type TypedInstruction = InstructionPlace & InstructionFields;

/** A Dockerfile's instructions, typed. */
export interface Program {
  /** `ARG`s above the first `FROM`. */
  args: ArgVariable[][];
  stages: Stage[];
  /** Faults of the syntax and of the instructions. */
  errors: SyntaxFault[];
}

/** A change of the text. */
export interface TextEdit {
  span: Span;
  text: string;
}

export type Severity = "style" | "info" | "warning" | "error";

/** What a check found. */
export interface Diagnostic {
  /** `StageNameCasing`, `DL3006`; empty for an error that stops the build. */
  rule: string;
  message: string;
  severity: Severity;
  /** Where more is to be read, or nothing. */
  url: string;
  span: Span;
  lines: [number, number];
  /** Ways to mend it; all edits of one are to be made together. */
  fixes: { title: string; edits: TextEdit[] }[];
}

/** What a check may know of the build. */
export interface BuildFacts {
  /** `--target` */
  target?: string;
  /** `--build-arg` */
  buildArgs?: Record<string, string>;
  /** The text of `.dockerignore`. */
  dockerignore?: string;
}

export interface CheckOptions extends BuildFacts {
  /** Those of `docker build --check`, those of hadolint, or both. Default: `all`. */
  rules?: "all" | "buildkit" | "hadolint";
  /** Rules that do not count. */
  ignore?: string[];
}

/** A rule of either set. */
export interface Rule {
  rule: string;
  set: "buildkit" | "hadolint";
  /** None for a rule that is off unless it is asked for. */
  severity: Severity | null;
  message: string;
  /** Why it matters, in a paragraph of Markdown. */
  explanation: string;
  url: string;
  onByDefault: boolean;
}

/** How the formatter lays out. */
export interface FormatOptions {
  /** Of instructions. Default: `upper`. */
  case?: "upper" | "lower" | "keep";
  /** Columns before a continued line. */
  indent?: number;
  /** Empty lines that may follow each other. */
  blankLines?: number;
  /** Indents the lines of shell commands, too. */
  shellIndent?: boolean;
}

/** An offer at a place. */
export interface Completion {
  label: string;
  insert: string;
  kind: "keyword" | "flag" | "value" | "option" | "stage" | "variable" | "directive";
  detail: string;
  /** Markdown. */
  doc: string;
}

/** A line of an outline. */
export interface DocumentSymbol {
  name: string;
  detail: string;
  kind: "stage" | "instruction";
  span: Span;
  selection: Span;
  children: DocumentSymbol[];
}

export type TokenKind =
  | ("keyword" | "directive" | "comment" | "flag" | "string" | "number")
  | ("variable" | "property" | "stage" | "operator" | "heredocDelimiter" | "heredoc");

export interface DockerfileModule {
  /** Parses as BuildKit does. Never throws for a fault in the text: `errors` has them. */
  parse(text: string): Dockerfile;
  /** The instructions with fields of their own, grouped by stage, as far as they can be read. */
  stages(text: string): Program;
  /** Checks, in the order of their places. An error of the build is found as well. @throws {EngineError} for a bad `.dockerignore`. */
  check(text: string, options?: CheckOptions): Diagnostic[];
  /** Makes the first fix of everything that has one, until nothing is left to fix. */
  fixAll(text: string, options?: CheckOptions): string;
  /** What `docker build --check` prints, to its two streams. `name` is the file's; it stops at the first error, as BuildKit does. */
  report(text: string, options?: BuildFacts & { name?: string; format?: "text" }): { output: string; errors: string };
  /** The same as BuildKit's JSON. */
  report(text: string, options: BuildFacts & { name?: string; format: "json" }): { [key: string]: Json };
  /** Every rule. */
  rules(): Rule[];
  /** Why a rule matters; `undefined` for a name that is none. */
  explain(rule: string): string | undefined;
  /** Lays a file out anew without changing what it means. @throws {EngineError} the first fault of its syntax. */
  format(text: string, options?: FormatOptions): string;
  /** Whether two files are the same to a build. */
  sameMeaning(one: string, other: string): boolean;
  /** What may stand at a place. */
  complete(text: string, offset: number): { replace: Span; items: Completion[] };
  /** Markdown about what stands at a place. */
  hover(text: string, offset: number): { span: Span; text: string } | undefined;
  /** Where the stage or variable at a place is defined. */
  definition(text: string, offset: number): Span | undefined;
  /** Every place of the stage or variable at a place. */
  references(text: string, offset: number): Span[];
  /** What to select, from the smallest to the whole. */
  selection(text: string, offset: number): Span[];
  /** The name at a place that can be changed. @throws {EngineError} when there is none. */
  renameRange(text: string, offset: number): Span;
  /** Changes a stage's or variable's name everywhere. @throws {EngineError} when that cannot be, or would change what the file means. */
  rename(text: string, offset: number, newName: string): TextEdit[];
  /** What can be folded, in lines from 1. */
  folds(text: string): { lines: [number, number]; kind: "stage" | "instruction" | "heredoc" | "comment" }[];
  /** An outline. */
  symbols(text: string): DocumentSymbol[];
  /** What each word is, for colours. They do not overlap. */
  tokens(text: string): { kind: TokenKind; span: Span }[];
  /** The place of the instruction on a line, counted from 1. */
  instructionAtLine(text: string, line: number): Span | undefined;
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
  /** Aligns cells that are ended by tabs, as Go's `text/tabwriter`; by default with the settings of docker's tables. */
  table(text: string, options?: TableOptions): string;
}

/** How {@link TemplateModule.table} aligns. */
export interface TableOptions {
  /** The least width of a column. Default: 10. */
  minWidth?: number;
  /** What a tab is worth. Default: 1. */
  tabWidth?: number;
  /** Added to the widest cell. Default: 3. */
  padding?: number;
  /** What fills; a tab aligns to multiples of `tabWidth`. Default: a space. */
  padChar?: string;
  alignRight?: boolean;
  /** `<tags>` take no room and `&entities;` one column. */
  html?: boolean;
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

// Ignore files

export interface IgnoreModule {
  /** The patterns of a `.dockerignore`, as BuildKit reads them. @throws {EngineError} */
  patterns(text: string): string[];
  /** Whether each path, or a directory it is in, is left out. @throws {EngineError} for a bad pattern. */
  ignores(text: string, paths: string[]): boolean[];
  /** As a walk over a tree asks, parents before what is in them: `descend` is a directory left out in which something may be kept. */
  walk(text: string, entries: { path: string; directory?: boolean }[]): ("keep" | "ignore" | "descend")[];
}
export declare const ignore: IgnoreModule;

// Graphs

/** What a graph is written as; `json` is a text, too. Default: `svg`. */
export type GraphFormat = "svg" | "dot" | "mermaid" | "json";

/** The Engine API's answers to draw. */
export interface EngineState {
  /** `GET /images/json` */
  images?: unknown;
  /** `GET /images/ID/json` of each. */
  inspects?: unknown[];
  /** `GET /images/ID/history` by id. */
  histories?: Record<string, unknown>;
  /** `GET /containers/json?all=1` */
  containers?: unknown;
}

export interface GraphModule {
  /** The stages of a Dockerfile and what they take from each other. */
  dockerfile(text: string, options?: { format?: GraphFormat; target?: string; buildArgs?: Record<string, string>; instructions?: boolean }): string;
  /** Images, the layers they share, tags and containers. @throws {EngineError} for a graph that is too large. */
  engine(state: EngineState, options?: { format?: GraphFormat }): string;
}
export declare const graph: GraphModule;

// Images

/** Bytes that can be read at any place, at once. */
export interface Source {
  size: number;
  /** At most `length` bytes, at least one unless it is the end. */
  read(offset: number, length: number): Uint8Array;
}

/** Where an archive is: its bytes, an object that reads them, a path or file URL in Node.js, a Blob or File in a Worker of a browser. */
export type ArchiveSource = ArrayBuffer | ArrayBufferView | Source | string | URL | Blob;

export interface Progress {
  /** Bytes of the archive that were read. */
  done: number;
  /** Bytes of it to read for this answer. */
  total: number;
}

export interface Watched {
  /** Told from time to time; where it returns `false`, the work stops with an error of code `cancelled`. */
  onProgress?: (progress: Progress) => void | boolean;
}

/** Which image of an archive; the first that fits where nothing is said. */
export interface Choice extends Watched {
  /** A name (`debian:12`), an id or the beginning of one. */
  image?: string;
  /** `linux/arm64` */
  platform?: string;
}

export interface ArchiveImage {
  names: string[];
  /** `sha256:…` of its configuration. */
  id: string;
  /** Its manifest's digest; none in an archive of docker before 25. */
  manifest: string | null;
  platform: string;
  layers: { diffId: string | null; digest: string | null; mediaType: string | null; stored: number; present: boolean }[];
  annotations: Record<string, string>;
  attestations: { digest: string; statements: { predicateType: string | null; digest: string; size: number }[] }[];
}

export interface ArchiveList {
  /** Has a `manifest.json`. */
  docker: boolean;
  /** Has an `index.json`. */
  oci: boolean;
  images: ArchiveImage[];
  /** Images that an index names and the archive does not have. */
  absent: { names: string[]; digest: string; platform: string | null; file: string }[];
  /** What is wrong with it and did not keep it from being read. */
  problems: string[];
}

/** A step of an image's history. */
export interface Step {
  /** Which history entry, from the oldest. */
  history: number;
  /** Which layer it made, from the lowest. */
  layer: number | null;
  builder: "classic" | "buildkit" | "other";
  /** `RUN`; empty where it cannot be told. */
  instruction: string;
  arguments: string;
  /** The Dockerfile's lines, where one was given and they were found. */
  lines: [number, number] | null;
}

export interface LayerSummary {
  diffId: string | null;
  digest: string | null;
  /** Bytes in the archive. */
  stored: number;
  /** Bytes of its files. */
  size: number;
  entries: number;
  /** How many paths it adds, changes, has again unchanged, removes. */
  added: number;
  changed: number;
  repeated: number;
  removed: number;
  /** The instruction that made it. */
  step: string | null;
}

export interface FileEntry {
  name: string;
  path: string;
  kind: "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo" | "other";
  size: number;
  /** The lower twelve bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Seconds since 1970. */
  mtime: number;
  /** A link's target. */
  link: string | null;
  /** The layer that it is from, from the lowest. */
  layer: number | null;
  /** What the topmost layer that was asked for did to it. */
  mark: "unchanged" | "added" | "changed" | "repeated" | "removed";
  /** Removed, and listed because `removed` asked for it. */
  gone: boolean;
}

export interface Efficiency {
  /** 1 is best. */
  score: number;
  /** Bytes of paths that several layers have, every copy counted. */
  wasted: number;
  size: number;
  /** Bytes of all layers but the lowest. */
  user_size: number;
  wasted_user: number;
  paths: { path: string; size: number; count: number; removed: boolean; layers: number[] }[];
}

/** A file that looks like a secret. */
export interface Secret {
  path: string;
  what: string;
  size: number;
  layer: number;
  instruction: string | null;
  /** The layer that removes or replaces it; it is in the archive all the same. */
  hidden_by: number | null;
}

export interface Verification {
  /** Nothing is wrong. */
  good: boolean;
  checks: { subject: string; name: string; expected: string; failure: string | null }[];
}

export interface ImageDiff {
  shared: string[];
  /** How many layers both begin with. */
  common_base: number;
  only_first: string[];
  only_second: string[];
  config: { key: string; before: Json; after: Json }[];
  files: { path: string; difference: "added" | "removed" | "changed"; what: string[]; before: number | null; after: number | null }[];
}

/** The questions that an archive answers. Layers are read when a question needs them, once. Every answer may be an {@link EngineError}. */
export interface ImageQuestions {
  /** What is in the archive; no layer is read. */
  list(options?: Watched): ArchiveList;
  /** What `docker image inspect` shows. */
  inspect(options?: Choice): { [key: string]: Json };
  /** The image's configuration. */
  config(options?: Choice): { [key: string]: Json };
  /** What `GET /images/ID/history` gives: newest first, with `template.list` for docker's table. */
  history(options?: Choice): { [key: string]: Json }[];
  /** History, layers and, with a `dockerfile`, its lines, brought together. */
  steps(options?: Choice & { dockerfile?: string; target?: string }): Step[];
  /** What each layer holds and did, the lowest first. */
  layers(options?: Choice): LayerSummary[];
  /** A directory of the image, or of what it is up to `layer`; with `removed`, also what that layer removes. */
  tree(path: string, options?: Choice & { layer?: number; removed?: boolean }): FileEntry[];
  /** Files whose path has the text, or fits the pattern. `limit`: 1000 by default. */
  search(pattern: string, options?: Choice & { limit?: number }): FileEntry[];
  /** Wasted space, as dive counts it. */
  efficiency(options?: Choice): Efficiency;
  /** Files that look like secrets, in any layer. */
  secrets(options?: Choice): Secret[];
  /** Compares every digest, diff id and size. */
  verify(options?: Watched): Verification;
  /** The archive's images and the layers they share. */
  graph(options?: Watched & { format?: GraphFormat }): string;
  /** A file's content, links followed; no more than `most` bytes (64 MiB by default). */
  file(path: string, options?: Choice & { most?: number }): Uint8Array;
}

/** An opened archive of `docker save`, or an OCI layout's, compressed or not. */
export declare class Image implements ImageQuestions {
  /** Indexes the archive; no layer is read. */
  constructor(from: ArchiveSource, options?: Watched);
  list: ImageQuestions["list"];
  inspect: ImageQuestions["inspect"];
  config: ImageQuestions["config"];
  history: ImageQuestions["history"];
  steps: ImageQuestions["steps"];
  layers: ImageQuestions["layers"];
  tree: ImageQuestions["tree"];
  search: ImageQuestions["search"];
  efficiency: ImageQuestions["efficiency"];
  secrets: ImageQuestions["secrets"];
  verify: ImageQuestions["verify"];
  graph: ImageQuestions["graph"];
  file: ImageQuestions["file"];
  /** What differs between an image of this archive and one of another, or of the same. */
  diff(other: Image, options?: DiffOptions): ImageDiff;
  /** Gives the memory back. */
  close(): void;
}
export declare function openImage(from: ArchiveSource, options?: Watched): Image;

export interface DiffOptions extends Choice {
  otherImage?: string;
  otherPlatform?: string;
}

// The store

/** A file of a build's context. */
export type ContextFile = Content | { content: Content; mode?: number } | { symlink: string } | { directory: true; mode?: number };
export type Content = string | ArrayBuffer | ArrayBufferView;

export interface BuildOptions {
  tags?: string[];
  target?: string;
  buildArgs?: Record<string, string>;
  labels?: Record<string, string>;
  /** `linux/arm64` */
  platform?: string;
  /** Seconds since 1970 that everything gets for its time (`SOURCE_DATE_EPOCH`). Default: 0. */
  epoch?: number;
  /** The text of an ignore file of its own, instead of the context's `.dockerignore`. */
  ignore?: string;
}

export interface StoreQuestions {
  /** As `GET /images/json`. */
  list(): { [key: string]: Json }[];
  /** As `GET /images/NAME/json`. */
  inspect(image: string): { [key: string]: Json };
  /** As `GET /images/NAME/history`. */
  history(image: string): { [key: string]: Json }[];
  /** Bytes of all layers' files. */
  diskUsage(): number;
  /** `docker tag` */
  tag(image: string, name: string): void;
  /** `docker rmi`; gives the lines it prints. */
  remove(image: string, options?: { force?: boolean }): string[];
}

/** Images in memory. */
export declare class Store implements StoreQuestions {
  constructor();
  list: StoreQuestions["list"];
  inspect: StoreQuestions["inspect"];
  history: StoreQuestions["history"];
  diskUsage: StoreQuestions["diskUsage"];
  tag: StoreQuestions["tag"];
  remove: StoreQuestions["remove"];
  /** `docker load`; gives the lines it prints. Layers are decompressed and kept. */
  load(from: ArchiveSource, options?: Watched): string[];
  /** `docker save`, the same bytes each time. */
  save(images: string | string[], options?: { format?: "docker" | "oci" }): Uint8Array;
  /**
   * Builds for real, as long as nothing has to run: the same input gives the same digests everywhere. `downloads` are what `ADD URL` gets, by URL.
   * @throws {EngineError} with the line and place in the Dockerfile.
   */
  build(dockerfile: string, files?: Record<string, ContextFile>, options?: BuildOptions & { downloads?: Record<string, Content> }): { id: string; layers: string[] };
  /** Gives the memory back. */
  close(): void;
}
export declare function createStore(): Store;
