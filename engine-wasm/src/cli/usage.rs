//! Help texts, laid out as cobra and pflag do with docker's templates: the root's, a management command's, a command's. Text only; where it is printed is
//! the caller's business.

use super::parse::Surroundings;
use super::spec::{Cmd, Command, Flag};
use super::table::{self, COMMON, GROUPS, Group};

const NAME_WIDTH: usize = 11;

/// Help of one command. `width` is that of the terminal on standard input.
pub fn command(command: &Command, top_level: bool, width: Option<u16>) -> String {
    let mut out = format!("Usage:  {}\n\n{}\n", command.use_line(top_level), command.long);
    let names = names(command);
    if names.len() > 1 {
        out += &format!("\nAliases:\n  {}\n", names.join(", "));
    }
    if !command.flags.is_empty() {
        out += &format!("\nOptions:\n{}", flags(command.flags, &|_| None, width));
    }
    out
}

/// Help of a management command.
pub fn group(group: &Group) -> String {
    let mut rows: Vec<_> = table::commands().filter(|c| c.group == group.name).map(|c| (c.name, c.short)).collect();
    crate::order::sort(&mut rows);
    format!(
        "Usage:  docker {0} COMMAND\n\n{1}\n\nCommands:\n{2}\nRun 'docker {0} COMMAND --help' for more information on a command.\n",
        group.name,
        group.short,
        list(rows)
    )
}

/// Help of `docker` itself: the commands in the table.
pub fn root(around: &Surroundings<'_>) -> String {
    let top = |name: &str| table::commands().find(|c| c.top == Some(name)).map(|c| c.short).unwrap_or_default();
    let common = list(COMMON.iter().map(|name| (*name, top(name))).collect());
    let management = list(GROUPS.iter().map(|g| (g.name, g.short)).collect());
    let mut others: Vec<_> =
        table::commands().filter_map(|c| Some((c.top?, c.short))).filter(|(name, _)| !COMMON.contains(name)).collect();
    crate::order::sort(&mut others);
    let config = around.config_dir;
    let shown = |flag: &Flag| match flag.name {
        "config" => Some(format!("\"{config}\"")),
        "tlscacert" => Some(format!("\"{config}/ca.pem\"")),
        "tlscert" => Some(format!("\"{config}/cert.pem\"")),
        "tlskey" => Some(format!("\"{config}/key.pem\"")),
        _ => None,
    };
    format!(
        "Usage:  docker [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n\nCommon Commands:\n{common}\nManagement Commands:\n{management}\n\
         Commands:\n{}\nGlobal Options:\n{}\nRun 'docker COMMAND --help' for more information on a command.\n\n\
         For more help on how to use Docker, head to https://docs.docker.com/go/guides/\n",
        list(others),
        flags(table::GLOBAL, &shown, around.width)
    )
}

fn names(command: &Command) -> Vec<String> {
    if command.group.is_empty() {
        return vec![command.path(true)];
    }
    if command.id == Cmd::Build {
        // The one command that is in two groups.
        return ["docker image build", "docker build", "docker builder build"].map(str::to_owned).into();
    }
    let mut names = vec![command.path(false)];
    names.extend(command.aliases.iter().map(|alias| format!("docker {} {alias}", command.group)));
    names.extend(command.top.map(|top| format!("docker {top}")));
    names
}

fn list(rows: Vec<(&str, &str)>) -> String {
    rows.into_iter().map(|(name, short)| format!("  {name:NAME_WIDTH$} {short}\n")).collect()
}

/// The block of options, wrapped like pflag's `FlagUsagesWrapped`.
fn flags(flags: &[Flag], default: &dyn Fn(&Flag) -> Option<String>, width: Option<u16>) -> String {
    let shown: Vec<_> = flags
        .iter()
        .filter(|f| !f.hidden)
        .map(|f| {
            let head = match f.short {
                Some(c) => format!("  -{c}, --{}", f.name),
                None => format!("      --{}", f.name),
            };
            let kind = f.kind.type_name();
            let head = if kind.is_empty() { head } else { format!("{head} {kind}") };
            let text = match default(f).or(f.default.map(str::to_owned)) {
                Some(value) => format!("{} (default {value})", f.help),
                None => f.help.to_owned(),
            };
            (head, text)
        })
        .collect();
    let column = shown.iter().map(|(head, _)| head.len()).max().unwrap_or_default() + 3;
    let columns = usize::from(width.unwrap_or(80)).saturating_sub(1);
    shown.iter().map(|(head, text)| format!("{head:pad$}{}\n", wrap(column, columns, text), pad = column)).collect()
}

/// pflag's `wrap`: `indent` is the column where text starts, `width` the last column.
fn wrap(indent: usize, width: usize, text: &str) -> String {
    const SLOP: usize = 5;
    const LEAST: usize = 24;
    let fold = |text: &str, indent: usize| text.replace('\n', &format!("\n{}", " ".repeat(indent)));
    if width == 0 {
        return fold(text, indent);
    }
    let (mut out, mut indent) = (String::new(), indent);
    if width < indent + LEAST {
        indent = 16;
        out = format!("\n{}", " ".repeat(indent));
    }
    if width < indent + LEAST {
        return text.replace('\n', &out);
    }
    let room = width - indent - SLOP;
    let (first, mut rest) = split(room, SLOP, text);
    out += &fold(first, indent);
    while !rest.is_empty() {
        let (line, tail) = split(room, SLOP, rest);
        out += &format!("\n{}{}", " ".repeat(indent), fold(line, indent));
        rest = tail;
    }
    out
}

/// pflag's `wrapN`: cuts at the last blank before `room` bytes, or at a newline before that, unless the rest fits with `slop` to spare.
fn split(room: usize, slop: usize, text: &str) -> (&str, &str) {
    if room + slop > text.len() {
        return (text, "");
    }
    let head = &text[..text.floor_char_boundary(room)];
    let blank = match head.rfind([' ', '\t', '\n']) {
        None | Some(0) => return (text, ""),
        Some(at) => at,
    };
    match head.rfind('\n') {
        Some(line) if line > 0 && line < blank => (&text[..line], &text[line + 1..]),
        _ => (&text[..blank], &text[blank + 1..]),
    }
}
