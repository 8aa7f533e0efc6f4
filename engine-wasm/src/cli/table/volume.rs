//! Rows of the command table: `docker volume …`.
//! Names, help texts and defaults are those of docker CLI 28.2.

use super::super::spec::{Args, Cmd, Command, FORMAT, Flag, Kind, TABLE_FORMAT, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        id: Cmd::VolumeCreate,
        group: "volume",
        name: "create",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] [VOLUME]",
        short: "Create a volume",
        long: "Create a volume",
        args: Args::AtMost(1),
        interspersed: true,
        flags: VOLUME_CREATE,
    },
    Command {
        id: Cmd::VolumeInspect,
        group: "volume",
        name: "inspect",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        short: "Display detailed information on one or more volumes",
        long: "Display detailed information on one or more volumes",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: VOLUME_INSPECT,
    },
    Command {
        id: Cmd::VolumeLs,
        group: "volume",
        name: "ls",
        aliases: &["list"],
        top: None,
        usage: "[OPTIONS]",
        short: "List volumes",
        long: "List volumes",
        args: Args::None,
        interspersed: true,
        flags: VOLUME_LS,
    },
    Command {
        id: Cmd::VolumePrune,
        group: "volume",
        name: "prune",
        aliases: &[],
        top: None,
        usage: "[OPTIONS]",
        short: "Remove unused local volumes",
        long: "Remove unused local volumes",
        args: Args::None,
        interspersed: true,
        flags: VOLUME_PRUNE,
    },
    Command {
        id: Cmd::VolumeRm,
        group: "volume",
        name: "rm",
        aliases: &["remove"],
        top: None,
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        short: "Remove one or more volumes",
        long: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: VOLUME_RM,
    },
];

static VOLUME_CREATE: &[Flag] = &[
    flag("availability", None, Kind::Text, "Cluster Volume availability (\"active\", \"pause\", \"drain\")")
        .default("\"active\""),
    flag("driver", Some('d'), Kind::Text, "Specify volume driver name").default("\"local\""),
    flag("group", None, Kind::Text, "Cluster Volume group (cluster volumes)"),
    flag("label", None, Kind::Label, "Set metadata for a volume"),
    flag("limit-bytes", None, Kind::Bytes, "Minimum size of the Cluster Volume in bytes"),
    flag("opt", Some('o'), Kind::Map, "Set driver specific options").default("map[]"),
    flag("required-bytes", None, Kind::Bytes, "Maximum size of the Cluster Volume in bytes"),
    flag("scope", None, Kind::Text, "Cluster Volume access scope (\"single\", \"multi\")").default("\"single\""),
    flag("secret", None, Kind::Map, "Cluster Volume secrets").default("map[]"),
    flag("sharing", None, Kind::Text, "Cluster Volume access sharing (\"none\", \"readonly\", \"onewriter\", \"all\")")
        .default("\"none\""),
    flag("topology-preferred", None, Kind::List, "A topology that the Cluster Volume would be preferred in"),
    flag("topology-required", None, Kind::List, "A topology that the Cluster Volume must be accessible from"),
    flag("type", None, Kind::Text, "Cluster Volume access type (\"mount\", \"block\")").default("\"block\""),
];

static VOLUME_INSPECT: &[Flag] = &[flag("format", Some('f'), Kind::Text, FORMAT)];

static VOLUME_LS: &[Flag] = &[
    flag("cluster", None, Kind::Bool, "Display only cluster volumes, and use cluster volume list formatting"),
    flag("filter", Some('f'), Kind::Filter, "Provide filter values (e.g. \"dangling=true\")"),
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("quiet", Some('q'), Kind::Bool, "Only display volume names"),
];

static VOLUME_PRUNE: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Remove all unused volumes, not just anonymous ones"),
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"label=<label>\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
];

static VOLUME_RM: &[Flag] = &[flag("force", Some('f'), Kind::Bool, "Force the removal of one or more volumes")];
