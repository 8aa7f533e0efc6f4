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
  symbols(text: string): DocumentSymbol[];
  /** What each word is, for colours. They do not overlap. */
  tokens(text: string): { kind: TokenKind; span: Span }[];
  /** The place of the instruction on a line, counted from 1. */
  instructionAtLine(text: string, line: number): Span | undefined;
  /** The syntax tree as BuildKit's parser dumps it, a line an instruction. @throws {EngineError} the first fault. */
  dump(text: string): string;
  /** Expands a word with quotes and variables as instructions do. @throws {EngineError} for an open quote or brace, or a bad modifier. */
  expand(word: string, env?: Record<string, string>, options?: WordOptions): Expansion;
  /** Expands a text and cuts it into words. @throws {EngineError} as `expand`. */
  words(text: string, env?: Record<string, string>, options?: WordOptions): string[];
}
export declare const dockerfile: DockerfileModule;

