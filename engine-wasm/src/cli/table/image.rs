//! Rows of the command table: `docker image …` and its short names at the top level.
//! Names, help texts and defaults are those of docker CLI 28.2.

use super::super::spec::{Args, Cmd, Command, FORMAT, Flag, Kind, TABLE_FORMAT, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        id: Cmd::History,
        group: "image",
        name: "history",
        aliases: &[],
        top: Some("history"),
        usage: "[OPTIONS] IMAGE",
        short: "Show the history of an image",
        long: "Show the history of an image",
        args: Args::Exact(1),
        interspersed: true,
        flags: HISTORY,
    },
    Command {
        id: Cmd::Import,
        group: "image",
        name: "import",
        aliases: &[],
        top: Some("import"),
        usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
        short: "Import the contents from a tarball to create a filesystem image",
        long: "Import the contents from a tarball to create a filesystem image",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: IMPORT,
    },
    Command {
        id: Cmd::ImageInspect,
        group: "image",
        name: "inspect",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        short: "Display detailed information on one or more images",
        long: "Display detailed information on one or more images",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: IMAGE_INSPECT,
    },
    Command {
        id: Cmd::Load,
        group: "image",
        name: "load",
        aliases: &[],
        top: Some("load"),
        usage: "[OPTIONS]",
        short: "Load an image from a tar archive or STDIN",
        long: "Load an image from a tar archive or STDIN",
        args: Args::None,
        interspersed: true,
        flags: LOAD,
    },
    Command {
        id: Cmd::Images,
        group: "image",
        name: "ls",
        aliases: &["list"],
        top: Some("images"),
        usage: "[OPTIONS] [REPOSITORY[:TAG]]",
        short: "List images",
        long: "List images",
        args: Args::AtMost(1),
        interspersed: true,
        flags: IMAGES,
    },
    Command {
        id: Cmd::ImagePrune,
        group: "image",
        name: "prune",
        aliases: &[],
        top: None,
        usage: "[OPTIONS]",
        short: "Remove unused images",
        long: "Remove unused images",
        args: Args::None,
        interspersed: true,
        flags: IMAGE_PRUNE,
    },
    Command {
        id: Cmd::Pull,
        group: "image",
        name: "pull",
        aliases: &[],
        top: Some("pull"),
        usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
        short: "Download an image from a registry",
        long: "Download an image from a registry",
        args: Args::Exact(1),
        interspersed: true,
        flags: PULL,
    },
    Command {
        id: Cmd::Push,
        group: "image",
        name: "push",
        aliases: &[],
        top: Some("push"),
        usage: "[OPTIONS] NAME[:TAG]",
        short: "Upload an image to a registry",
        long: "Upload an image to a registry",
        args: Args::Exact(1),
        interspersed: true,
        flags: PUSH,
    },
    Command {
        id: Cmd::Rmi,
        group: "image",
        name: "rm",
        aliases: &["remove"],
        top: Some("rmi"),
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        short: "Remove one or more images",
        long: "Remove one or more images",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: RMI,
    },
    Command {
        id: Cmd::Save,
        group: "image",
        name: "save",
        aliases: &[],
        top: Some("save"),
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        short: "Save one or more images to a tar archive (streamed to STDOUT by default)",
        long: "Save one or more images to a tar archive (streamed to STDOUT by default)",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: SAVE,
    },
    Command {
        id: Cmd::Tag,
        group: "image",
        name: "tag",
        aliases: &[],
        top: Some("tag"),
        usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        long: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        args: Args::Exact(2),
        interspersed: true,
        flags: &[],
    },
];

static HISTORY: &[Flag] = &[
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("human", Some('H'), Kind::Bool, "Print sizes and dates in human readable format").default("true"),
    flag("no-trunc", None, Kind::Bool, "Don't truncate output"),
    flag(
        "platform",
        None,
        Kind::Text,
        "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
    ),
    flag("quiet", Some('q'), Kind::Bool, "Only show image IDs"),
];

static IMPORT: &[Flag] = &[
    flag("change", Some('c'), Kind::List, "Apply Dockerfile instruction to the created image"),
    flag("message", Some('m'), Kind::Text, "Set commit message for imported image"),
    flag("platform", None, Kind::Text, "Set platform if server is multi-platform capable"),
];

static IMAGE_INSPECT: &[Flag] = &[
    flag("format", Some('f'), Kind::Text, FORMAT),
    flag(
        "platform",
        None,
        Kind::Text,
        "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
];

static LOAD: &[Flag] = &[
    flag("input", Some('i'), Kind::Text, "Read from tar archive file, instead of STDIN"),
    flag(
        "platform",
        None,
        Kind::Text,
        "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
    ),
    flag("quiet", Some('q'), Kind::Bool, "Suppress the load output"),
];

static IMAGES: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Show all images").default("hides intermediate images"),
    flag("digests", None, Kind::Bool, "Show digests"),
    flag("filter", Some('f'), Kind::Filter, "Filter output based on conditions provided"),
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("no-trunc", None, Kind::Bool, "Don't truncate output"),
    flag("quiet", Some('q'), Kind::Bool, "Only show image IDs"),
    flag("tree", None, Kind::Bool, "List multi-platform images as a tree (EXPERIMENTAL)"),
];

static IMAGE_PRUNE: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Remove all unused images, not just dangling ones"),
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
];

static PULL: &[Flag] = &[
    flag("all-tags", Some('a'), Kind::Bool, "Download all tagged images in the repository"),
    flag("disable-content-trust", None, Kind::Bool, "Skip image verification").default("true"),
    flag("platform", None, Kind::Text, "Set platform if server is multi-platform capable"),
    flag("quiet", Some('q'), Kind::Bool, "Suppress verbose output"),
];

static PUSH: &[Flag] = &[
    flag("all-tags", Some('a'), Kind::Bool, "Push all tags of an image to the repository"),
    flag("disable-content-trust", None, Kind::Bool, "Skip image signing").default("true"),
    flag(
        "platform",
        None,
        Kind::Text,
        "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
    flag("quiet", Some('q'), Kind::Bool, "Suppress verbose output"),
];

static RMI: &[Flag] = &[
    flag("force", Some('f'), Kind::Bool, "Force removal of the image"),
    flag("no-prune", None, Kind::Bool, "Do not delete untagged parents"),
    flag(
        "platform",
        None,
        Kind::Strings,
        "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
    ),
];

static SAVE: &[Flag] = &[
    flag("output", Some('o'), Kind::Text, "Write to a file, instead of STDOUT"),
    flag(
        "platform",
        None,
        Kind::Text,
        "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
    ),
];
