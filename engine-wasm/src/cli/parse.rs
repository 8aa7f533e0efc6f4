//! Reads a command line against the table by pflag's rules: bundled short flags, `--flag=value`, `--`, and commands whose flags end at the first argument.
//! What is wrong comes back as docker's own text and exit code; nothing is printed here.

mod scan;

use super::check;
use super::spec::{Args, Cmd, Command};
use super::table::{self, GROUPS, Group};
use super::usage;
use scan::scan;

/// A command line that was understood, with the values as they were given (checked, and normalised where docker does so).
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The command.
    pub command: &'static Command,
    /// Whether it was called by its name at the top level.
    pub top_level: bool,
    /// Positional arguments.
    pub args: Vec<String>,
    values: Vec<(&'static str, String)>,
}

/// The flags before the command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Global {
    /// `--config`.
    pub config: Option<String>,
    /// `--context`.
    pub context: Option<String>,
    /// `--debug`.
    pub debug: bool,
    /// `--host`, as often as given.
    pub hosts: Vec<String>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--tls`, `--tlsverify` or one of the certificate flags.
    pub tls: bool,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Run a command.
    Run(Box<Parsed>),
    /// Print this text on standard output and succeed.
    Help(String),
    /// Print this text on standard error and fail (a command that needs a subcommand, without one).
    Incomplete(String),
    /// Print the client's version line.
    Version,
}

/// A command line that docker refuses: the text for standard error (without the final newline) and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What docker prints.
    pub message: String,
    /// What it exits with.
    pub code: u8,
}

/// What help depends on besides the table, and the environment that `-e NAME` copies from.
pub struct Surroundings<'a> {
    /// Width of the terminal on standard input; `None` means 80.
    pub width: Option<u16>,
    /// The configuration directory, shown as a default.
    pub config_dir: &'a str,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl Parsed {
    /// Whether the flag was on the command line.
    pub fn changed(&self, name: &str) -> bool {
        self.values.iter().any(|(n, _)| *n == name)
    }

    /// The last value given for a flag.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// The last value given for a flag, or nothing.
    pub fn text_or_empty(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// A switch; `default` where it was not given.
    pub fn switch_or(&self, name: &str, default: bool) -> bool {
        self.text(name).and_then(check::go_bool).unwrap_or(default)
    }

    /// A switch that is off unless given.
    pub fn switch(&self, name: &str) -> bool {
        self.switch_or(name, false)
    }

    /// All values of a flag that may be repeated, in order.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.values.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|v| check::go_int(v).ok())
    }
}

/// Flags that are another name for a flag.
fn canonical(name: &'static str) -> &'static str {
    match name {
        "net" => "network",
        "net-alias" => "network-alias",
        "dns-opt" => "dns-option",
        "time" => "timeout",
        other => other,
    }
}

/// Reads a whole command line (without the program's name). Global flags are written to `global` even where the rest is refused.
///
/// # Errors
/// [`Refusal`] with docker's text where docker refuses the line.
pub fn parse(args: &[String], around: &Surroundings<'_>, global: &mut Global) -> Result<Invocation, Refusal> {
    let refuse_flag = |e: String| flag_refusal(&e, "docker [OPTIONS] COMMAND [ARG...]", "docker");
    let root = scan(table::GLOBAL, args, false, around).map_err(refuse_flag)?;
    let mut version = false;
    for (flag, value) in &root.values {
        match flag.name {
            "config" => global.config = Some(value.clone()),
            "context" => global.context = Some(value.clone()),
            "debug" => global.debug = check::go_bool(value).unwrap_or_default(),
            "host" => global.hosts.push(value.clone()),
            "log-level" => global.log_level = Some(value.clone()),
            "version" => version = check::go_bool(value).unwrap_or_default(),
            "tls" | "tlsverify" => global.tls |= check::go_bool(value).unwrap_or_default(),
            _ => global.tls = true,
        }
    }
    let Some((first, rest)) = root.args.split_first() else {
        let help = usage::root(around);
        return Ok(match (root.help, version) {
            (true, _) => Invocation::Help(help),
            (false, true) => Invocation::Version,
            (false, false) => Invocation::Incomplete(help),
        });
    };
    if first == "help" {
        return help_topic(rest, around);
    }
    if let Some(command) = table::commands().find(|c| c.top == Some(first)) {
        return parse_command(command, true, rest, root.help, around);
    }
    if let Some(group) = GROUPS.iter().find(|g| g.name == first) {
        return parse_group(group, rest, root.help, around);
    }
    if root.help || rest.iter().any(|a| a == "--help" || a == "-h") {
        return Ok(Invocation::Help(usage::root(around)));
    }
    Err(Refusal {
        message: format!("docker: unknown command: docker {first}\n\nRun 'docker --help' for more information"),
        code: 1,
    })
}

fn parse_group(
    group: &'static Group,
    args: &[String],
    help: bool,
    around: &Surroundings<'_>,
) -> Result<Invocation, Refusal> {
    let scanned =
        scan(&[], args, false, around).map_err(|e| flag_refusal(&e, group.usage, &format!("docker {}", group.name)))?;
    let Some((name, rest)) = scanned.args.split_first() else {
        let text = usage::group(group);
        return Ok(if help || scanned.help { Invocation::Help(text) } else { Invocation::Incomplete(text) });
    };
    match find_in_group(group, name) {
        Some(command) => parse_command(command, false, rest, help || scanned.help, around),
        None if help || scanned.help || rest.iter().any(|a| a == "--help" || a == "-h") => {
            Ok(Invocation::Help(usage::group(group)))
        }
        None => {
            let path = format!("docker {}", group.name);
            Err(Refusal {
                message: format!(
                    "docker: unknown command: {path} {name}\n\nUsage:  {}\n\nRun '{path} --help' for more information",
                    group.usage
                ),
                code: 1,
            })
        }
    }
}

fn find_in_group(group: &Group, name: &str) -> Option<&'static Command> {
    table::commands().find(|c| c.group == group.name && (c.name == name || c.aliases.contains(&name)))
}

fn help_topic(topic: &[String], around: &Surroundings<'_>) -> Result<Invocation, Refusal> {
    let scanned =
        scan(&[], topic, true, around).map_err(|e| flag_refusal(&e, "docker help [command]", "docker help"))?;
    let text = match scanned.args.as_slice() {
        [] => Some(usage::root(around)),
        [one, rest @ ..] => match GROUPS.iter().find(|g| g.name == one) {
            Some(group) => match rest {
                [] => Some(usage::group(group)),
                [name, ..] => find_in_group(group, name).map(|c| usage::command(c, false, around.width)),
            },
            None => table::commands().find(|c| c.top == Some(one)).map(|c| usage::command(c, true, around.width)),
        },
    };
    text.map(Invocation::Help)
        .ok_or_else(|| Refusal { message: format!("unknown help topic: {}", scanned.args.join(" ")), code: 1 })
}

fn parse_command(
    command: &'static Command,
    top_level: bool,
    args: &[String],
    help: bool,
    around: &Surroundings<'_>,
) -> Result<Invocation, Refusal> {
    let path = command.path(top_level);
    let use_line = command.use_line(top_level);
    let scanned =
        scan(command.flags, args, command.interspersed, around).map_err(|e| flag_refusal(&e, &use_line, &path))?;
    if help || scanned.help {
        return Ok(Invocation::Help(usage::command(command, top_level, around.width)));
    }
    check_count(command, &path, &use_line, scanned.args.len())?;
    let values = scanned.values.into_iter().map(|(f, v)| (canonical(f.name), v)).collect();
    Ok(Invocation::Run(Box::new(Parsed { command, top_level, args: scanned.args, values })))
}

fn flag_refusal(error: &str, use_line: &str, path: &str) -> Refusal {
    Refusal { message: format!("{error}\n\nUsage:  {use_line}\n\nRun '{path} --help' for more information"), code: 125 }
}

/// The wording, slips included, is that of 28.2.
fn check_count(command: &Command, path: &str, use_line: &str, count: usize) -> Result<(), Refusal> {
    let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
    let (needs, run) = match command.args {
        Args::Any => return Ok(()),
        Args::None if count == 0 => return Ok(()),
        Args::Exact(n) if count == n => return Ok(()),
        Args::AtLeast(n) if count >= n => return Ok(()),
        Args::AtMost(n) if count <= n => return Ok(()),
        Args::Range(low, high) if (low..=high).contains(&count) => return Ok(()),
        Args::None => ("accepts no arguments".to_owned(), "Run"),
        Args::Exact(n) => (format!("requires {n} {}", plural(n)), "Run"),
        Args::AtLeast(n) => (format!("requires at least {n} {}", plural(n)), "See"),
        Args::AtMost(n) => (format!("requires at most {n} {}", plural(n)), "SRun"),
        Args::Range(low, high) => (format!("requires at least {low} and at most {high} {}", plural(high)), "Run"),
    };
    Err(Refusal {
        message: format!(
            "docker: '{path}' {needs}\n\nUsage:  {use_line}\n\n{run} '{path} --help' for more information"
        ),
        code: 1,
    })
}

impl Parsed {
    /// The command's identity, for dispatch.
    pub fn id(&self) -> Cmd {
        self.command.id
    }
}
