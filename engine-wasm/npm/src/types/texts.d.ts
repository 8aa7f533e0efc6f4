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
export type ListKind = "container" | "history" | "image" | "network" | "volume";

/** How {@link TemplateModule.list} lists. Switches are off by default. */
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
  /** `docker history --human`, which alone is on by default. */
  human?: boolean;
}

export interface TemplateModule {
  /** Runs a Go template over data. @throws {EngineError} with Go's text and place. */
  render(text: string, data?: unknown, options?: TemplateOptions): string;
  /**
   * A `--format` over any data: a template, `table TEMPLATE` (a row for each element of an array, under headings), or `json`.
   * @throws {EngineError} as `render`, and for `raw` and `pretty`, which only docker's own commands have.
   */
  format(format: string, data?: unknown, options?: TemplateOptions): string;
  /**
   * What `docker ps`, `images`, `history`, `network ls` and `volume ls` print of the Engine API's answer.
   * `format` is what `--format` takes; the empty string gives the usual table. @throws {EngineError} with Go's text.
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

