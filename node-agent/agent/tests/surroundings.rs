//! What is around a server: another one beside it, and a network that opens TLS with a certificate of its own.

mod common;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::server::{Server, Session};

#[test]
fn a_second_server_in_the_same_network_is_refused_at_once_and_harms_nothing() {
    common::isolated(|settings| {
        let before = common::census();
        let server = Server::start(settings, "", None);
        let session = Session::open(server.to);
        let elsewhere = tempfile::tempdir().expect("another data directory");
        let second = |data: &Path| {
            let mut command = Command::new(&settings.agent);
            command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
            command.arg("--labs").arg(settings.data_dir.join("labs")).arg("--node-image").arg(&settings.node_image);
            let start = Instant::now();
            let output = command.output().expect("the agent starts");
            assert!(!output.status.success() && start.elapsed() < Duration::from_secs(10), "{output:?}");
            String::from_utf8_lossy(&output.stderr).into_owned()
        };
        let said = second(elsewhere.path());
        assert!(said.contains("another node-agent serve runs in this network namespace"), "{said}");
        let said = second(&settings.data_dir);
        assert!(said.contains("another node-agent serve has it"), "{said}");
        session.good("ip route get 192.0.2.1 && ping -c1 -W2 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')");
        server.end();
        // Its name is free again, whatever way it ended.
        let mut server = Server::start(settings, "", None);
        server.kill();
        let server = Server::start(settings, "", None);
        server.end();
        common::same(&before, &common::census());
    });
}

/// Ends a process with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A web server with TLS by a certificate that nobody knows, at 192.0.2.1:443 outside of the nodes' host; its authority's
/// certificate in `dir/ca.pem`.
fn stranger(dir: &Path) -> Vec<Ended> {
    let file = |name: &str| dir.join(name).display().to_string();
    let (ca_key, ca, key, request, certificate) =
        (file("ca.key"), file("ca.pem"), file("key"), file("request"), file("certificate.pem"));
    let new_key = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"];
    let authority = ["-x509", "-days", "2", "-subj", "/CN=A test's authority", "-keyout", &ca_key, "-out", &ca];
    run("openssl", &[&new_key[..], &authority].concat());
    run("openssl", &[&new_key[..], &["-subj", "/CN=stranger", "-keyout", &key, "-out", &request]].concat());
    fs::write(dir.join("names"), "subjectAltName=IP:192.0.2.1\n").expect("written");
    let sign = ["x509", "-req", "-days", "2", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    run("openssl", &[&sign[..], &["-extfile", &file("names"), "-out", &certificate]].concat());

    let holder = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().expect("unshare");
    let pid = holder.id().to_string();
    let mut ended = vec![Ended(holder)];
    let start = Instant::now();
    // The namespace exists once it has become `sleep`.
    while fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() != "sleep") {
        assert!(start.elapsed() < Duration::from_secs(60), "unshare does not get going");
        std::thread::sleep(Duration::from_millis(5));
    }
    run("ip", &["link", "add", "outside", "type", "veth", "peer", "name", "inside", "netns", &pid]);
    run("ip", &["address", "add", "192.0.2.2/24", "dev", "outside"]);
    run("ip", &["link", "set", "outside", "up"]);
    let there = ["-t", &pid, "-n"];
    run("nsenter", &[&there[..], &["ip", "address", "add", "192.0.2.1/24", "dev", "inside"]].concat());
    run("nsenter", &[&there[..], &["ip", "link", "set", "inside", "up"]].concat());
    let mut server = Command::new("nsenter");
    server.args(there).args(["openssl", "s_server", "-quiet", "-www", "-accept", "443"]);
    server.args(["-key", &key, "-cert", &certificate]).stdin(Stdio::null());
    ended.push(Ended(server.spawn().expect("nsenter")));
    ended
}

#[test]
fn a_node_trusts_the_certificate_of_the_configuration_and_only_then() {
    if Command::new("openssl").arg("version").output().is_err() {
        assert_ne!(std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(), Ok("1"), "openssl is not installed");
        eprintln!("SKIP: openssl is not installed");
        return;
    }
    common::isolated(|settings| {
        let outside = stranger(&settings.data_dir);
        let fetch = "for n in {1..100}; do curl -sS -m 5 -o /dev/null https://192.0.2.1/ && exit; code=$?; \
                     [ $code = 7 ] || [ $code = 28 ] || exit $code; sleep 0.1; done; exit $code";
        let server = Server::start(settings, "", None);
        let session = Session::open(server.to);
        let (code, text) = session.sh(fetch);
        assert_eq!(code, 60, "curl's code for a certificate that it cannot verify: {text}");
        server.end();

        let ca = settings.data_dir.join("ca.pem");
        let server = Server::start(settings, &format!("extra_ca = {ca:?}\n"), None);
        let session = Session::open(server.to);
        session.good(fetch);
        let python = "import urllib.request as r; print(r.urlopen('https://192.0.2.1/', timeout=5).status)";
        assert_eq!(session.good(&format!("python3 -c \"{python}\"")), "200\n", "python reads the same bundle");
        // A program that keeps its own directory of certificates has the new one there, too.
        session.good("update-ca-certificates >/dev/null 2>&1 && curl -sS -m 5 -o /dev/null https://192.0.2.1/");
        server.end();
        drop(outside);
    });
}
