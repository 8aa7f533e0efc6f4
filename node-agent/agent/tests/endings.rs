//! How sessions end on the real server while much goes on in their nodes, and what a student can do to a node at worst: afterwards
//! nothing is left, and other sessions have not suffered. As root, with the real binary and an image library.

mod common;

use std::time::{Duration, Instant};

use common::{
    page::{PROMPT, Page},
    server::{Server, Session},
};

/// A container that runs on.
const RUN: &str = "docker run -d --name keeps-running ubuntu sleep 1000";
/// One that a signal alone does not end.
const FREEZE: &str = "docker run -d --name frozen ubuntu sleep 1000 && docker pause frozen";

#[test]
fn a_session_whose_time_is_up_leaves_nothing_of_its_containers() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let before = common::census();
        let server = Server::start(settings, "[sessions]\nlifetime = \"30s\"\nmax_lifetime = \"30s\"\n", Some(library));
        let idle = common::census();
        let start = Instant::now();
        let session = Session::open(server.to);
        session.engine();
        session.good(RUN);
        session.good(FREEZE);
        assert_eq!(session.ask("GET", "", b"").status, 200, "its time is not up after {:?}", start.elapsed());
        while session.ask("GET", "", b"").status == 200 {
            assert!(start.elapsed() < Duration::from_secs(60), "it lives on");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(start.elapsed() >= Duration::from_secs(30), "it ended after {:?}", start.elapsed());
        assert_eq!(session.ask("GET", "", b"").code(), "no_such_session");
        common::same(&idle, &common::census());
        server.end();
        common::same(&before, &common::census());
    });
}

#[test]
fn a_deleted_session_ends_its_containers_and_a_flooding_terminal() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let before = common::census();
        let server = Server::start(settings, "", Some(library));
        let idle = common::census();
        let session = Session::open(server.to);
        session.engine();
        session.good(RUN);
        session.good(FREEZE);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut page = Page::open(server.to, &session.id, &session.token, [1; 16], u64::MAX).await;
            page.until(PROMPT).await;
            let from = page.next;
            page.type_in("yes 'a line of a flood'\n").await;
            while page.next - from < 4 << 20 {
                page.step().await;
                page.screen.clear();
            }
            session.delete();
            // What is under way still comes; then the line ends.
            page.until_closed().await;
        });
        drop(runtime);
        assert_eq!(session.ask("GET", "", b"").code(), "no_such_session");
        common::same(&idle, &common::census());
        server.end();
        common::same(&before, &common::census());
    });
}

#[test]
fn a_killed_agents_containers_are_gone_when_the_next_is_ready() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let before = common::census();
        let mut server = Server::start(settings, "", Some(library.clone()));
        let idle = common::census();
        let mut session = Session::open(server.to);
        session.engine();
        session.good(RUN);
        session.good(FREEZE);
        server.kill();
        assert_ne!(before.clone().of_the_host(), common::census().of_the_host(), "the node outlives its agent");
        let server = Server::start(settings, "", Some(library));
        common::same_number(&idle);
        session.to = server.to;
        assert_eq!(session.ask("GET", "", b"").code(), "no_such_session");
        server.end();
        common::same(&before, &common::census());
    });
}

#[test]
fn a_full_disk_stops_at_its_limit_and_hurts_nobody_else() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let before = common::census();
        let server = Server::start(settings, "[limits]\ndisk = \"512MiB\"\n", Some(library));
        let idle = common::census();
        let session = Session::open(server.to);
        session.engine();
        session.good(RUN);
        let (code, text) = session.sh("dd if=/dev/zero of=/root/big bs=1M count=2000");
        assert!(code == 1 && text.contains("No space left on device"), "{text}");
        let (code, text) = session.sh("docker run --rm ubuntu sh -c 'head -c 20000000 /dev/zero > /file'");
        assert!(code != 0 && text.to_lowercase().contains("no space left on device"), "{code}: {text}");
        assert_eq!(session.good("docker ps -q | wc -l"), "1\n", "what runs runs on");
        let other = Session::open(server.to);
        other.good("dd if=/dev/zero of=/root/some bs=1M count=100");
        session.good("rm /root/big");
        assert_eq!(session.good("docker run --rm ubuntu sh -c 'echo much > /file && cat /file'"), "much\n");
        let (code, _) = session.sh("dd if=/dev/zero of=/root/big bs=1M count=2000");
        assert_eq!(code, 1);
        session.delete();
        other.delete();
        common::same(&idle, &common::census());
        server.end();
        common::same(&before, &common::census());
    });
}

#[test]
fn a_fork_bomb_stops_at_its_nodes_limit_and_goes_with_it() {
    common::isolated(|settings| {
        let before = common::census();
        let server = Server::start(settings, "[limits]\npids = 200\n", None);
        let idle = common::census();
        let session = Session::open(server.to);
        let other = Session::open(server.to);
        session.engine();
        // Each holds its place: the node stays at its limit until it is removed.
        let bomb = "bomb() { while :; do bomb & done; }; (bomb) >/dev/null 2>&1 </dev/null & sleep 2; true";
        let answer = session.try_sh(bomb);
        assert!([200, 500, 503].contains(&answer.status), "{}", String::from_utf8_lossy(&answer.body));
        let bombed = common::processes_of_nodes();
        assert!((150..=2 * 200).contains(&bombed), "{bombed} processes in both nodes");
        assert_eq!(other.good("echo fine; for n in {1..20}; do (true) & done; wait"), "fine\n");
        // Whatever a full node answers, it is an answer.
        let refused = session.try_sh("echo here");
        assert!(refused.status == 200 || refused.code().len() > 3);
        session.delete();
        other.delete();
        common::same(&idle, &common::census());
        server.end();
        common::same(&before, &common::census());
    });
}
