//! Rows of the command table: `docker network …`.
//! Names, help texts and defaults are those of docker CLI 28.2.

use super::super::spec::{Args, Cmd, Command, FORMAT, Flag, Kind, TABLE_FORMAT, flag};

/// The commands, in the order in which help lists them.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        id: Cmd::NetworkConnect,
        group: "network",
        name: "connect",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] NETWORK CONTAINER",
        short: "Connect a container to a network",
        long: "Connect a container to a network",
        args: Args::Exact(2),
        interspersed: true,
        flags: NETWORK_CONNECT,
    },
    Command {
        id: Cmd::NetworkCreate,
        group: "network",
        name: "create",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] NETWORK",
        short: "Create a network",
        long: "Create a network",
        args: Args::Exact(1),
        interspersed: true,
        flags: NETWORK_CREATE,
    },
    Command {
        id: Cmd::NetworkDisconnect,
        group: "network",
        name: "disconnect",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] NETWORK CONTAINER",
        short: "Disconnect a container from a network",
        long: "Disconnect a container from a network",
        args: Args::Exact(2),
        interspersed: true,
        flags: NETWORK_DISCONNECT,
    },
    Command {
        id: Cmd::NetworkInspect,
        group: "network",
        name: "inspect",
        aliases: &[],
        top: None,
        usage: "[OPTIONS] NETWORK [NETWORK...]",
        short: "Display detailed information on one or more networks",
        long: "Display detailed information on one or more networks",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: NETWORK_INSPECT,
    },
    Command {
        id: Cmd::NetworkLs,
        group: "network",
        name: "ls",
        aliases: &["list"],
        top: None,
        usage: "[OPTIONS]",
        short: "List networks",
        long: "List networks",
        args: Args::None,
        interspersed: true,
        flags: NETWORK_LS,
    },
    Command {
        id: Cmd::NetworkPrune,
        group: "network",
        name: "prune",
        aliases: &[],
        top: None,
        usage: "[OPTIONS]",
        short: "Remove all unused networks",
        long: "Remove all unused networks",
        args: Args::None,
        interspersed: true,
        flags: NETWORK_PRUNE,
    },
    Command {
        id: Cmd::NetworkRm,
        group: "network",
        name: "rm",
        aliases: &["remove"],
        top: None,
        usage: "NETWORK [NETWORK...]",
        short: "Remove one or more networks",
        long: "Remove one or more networks",
        args: Args::AtLeast(1),
        interspersed: true,
        flags: NETWORK_RM,
    },
];

static NETWORK_CONNECT: &[Flag] = &[
    flag("alias", None, Kind::Strings, "Add network-scoped alias for the container"),
    flag("driver-opt", None, Kind::Strings, "driver options for the network"),
    flag(
        "gw-priority",
        None,
        Kind::Int,
        "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
    ),
    flag("ip", None, Kind::Text, "IPv4 address (e.g., \"172.30.100.104\")"),
    flag("ip6", None, Kind::Text, "IPv6 address (e.g., \"2001:db8::33\")"),
    flag("link", None, Kind::Link, "Add link to another container"),
    flag("link-local-ip", None, Kind::Strings, "Add a link-local address for the container"),
];

static NETWORK_CREATE: &[Flag] = &[
    flag("attachable", None, Kind::Bool, "Enable manual container attachment"),
    flag("aux-address", None, Kind::Map, "Auxiliary IPv4 or IPv6 addresses used by Network driver").default("map[]"),
    flag("config-from", None, Kind::Text, "The network from which to copy the configuration"),
    flag("config-only", None, Kind::Bool, "Create a configuration only network"),
    flag("driver", Some('d'), Kind::Text, "Driver to manage the Network").default("\"bridge\""),
    flag("gateway", None, Kind::Strings, "IPv4 or IPv6 Gateway for the master subnet"),
    flag("ingress", None, Kind::Bool, "Create swarm routing-mesh network"),
    flag("internal", None, Kind::Bool, "Restrict external access to the network"),
    flag("ip-range", None, Kind::Strings, "Allocate container ip from a sub-range"),
    flag("ipam-driver", None, Kind::Text, "IP Address Management Driver").default("\"default\""),
    flag("ipam-opt", None, Kind::Map, "Set IPAM driver specific options").default("map[]"),
    flag("ipv4", None, Kind::Bool, "Enable or disable IPv4 address assignment").default("true"),
    flag("ipv6", None, Kind::Bool, "Enable or disable IPv6 address assignment"),
    flag("label", None, Kind::Label, "Set metadata on a network"),
    flag("opt", Some('o'), Kind::Map, "Set driver specific options").default("map[]"),
    flag("scope", None, Kind::Text, "Control the network's scope"),
    flag("subnet", None, Kind::Strings, "Subnet in CIDR format that represents a network segment"),
];

static NETWORK_DISCONNECT: &[Flag] =
    &[flag("force", Some('f'), Kind::Bool, "Force the container to disconnect from a network")];

static NETWORK_INSPECT: &[Flag] = &[
    flag("format", Some('f'), Kind::Text, FORMAT),
    flag("verbose", Some('v'), Kind::Bool, "Verbose output for diagnostics"),
];

static NETWORK_LS: &[Flag] = &[
    flag("filter", Some('f'), Kind::Filter, "Provide filter values (e.g. \"driver=bridge\")"),
    flag("format", None, Kind::Text, TABLE_FORMAT),
    flag("no-trunc", None, Kind::Bool, "Do not truncate the output"),
    flag("quiet", Some('q'), Kind::Bool, "Only display network IDs"),
];

static NETWORK_PRUNE: &[Flag] = &[
    flag("filter", None, Kind::Filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
    flag("force", Some('f'), Kind::Bool, "Do not prompt for confirmation"),
];

static NETWORK_RM: &[Flag] = &[flag("force", Some('f'), Kind::Bool, "Do not error if the network does not exist")];
