//! Fifty sessions, some deleted, some cut off by a `kill -9` of the agent: afterwards nothing is left. As root, with the real binary.

mod common;

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Mutex};

use common::{
    client::try_request,
    server::{Server, Session},
};
use node_agent::sandbox::Host;

/// Five sessions at the same time.
fn round(to: SocketAddr) -> Vec<Session> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..5).map(|_| scope.spawn(|| Session::open(to))).collect();
        threads.into_iter().map(|thread| thread.join().expect("opened")).collect()
    })
}

#[test]
fn fifty_sessions_and_a_killed_agent_leave_nothing() {
    common::isolated(|settings| {
        let before = common::census();
        let mut server = Server::start(settings, "", None);
        let idle = common::census();
        for _ in 0..4 {
            round(server.to).iter().for_each(Session::delete);
        }
        common::same(&idle, &common::census());
        let _kept = round(server.to);
        let running = common::census();
        assert!(running.network_namespaces() >= before.network_namespaces() + 5, "the census sees running nodes");
        // Five more are in the making when the agent is killed.
        std::thread::scope(|scope| {
            let to = server.to;
            for _ in 0..5 {
                scope.spawn(move || {
                    // Cut off on purpose.
                    let _ = try_request(to, "POST", "/api/v1/sessions", &[], b"");
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(80));
            server.kill();
        });

        let server = Server::start(settings, "", None);
        common::same_number(&idle);
        for _ in 0..3 {
            round(server.to).iter().for_each(Session::delete);
        }
        round(server.to);
        server.end();
        common::same(&before, &common::census());
    });
}

#[test]
fn a_failing_test_takes_its_node_with_it() {
    let seen = Mutex::new(None);
    let before = Mutex::new(None);
    let failed = std::panic::catch_unwind(AssertUnwindSafe(|| {
        common::isolated(|settings| {
            *before.lock().expect("not poisoned") = Some(common::census().of_the_host());
            let host = Host::open(settings.clone()).expect("the host opens");
            host.create("session", "node1", &[]).expect("a node starts");
            *seen.lock().expect("not poisoned") = Some(common::census().of_the_host());
            panic!("on purpose");
        });
    }));
    // Where nodes cannot run, nothing ran.
    let (Some(before), Some(seen)) = (before.into_inner().expect("set"), seen.into_inner().expect("set")) else {
        return;
    };
    assert!(failed.is_err());
    assert_ne!(before, seen, "the census sees the node");
    common::same_host(&before);
}
