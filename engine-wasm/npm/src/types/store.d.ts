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
  /**
   * `docker load`; gives the lines it prints. Layers are decompressed and kept. Of several platforms one is loaded: `platform` (`linux/arm64`), or else
   * `linux/amd64`, or else the archive's first.
   */
  load(from: ArchiveSource, options?: Watched & { platform?: string }): string[];
  /** `docker save`, the same bytes each time. */
  save(images: string | string[], options?: { format?: "docker" | "oci" }): Uint8Array;
  /**
   * Builds for real, as long as nothing has to run: the same input gives the same digests everywhere. `downloads` are what `ADD URL` gets, by URL.
   * @throws {EngineError} with its place in the Dockerfile.
   */
  build(dockerfile: string, files?: Record<string, ContextFile>, options?: BuildOptions & { downloads?: Record<string, Content> }): { id: string; layers: string[] };
  /** Gives the memory back. */
  close(): void;
}
export declare function createStore(): Store;
