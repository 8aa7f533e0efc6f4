//! Every flag of the command table is read by the code of its command: a flag that is accepted and then ignored is a lie to whoever types it. A flag counts
//! as read if its name stands as a string in the sources that serve the command (tests left out), or if it is one that docker 28.2 ignores too.

use engine_wasm::cli::spec::Cmd;
use engine_wasm::cli::table;

macro_rules! source {
    ($($path:literal),+ $(,)?) => { &[$(include_str!($path)),+] };
}

/// The body of `run` and `create`, made from the flags that both have.
const CREATE: &[&str] = source![
    "../src/commands/create.rs",
    "../../../engine-wasm/src/cli/create.rs",
    "../../../engine-wasm/src/cli/netopt.rs",
];

/// The sources that serve a command.
fn sources(command: Cmd) -> Vec<&'static str> {
    let own: &[&str] = match command {
        Cmd::Run => source!["../src/commands/run.rs"],
        Cmd::Create => &[],
        Cmd::Start | Cmd::Attach => source!["../src/commands/attach.rs"],
        Cmd::Exec => source!["../src/commands/exec.rs"],
        Cmd::Stop
        | Cmd::Restart
        | Cmd::Kill
        | Cmd::Rm
        | Cmd::Pause
        | Cmd::Unpause
        | Cmd::Wait
        | Cmd::Rename
        | Cmd::Update => source!["../src/commands/lifecycle.rs"],
        Cmd::Ps
        | Cmd::Images
        | Cmd::History
        | Cmd::Diff
        | Cmd::VolumeLs
        | Cmd::NetworkLs
        | Cmd::Search
        | Cmd::Top
        | Cmd::Port
        | Cmd::Pull => source!["../src/commands/list.rs"],
        Cmd::Tag
        | Cmd::Rmi
        | Cmd::Commit
        | Cmd::ContainerPrune
        | Cmd::ImagePrune
        | Cmd::VolumePrune
        | Cmd::NetworkPrune => source!["../src/commands/image.rs"],
        Cmd::Inspect | Cmd::ContainerInspect | Cmd::ImageInspect | Cmd::NetworkInspect | Cmd::VolumeInspect => {
            source!["../src/commands/inspect.rs"]
        }
        Cmd::Logs | Cmd::Events => source!["../src/commands/logs.rs"],
        Cmd::Save | Cmd::Load | Cmd::Import | Cmd::Export => source!["../src/commands/archive.rs"],
        Cmd::Version | Cmd::Info | Cmd::SystemDf | Cmd::SystemPrune => source!["../src/commands/system.rs"],
        Cmd::VolumeCreate
        | Cmd::VolumeRm
        | Cmd::NetworkCreate
        | Cmd::NetworkRm
        | Cmd::NetworkConnect
        | Cmd::NetworkDisconnect => source!["../src/commands/volume.rs"],
        Cmd::Stats => source!["../src/commands/stats.rs"],
        Cmd::Cp => source!["../src/commands/cp.rs"],
    };
    let mut all = own.to_vec();
    if matches!(command, Cmd::Run | Cmd::Create | Cmd::Update) {
        all.extend(CREATE);
    }
    // `--detach-keys` is read in one place for all that attach.
    if matches!(command, Cmd::Run | Cmd::Start | Cmd::Attach) {
        all.extend(source!["../src/commands/mod.rs"]);
    }
    all.iter().map(|text| text.split("#[cfg(test)]").next().unwrap_or_default()).collect()
}

/// Flags that do nothing in docker 28.2 on Linux either, or that the parser itself acts on.
fn ignored_by_docker(flag: &str) -> bool {
    // `--help` is the parser's; content trust is off unless the environment turns it on.
    matches!(flag, "help" | "disable-content-trust")
}

/// The name under which a flag's value is stored.
fn stored(flag: &str) -> &str {
    match flag {
        "net" => "network",
        "net-alias" => "network-alias",
        "dns-opt" => "dns-option",
        "time" => "timeout",
        other => other,
    }
}

#[test]
fn no_flag_is_accepted_and_ignored() {
    let mut ignored = Vec::new();
    let mut seen = 0;
    for command in table::commands() {
        let sources = sources(command.id);
        for flag in command.flags.iter().filter(|f| !ignored_by_docker(f.name)) {
            seen += 1;
            let quoted = format!("\"{}\"", stored(flag.name));
            if !sources.iter().any(|text| text.contains(&quoted)) {
                ignored.push(format!("{} --{}", command.path(command.top.is_some()), flag.name));
            }
        }
    }
    assert!(seen > 300, "the table was walked, not {seen} flags of it");
    assert!(ignored.is_empty(), "accepted and ignored:\n{}", ignored.join("\n"));
}
