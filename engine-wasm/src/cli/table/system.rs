//! Rows of the command table: `docker system …` and its short names at the top level.
//! Names, help texts and defaults are those of docker CLI 28.2.

use super::super::spec::{Args, Cmd, Command, FORMAT, Flag, Kind, TABLE_FORMAT, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        id: Cmd::SystemDf,
        group: "system",
        name: "df",
        aliases: &[],
        top: None,
        usage: "[OPTIONS]",
        short: "Show docker disk usage",
        long: "Show docker disk usage",
        args: Args::None,
        interspersed: true,
        flags: SYSTEM_DF,
    },
    Command {
        id: Cmd::Events,
        group: "system",
        name: "events",
        aliases: &[],
        top: Some("events"),
        usage: "[OPTIONS]",
        short: "Get real time events from the server",
        long: "Get real time events from the server",
        args: Args::None,
        interspersed: true,
        flags: EVENTS,
    },
    Command {
        id: Cmd::Info,
        group: "system",
        name: "info",
        aliases: &[],
        top: Some("info"),
        usage: "[OPTIONS]",
        short: "Display system-wide information",
        long: "Display system-wide information",
        args: Args::None,
        interspersed: true,
        flags: INFO,
    },
    Command {
        id: Cmd::SystemPrune,
        group: "system",
        name: "prune",
        aliases: &[],
        top: None,
        usage: "[OPTIONS]",
        short: "Remove unused data",
        long: "Remove unused data",
        args: Args::None,
        interspersed: true,
        flags: SYSTEM_PRUNE,
    },
];

static SYSTEM_DF: &[Flag] = &[
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("verbose", Some('v'), Kind::Bool, "Show detailed information on space usage"),
];

static EVENTS: &[Flag] = &[
    flag("filter", Some('f'), Kind::Filter, "Filter output based on conditions provided"),
    flag("format", None, Kind::Text, FORMAT),
    flag("since", None, Kind::Text, "Show all events created since timestamp"),
    flag("until", None, Kind::Text, "Stream events until this timestamp"),
];

static INFO: &[Flag] = &[flag("format", Some('f'), Kind::Text, FORMAT)];

static SYSTEM_PRUNE: &[Flag] = &[
    flag("all", Some('a'), Kind::Bool, "Remove all unused images not just dangling ones"),
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"label=<key>=<value>\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
    flag("volumes", None, Kind::Bool, "Prune anonymous volumes"),
];
