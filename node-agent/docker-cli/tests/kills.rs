//! The engine is killed in the middle of a pull, commit, load, import, removal and prune, at a dozen moments each. Started again
//! it has a store without a fault, and does the same work.

mod common;

use common::{Lab, skip, wait_for};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Moments for each kind of work.
const ROUNDS: u32 = 12;

/// One kind of work: what must be there first, the work, and how to see that it was done.
struct Work {
    name: &'static str,
    before: Vec<Vec<&'static str>>,
    command: Vec<String>,
    input: Option<PathBuf>,
    done: Vec<&'static str>,
    /// Whether the image that `done` looks at must be there afterwards, or gone.
    there: bool,
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs the work to its end.
fn run(lab: &Lab, work: &Work) -> bool {
    start(lab, work).wait().expect("docker ends").success()
}

fn start(lab: &Lab, work: &Work) -> Child {
    let args: Vec<&str> = work.command.iter().map(String::as_str).collect();
    let mut command = lab.command(&args);
    match &work.input {
        Some(path) => command.stdin(File::open(path).expect("the input")),
        None => command.stdin(Stdio::null()),
    };
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker starts")
}

/// What must be there before the work; what a cut-off round has done already is no fault.
fn prepare(lab: &Lab, work: &Work) {
    for args in &work.before {
        lab.docker(args);
    }
}

fn registry(lab: &Lab) -> Option<Child> {
    if !Path::new("/usr/bin/docker-registry").exists() {
        skip("docker-registry is not installed");
        return None;
    }
    let file = lab.dir.join("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"127.0.0.1:5000\"}}\n",
        lab.dir.join("registry").display()
    );
    std::fs::write(&file, text).expect("a file");
    assert!(lab.inside("ip").args(["link", "set", "lo", "up"]).status().is_ok_and(|s| s.success()));
    let mut serve = lab.inside("docker-registry");
    Some(serve.arg("serve").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker-registry"))
}

/// The same numbers in every run: where in the work each kill falls, in parts of 1000, spread evenly and moved a little.
fn moments(seed: u64) -> Vec<u32> {
    let mut state = seed;
    (0..ROUNDS)
        .map(|round| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            round * 1000 / ROUNDS + u32::try_from(state >> 57).unwrap_or(0) * 1000 / ROUNDS / 128
        })
        .collect()
}

fn fsck(lab: &Lab) {
    let agent = lab.ours();
    let agent = agent.split(' ').next().unwrap_or_default();
    let data = lab.dir.join("data").display().to_string();
    let checked = Command::new(agent).args(["engine", "fsck", "--deep", "--data-root", &data]).output().expect("fsck");
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.contains("no problems"), "{said}{checked:?}");
}

#[test]
fn an_engine_killed_at_any_moment_has_a_store_without_a_fault_and_does_the_work_again() {
    let Some(mut lab) = Lab::new("kills") else { return };
    let Some(mut registry) = registry(&lab) else { return };
    // Three layers with a few hundred files and some megabytes.
    let fill = |n: u32| {
        format!("mkdir /d{n}; for i in $(seq 150); do head -c 20000 /dev/urandom > /d{n}/$i; done; rm -rf /etc/apk")
    };
    for n in 1..=3 {
        let (from, to) = (if n == 1 { "alpine".to_owned() } else { format!("big{}", n - 1) }, format!("big{n}"));
        lab.ok(&["run", "--name", "filler", &from, "sh", "-c", &fill(n)]);
        lab.ok(&["commit", "filler", &to]);
        lab.ok(&["rm", "filler"]);
    }
    lab.ok(&["tag", "big3", "localhost:5000/big"]);
    wait_for("the registry to take an image", || {
        lab.docker(&["push", "localhost:5000/big"]).status.success().then_some(())
    });
    lab.ok(&["rmi", "localhost:5000/big"]);
    let (saved, root) = (lab.dir.join("saved.tar"), lab.dir.join("big.tar"));
    lab.ok(&["save", "-o", &saved.display().to_string(), "big3"]);
    lab.ok(&["run", "--name", "writer", "big3", "sh", "-c", &fill(4)]);
    lab.ok(&["export", "-o", &root.display().to_string(), "writer"]);
    lab.ok(&["tag", "alpine", "keep"]);
    lab.ok(&["rmi", "big1", "big2"]);
    let none = ["rmi", "-f", "big3"];
    let work = |name, command: &[&str]| Work {
        name,
        before: vec![],
        command: words(command),
        input: None,
        done: vec!["big3"],
        there: true,
    };
    let load = ["load", "-q", "-i", &saved.display().to_string()].map(str::to_owned).to_vec();
    lab.ok(&["tag", "big3", "base-of-writer"]);
    let all = [
        Work {
            before: vec![vec!["rmi", "-f", "committed"]],
            done: vec!["committed"],
            ..work("commit", &["commit", "writer", "committed"])
        },
        Work {
            input: Some(root),
            before: vec![vec!["rmi", "-f", "imported"]],
            done: vec!["imported"],
            ..work("import", &["import", "-", "imported"])
        },
        Work {
            before: vec![
                none.to_vec(),
                vec!["rm", "-f", "writer"],
                vec!["rmi", "-f", "base-of-writer", "committed", "localhost:5000/big"],
            ],
            done: vec!["localhost:5000/big"],
            ..work("pull", &["pull", "-q", "localhost:5000/big"])
        },
        Work {
            before: vec![vec!["rmi", "-f", "localhost:5000/big"], none.to_vec()],
            command: load,
            ..work("load", &[])
        },
        Work { before: vec![vec!["tag", "imported", "imported:2"]], there: false, ..work("rmi", &["rmi", "big3"]) },
        Work { before: vec![vec!["rmi", "keep"]], there: false, ..work("prune", &["image", "prune", "-af"]) },
    ];
    for (number, work) in all.iter().enumerate() {
        let seed = 20_26 + number as u64;
        let restock = |lab: &Lab| {
            prepare(lab, work);
            if !work.there {
                // What is to be removed.
                lab.ok(&["load", "-q", "-i", &saved.display().to_string()]);
            }
        };
        restock(&lab);
        let begun = Instant::now();
        assert!(run(&lab, work), "{} works", work.name);
        let whole = begun.elapsed();
        let moments = moments(seed);
        eprintln!("{}: {whole:?}; seed {seed}: killed at {moments:?} thousandths", work.name);
        for moment in moments {
            restock(&lab);
            let mut client = start(&lab, work);
            std::thread::sleep(whole * moment / 1000);
            lab.kill_engine();
            client.wait().expect("the client sees the end");
            // A start sweeps up; then there is nothing to find fault with.
            lab.start_engine();
            lab.kill_engine();
            fsck(&lab);
            lab.start_engine();
        }
        restock(&lab);
        assert!(run(&lab, work), "{} works again", work.name);
        let found = lab.docker(&[&["image", "inspect"], &work.done[..]].concat()).status.success();
        assert_eq!(found, work.there, "{}", work.name);
        lab.kill_engine();
        fsck(&lab);
        lab.start_engine();
    }
    let _ = registry.kill();
    let _ = registry.wait();
}
