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

/** Settings of hadolint's rules, as its configuration file has them. */
export interface HadolintOptions {
  /** Registries that images may come from; a `*` at the beginning or end stands for anything. Default: all. */
  trustedRegistries?: string[];
  /** Labels that an image must have, and what their values are. */
  labels?: Record<string, "text" | "email" | "hash" | "rfc3339" | "semver" | "spdx" | "url">;
  /** Forbids other labels. */
  strictLabels?: boolean;
  /** Other severities; a rule that is off by default is on with one. */
  severities?: Record<string, Severity>;
  /** Takes no notice of `# hadolint ignore=…`. */
  disablePragmas?: boolean;
}

export interface CheckOptions extends BuildFacts {
  hadolint?: HadolintOptions;
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

