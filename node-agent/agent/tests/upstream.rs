//! The fetcher in its sandbox: an image that the library lacks comes through the nodes' packet filter from a registry outside, once for
//! all sessions. As root, with the real binary, an image library and docker-registry.

mod common;
#[path = "fetcher/upstream.rs"]
mod upstream;

use std::process::Command;
use std::sync::mpsc;

use common::server::{Server, Session};
use upstream::Upstream;

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A registry in a network namespace of its own, which is the way out of this one.
fn outside(dir: &std::path::Path) -> Option<(Upstream, mpsc::Sender<()>)> {
    let (who, told) = mpsc::channel();
    let (connected, go_on) = mpsc::channel::<()>();
    let (ready, started) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace");
        who.send(nix::unistd::gettid()).expect("the test waits");
        go_on.recv().expect("a device");
        ip("addr add 198.51.100.2/24 dev outside1");
        ip("link set outside1 up");
        ip("link set lo up");
        ready.send(Upstream::start_at(&dir, "198.51.100.2")).expect("the test waits");
        // The namespace stays as long as this thread, which has nothing to say any more.
        let _ = ended.recv();
    });
    let thread = told.recv().expect("a thread");
    ip("link add outside0 type veth peer name outside1");
    ip(&format!("link set outside1 netns {thread}"));
    ip("addr add 198.51.100.1/24 dev outside0");
    ip("link set outside0 up");
    ip("route add default via 198.51.100.2");
    connected.send(()).expect("it waits");
    Some((started.recv().expect("an answer")?, end))
}

#[test]
fn an_image_that_the_library_lacks_comes_from_outside_once_for_all_sessions() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let dir = tempfile::tempdir().expect("a temporary directory");
        let Some((upstream, _end)) = outside(dir.path()) else {
            assert_ne!(
                std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(),
                Ok("1"),
                "docker-registry and skopeo are needed"
            );
            eprintln!("SKIP: docker-registry or skopeo is not installed");
            return;
        };
        let (layer, manifest) = upstream.push(dir.path(), "library/greeting:1", b"hello from outside\n");
        let config = format!("[registry]\nupstream = \"http://{}\"\n", upstream.address);
        let server = Server::start(settings, &config, Some(library));
        let (one, two) = (Session::open(server.to), Session::open(server.to));
        one.engine();
        let pulled = one.good("docker pull greeting:1");
        assert!(pulled.contains(&format!("Digest: {manifest}")), "{pulled}");
        let asked = upstream.asked("");
        two.engine();
        let pulled = two.good("docker pull greeting:1");
        assert!(pulled.contains(&format!("Digest: {manifest}")), "{pulled}");
        assert_eq!(upstream.asked(""), asked, "the second session asked nobody outside");
        let (code, text) = one.sh("docker pull nothing:1");
        assert!(code == 1 && text.contains("pull access denied for nothing"), "{code}: {text}");

        let kept = settings.data_dir.join("registry/cache/blobs/sha256").join(layer.trim_start_matches("sha256:"));
        let meta = std::fs::metadata(&kept).expect("the layer is kept");
        assert_eq!(
            std::os::unix::fs::MetadataExt::uid(&meta),
            0,
            "whoever the fetcher is this time, the cache is root's"
        );
        one.delete();
        two.delete();
        server.end();
        assert_eq!(std::fs::read_dir(settings.data_dir.join("nodes")).expect("the nodes").count(), 0);
        assert!(kept.exists(), "the cache outlives the server");
    });
}
