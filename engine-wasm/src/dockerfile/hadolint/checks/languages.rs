//! Rules about the package managers of languages.

use std::collections::BTreeMap;

use super::packages::{for_stages, shipped, unpinned};
use super::{Ins, Sink, position};
use crate::dockerfile::hadolint::script::{Arg, Cmd};

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    unpinned(sink, list, "DL3013", pip_packages, pip_pinned);
    unpinned(sink, list, "DL3016", npm_packages, npm_pinned);
    unpinned(sink, list, "DL3028", gems, |gem| gem.contains(':'));
    go(sink, list);
    pip_cache(sink, list);
    yarn(sink, list);
}

fn is_pip_install(cmd: &Cmd) -> bool {
    let pip = cmd.name.starts_with("pip") && !cmd.name.starts_with("pipenv") && cmd.has(&["install"]);
    pip || (cmd.name.starts_with("python") && cmd.sequence(&["-m", "pip", "install"]))
}

/// pip's flags that take a value, as hadolint lists them.
const PIP_VALUES: [&str; 27] = [
    "abi",
    "b",
    "build",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "index-url",
    "implementation",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python",
    "python-version",
    "root",
    "root-user-action",
    "src",
    "t",
    "target",
    "trusted-host",
    "upgrade-strategy",
    "",
];

/// What stands after `install`.
fn installed(args: Vec<&Arg>) -> Vec<&Arg> {
    args.into_iter().skip_while(|arg| arg.text != "install").skip_while(|arg| arg.text == "install").collect()
}

fn pip_packages(cmd: &Cmd) -> Vec<&Arg> {
    let from_file = cmd.has(&["--requirement", "-r", "."]);
    let constrained = cmd.has_flag(&["constraint", "c"]);
    if !is_pip_install(cmd) || from_file || constrained {
        return Vec::new();
    }
    installed(cmd.plain(&PIP_VALUES[..26]))
}

fn pip_pinned(package: &str) -> bool {
    let schemes = [
        "git",
        "hg+file",
        "hg+http",
        "hg+ssh",
        "hg+static-http",
        "svn",
        "bzr+http",
        "bzr+ssh",
        "bzr+sftp",
        "bzr+ftp",
        "bzr+lp",
    ];
    let vcs = schemes.iter().any(|scheme| package.starts_with(scheme));
    ["==", ">=", "<=", ">", "<", "!=", "~="].iter().any(|sign| package.contains(sign))
        || (vcs && package.contains('@'))
        || package.ends_with(".whl")
        || package.ends_with(".tar.gz")
        || (!vcs && package.contains('/'))
}

fn npm_packages(cmd: &Cmd) -> Vec<&Arg> {
    let plain = cmd.plain(&["loglevel", "registry"]);
    let first = plain.first().is_some_and(|arg| arg.text == "install");
    if cmd.is("npm", &["install"]) && first { installed(plain) } else { Vec::new() }
}

fn npm_pinned(package: &str) -> bool {
    let starts = |any: &[&str]| any.iter().any(|start| package.starts_with(start));
    if starts(&["git://", "git+ssh://", "git+http://", "git+https://"]) {
        return package.contains('#');
    }
    let archive = [".tar", ".tar.gz", ".tgz"].iter().any(|end| package.ends_with(end));
    // In `@scope/name@1` the first `@` is no version's.
    let name = if package.starts_with('@') { package.find('/').map_or("", |at| &package[at..]) } else { package };
    archive || starts(&["/", "./", "../", "~/"]) || name.contains('@')
}

fn gems(cmd: &Cmd) -> Vec<&Arg> {
    let versioned = cmd.has(&["-v", "--version"]) || cmd.args.iter().any(|arg| arg.text.starts_with("--version="));
    if !cmd.is("gem", &["install", "i"]) || versioned {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut args = cmd.args.iter().take_while(|arg| arg.text != "--");
    while let Some(arg) = args.next() {
        if arg.text.starts_with('-') {
            args.next();
        } else if !matches!(arg.text.as_str(), "install" | "i") {
            out.push(arg);
        }
    }
    out
}

fn go(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let pinned = |package: &str| {
        let moves = package.ends_with("@latest") || package.ends_with("@none");
        package.starts_with(['.', '/']) || (package.contains('@') && !moves)
    };
    for ins in list.iter().filter(|ins| ins.name == "RUN") {
        let commands = &ins.script.commands;
        let run = commands.iter().filter(|cmd| cmd.is("go", &["run"]));
        let run = run.flat_map(|cmd| cmd.plain(&[]).into_iter().take(2)).filter(|arg| arg.text != "run");
        let mut packages: Vec<&Arg> = run.collect();
        if packages.is_empty() {
            let get = commands.iter().filter(|cmd| cmd.is("go", &["install", "get"]));
            let words = ["install", "get", "tool"];
            packages.extend(get.flat_map(|cmd| cmd.plain(&[])).filter(|arg| !words.contains(&arg.text.as_str())));
        }
        if let Some(package) = packages.into_iter().find(|package| !pinned(&package.text)) {
            sink.add_at("DL3062", ins, package.span.clone(), None);
        }
    }
}

/// What pip takes for yes.
const TRUE: [&str; 10] = ["1", "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES"];

fn pip_cache(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let mut off: BTreeMap<&str, bool> = BTreeMap::new();
    let mut current = None;
    for ins in list {
        match ins.name.as_str() {
            "FROM" => {
                let base = ins.base();
                if current.is_some() {
                    let inherited = off.get(base.name).copied().unwrap_or(false);
                    off.insert(base.known_as(), inherited);
                }
                current = Some(base.known_as());
            }
            "ENV" => {
                let set = ins
                    .pairs()
                    .iter()
                    .any(|(name, value, _)| name == "PIP_NO_CACHE_DIR" && TRUE.contains(&value.as_str()));
                if set {
                    off.insert(current.get_or_insert(""), true);
                }
            }
            _ => {}
        }
        let set = current.is_some_and(|stage| off.get(stage) == Some(&true));
        let text = &ins.script.text;
        let value = text.split_once("PIP_NO_CACHE_DIR=").map_or("", |(_, value)| value);
        let set = set || TRUE.iter().any(|yes| value.starts_with(yes)) || ins.mounts(".cache/pip");
        let wrapper = |cmd: &Cmd| {
            ["pipx", "pipenv"]
                .iter()
                .any(|name| cmd.name.contains(name) || (cmd.name.starts_with("python") && cmd.sequence(&["-m", name])))
        };
        let forgot = |cmd: &Cmd| is_pip_install(cmd) && !cmd.has(&["--no-cache-dir"]) && !wrapper(cmd);
        if !set {
            let one = std::slice::from_ref(ins);
            sink.commands("DL3042", one, forgot, "Add `--no-cache-dir`", |sink, cmd| {
                // `pip-sync` and the like have other flags.
                let version = cmd.name.trim_start_matches("pip");
                let known = cmd.name.starts_with("python") || version.chars().all(|c| c.is_ascii_digit() || c == '.');
                sink.flag_after(cmd, &["install"], "--no-cache-dir").filter(|_| known)
            });
        }
    }
}

fn yarn(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let mut forgot: Vec<(&Ins<'_>, Option<usize>)> = Vec::new();
    for_stages(list, |ins, stage| {
        let install = position(&ins.script, |cmd| cmd.is("yarn", &["install"]));
        let clean = position(&ins.script, |cmd| cmd.is("yarn", &["cache", "clean"]));
        let missing = match (install, clean) {
            (Some(_), None) => !ins.mounts(".cache/yarn"),
            (Some(install), Some(clean)) => clean < install,
            _ => false,
        };
        if missing {
            forgot.push((ins, stage));
        }
    });
    for (ins, stage) in forgot {
        if shipped(list, stage) {
            // No fix: where yarn keeps its cache in the project, the program runs from it.
            sink.add("DL3060", ins);
        }
    }
}
