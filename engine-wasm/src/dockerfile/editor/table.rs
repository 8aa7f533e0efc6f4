//! The one table of instructions, flags and mount options that completion and hover draw on.
//! Facts are those of the Dockerfile reference; the words are ours.

/// Where the reference stands.
pub const REFERENCE: &str = "https://docs.docker.com/reference/dockerfile/";

/// An instruction.
#[derive(Debug, Clone, Copy)]
pub struct Instruction {
    /// Its name in upper case.
    pub name: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Its `--flags`.
    pub flags: &'static [Flag],
}

/// A flag of an instruction.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its name with `--`.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// What can stand after `=`.
    pub values: Values,
}

/// The values of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Anything.
    Free,
    /// One of these; or something else, where the list is only of the usual ones.
    List(&'static [&'static str]),
    /// A stage of the file, or an image.
    Stage,
    /// Options of a mount, with commas between.
    Mount,
}

const BOOLEAN: Values = Values::List(&["true", "false"]);

const fn flag(name: &'static str, values: Values, doc: &'static str) -> Flag {
    Flag { name, doc, values }
}

const CHOWN: Flag =
    flag("--chown", Values::Free, "Owner of what is copied, as `user:group`, by name or number. Without it, 0:0.");
const CHMOD: Flag =
    flag("--chmod", Values::Free, "Permissions of what is copied, in octal (`755`) or symbolic (`u=rwX,go=rX`) form.");
const LINK: Flag = flag(
    "--link",
    BOOLEAN,
    "Puts the files into a layer of their own that does not depend on the layers below, so that it can be reused when those change.",
);
const EXCLUDE: Flag =
    flag("--exclude", Values::Free, "A pattern of sources to leave out. Can be given more than once.");

/// Every instruction.
pub const INSTRUCTIONS: &[Instruction] = &[
    Instruction {
        name: "FROM",
        syntax: "FROM [--platform=PLATFORM] IMAGE[:TAG | @DIGEST] [AS NAME]",
        doc: "Begins a build stage on an image, on an earlier stage, or on `scratch`, which is empty. The last stage, or the one asked for with `--target`, is the result.",
        flags: &[flag(
            "--platform",
            Values::List(&["$BUILDPLATFORM", "$TARGETPLATFORM", "linux/amd64", "linux/arm64", "linux/arm/v7"]),
            "The platform of the image, where it exists for several.",
        )],
    },
    Instruction {
        name: "RUN",
        syntax: "RUN [OPTIONS] COMMAND …  |  RUN [\"program\", \"argument\", …]  |  RUN <<EOF …",
        doc: "Runs a command in the image built so far and keeps what it changed as a layer. The first form is run by the shell.",
        flags: &[
            flag(
                "--mount",
                Values::Mount,
                "Something to have in the file system while the command runs: a cache, a secret, another stage's files.",
            ),
            flag("--network", Values::List(&["default", "none", "host"]), "The network that the command sees."),
            flag(
                "--security",
                Values::List(&["sandbox", "insecure"]),
                "`insecure` runs the command with all capabilities; the builder must allow that.",
            ),
            flag("--device", Values::Free, "A device (by its CDI name) that the command can use."),
        ],
    },
    Instruction {
        name: "CMD",
        syntax: "CMD [\"program\", \"argument\", …]  |  CMD COMMAND …",
        doc: "What a container of this image runs unless told otherwise; with an `ENTRYPOINT`, its default arguments. Only the last one counts.",
        flags: &[],
    },
    Instruction { name: "LABEL", syntax: "LABEL KEY=VALUE …", doc: "Adds metadata to the image.", flags: &[] },
    Instruction {
        name: "MAINTAINER",
        syntax: "MAINTAINER NAME",
        doc: "Names the image's author. Deprecated: `LABEL org.opencontainers.image.authors=…` says the same and can be read with the other labels.",
        flags: &[],
    },
    Instruction {
        name: "EXPOSE",
        syntax: "EXPOSE PORT[/PROTOCOL] …",
        doc: "Says which ports a container listens on. It publishes none; `docker run -P` does that for these.",
        flags: &[],
    },
    Instruction {
        name: "ENV",
        syntax: "ENV KEY=VALUE …",
        doc: "Sets environment variables, for the instructions that follow and for containers of the image.",
        flags: &[],
    },
    Instruction {
        name: "ADD",
        syntax: "ADD [OPTIONS] SOURCE … DESTINATION",
        doc: "Copies files of the build context, downloads URLs and git repositories, and unpacks local tar archives. For plain files `COPY` is the better choice.",
        flags: &[
            CHOWN,
            CHMOD,
            LINK,
            EXCLUDE,
            flag("--keep-git-dir", BOOLEAN, "Keeps the `.git` directory of a git repository."),
            flag(
                "--checksum",
                Values::Free,
                "What a download must have, as `sha256:…`, or the commit of a git repository.",
            ),
            flag(
                "--unpack",
                BOOLEAN,
                "Whether an archive is unpacked; without it, local ones are and downloaded ones are not.",
            ),
        ],
    },
    Instruction {
        name: "COPY",
        syntax: "COPY [OPTIONS] SOURCE … DESTINATION",
        doc: "Copies files of the build context, or of another stage or image, into the image.",
        flags: &[
            flag("--from", Values::Stage, "The stage (by name or number), image or named context to copy from."),
            CHOWN,
            CHMOD,
            LINK,
            flag("--parents", BOOLEAN, "Keeps the sources' parent directories."),
            EXCLUDE,
        ],
    },
    Instruction {
        name: "ENTRYPOINT",
        syntax: "ENTRYPOINT [\"program\", \"argument\", …]  |  ENTRYPOINT COMMAND …",
        doc: "The program that containers of this image run; `CMD` and the arguments of `docker run` are passed to it. In the shell form they are not, and the program does not receive signals.",
        flags: &[],
    },
    Instruction {
        name: "VOLUME",
        syntax: "VOLUME PATH …  |  VOLUME [\"path\", …]",
        doc: "Marks directories as holding data that outlives a container: each container gets a volume there.",
        flags: &[],
    },
    Instruction {
        name: "USER",
        syntax: "USER USER[:GROUP]",
        doc: "The user, by name or number, for the instructions that follow and for containers of the image.",
        flags: &[],
    },
    Instruction {
        name: "WORKDIR",
        syntax: "WORKDIR PATH",
        doc: "The working directory for the instructions that follow and for containers of the image. It is made if it does not exist; a relative path goes on from the one before.",
        flags: &[],
    },
    Instruction {
        name: "ARG",
        syntax: "ARG NAME[=DEFAULT] …",
        doc: "A variable that the build can be given with `--build-arg`. It holds to the end of its stage; before the first `FROM` it is for `FROM` lines, and a stage gets it by naming it again.",
        flags: &[],
    },
    Instruction {
        name: "ONBUILD",
        syntax: "ONBUILD INSTRUCTION",
        doc: "Keeps an instruction for later: it runs when another Dockerfile builds on this image.",
        flags: &[],
    },
    Instruction {
        name: "STOPSIGNAL",
        syntax: "STOPSIGNAL SIGNAL",
        doc: "The signal that asks a container to end, by name or number. Without it, SIGTERM.",
        flags: &[],
    },
    Instruction {
        name: "HEALTHCHECK",
        syntax: "HEALTHCHECK [OPTIONS] CMD COMMAND  |  HEALTHCHECK NONE",
        doc: "A command that tells whether a container still does its work: exit code 0 is healthy, 1 is not. `NONE` takes away the base image's.",
        flags: &[
            flag("--interval", Values::List(&["30s"]), "Time between two checks, 30 seconds if not given."),
            flag("--timeout", Values::List(&["30s"]), "A check that takes longer has failed; 30 seconds if not given."),
            flag(
                "--start-period",
                Values::List(&["0s"]),
                "Failures in this time after the start do not count; 0 if not given.",
            ),
            flag(
                "--start-interval",
                Values::List(&["5s"]),
                "Time between two checks during the start period, 5 seconds if not given.",
            ),
            flag(
                "--retries",
                Values::List(&["3"]),
                "So many failures in a row make a container unhealthy; 3 if not given.",
            ),
        ],
    },
    Instruction {
        name: "SHELL",
        syntax: "SHELL [\"program\", \"argument\", …]",
        doc: "The shell that runs the shell form of `RUN`, `CMD` and `ENTRYPOINT`. Without it, `/bin/sh -c`, and on Windows `cmd /S /C`.",
        flags: &[],
    },
];

/// The kinds of `RUN --mount`, with the options of each and what it is.
pub const MOUNTS: &[(&str, &[&str], &str)] = &[
    (
        "bind",
        &["target", "source", "from", "rw"],
        "Files of the build context, a stage or an image, read-only unless `rw`.",
    ),
    (
        "cache",
        &["target", "id", "sharing", "from", "source", "mode", "uid", "gid", "ro"],
        "A directory that outlives the build and is in no layer: for package managers' and compilers' caches.",
    ),
    ("tmpfs", &["target", "size"], "An empty directory in memory."),
    (
        "secret",
        &["id", "target", "env", "required", "mode", "uid", "gid"],
        "A secret of the build, as a file or environment variable, that gets into no layer.",
    ),
    ("ssh", &["id", "target", "required", "mode", "uid", "gid"], "The SSH agent of whoever builds."),
];

/// What the options of a mount mean.
pub const MOUNT_OPTIONS: &[(&str, &str)] = &[
    ("type", "What is mounted; `bind` if not given."),
    ("target", "Where it is mounted."),
    ("source", "The path to mount in what `from` names."),
    ("from", "A stage, image or named context; the build context if not given."),
    ("rw", "Allows writing; what is written is dropped."),
    ("ro", "Forbids writing."),
    ("id", "Tells caches, secrets or agents apart; a cache's is its target if not given."),
    ("sharing", "`shared` lets builds use a cache at once, `private` gives each its own, `locked` makes them wait."),
    ("mode", "Permissions in octal."),
    ("uid", "The owner's number."),
    ("gid", "The group's number."),
    ("size", "The most it may hold."),
    ("env", "The environment variable that holds the secret."),
    ("required", "Makes the build fail where there is none."),
];

/// Parser directives, with the values to offer and what they do.
pub const DIRECTIVES: &[(&str, &[&str], &str)] = &[
    ("syntax", &["docker/dockerfile:1"], "The frontend that reads this file."),
    ("escape", &["\\", "`"], "The character that escapes and continues lines: `\\`, or a backtick for Windows paths."),
    ("check", &["skip=all", "error=true"], "Which build checks are skipped, and whether they fail the build."),
];

/// Looks an instruction up, in any case.
pub fn instruction(name: &str) -> Option<&'static Instruction> {
    INSTRUCTIONS.iter().find(|instruction| instruction.name.eq_ignore_ascii_case(name))
}

impl Instruction {
    /// Its place in the reference.
    pub fn link(&self) -> String {
        format!("{REFERENCE}#{}", self.name.to_ascii_lowercase())
    }

    /// Looks a flag up by its name with `--`.
    pub fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }
}

impl Flag {
    /// Its place in the reference.
    pub fn link(&self, instruction: &Instruction) -> String {
        let name = instruction.name.to_ascii_lowercase();
        // Health checks have one section for all their flags.
        if name == "healthcheck" { instruction.link() } else { format!("{REFERENCE}#{name}-{}", self.name) }
    }
}
