//! The vocabulary of the command table: what a command, a flag and a rule about arguments are. It holds no rows (see `table`) and reads no command line
//! (see `parse`).

/// Which handler a command has; one value for all the names that a command goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the command of that name
pub enum Cmd {
    Attach,
    Build,
    BuilderPrune,
    Commit,
    ContainerInspect,
    ContainerPrune,
    Cp,
    Create,
    Diff,
    Events,
    Exec,
    Export,
    History,
    ImageInspect,
    ImagePrune,
    Images,
    Import,
    Info,
    Inspect,
    Kill,
    Load,
    Login,
    Logout,
    Logs,
    NetworkConnect,
    NetworkCreate,
    NetworkDisconnect,
    NetworkInspect,
    NetworkLs,
    NetworkPrune,
    NetworkRm,
    Pause,
    Port,
    Ps,
    Pull,
    Push,
    Rename,
    Restart,
    Rm,
    Rmi,
    Run,
    Save,
    Search,
    Start,
    Stats,
    Stop,
    SystemDf,
    SystemPrune,
    Tag,
    Top,
    Unpause,
    Update,
    Version,
    VolumeCreate,
    VolumeInspect,
    VolumeLs,
    VolumePrune,
    VolumeRm,
    Wait,
}

/// How many positional arguments a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Args {
    /// Any number.
    Any,
    /// None at all.
    None,
    /// That many.
    Exact(usize),
    /// That many or more.
    AtLeast(usize),
    /// That many or fewer.
    AtMost(usize),
    /// From the first to the second number, both included.
    Range(usize, usize),
}

/// What a flag's value is and how it is checked while the command line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the flags' value types in docker's help
pub enum Kind {
    Attach,
    Bool,
    Bytes,
    Cpus,
    DeviceCgroupRule,
    DnsSearch,
    Duration,
    Env,
    ExtraHost,
    Filter,
    Gpus,
    Int,
    IpList,
    IpNet,
    Label,
    Link,
    List,
    Map,
    Mount,
    Network,
    Strings,
    SwapBytes,
    Sysctl,
    Text,
    ThrottleBps,
    ThrottleIops,
    Uint,
    Uint16,
    Ulimit,
    WeightDevice,
}

impl Kind {
    /// The word that help shows after the flag's name, empty for a switch.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Bool => "",
            Self::Text => "string",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Uint16 => "uint16",
            Self::Duration => "duration",
            Self::Bytes | Self::SwapBytes => "bytes",
            Self::Cpus => "decimal",
            Self::Filter => "filter",
            Self::Gpus => "gpu-request",
            Self::IpNet => "ipNet",
            Self::Map | Self::Sysctl => "map",
            Self::Mount => "mount",
            Self::Network => "network",
            Self::Ulimit => "ulimit",
            Self::Strings => "strings",
            Self::Attach
            | Self::DeviceCgroupRule
            | Self::DnsSearch
            | Self::Env
            | Self::ExtraHost
            | Self::IpList
            | Self::Label
            | Self::Link
            | Self::List
            | Self::ThrottleBps
            | Self::ThrottleIops
            | Self::WeightDevice => "list",
        }
    }
}

/// One flag of one command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Long name, without dashes.
    pub name: &'static str,
    /// One-letter name.
    pub short: Option<char>,
    /// Type of its value.
    pub kind: Kind,
    /// Help text; a newline in it is a line break in help.
    pub help: &'static str,
    /// The default as help shows it (a string in its quotes); none where docker shows none.
    pub default: Option<&'static str>,
    /// Accepted, but not shown in help.
    pub hidden: bool,
}

/// Help of `--format` where the answer is one object or a list of them.
pub(super) const FORMAT: &str = "Format output using a custom template:\n\
     'json':             Print in JSON format\n\
     'TEMPLATE':         Print output using the given Go template.\n\
     Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// Help of `--format` where the answer is a table.
pub(super) const TABLE_FORMAT: &str = "Format output using a custom template:\n\
     'table':            Print output in table format with column headers (default)\n\
     'table TEMPLATE':   Print output in table format using the given Go template\n\
     'json':             Print in JSON format\n\
     'TEMPLATE':         Print output using the given Go template.\n\
     Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// A flag without a shown default; the table's constructor.
pub(super) const fn flag(name: &'static str, short: Option<char>, kind: Kind, help: &'static str) -> Flag {
    Flag { name, short, kind, help, default: None, hidden: false }
}

impl Flag {
    /// The same flag with a default that help shows.
    pub(super) const fn default(mut self, shown: &'static str) -> Self {
        self.default = Some(shown);
        self
    }

    /// The same flag, left out of help.
    pub(super) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// `-x, --name` or `--name`, as error messages name the flag.
    pub fn label(&self) -> String {
        match self.short {
            Some(c) => format!("-{c}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

/// One command under all its names.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Which command it is.
    pub id: Cmd,
    /// The management command it belongs to, empty for one that exists at the top level only.
    pub group: &'static str,
    /// Its name in the group.
    pub name: &'static str,
    /// Other names in the group.
    pub aliases: &'static [&'static str],
    /// Its name at the top level.
    pub top: Option<&'static str>,
    /// What follows the command's path on the usage line.
    pub usage: &'static str,
    /// One line for lists of commands.
    pub short: &'static str,
    /// Description in the command's own help.
    pub long: &'static str,
    /// How many arguments it takes.
    pub args: Args,
    /// Whether flags may follow positional arguments.
    pub interspersed: bool,
    /// Its flags, sorted by name.
    pub flags: &'static [Flag],
}

impl Command {
    /// `docker ps` or `docker container ls`, by the way in which it was called.
    pub fn path(&self, top_level: bool) -> String {
        match self.top {
            Some(top) if top_level || self.group.is_empty() => format!("docker {top}"),
            _ => format!("docker {} {}", self.group, self.name),
        }
    }

    /// The usage line without the word `Usage:`.
    pub fn use_line(&self, top_level: bool) -> String {
        let path = self.path(top_level);
        if self.usage.is_empty() { path } else { format!("{path} {}", self.usage) }
    }

    /// Finds a flag by its long name.
    pub fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|f| f.name == name)
    }
}
