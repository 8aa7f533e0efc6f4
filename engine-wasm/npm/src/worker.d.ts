/** The engine in a Worker: the same functions as the main entry's, with promises, progress and cancelling. */

import type { DockerfileModule, ReferenceModule, TemplateModule, UnitsModule } from "./index.js";

export { EngineError } from "./index.js";

/** A function's last parameter, its options, may hold these. */
export interface Controls {
  /** Aborting it rejects the promise with the signal's reason, and the Worker stops soon after. */
  signal?: AbortSignal;
  /** How far the work is, in bytes read of those to read. */
  onProgress?: (progress: Progress) => void;
}

export interface Progress {
  done: number;
  total: number;
}

/** A module whose functions give promises. */
export type Promised<Module> = {
  readonly [Name in keyof Module]: Module[Name] extends (...args: infer Args) => infer Result ? (...args: Args) => Promise<Result> : never;
};

/** An engine in a Worker. What a function of the main entry throws, the promise is rejected with. */
export declare class Engine {
  private constructor();
  readonly dockerfile: Promised<DockerfileModule>;
  readonly template: Promised<TemplateModule>;
  readonly reference: Promised<ReferenceModule>;
  readonly units: Promised<UnitsModule>;
  /** Ends the Worker; what is still asked of it is rejected with an error of code `terminated`. */
  terminate(): void;
}

/** Starts a Worker with an engine in it. In Node.js it keeps the process alive only while something is asked of it. */
export declare function createWorker(): Engine;
