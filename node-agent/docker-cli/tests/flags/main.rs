//! Every flag of the command table does something: a flag that is accepted and then ignored is a lie to whoever types it. Each command runs
//! without and with each of its flags on an engine that only keeps what it was asked; something must differ: the requests, the output, the
//! exit code, or the files that are there afterwards. The few that change nothing here are listed with the reason.

mod engine;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use engine::Engine;
use engine_wasm::cli::spec::{Cmd, Flag, Kind};
use engine_wasm::cli::table;

/// Flags that change nothing that this test could see, each with the reason.
const WITHOUT_EFFECT: &[(&str, &str, &str)] = &[
    ("*", "disable-content-trust", "content trust is off unless the environment turns it on, as in docker 28.2"),
    ("*", "sig-proxy", "decides about signals; proven in a terminal (tests/terminal.rs)"),
    ("docker cp", "archive", "decides who owns a copied file; proven by side_by_side.sh"),
    ("docker cp", "quiet", "hides the progress that only a terminal shows"),
    (
        "docker load",
        "quiet",
        "hides the progress that only a terminal shows; without one the request says quiet anyway",
    ),
    ("*", "detach-keys", "decides about keys; proven in a terminal (tests/terminal.rs)"),
];

/// Commands that cannot succeed without the flag in question.
const FAILS_WITHOUT: &[(&str, &str)] = &[
    ("docker network rm", "force"),
    ("docker login", "password"),
    ("docker login", "password-stdin"),
    ("docker login", "username"),
];

/// A command's words and arguments for a run without further flags.
fn base(command: Cmd, flag: &str) -> &'static [&'static str] {
    match command {
        Cmd::Stats if flag == "all" => &[],
        Cmd::Run | Cmd::Create => &["image", "command"],
        Cmd::Exec => &["c1", "command"],
        Cmd::Commit => &["c1", "repository:tag"],
        Cmd::Cp => &["c1:/x", "-"],
        Cmd::Rename => &["c1", "c2"],
        Cmd::Import => &["-", "repository"],
        Cmd::Tag => &["image", "other"],
        Cmd::NetworkConnect | Cmd::NetworkDisconnect => &["n", "c1"],
        Cmd::NetworkCreate | Cmd::NetworkInspect => &["n"],
        Cmd::NetworkRm => &["n", "none"],
        Cmd::VolumeRm | Cmd::VolumeInspect => &["v"],
        Cmd::History | Cmd::ImageInspect | Cmd::Pull | Cmd::Rmi | Cmd::Save => &["image"],
        Cmd::Search => &["x"],
        Cmd::Build => &["context"],
        Cmd::Push => &["image:tag"],
        Cmd::Ps
        | Cmd::Images
        | Cmd::Info
        | Cmd::Version
        | Cmd::SystemDf
        | Cmd::Events
        | Cmd::Load
        | Cmd::NetworkLs
        | Cmd::VolumeLs
        | Cmd::VolumeCreate
        | Cmd::ContainerPrune
        | Cmd::ImagePrune
        | Cmd::NetworkPrune
        | Cmd::VolumePrune
        | Cmd::SystemPrune
        | Cmd::BuilderPrune
        | Cmd::Login
        | Cmd::Logout => &[],
        _ => &["c1"],
    }
}

/// Flags that a run of the command needs so that the one in question can matter.
fn beside(command: Cmd, flag: &str) -> &'static [&'static str] {
    match (command, flag) {
        (Cmd::Stats, "no-stream") | (_, "force") => &[],
        (Cmd::Stats, _) => &["--no-stream"],
        (Cmd::ContainerPrune | Cmd::ImagePrune | Cmd::NetworkPrune | Cmd::VolumePrune | Cmd::SystemPrune, _) => {
            &["--force"]
        }
        (Cmd::Update, "memory") => &["--pids-limit", "9"],
        (Cmd::Update, _) => &["--memory", "65m"],
        (Cmd::BuilderPrune, _) => &["--force"],
        (Cmd::Login, "username") => &["--password", "x"],
        (Cmd::Login, _) => &["--username", "x"],
        (Cmd::Push, "all-tags") => &[],
        (Cmd::Run | Cmd::Create, "health-interval" | "health-retries" | "health-timeout") => &["--health-cmd", "x"],
        (Cmd::Run | Cmd::Create, "health-start-period" | "health-start-interval") => &["--health-cmd", "x"],
        (Cmd::Run | Cmd::Create, "ip" | "ip6" | "link-local-ip" | "mac-address" | "net-alias" | "network-alias") => {
            &["--network", "n"]
        }
        (Cmd::Run | Cmd::Create, "volume-driver") => &["--volume", "v:/v"],
        (Cmd::Run | Cmd::Create, "quiet") => &["--pull", "always"],
        (Cmd::Run, "rm") => &["--detach"],
        (Cmd::NetworkCreate, "aux-address" | "gateway" | "ip-range") => &["--subnet", "10.1.0.0/16"],
        _ => &[],
    }
}

/// A value that the flag accepts and that is not its default.
fn value(command: Cmd, flag: &Flag, dir: &Path) -> String {
    let file = |name: &str| dir.join(name).display().to_string();
    match (flag.name, flag.kind) {
        (_, Kind::Bool) => if flag.default == Some("true") { "false" } else { "true" }.into(),
        ("attach", _) => "stdin".into(),
        ("add-host", _) => "name:1.2.3.4".into(),
        ("aux-address", _) => "a=10.1.0.9".into(),
        ("blkio-weight-device", _) => "/dev/sda:100".into(),
        ("change", _) => "CMD x".into(),
        ("cgroupns" | "ipc" | "pid" | "userns" | "uts", _) => "host".into(),
        ("cidfile" | "output", _) => file("written"),
        ("device", _) => "/dev/null:/dev/x".into(),
        ("device-cgroup-rule", _) => "c 1:3 rwm".into(),
        ("env-file", _) => file("environment"),
        ("label-file", _) => file("labels"),
        ("input", _) => file("archive"),
        ("file", _) => file("context/other"),
        ("iidfile", _) => file("written"),
        ("build-arg", _) => "key=value".into(),
        ("filter", _) if command == Cmd::Search => "stars=2".into(),
        ("filter", _) => "label=a".into(),
        ("format", _) => "{{json .}}".into(),
        ("gateway" | "ip" | "link-local-ip", _) => "10.1.0.5".into(),
        ("ip6", _) => "2001:db8::5".into(),
        ("ip-range", _) => "10.1.1.0/24".into(),
        ("subnet", _) => "10.1.0.0/16".into(),
        ("isolation", _) => "default".into(),
        ("link", _) => "c2:alias".into(),
        ("mac-address", _) => "02:42:ac:11:00:09".into(),
        ("mount", _) => "type=tmpfs,dst=/t".into(),
        ("memory-swappiness", _) => "50".into(),
        ("platform", _) => "linux/arm64".into(),
        ("publish" | "expose", _) => "80".into(),
        ("pull", _) => "always".into(),
        ("restart", _) => "always".into(),
        ("runtime", _) => "other".into(),
        ("security-opt", _) => "no-new-privileges".into(),
        ("since" | "until", _) => "5".into(),
        ("sort", _) => "name".into(),
        ("time" | "timeout", _) => "7".into(),
        ("tmpfs", _) => "/t".into(),
        ("type", _) => "image".into(),
        ("volume", _) => "w:/w".into(),
        ("dns", _) => "9.9.9.9".into(),
        (_, Kind::ThrottleBps | Kind::ThrottleIops) => "/dev/sda:1000".into(),
        (_, Kind::Sysctl) => "net.ipv4.ip_forward=1".into(),
        (_, Kind::Map | Kind::Label | Kind::Env) => "key=value".into(),
        (_, Kind::Ulimit) => "nofile=100".into(),
        (_, Kind::Gpus) => "all".into(),
        (_, Kind::Bytes | Kind::SwapBytes) => "64m".into(),
        (_, Kind::Duration) => "3s".into(),
        (_, Kind::Cpus) => "1.5".into(),
        (_, Kind::Int | Kind::Uint | Kind::Uint16) => "50".into(),
        _ => "something".into(),
    }
}

/// All that a run shows to the outside.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    requests: Vec<String>,
    code: Option<i32>,
    stdout: String,
    stderr: String,
    files: BTreeSet<PathBuf>,
}

fn run(engine: &Engine, dir: &Path, words: &[String]) -> Seen {
    let _ = std::fs::remove_file(dir.join("written"));
    let agent = std::env::var_os("SLIPWAY_NODE_AGENT")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/node-agent"), PathBuf::from);
    let mut command = Command::new("timeout");
    // Only a login reads it as a password; elsewhere it would be an archive or a command's input.
    let stdin = match words.first().map(String::as_str) {
        Some("login") => std::fs::File::open(dir.join("labels")).expect("a file").into(),
        _ => Stdio::null(),
    };
    // A stream without end is cut; then its exit code says so in both runs.
    command.arg("5").arg(agent).arg("docker").args(words).current_dir(dir);
    command.env("DOCKER_HOST", format!("unix://{}", engine.socket.display())).env("DOCKER_CONFIG", dir);
    let output = command.env("TZ", "UTC").stdin(stdin).output().expect("our docker starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let files = std::fs::read_dir(dir).expect("the directory").flatten().map(|entry| entry.path()).collect();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Seen { requests: engine.asked(), code: output.status.code(), stdout, stderr, files }
}

#[test]
fn every_flag_changes_what_is_asked_or_shown() {
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/node-agent");
    if std::env::var_os("SLIPWAY_NODE_AGENT").is_none() && !agent.exists() {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "no node-agent is built");
        eprintln!("SKIP: no node-agent is built (cargo build -p node-agent, or SLIPWAY_NODE_AGENT)");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in
        [("environment", "FROM=file\n"), ("labels", "from=file\n"), ("archive", "no tar, which the engine would say")]
    {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    std::fs::create_dir(dir.path().join("context")).expect("made");
    for name in ["Dockerfile", "other"] {
        std::fs::write(dir.path().join("context").join(name), "FROM scratch\n").expect("written");
    }
    let engine = Engine::start(dir.path());
    let (mut seen, mut wrong, mut unlisted) = (0, Vec::new(), BTreeSet::new());
    for command in table::commands() {
        let path = command.path(command.top.is_some());
        let words: Vec<String> = path.split(' ').skip(1).map(str::to_owned).collect();
        for flag in command.flags.iter().filter(|flag| flag.name != "help") {
            seen += 1;
            let with = |extra: Option<String>| -> Vec<String> {
                let beside = beside(command.id, flag.name).iter().map(|word| (*word).to_owned());
                let arguments = base(command.id, flag.name).iter().map(|word| (*word).to_owned());
                words.iter().cloned().chain(beside).chain(extra).chain(arguments).collect()
            };
            let given = format!("--{}={}", flag.name, value(command.id, flag, dir.path()));
            let (bare, flagged) =
                (run(&engine, dir.path(), &with(None)), run(&engine, dir.path(), &with(Some(given.clone()))));
            // A run that fails by itself proves little of a flag.
            let fails = FAILS_WITHOUT.iter().any(|(of, name)| *of == path && *name == flag.name);
            if !matches!(bare.code, Some(0 | 124)) && !fails {
                wrong.push(format!("{path} without --{}: {bare:?}", flag.name));
            }
            let refused =
                ["unknown flag", "invalid argument", "invalid value"].iter().any(|text| flagged.stderr.contains(text));
            if refused {
                wrong.push(format!("{path} {given}: {}", flagged.stderr.trim()));
            } else if bare == flagged {
                let listed =
                    WITHOUT_EFFECT.iter().any(|(of, name, _)| (*of == "*" || *of == path) && *name == flag.name);
                if !listed {
                    unlisted.insert(format!("{path} {given}: {bare:?}"));
                }
            }
        }
    }
    assert!(seen > 300, "the table was walked, not {seen} flags of it");
    assert!(wrong.is_empty(), "refused:\n{}", wrong.join("\n"));
    assert!(unlisted.is_empty(), "accepted and ignored:\n{}", unlisted.into_iter().collect::<Vec<_>>().join("\n"));
}
