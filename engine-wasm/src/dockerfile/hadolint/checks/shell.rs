//! Rules about commands that are not package managers, and about the shell itself.

use super::{Ins, Sink};
use crate::dockerfile::hadolint::script::Cmd;
use crate::dockerfile::lint::TextEdit;

/// Programs that do nothing for an image.
const POINTLESS: [&str; 9] = ["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"];

pub(super) fn check(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let no_fix = |_: &Sink<'_>, _: &Cmd| None;
    sink.commands("DL3001", list, |cmd| POINTLESS.contains(&cmd.name.as_str()), "", no_fix);
    sink.commands("DL3004", list, |cmd| cmd.name == "sudo", "", no_fix);
    sink.commands("DL4005", list, |cmd| cmd.is("ln", &["/bin/sh"]), "", no_fix);
    sink.commands(
        "DL3027",
        list,
        |cmd| cmd.name == "apt",
        "Use apt-get",
        |sink, cmd| {
            // Those that do and print the same: `apt upgrade` installs more, `apt search` prints another form.
            let same = "install remove purge update autoremove clean autoclean build-dep source download";
            let command = &cmd.plain(&[]).first()?.text;
            let as_read = sink.view.text.get(cmd.span.clone()) == Some("apt");
            let fits = as_read && same.split(' ').any(|name| name == command);
            fits.then(|| TextEdit { span: cmd.span.clone(), text: "apt-get".to_owned() })
        },
    );
    let long_user = |cmd: &Cmd| {
        cmd.name == "useradd"
            && !cmd.has_flag(&["l", "no-log-init"])
            && cmd.has_flag(&["u", "uid"])
            && cmd.values("u").iter().any(|uid| uid.chars().count() > 5)
    };
    sink.commands("DL3046", list, long_user, "Add `-l`", |sink, cmd| sink.flag_first(cmd, "-l"));
    let noisy = |cmd: &Cmd| {
        cmd.name == "wget"
            && !cmd.has_flag(&["progress", "q", "quiet", "o", "output-file", "a", "append-output", "no-verbose"])
            && !cmd.has(&["-nv"])
    };
    // Only GNU's wget has `--progress=dot:giga`; which one it is, the file does not tell.
    sink.commands("DL3047", list, noisy, "", no_fix);
}

/// What depends on the instructions before, and is not looked for in `ONBUILD`.
pub(super) fn check_stages(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    sink.commands("DL3003", list, |cmd| cmd.name == "cd", "", |_, _| None);
    let mut pipefail = false;
    let mut before: Option<&Ins<'_>> = None;
    for ins in list {
        match ins.name.as_str() {
            "FROM" => pipefail = false,
            "SHELL" => {
                let other = ["pwsh", "powershell", "cmd"].iter().any(|shell| ins.script.text.starts_with(shell));
                pipefail = other || ins.script.commands.iter().any(sets_pipefail);
            }
            "RUN" if ins.script.pipes && !pipefail => sink.add("DL4006", ins),
            _ => {}
        }
        if ins.name != "RUN" {
            before = None;
            continue;
        }
        // A chain of commands is taken for one that was put together on purpose.
        let short = |ins: &Ins<'_>| ins.script.commands.len() < 2;
        match before {
            Some(last) if flags(last) == flags(ins) && short(last) && short(ins) => sink.add("DL3059", ins),
            _ => before = Some(ins),
        }
    }
}

fn flags<'a>(ins: &Ins<'a>) -> Vec<&'a str> {
    let mut flags: Vec<&str> = ins.node.flags.iter().map(|flag| flag.text.as_str()).collect();
    crate::order::sort(&mut flags);
    flags
}

fn sets_pipefail(cmd: &Cmd) -> bool {
    let shell = cmd.name.rsplit('/').next().unwrap_or_default();
    matches!(shell, "bash" | "zsh" | "ash") && cmd.has_flag(&["o"]) && cmd.has(&["pipefail"])
}

pub(super) fn wget_and_curl(sink: &mut Sink<'_>, list: &[Ins<'_>]) {
    let (mut wget, mut curl) = (false, false);
    for ins in list {
        if ins.name == "FROM" {
            (wget, curl) = (false, false);
        }
        let uses = |name: &str| ins.script.commands.iter().any(|cmd| cmd.name == name);
        let (now_wget, now_curl) = (uses("wget"), uses("curl"));
        (wget, curl) = (wget || now_wget, curl || now_curl);
        if ins.name == "RUN" && (now_wget || now_curl) && wget && curl {
            sink.add("DL4001", ins);
        }
    }
}
