//! Rows of the command table: Commands that exist at the top level only.
//! Names, help texts and defaults are those of docker CLI 28.2.

use super::super::spec::{Args, Cmd, Command, FORMAT, Flag, Kind, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        id: Cmd::Inspect,
        group: "",
        name: "inspect",
        aliases: &[],
        top: Some("inspect"),
        usage: "[OPTIONS] NAME|ID [NAME|ID...]",
        short: "Return low-level information on Docker objects",
        long: "Return low-level information on Docker objects",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: INSPECT,
    },
    Command {
        id: Cmd::Login,
        group: "",
        name: "login",
        aliases: &[],
        top: Some("login"),
        usage: "[OPTIONS] [SERVER]",
        short: "Authenticate to a registry",
        long: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
        args: Args::AtMost(1),
        interspersed: true,
        flags: LOGIN,
    },
    Command {
        id: Cmd::Logout,
        group: "",
        name: "logout",
        aliases: &[],
        top: Some("logout"),
        usage: "[SERVER]",
        short: "Log out from a registry",
        long: "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
        args: Args::AtMost(1),
        interspersed: true,
        flags: &[],
    },
    Command {
        id: Cmd::Search,
        group: "",
        name: "search",
        aliases: &[],
        top: Some("search"),
        usage: "[OPTIONS] TERM",
        short: "Search Docker Hub for images",
        long: "Search Docker Hub for images",
        args: Args::Exact(1),
        interspersed: true,
        flags: SEARCH,
    },
    Command {
        id: Cmd::Version,
        group: "",
        name: "version",
        aliases: &[],
        top: Some("version"),
        usage: "[OPTIONS]",
        short: "Show the Docker version information",
        long: "Show the Docker version information",
        args: Args::None,
        interspersed: true,
        flags: VERSION,
    },
];

static INSPECT: &[Flag] = &[
    flag("format", Some('f'), Kind::Text, FORMAT),
    flag("size", Some('s'), Kind::Bool, "Display total file sizes if the type is container"),
    flag("type", None, Kind::Text, "Only inspect objects of the given type"),
];

static LOGIN: &[Flag] = &[
    flag("password", Some('p'), Kind::Text, "Password or Personal Access Token (PAT)"),
    flag("password-stdin", None, Kind::Bool, "Take the Password or Personal Access Token (PAT) from stdin"),
    flag("username", Some('u'), Kind::Text, "Username"),
];

static SEARCH: &[Flag] = &[
    flag("filter", Some('f'), Kind::Filter, "Filter output based on conditions provided"),
    flag("format", None, Kind::Text, "Pretty-print search using a Go template"),
    flag("limit", None, Kind::Int, "Max number of search results"),
    flag("no-trunc", None, Kind::Bool, "Don't truncate output"),
];

static VERSION: &[Flag] = &[flag("format", Some('f'), Kind::Text, FORMAT)];
