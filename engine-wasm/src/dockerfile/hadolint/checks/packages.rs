//! Rules about the package managers of distributions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ins, Sink, position, runs};
use crate::dockerfile::hadolint::script::{Arg, Cmd, Script};

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    apt(sink, list);
    apk(sink, list);
    zypper(sink, list);
    red_hat(sink, list, &["yum"], "DL3030", "DL3033");
    red_hat(sink, list, &["dnf", "microdnf"], "DL3038", "DL3041");
    clean_up(sink, list);
    lists(sink, list);
}

/// Reports each `RUN` that installs a package which `pinned` does not take for pinned, at the first such package.
pub(super) fn unpinned<'c>(
    sink: &mut Sink<'_>,
    list: &'c [Ins<'_>],
    code: &'static str,
    packages: impl Fn(&'c Cmd) -> Vec<&'c Arg>,
    pinned: impl Fn(&str) -> bool,
) {
    for ins in runs(list) {
        let found = ins.script.commands.iter().flat_map(&packages).find(|package| !pinned(&package.text));
        if let Some(package) = found {
            sink.add_at(code, ins, package.span.clone(), None);
        }
    }
}

fn without<'c>(args: Vec<&'c Arg>, names: &[&str]) -> Vec<&'c Arg> {
    args.into_iter().filter(|arg| !names.contains(&arg.text.as_str())).collect()
}

fn apt(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let installs = |cmd: &Cmd| cmd.is("apt-get", &["install"]);
    unpinned(
        sink,
        list,
        "DL3008",
        |cmd| if installs(cmd) { without(cmd.plain(&["t", "target-release"]), &["install"]) } else { Vec::new() },
        |package| package.contains(['=', '/']) || package.ends_with(".deb"),
    );
    let asks = |cmd: &Cmd| {
        let quiet = cmd.count_flag("q") == 2 || cmd.count_flag("quiet") == 2 || cmd.has(&["-q=2"]);
        installs(cmd) && !quiet && !cmd.has_flag(&["y", "yes", "qq", "assume-yes"])
    };
    sink.commands("DL3014", list, asks, "Add `-y`", |sink, cmd| sink.flag_after(cmd, &["install"], "-y"));
    let recommended = |cmd: &Cmd| {
        installs(cmd) && !cmd.has_flag(&["no-install-recommends"]) && !cmd.has(&["APT::Install-Recommends=false"])
    };
    sink.commands("DL3015", list, recommended, "", |_, _| None);
}

fn apk(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    unpinned(
        sink,
        list,
        "DL3018",
        |cmd| {
            let adds = cmd.is("apk", &["add"]);
            if adds { without(cmd.plain(&["t", "virtual", "repository", "X"]), &["add"]) } else { Vec::new() }
        },
        |package| package.contains(['=', '~', '>', '<']) || package.ends_with(".apk"),
    );
    let forgot = |cmd: &Cmd| cmd.is("apk", &["add"]) && !cmd.has_flag(&["no-cache"]);
    let before = sink.found.len();
    sink.commands("DL3019", list, forgot, "Add `--no-cache`", |sink, cmd| {
        // A later command may use the index that this one fetches, and without a network this one uses an earlier's.
        let index =
            cmd.has_flag(&["U", "update", "update-cache", "no-network"]) || sink.view.text.contains("--network");
        sink.flag_after(cmd, &["add"], "--no-cache").filter(|_| !index)
    });
    let cached: Vec<usize> = runs(list).filter(|ins| ins.mounts("/var/cache/apk")).map(|ins| ins.span.start).collect();
    let lines: Vec<usize> = runs(list).filter(|ins| cached.contains(&ins.span.start)).map(|ins| ins.lines.0).collect();
    let new = sink.found.split_off(before);
    sink.found.extend(new.into_iter().filter(|found| !lines.contains(&found.lines.0)));
}

fn zypper(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let changes = ["install", "in", "remove", "rm", "source-install", "si", "patch"];
    let asks = |cmd: &Cmd| cmd.is("zypper", &changes) && !cmd.has_flag(&["non-interactive", "n", "no-confirm", "y"]);
    sink.commands("DL3034", list, asks, "Add `-y`", |sink, cmd| {
        // `source-install` does not ask, nor know `-y`.
        sink.flag_after(cmd, &changes, "-y").filter(|_| !cmd.has(&["source-install", "si"]))
    });
    sink.commands("DL3035", list, |cmd| cmd.is("zypper", &["dist-upgrade", "dup"]), "", |_, _| None);
    unpinned(
        sink,
        list,
        "DL3037",
        |cmd| {
            if cmd.is("zypper", &["install", "in"]) { without(cmd.plain(&[]), &["install", "in"]) } else { Vec::new() }
        },
        |package| package.contains(['=', '>', '<']) || package.ends_with(".rpm"),
    );
}

/// yum and dnf, which differ in little but their names.
fn red_hat(sink: &mut Sink<'_>, list: &[Ins<'_>], tools: &[&str], ask: &'static str, pin: &'static str) {
    let is = |cmd: &Cmd, any: &[&str]| tools.contains(&cmd.name.as_str()) && cmd.has(any);
    let installs = ["install", "groupinstall", "localinstall"];
    let asks = |cmd: &Cmd| is(cmd, &installs) && !cmd.has_flag(&["y", "assumeyes"]);
    sink.commands(ask, list, asks, "Add `-y`", |sink, cmd| sink.flag_after(cmd, &installs, "-y"));
    let mut variables = Variables::default();
    for ins in list {
        variables.note(ins);
        if ins.name != "RUN" {
            continue;
        }
        let mut bad = None;
        for cmd in ins.script.commands.iter().filter(|cmd| is(cmd, &["install"])) {
            let module = is(cmd, &["module"]);
            let group = tools.contains(&"dnf") && is(cmd, &["group"]);
            let packages = without(cmd.plain(&[]), &["install", "module"]);
            let pinned =
                |package: &str| if module { package.contains(':') } else { group || variables.pinned(package) };
            bad =
                bad.or(packages.into_iter().find(|package| !pinned(&package.text)).map(|package| package.span.clone()));
        }
        if let Some(span) = bad {
            sink.add_at(pin, ins, span, None);
        }
    }
}

/// The variables that a package's version can come from.
#[derive(Default)]
struct Variables {
    stage: usize,
    names: BTreeMap<usize, String>,
    env: BTreeMap<usize, BTreeSet<String>>,
    args: BTreeSet<String>,
}

impl Variables {
    fn note(&mut self, ins: &Ins<'_>) {
        match ins.name.as_str() {
            "FROM" => {
                let base = ins.base();
                let parent = self.names.iter().find(|(_, name)| *name == base.name).map(|(stage, _)| *stage);
                let env = parent.and_then(|parent| self.env.get(&parent).cloned()).unwrap_or_default();
                self.stage += 1;
                self.env.insert(self.stage, env);
                self.names.insert(self.stage, base.alias.map(|alias| alias.text.clone()).unwrap_or_default());
            }
            "ENV" => self.env.entry(self.stage).or_default().extend(ins.pairs().into_iter().map(|(name, ..)| name)),
            "ARG" => self.args.extend(ins.arg_names().into_iter().map(str::to_owned)),
            _ => {}
        }
    }

    /// Whether a package has its version: `name-1.2`, a file, or a variable that is set.
    fn pinned(&self, package: &str) -> bool {
        let Some((_, version)) = package.split_once('-') else { return false };
        if package.ends_with(".rpm") {
            return true;
        }
        if package.contains('$') {
            let names = self.env.get(&self.stage).into_iter().flatten().chain(&self.args);
            return names.into_iter().any(|name| package.contains(&format!("${{{name}}}")));
        }
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '~' | '^' | '_' | ':' | '+');
        version.split('-').all(|part| part.chars().all(valid))
            && version.split('-').any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// Caches that should be gone when the `RUN` ends.
fn clean_up(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let removes = |cmd: &Cmd, path: &str| cmd.is("rm", &["-rf", path]);
    for ins in runs(list) {
        let script = &ins.script;
        let yum = missing(
            script,
            |cmd| cmd.is("yum", &["install"]),
            |cmd| cmd.is("yum", &["clean", "all"]) || removes(cmd, "/var/cache/yum/*"),
        );
        if let Some(late) = yum {
            let fix = sink.append(ins, "Add `yum clean all`", "yum clean all").filter(|_| !late);
            sink.add_at("DL3032", ins, ins.span.clone(), fix);
        }
        let zypper =
            missing(script, |cmd| cmd.is("zypper", &["install", "in"]), |cmd| cmd.is("zypper", &["clean", "cc"]));
        if let Some(late) = zypper.filter(|_| !ins.mounts("/var/cache/zypp")) {
            let fix = sink.append(ins, "Add `zypper clean`", "zypper clean").filter(|_| !late);
            sink.add_at("DL3036", ins, ins.span.clone(), fix);
        }
        let installs = ["install", "in", "upgrade", "up", "upgrade-minimal", "up-min", "reinstall", "rei"];
        let mut commands = Vec::new();
        let mut any_late = false;
        for tool in ["dnf", "microdnf"] {
            let clean = |cmd: &Cmd| cmd.is(tool, &["clean", "all"]) || removes(cmd, "/var/cache/libdnf5*");
            if let Some(late) = missing(script, |cmd| cmd.is(tool, &installs), clean) {
                commands.push(format!("{tool} clean all"));
                any_late |= late;
            }
        }
        if !commands.is_empty() && !ins.mounts("/var/cache/libdnf5") && !ins.mounts(".cache/libdnf5") {
            let command = commands.join(" && ");
            let fix = sink.append(ins, &format!("Add `{command}`"), &command).filter(|_| !any_late);
            sink.add_at("DL3040", ins, ins.span.clone(), fix);
        }
    }
}

/// Whether something is installed and not cleaned up after: `Some(true)` when the clean-up comes too early.
fn missing(script: &Script, install: impl Fn(&Cmd) -> bool, clean: impl Fn(&Cmd) -> bool) -> Option<bool> {
    let install = position(script, install)?;
    match position(script, clean) {
        None => Some(false),
        Some(clean) => (clean <= install).then_some(true),
    }
}

/// apt's lists, in stages that are shipped or built on.
fn lists(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let updates = |cmd: &Cmd| ["apt", "apt-get", "aptitude"].iter().any(|tool| cmd.is(tool, &["update"]));
    let removes = |cmd: &Cmd| cmd.is("rm", &["-rf", "/var/lib/apt/lists/*"]);
    let mut forgot: Vec<(&Ins<'_>, Option<usize>)> = Vec::new();
    for_stages(list, |ins, stage| {
        let has = |check: &dyn Fn(&Cmd) -> bool| ins.script.commands.iter().any(check);
        let mounted = ins.mounts("/var/lib/apt/lists") || (ins.mounts("/var/lib/apt") && ins.mounts("/var/cache/apt"));
        if has(&updates) && !has(&removes) && !mounted {
            forgot.push((ins, stage));
        }
    });
    // Whether a `RUN` may install from lists that an earlier one fetched; scripts may do anything.
    let needs = |other: &Ins<'_>| {
        let text = &other.script.text;
        other.name == "RUN"
            && (text.contains("sh") || text.contains("apt") && !other.script.commands.iter().any(updates))
    };
    for (ins, stage) in forgot {
        if shipped(list, stage) {
            let installs = ins.script.commands.iter().any(|cmd| cmd.name.starts_with("apt") && cmd.has(&["install"]));
            let mut later = sink.view.main.iter().chain(&sink.view.triggers);
            let own = installs && !later.any(|other| other.span.start > ins.span.start && needs(other));
            let fix = sink.append(ins, "Remove the lists at the end", "rm -rf /var/lib/apt/lists/*").filter(|_| own);
            sink.add_at("DL3009", ins, ins.span.clone(), fix);
        }
    }
}

/// Calls with each `RUN` and the `FROM` of its stage, by its number in the list.
pub(super) fn for_stages<'b, 'a>(list: &'b [Ins<'a>], mut each: impl FnMut(&'b Ins<'a>, Option<usize>)) {
    let mut stage = None;
    for (index, ins) in list.iter().enumerate() {
        match ins.name.as_str() {
            "FROM" => stage = Some(index),
            "RUN" => each(ins, stage),
            _ => {}
        }
    }
}

/// Whether a stage is the last one, looks just like it, or is built on.
pub(super) fn shipped(list: &[Ins<'_>], stage: Option<usize>) -> bool {
    let froms: Vec<&Ins<'_>> = list.iter().filter(|ins| ins.name == "FROM").collect();
    let (Some(stage), Some(last)) = (stage, froms.last()) else { return froms.is_empty() };
    let base = list[stage].base();
    let alike = base.alias.map(|alias| &alias.text) == last.base().alias.map(|alias| &alias.text)
        && list[stage].first() == last.first()
        && base.platform == last.base().platform;
    alike || base.alias.is_some_and(|alias| froms.iter().any(|from| from.base().name == alias.text))
}
