/** The engine in a Worker: the same functions as the main entry's, with promises, progress and cancelling. */

import type {
  ArchiveSource,
  BuildOptions,
  Content,
  ContextFile,
  DiffOptions,
  DockerfileModule,
  GraphModule,
  IgnoreModule,
  ImageDiff,
  ImageQuestions,
  ReferenceModule,
  StoreQuestions,
  TemplateModule,
  UnitsModule,
} from "./index.js";

export { EngineError } from "./index.js";
export type * from "./index.js";

/** A function's last parameter, its options, may hold these. */
export interface Controls {
  /** Aborting it rejects the promise with the signal's reason, and the Worker stops soon after. */
  signal?: AbortSignal;
  /** How far the work is, in bytes read of those to read. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

type Last<Args extends unknown[]> = Args extends [...infer First, (infer Options)?]
  ? Options extends object
    ? [...First, options?: Omit<Options, "onProgress"> & Controls]
    : Args
  : Args;

/** A function, of one form or of two, that gives promises. */
type Later<Function> = Function extends { (...args: infer First): infer One; (...args: infer Second): infer Other }
  ? { (...args: First): Promise<One>; (...args: Second): Promise<Other> }
  : never;

/** A module whose functions give promises. */
export type Promised<Module> = { readonly [Name in keyof Module]: Later<Module[Name]> };

/** Questions whose options may hold {@link Controls}. */
export type Asked<Questions> = {
  readonly [Name in keyof Questions]: Questions[Name] extends (...args: infer Args) => infer Result ? (...args: Last<Args>) => Promise<Result> : never;
};

/** An archive that was opened in the Worker. */
export interface RemoteImage extends Asked<ImageQuestions> {
  /** What differs between an image of this archive and one of another in the same Worker. */
  diff(other: RemoteImage, options?: Omit<DiffOptions, "onProgress"> & Controls): Promise<ImageDiff>;
  /** Gives the memory back. */
  close(): Promise<void>;
}

/** A build's file may be a Blob here. */
export type RemoteContextFile = ContextFile | Blob | { content: Blob; mode?: number };

/** A store in the Worker. */
export interface RemoteStore extends Promised<StoreQuestions> {
  load(from: Exclude<ArchiveSource, { read(offset: number, length: number): Uint8Array }> | Blob, options?: Controls & { platform?: string }): Promise<string[]>;
  save(images: string | string[], options?: Controls & { format?: "docker" | "oci" }): Promise<Uint8Array>;
  build(
    dockerfile: string,
    files?: Record<string, RemoteContextFile>,
    options?: BuildOptions & Controls & { downloads?: Record<string, Content | Blob> },
  ): Promise<{ id: string; layers: string[] }>;
  close(): Promise<void>;
}

/** An engine in a Worker. What a function of the main entry throws, the promise is rejected with. */
export declare class Engine {
  private constructor();
  readonly dockerfile: Promised<DockerfileModule>;
  readonly template: Promised<TemplateModule>;
  readonly reference: Promised<ReferenceModule>;
  readonly units: Promised<UnitsModule>;
  readonly ignore: Promised<IgnoreModule>;
  readonly graph: Promised<GraphModule>;
  /** Opens an archive: a Blob or File is read by slices as questions need it, in Node.js a path is. Bytes are copied to the Worker. */
  openImage(from: Exclude<ArchiveSource, { read(offset: number, length: number): Uint8Array }> | Blob, options?: Controls): Promise<RemoteImage>;
  /** Makes an empty store. */
  createStore(): Promise<RemoteStore>;
  /** Ends the Worker; what is still asked of it is rejected with an error of code `terminated`. */
  terminate(): void;
}

/** Starts a Worker with an engine in it. In Node.js it keeps the process alive only while something is asked of it. */
export declare function createWorker(): Engine;
