//! Flags and arguments told apart, as pflag does.

use super::super::check;
use super::super::spec::{Flag, Kind};
use super::Surroundings;

/// What a command's words are.
#[derive(Default)]
pub(super) struct Scanned {
    pub(super) values: Vec<(&'static Flag, String)>,
    pub(super) args: Vec<String>,
    pub(super) help: bool,
}

pub(super) fn scan(
    flags: &'static [Flag],
    args: &[String],
    interspersed: bool,
    around: &Surroundings<'_>,
) -> Result<Scanned, String> {
    let mut out = Scanned::default();
    let mut rest = args;
    while let Some((arg, tail)) = rest.split_first() {
        rest = tail;
        if arg == "--" {
            out.args.extend_from_slice(rest);
            break;
        }
        if let Some(long) = arg.strip_prefix("--") {
            scan_long(flags, arg, long, &mut rest, around, &mut out)?;
        } else if arg.len() > 1 && arg.starts_with('-') {
            scan_short(flags, &arg[1..], &mut rest, around, &mut out)?;
        } else {
            out.args.push(arg.clone());
            if !interspersed {
                out.args.extend_from_slice(rest);
                break;
            }
        }
    }
    Ok(out)
}

fn scan_long(
    flags: &'static [Flag],
    arg: &str,
    long: &str,
    rest: &mut &[String],
    around: &Surroundings<'_>,
    out: &mut Scanned,
) -> Result<(), String> {
    if long.starts_with('-') || long.starts_with('=') {
        return Err(format!("bad flag syntax: {arg}"));
    }
    let (name, given) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (long, None),
    };
    let Some(flag) = flags.iter().find(|f| f.name == name) else {
        if name == "help" {
            out.help = match given {
                None => true,
                Some(v) => check::go_bool(&v).ok_or_else(|| {
                    format!(
                        "invalid argument {} for \"--help\" flag: strconv.ParseBool: parsing {}: invalid syntax",
                        check::quote(&v),
                        check::quote(&v)
                    )
                })?,
            };
            return Ok(());
        }
        return Err(format!("unknown flag: --{name}"));
    };
    let value = match given {
        Some(value) => value,
        None if flag.kind == Kind::Bool => "true".to_owned(),
        None => take(rest).ok_or_else(|| format!("flag needs an argument: --{name}"))?,
    };
    set(flag, value, around, out)
}

fn scan_short(
    flags: &'static [Flag],
    letters: &str,
    rest: &mut &[String],
    around: &Surroundings<'_>,
    out: &mut Scanned,
) -> Result<(), String> {
    let mut letters = letters;
    while let Some(c) = letters.chars().next() {
        let after = &letters[c.len_utf8()..];
        let Some(flag) = flags.iter().find(|f| f.short == Some(c)) else {
            if c == 'h' {
                out.help = true;
                letters = after;
                continue;
            }
            return Err(format!("unknown shorthand flag: '{c}' in -{letters}"));
        };
        let (value, remaining) = if after.len() > 1 && after.starts_with('=') {
            (after[1..].to_owned(), "")
        } else if flag.kind == Kind::Bool {
            ("true".to_owned(), after)
        } else if !after.is_empty() {
            (after.to_owned(), "")
        } else {
            (take(rest).ok_or_else(|| format!("flag needs an argument: '{c}' in -{letters}"))?, "")
        };
        set(flag, value, around, out)?;
        letters = remaining;
    }
    Ok(())
}

fn take(rest: &mut &[String]) -> Option<String> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    Some(first.clone())
}

fn set(flag: &'static Flag, value: String, around: &Surroundings<'_>, out: &mut Scanned) -> Result<(), String> {
    let checked = check::check(flag.kind, &value, around.env)
        .map_err(|e| format!("invalid argument {} for \"{}\" flag: {e}", check::quote(&value), flag.label()))?;
    if flag.name == "help" {
        out.help |= checked == "true";
    } else if flag.kind == Kind::Strings {
        let parts = check::csv(&checked)?;
        out.values.extend(parts.into_iter().map(|p| (flag, p)));
    } else {
        out.values.push((flag, checked));
    }
    Ok(())
}
