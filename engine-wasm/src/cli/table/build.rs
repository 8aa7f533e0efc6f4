//! Rows of the command table: `docker build` under all its names, and `docker builder …`.
//! Names, help texts and defaults are those of docker CLI 28.2 without BuildKit's plug-in; `--check`, `--secret` and `--ssh` are that plug-in's.

use super::super::spec::{Args, Cmd, Command, Flag, Kind, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command { group: "builder", top: None, ..BUILD },
    Command {
        id: Cmd::BuilderPrune,
        group: "builder",
        name: "prune",
        aliases: &[],
        top: None,
        usage: "",
        short: "Remove build cache",
        long: "Remove build cache",
        args: Args::None,
        interspersed: true,
        flags: PRUNE,
    },
    BUILD,
];

const BUILD: Command = Command {
    id: Cmd::Build,
    group: "image",
    name: "build",
    aliases: &[],
    top: Some("build"),
    usage: "[OPTIONS] PATH | URL | -",
    short: "Build an image from a Dockerfile",
    long: "Build an image from a Dockerfile",
    args: Args::Exact(1),
    interspersed: true,
    flags: FLAGS,
};

static FLAGS: &[Flag] = &[
    flag("add-host", None, Kind::ExtraHost, "Add a custom host-to-IP mapping (\"host:ip\")"),
    flag("build-arg", None, Kind::Env, "Set build-time variables"),
    flag("cache-from", None, Kind::Strings, "Images to consider as cache sources"),
    flag("cgroup-parent", None, Kind::Text, "Set the parent cgroup for the \"RUN\" instructions during build"),
    flag("check", None, Kind::Bool, "Check the Dockerfile only").hidden(),
    flag("compress", None, Kind::Bool, "Compress the build context using gzip"),
    flag("cpu-period", None, Kind::Int, "Limit the CPU CFS (Completely Fair Scheduler) period"),
    flag("cpu-quota", None, Kind::Int, "Limit the CPU CFS (Completely Fair Scheduler) quota"),
    flag("cpu-shares", Some('c'), Kind::Int, "CPU shares (relative weight)"),
    flag("cpuset-cpus", None, Kind::Text, "CPUs in which to allow execution (0-3, 0,1)"),
    flag("cpuset-mems", None, Kind::Text, "MEMs in which to allow execution (0-3, 0,1)"),
    flag("disable-content-trust", None, Kind::Bool, "Skip image verification").default("true"),
    flag("file", Some('f'), Kind::Text, "Name of the Dockerfile (Default is \"PATH/Dockerfile\")"),
    flag("force-rm", None, Kind::Bool, "Always remove intermediate containers"),
    flag("iidfile", None, Kind::Text, "Write the image ID to the file"),
    flag("isolation", None, Kind::Text, "Container isolation technology"),
    flag("label", None, Kind::Label, "Set metadata for an image"),
    flag("memory", Some('m'), Kind::Bytes, "Memory limit"),
    flag("memory-swap", None, Kind::SwapBytes, "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    flag("network", None, Kind::Text, "Set the networking mode for the RUN instructions during build")
        .default("\"default\""),
    flag("no-cache", None, Kind::Bool, "Do not use cache when building the image"),
    flag("platform", None, Kind::Text, "Set platform if server is multi-platform capable"),
    flag("pull", None, Kind::Bool, "Always attempt to pull a newer version of the image"),
    flag("quiet", Some('q'), Kind::Bool, "Suppress the build output and print image ID on success"),
    flag("rm", None, Kind::Bool, "Remove intermediate containers after a successful build").default("true"),
    flag("secret", None, Kind::List, "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")")
        .hidden(),
    flag("security-opt", None, Kind::Strings, "Security options"),
    flag("shm-size", None, Kind::Bytes, "Size of \"/dev/shm\""),
    flag("squash", None, Kind::Bool, "Squash newly built layers into a single new layer"),
    flag("ssh", None, Kind::List, "SSH agent socket to expose to the build (format: \"default|<id>[=<socket>]\")")
        .hidden(),
    flag("tag", Some('t'), Kind::List, "Name and optionally a tag in the \"name:tag\" format"),
    flag("target", None, Kind::Text, "Set the target build stage to build."),
    flag("ulimit", None, Kind::Ulimit, "Ulimit options").default("[]"),
];

static PRUNE: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Remove all unused build cache, not just dangling ones"),
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"until=24h\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
    flag("keep-storage", None, Kind::Bytes, "Amount of disk space to keep for cache"),
];
