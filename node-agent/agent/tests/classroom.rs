//! A session's registry in real nodes: only its own session sees it, it outlives its process, and it goes with the session. As root,
//! with the real binary and an image library.

mod common;

use std::time::{Duration, Instant};

use common::server::{Server, Session};

/// Asks the registry from a node; `PATH` may have a query.
fn ask(session: &Session, options: &str, path: &str) -> String {
    session.good(&format!("curl -sS --unix-socket /run/slipway/library.sock {options} 'http://registry{path}'"))
}

fn push(session: &Session, bytes: &str) -> String {
    let digest = session.good(&format!("printf {bytes} | sha256sum | cut -d' ' -f1")).trim().to_owned();
    let path = format!("/v2/moby/app/blobs/uploads/?digest=sha256:{digest}");
    let status = ask(session, &format!("-o /dev/null -w '%{{http_code}}' -u moby:dock -X POST -d {bytes}"), &path);
    assert_eq!(status, "201");
    digest
}

#[test]
fn what_a_session_pushes_only_that_session_sees_and_it_survives_the_registrys_death() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let server = Server::start(settings, "", Some(library));
        let (one, two) = (Session::open(server.to), Session::open(server.to));
        let digest = push(&one, "layer");
        let blob = format!("/v2/moby/app/blobs/sha256:{digest}");
        assert_eq!(ask(&one, "", &blob), "layer");
        // The upstream registry would be asked for it, and is not to be reached from here.
        assert!(ask(&two, "", &blob).contains("\"DENIED\""));
        assert!(ask(&two, "", "/v2/_catalog").contains("library/ubuntu"), "the library is for all");

        let before = processes();
        assert_eq!(before.len(), 1, "one process for all sessions");
        let pid = nix::unistd::Pid::from_raw(before[0]);
        let owner = std::fs::metadata(format!("/proc/{pid}")).map(|meta| std::os::unix::fs::MetadataExt::uid(&meta));
        assert!(owner.is_ok_and(|uid| uid >= 65_536), "it is nobody on the host");
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("a signal");
        let begun = Instant::now();
        while processes().is_empty() || processes() == before {
            assert!(begun.elapsed() < Duration::from_secs(60), "the registry is not started again");
            std::thread::sleep(Duration::from_millis(20));
        }
        let again = session_until(&one, &blob);
        assert_eq!(again, "layer", "what was pushed is still there");

        let data = settings.data_dir.join("nodes");
        assert_eq!(holding(&data, &digest), 1);
        one.delete();
        assert_eq!(holding(&data, &digest), 0, "it went with its session");
        assert!(ask(&two, "", "/v2/_catalog").contains("library/ubuntu"));
        two.delete();
        server.end();
        assert_eq!(std::fs::read_dir(&data).expect("the directory of nodes").count(), 0);
    });
}

/// The registry has a moment without a socket when it is started again.
fn session_until(session: &Session, path: &str) -> String {
    session.good(&format!(
        "curl -s --retry 20 --retry-connrefused --retry-all-errors --retry-delay 1 \
         --unix-socket /run/slipway/library.sock 'http://registry{path}' 2>/dev/null"
    ))
}

/// Host process ids of registries that this test's server has started.
fn processes() -> Vec<i32> {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    all.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let network = std::fs::read_link(format!("/proc/{pid}/ns/pid"));
            line.starts_with(b"/run/node-agent\0registry\0") && network.is_ok() && is_below_us(*pid)
        })
        .collect()
}

/// Whether a process descends from this one: other tests have registries too.
fn is_below_us(mut pid: i32) -> bool {
    let us = i32::try_from(std::process::id()).expect("a process id");
    while pid > 1 {
        if pid == us {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
        pid = parent.unwrap_or(0);
    }
    false
}

/// How many files below `dir` are named after the digest and have bytes.
fn holding(dir: &std::path::Path, digest: &str) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() && entry.file_name() != "rootfs" && entry.file_name() != "lower" {
            found += holding(&entry.path(), digest);
        } else if meta.is_file() && meta.len() > 0 && entry.file_name().to_string_lossy().contains(digest) {
            found += 1;
        }
    }
    found
}

#[test]
fn an_image_is_pushed_found_and_pulled_back_after_a_login_with_any_name() {
    common::isolated(|settings| {
        let Some(library) = common::library() else { return };
        let server = Server::start(settings, "", Some(library));
        let session = Session::open(server.to);
        session.engine();
        session.good(
            "docker pull -q ubuntu && docker run --name made ubuntu touch /made && docker commit made moby/app:1",
        );
        let (code, text) = session.sh("docker push moby/app:1");
        assert!(code == 1 && text.contains("denied: requested access to the resource is denied"), "{code}: {text}");
        let (code, text) = session.sh("docker login -u moby -p ''");
        assert!(code != 0, "{text}");
        let login = session.good("echo dock | docker login -u moby --password-stdin");
        assert!(login.contains("Login Succeeded"), "{login}");

        let pushed = session.good("docker push moby/app:1");
        assert!(pushed.contains("The push refers to repository [docker.io/moby/app]"), "{pushed}");
        assert!(pushed.contains("Mounted from library/ubuntu") && pushed.contains(": Pushed"), "{pushed}");
        let digest = pushed.rsplit("digest: ").next().and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        assert!(digest.starts_with("sha256:"), "{pushed}");
        let again = session.good("docker push moby/app:1");
        assert_eq!(again.matches("Layer already exists").count(), 2, "{again}");
        let (code, text) = session.sh("docker tag moby/app:1 whale/app:1 && docker push whale/app:1");
        assert!(code == 1 && text.contains("denied: requested access to the resource is denied"), "{code}: {text}");

        let found = session.good("docker search moby --format '{{.Name}}'");
        assert_eq!(found.trim(), "moby/app");
        let found = session.good("docker search ubuntu --format '{{.Name}} {{.IsOfficial}}'");
        assert_eq!(found.lines().filter(|line| line.starts_with("ubuntu ")).collect::<Vec<_>>(), ["ubuntu [OK]"]);
        session.good("docker rm made && docker rmi moby/app:1 whale/app:1");
        let pulled = session.good("docker pull moby/app:1");
        assert!(pulled.contains(&format!("Digest: {digest}")), "{pulled}");
        assert_eq!(session.good("docker run --rm moby/app:1 ls /made"), "/made\n");
        session.good("docker logout");
        assert_eq!(session.sh("docker push moby/app:1").0, 1);
        session.delete();
        server.end();
    });
}
