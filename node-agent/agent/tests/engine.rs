//! A node's engine on the real server: seen from outside, fed by the library, and started again when it dies. As root, with the
//! real binary and an image library.

mod common;

use std::time::{Duration, Instant};

use common::{
    client::request,
    server::{Server, Session},
};

/// The engine's process in its node: the one that PID 1 has started.
const ENGINE: &str = "pgrep -P 1 -f 'engine --host'";

#[test]
fn the_engine_is_read_from_outside_and_nothing_else() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let server = Server::start(settings, "", Some(library));
        let session = Session::open(server.to);
        session.engine();
        let pulled = session.good("docker pull ubuntu && docker image ls --format '{{.Repository}}:{{.Tag}}'");
        assert!(pulled.contains("Status: Downloaded newer image for ubuntu:latest"), "{pulled}");
        assert!(pulled.ends_with("ubuntu:latest\n"), "{pulled}");
        let (code, text) = session.sh("docker pull there-is-none");
        assert!(code == 1 && text.contains("there-is-none"), "{code}: {text}");
        let id = session
            .good("docker run -d --name seen ubuntu sleep 1000 2>/dev/null")
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned();

        let docker = |method: &str, path: &str| session.ask(method, &format!("/nodes/node1/docker/{path}"), b"{}");
        let list = docker("GET", "containers/json").json();
        assert_eq!((list.as_array().map(Vec::len), list[0]["Id"].as_str()), (Some(1), Some(id.as_str())));
        assert_eq!(docker("GET", "v1.41/containers/seen/json").json()["State"]["Running"], true);
        assert_eq!(docker("GET", "images/ubuntu/json").json()["RepoTags"][0], "ubuntu:latest");
        assert_eq!(
            docker("GET", "containers/json?filters=%7B%22name%22%3A%5B%22none%22%5D%7D").json(),
            serde_json::json!([])
        );
        let missing = docker("GET", "containers/none/json");
        assert_eq!((missing.status, missing.json()["message"].as_str()), (404, Some("No such container: none")));
        for method in ["POST", "PUT", "DELETE"] {
            for path in ["containers/seen/stop", "containers/seen", "containers/create", "images/ubuntu"] {
                assert_eq!(docker(method, path).code(), "method_not_allowed", "{method} {path}");
            }
        }
        for path in [
            "containers/seen/export",
            "containers/seen/archive?path=/etc/passwd",
            "images/get",
            "containers/seen/../../images/get",
            "containers/%2e%2e/images/get",
            "containers/seen%2fexport",
            "containers//json",
            "v1.41/../containers/seen/export",
            "containers/json%0d%0ax",
        ] {
            let answer = docker("GET", path);
            assert!([400, 403, 404].contains(&answer.status), "{path}: {}", answer.head);
            assert!(["not_reading", "not_found"].contains(&answer.code().as_str()), "{path}");
        }
        let path = format!("/api/v1/sessions/{}/nodes/node1/docker/containers/json", session.id);
        assert_eq!(request(server.to, "GET", &path, &["authorization: Bearer wrong"], b"").status, 401);
        assert_eq!(session.good("docker ps -q | wc -l"), "1\n", "nothing was changed");
        session.delete();
        server.end();
    });
}

#[test]
fn a_killed_engine_is_started_again_and_containers_run_on() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let server = Server::start(settings, "", Some(library));
        let session = Session::open(server.to);
        session.engine();
        let id = session
            .good("docker run -d --name stays ubuntu sleep 1000 2>/dev/null")
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned();
        let process = "docker inspect -f '{{.State.Pid}} {{.State.StartedAt}}' stays";
        let (before, engine) = (session.good(process), session.good(ENGINE));
        // Dies the third time before it has settled: the wait is 400 ms then, still within the second.
        for _ in 0..3 {
            let start = Instant::now();
            session.good(&format!(
                "old=$({ENGINE}); kill -9 $old; for n in {{1..200}}; do new=$({ENGINE}); [ -n \"$new\" ] && [ \"$new\" != \"$old\" ] \
                 && docker version >/dev/null 2>&1 && exit 0; sleep 0.02; done; exit 1"
            ));
            eprintln!("the engine was back after {:?}", start.elapsed());
        }
        assert_ne!(session.good(ENGINE), engine);
        assert_eq!(session.good(process), before, "the container has not been touched");
        assert_eq!(session.good("docker exec stays echo inside"), "inside\n");
        assert_eq!(session.good("docker ps -q --no-trunc").trim(), id);
        let log = session.good("cat /var/log/slipway-engine.log");
        for wait in ["100ms", "200ms", "400ms"] {
            assert!(log.contains(&format!("starting it again in {wait}")), "{log}");
        }
        session.good("docker stop -t 1 stays");
        assert_eq!(session.good("docker inspect -f '{{.State.Running}}' stays"), "false\n");
        let memory = session.good("grep -E 'VmRSS|RssAnon' /proc/1/status");
        eprintln!("PID 1 of the node: {memory}");
        session.delete();
        server.end();
    });
}

/// Its anonymous memory counts, since its program's pages are shared by all nodes: 0.8 MiB in a release build, 2 MiB in a debug one,
/// whose bound this is.
#[test]
fn pid_1_of_a_node_takes_little_memory_of_its_own() {
    common::isolated(|settings| {
        let server = Server::start(settings, "", None);
        let session = Session::open(server.to);
        let deadline = Instant::now() + Duration::from_secs(60);
        while session.sh(ENGINE).0 != 0 {
            assert!(Instant::now() < deadline, "no engine");
        }
        let status = session.good("cat /proc/1/status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("in every status");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
        };
        eprintln!("PID 1: {} KiB resident, {} KiB of its own", field("VmRSS:"), field("RssAnon:"));
        assert_eq!(field("Threads:"), 1, "no async runtime");
        assert!(field("RssAnon:") < 3072, "{} KiB", field("RssAnon:"));
        session.delete();
        server.end();
    });
}
