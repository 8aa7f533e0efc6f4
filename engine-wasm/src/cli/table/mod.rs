//! The one table that drives the docker command line: every command, alias, flag, default and help text. Rows only; the parser, help and completion read it.

mod build;
mod container;
mod image;
mod network;
mod root;
mod run;
mod system;
mod volume;

use super::spec::{Command, Flag, Kind, flag};

/// A management command: a name with commands under it.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// One line of description.
    pub short: &'static str,
    /// The usage line that an unknown command under it gets.
    pub usage: &'static str,
}

/// The management commands, in help's order.
pub static GROUPS: &[Group] = &[
    Group { name: "builder", short: "Manage builds", usage: "docker builder" },
    Group { name: "container", short: "Manage containers", usage: "docker container" },
    Group { name: "image", short: "Manage images", usage: "docker image" },
    Group { name: "network", short: "Manage networks", usage: "docker network" },
    Group { name: "system", short: "Manage Docker", usage: "docker system" },
    Group { name: "volume", short: "Manage volumes", usage: "docker volume COMMAND" },
];

/// The commands that help lists first, in its order.
pub static COMMON: &[&str] =
    &["run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info"];

/// All commands, group by group.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    [
        build::COMMANDS,
        container::COMMANDS,
        image::COMMANDS,
        network::COMMANDS,
        system::COMMANDS,
        volume::COMMANDS,
        root::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

/// The flags that come before the command's name. The defaults of the four paths depend on the configuration directory; help fills them in.
pub static GLOBAL: &[Flag] = &[
    flag("config", None, Kind::Text, "Location of client config files"),
    flag(
        "context",
        Some('c'),
        Kind::Text,
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with \"docker context use\")",
    ),
    flag("debug", Some('D'), Kind::Bool, "Enable debug mode"),
    flag("host", Some('H'), Kind::List, "Daemon socket to connect to"),
    flag(
        "log-level",
        Some('l'),
        Kind::Text,
        "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")",
    )
    .default("\"info\""),
    flag("tls", None, Kind::Bool, "Use TLS; implied by --tlsverify"),
    flag("tlscacert", None, Kind::Text, "Trust certs signed only by this CA"),
    flag("tlscert", None, Kind::Text, "Path to TLS certificate file"),
    flag("tlskey", None, Kind::Text, "Path to TLS key file"),
    flag("tlsverify", None, Kind::Bool, "Use TLS and verify the remote"),
    flag("version", Some('v'), Kind::Bool, "Print version information and quit"),
];
