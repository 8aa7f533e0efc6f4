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
