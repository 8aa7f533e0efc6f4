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
  /** Bytes of its files; null where the layer cannot be read. */
  size: number | null;
  entries: number | null;
  /** How many paths it adds, changes, has again unchanged, removes; null above a layer that cannot be read, too. */
  added: number | null;
  changed: number | null;
  repeated: number | null;
  removed: number | null;
  /** The instruction that made it. */
  step: string | null;
  /** Why it cannot be read: it is missing, or broken. */
  failure: string | null;
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
  /** What is wrong with its documents besides, as in {@link ArchiveList}. */
  problems: string[];
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
  /** What `docker image inspect` shows; without `Size` where a layer cannot be read, or when `sizes` is false: then no layer is. */
  inspect(options?: Choice & { sizes?: boolean }): { [key: string]: Json };
  /** The image's configuration. */
  config(options?: Choice): { [key: string]: Json };
  /** What `GET /images/ID/history` gives: newest first. Sizes are as those of `inspect`. */
  history(options?: Choice & { sizes?: boolean }): { [key: string]: Json }[];
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
  /** A file's content, links followed; no more than its first `most` bytes. @throws {EngineError} beyond 384 MiB, with the code `limit`. */
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

