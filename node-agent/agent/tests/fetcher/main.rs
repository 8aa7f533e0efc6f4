//! The pull-through cache from end to end, without its sandbox: a session's registry asks `node-agent fetcher`, and that a real
//! docker-registry behind a proxy that counts, breaks and lies.

mod upstream;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use upstream::{Trouble, Upstream};

/// Less than the fetcher waits for an upstream that says nothing: nobody has waited for one.
const SILENCE: Duration = Duration::from_secs(40);

struct Fetcher {
    child: Child,
    socket: PathBuf,
}

impl Fetcher {
    fn start(dir: &Path, upstream: &Upstream, ttl: u64) -> Self {
        let socket = dir.join("fetcher.sock");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new(env!("CARGO_BIN_EXE_node-agent"))
            .arg("fetcher")
            .args(["--upstream", &format!("http://{}", upstream.address), "--limit", "1000000000", "--pause", "0"])
            .args(["--ttl", &ttl.to_string(), "--cache"])
            .arg(dir.join("cache"))
            .arg("--socket")
            .arg(&socket)
            .stdin(Stdio::null())
            .spawn()
            .expect("the fetcher starts");
        let begun = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the fetcher does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket }
    }

    /// A session's registry in front of it.
    fn session(&self, dir: &Path, name: &str) -> SocketAddr {
        let (library, pushes, socket) = (dir.join("library"), dir.join(name), self.socket.clone());
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let routes = node_agent::registry::taking(library, &pushes, 1 << 30, Some(socket)).expect("a registry");
                sender.send(listener.local_addr().expect("its address")).expect("the test waits");
                axum::serve(listener, routes).await.expect("it serves");
            });
        });
        receiver.recv().expect("an address")
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        // A child of this test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// As many bytes as the head promised.
    whole: bool,
}

fn ask(at: SocketAddr, method: &str, path: &str, extra: &str) -> Answer {
    let mut stream = TcpStream::connect(at).expect("a connection");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: docker.io\r\nConnection: close\r\n{extra}\r\n")
        .expect("a request");
    let mut answer = Vec::new();
    // A body that is cut off ends the connection, which is what some of these tests wait for.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of the head");
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head of text").to_lowercase();
    let body = answer[end + 4..].to_vec();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    Answer {
        status: head[9..12].parse().expect("a status"),
        whole: length.is_none_or(|length| length == body.len()),
        head,
        body,
    }
}

fn setting() -> Option<(tempfile::TempDir, Upstream)> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    match Upstream::start(dir.path()) {
        Some(upstream) => Some((dir, upstream)),
        None => {
            assert_ne!(
                std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref(),
                Ok("1"),
                "docker-registry and skopeo are needed"
            );
            eprintln!("SKIP: docker-registry or skopeo is not installed");
            None
        }
    }
}

fn noise(bytes: usize, seed: u32) -> Vec<u8> {
    (0..bytes as u32).map(|n| (n.wrapping_mul(2_654_435_761) ^ seed).to_be_bytes()[0]).collect()
}

const NAME: &str = "/v2/library/greeting";

fn blob(digest: &str) -> String {
    format!("{NAME}/blobs/{digest}")
}

fn digest_of(body: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

#[test]
fn what_one_session_pulled_another_gets_without_the_network_and_so_does_the_next_start() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (layer, manifest) = upstream.push(dir, "library/greeting:1", &noise(300_000, 1));
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let pull = |at: SocketAddr| {
        let found = ask(at, "GET", &format!("{NAME}/manifests/1"), "Authorization: Basic bW9ieTpzZWNyZXQ=\r\n");
        assert_eq!((found.status, digest_of(&found.body)), (200, manifest.clone()), "{}", found.head);
        assert!(found.head.contains("application/vnd.oci.image.manifest.v1+json"), "{}", found.head);
        let found = ask(at, "GET", &blob(&layer), "");
        assert_eq!((found.status, digest_of(&found.body)), (200, layer.clone()));
        let part = ask(at, "GET", &blob(&layer), "Range: bytes=299000-\r\n");
        assert_eq!((part.status, &part.body[..]), (206, &found.body[299_000..]));
    };
    pull(fetcher.session(dir, "one"));
    let asked = upstream.asked("");
    assert!(asked > 0 && !upstream.heard("authorization"), "nobody's credentials go along");
    pull(fetcher.session(dir, "two"));
    assert_eq!(upstream.asked(""), asked, "the second pull asked nobody");
    drop(fetcher);
    upstream.away(true);
    let fetcher = Fetcher::start(dir, &upstream, 0);
    pull(fetcher.session(dir, "three"));
}

#[test]
fn a_tag_is_asked_for_again_when_it_is_old_and_fetched_again_when_it_has_moved() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (_, first) = upstream.push(dir, "library/greeting:1", b"one");
    let fetcher = Fetcher::start(dir, &upstream, 0);
    let at = fetcher.session(dir, "one");
    let tag = || digest_of(&ask(at, "GET", &format!("{NAME}/manifests/1"), "").body);
    assert_eq!(tag(), first);
    assert_eq!(tag(), first);
    assert_eq!(upstream.asked("GET /v2/library/greeting/manifests/1"), 1);
    assert_eq!(upstream.asked("HEAD /v2/library/greeting/manifests/1"), 1);
    let (_, second) = upstream.push(dir, "library/greeting:1", b"two");
    assert_eq!(tag(), second);
    upstream.away(true);
    assert_eq!(tag(), second, "the last answer stands");
    let unknown = ask(at, "GET", "/v2/library/unknown/manifests/1", "");
    assert_eq!(unknown.status, 404, "{}", String::from_utf8_lossy(&unknown.body));
    upstream.away(false);
    assert_eq!(ask(at, "GET", "/v2/library/unknown/manifests/1", "").status, 404);
    assert_eq!(
        ask(at, "GET", &format!("{NAME}/tags/list"), "").body,
        b"{\"name\":\"library/greeting\",\"tags\":[\"1\"]}\n"
    );
}

#[test]
fn two_who_want_the_same_blob_wait_for_one_download() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (layer, _) = upstream.push(dir, "library/greeting:1", &noise(2_000_000, 2));
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    upstream.trouble(Trouble::Slow);
    let sessions = [fetcher.session(dir, "one"), fetcher.session(dir, "two")];
    let pulls = sessions.map(|at| {
        let path = blob(&layer);
        std::thread::spawn(move || ask(at, "GET", &path, ""))
    });
    for pull in pulls {
        let found = pull.join().expect("a pull");
        assert_eq!((found.status, digest_of(&found.body)), (200, layer.clone()));
    }
    assert_eq!(upstream.asked("GET /v2/library/greeting/blobs"), 1);
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (layer, _) = upstream.push(dir, "library/greeting:1", &noise(2_000_000, 3));
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    upstream.trouble(Trouble::Cut(700_000));
    let found = ask(fetcher.session(dir, "one"), "GET", &blob(&layer), "");
    assert_eq!((found.status, digest_of(&found.body)), (200, layer));
    assert_eq!(upstream.asked("GET /v2/library/greeting/blobs"), 2);
    assert!(upstream.heard("range: bytes=700000-"), "it asked for the rest");
}

#[test]
fn a_lie_is_given_to_nobody_whole_and_never_kept() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (layer, _) = upstream.push(dir, "library/greeting:1", &noise(500_000, 4));
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let at = fetcher.session(dir, "one");
    upstream.trouble(Trouble::Lie);
    let found = ask(at, "GET", &blob(&layer), "");
    assert!(found.status != 200 || !found.whole, "{} bytes", found.body.len());
    let kept = dir.join("cache/blobs/sha256");
    assert_eq!(std::fs::read_dir(&kept).expect("the cache").count(), 0, "nothing is kept");
    assert_eq!(std::fs::read_dir(dir.join("cache/partial")).expect("a directory").count(), 0);
    let found = ask(at, "GET", &blob(&layer), "");
    assert_eq!((found.status, digest_of(&found.body)), (200, layer), "an honest answer is taken");
}

#[test]
fn a_blob_is_had_only_by_names_that_have_it_upstream() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    let (layer, _) = upstream.push(dir, "library/greeting:1", b"shared");
    let (again, _) = upstream.push(dir, "library/second:1", b"shared");
    assert_eq!(layer, again);
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let at = fetcher.session(dir, "one");
    assert_eq!(ask(at, "GET", &blob(&layer), "").status, 200);
    for method in ["GET", "HEAD"] {
        assert_eq!(ask(at, method, &format!("/v2/library/third/blobs/{layer}"), "").status, 404, "{method}");
    }
    let found = ask(at, "GET", &format!("/v2/library/second/blobs/{layer}"), "");
    assert_eq!((found.status, digest_of(&found.body)), (200, layer));
    assert_eq!(upstream.asked("GET /v2/library/second/blobs"), 0, "its bytes were there");
}

fn json(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.status, 200, "{}: {}", answer.head, String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn names(at: SocketAddr, query: &str) -> Vec<String> {
    let found = json(&ask(at, "GET", &format!("/v1/search?{query}"), ""));
    let results = found["results"].as_array().expect("a list").iter();
    results.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// A library that has one name, of an image whose blobs nobody asks for.
fn library(dir: &Path, name: &str) {
    let library = dir.join("library");
    std::fs::create_dir_all(library.join("blobs/sha256")).expect("a directory");
    std::fs::write(library.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("the marker");
    let entry = serde_json::json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest_of(b"none"), "size": 4,
        "annotations": { "io.containerd.image.name": format!("docker.io/{name}:1") },
    });
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(library.join("index.json"), index.to_string()).expect("the index");
}

#[test]
fn a_search_shows_the_library_first_and_then_what_the_upstream_finds() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    for name in ["library/greeting:1", "library/greeter:1", "team/greetings:1", "team/other:1"] {
        upstream.push(dir, name, b"hello");
    }
    library(dir, "library/greeting");
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let at = fetcher.session(dir, "one");
    // docker-registry has no search of its own, but a catalog.
    assert_eq!(names(at, "q=greet"), ["greeting", "greeter", "team/greetings"]);
    assert_eq!(names(at, "q=greet&n=2"), ["greeting", "greeter"]);
    assert_eq!(names(at, "q=greet&n=2&page=2"), ["team/greetings"]);
    assert!(names(at, "q=nothing").is_empty());
    let results = r#"{"num_results":1,"results":[{"name":"greet/starred","description":"a sentence","star_count":7,"is_official":true}]}"#;
    upstream.instead("/v1/search?q=greet&n=25", "200 OK", results);
    let found = json(&ask(at, "GET", "/v1/search?q=greet", ""));
    assert_eq!(found["results"][0]["name"], "greeting", "{found}");
    let other = &found["results"][1];
    assert_eq!((&other["name"], &other["star_count"]), (&"greet/starred".into(), &7.into()), "{found}");
    assert_eq!((&other["description"], &other["is_official"]), (&"a sentence".into(), &true.into()), "{found}");
    upstream.fall_silent();
    let begun = Instant::now();
    assert_eq!(names(at, "q=greet"), ["greeting"], "what is here is shown in any case");
    assert!(begun.elapsed() < SILENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_list_of_tags_comes_in_pages_whether_the_upstream_has_them_or_not() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    for tag in ["c", "a", "b"] {
        upstream.push(dir, &format!("library/greeting:{tag}"), b"hello");
    }
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let at = fetcher.session(dir, "one");
    let list = "/v2/library/greeting/tags/list";
    let page = |query: &str| {
        let found = ask(at, "GET", &format!("{list}{query}"), "");
        let link = found.head.lines().find_map(|line| line.strip_prefix("link: ")).map(str::to_owned);
        (json(&found)["tags"].clone(), link)
    };
    // Debian's docker-registry gives all, whatever is asked for.
    assert_eq!(page("?n=2"), (serde_json::json!(["a", "b"]), Some(format!("<{list}?n=2&last=b>; rel=\"next\""))));
    assert_eq!(page("?n=2&last=b"), (serde_json::json!(["c"]), None));
    upstream.instead(
        &format!("{list}?n=1&last=a"),
        &format!("200 OK\r\nLink: <http://elsewhere.example{list}?last=b&n=1>; rel=\"next\""),
        r#"{"name":"library/greeting","tags":["b"]}"#,
    );
    let (tags, link) = page("?n=1&last=a");
    assert_eq!(tags, serde_json::json!(["b"]));
    assert_eq!(link, Some(format!("<{list}?last=b&n=1>; rel=\"next\"")), "its own pages go through, from here");
}

#[test]
fn an_upstream_that_is_away_is_waited_for_once_and_named_in_the_answer() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    upstream.push(dir, "library/greeting:1", b"hello");
    let fetcher = Fetcher::start(dir, &upstream, 3600);
    let at = fetcher.session(dir, "one");
    let text = |answer: &Answer| String::from_utf8_lossy(&answer.body).into_owned();
    upstream.away(true);
    let first = ask(at, "GET", "/v2/library/unknown/manifests/1", "");
    assert_eq!(first.status, 404, "{}", text(&first));
    let reason = format!("Get \\\"http://{}/v2/\\\"", upstream.address);
    assert!(text(&first).contains("DENIED") && text(&first).contains(&reason), "{}", text(&first));
    // Without the internet packets are not refused but lost.
    upstream.away(false);
    upstream.fall_silent();
    let begun = Instant::now();
    for _ in 0..2 {
        let again = ask(at, "GET", "/v2/library/unknown/manifests/1", "");
        assert!(again.status == 404 && text(&again).contains(&reason), "{}", text(&again));
    }
    assert!(begun.elapsed() < SILENCE, "nobody waits for what was away: {:?}", begun.elapsed());
}

#[test]
fn what_a_session_asked_an_upstream_that_is_away_is_not_told_to_another() {
    let Some((dir, upstream)) = setting() else { return };
    let dir = dir.path();
    upstream.push(dir, "team/secret:1", b"hello");
    let fetcher = Fetcher::start(dir, &upstream, 0);
    let (one, two) = (fetcher.session(dir, "one"), fetcher.session(dir, "two"));
    let secret = "/v2/team/secret/manifests/1";
    assert_eq!(ask(one, "GET", secret, "").status, 200);
    upstream.away(true);
    assert_eq!(ask(one, "GET", secret, "").status, 200, "what is kept is given");
    let other = ask(two, "GET", "/v2/library/other/manifests/1", "");
    let said = String::from_utf8_lossy(&other.body);
    assert!(other.status == 404 && said.contains("/v2/\\\"") && !said.contains("secret"), "{said}");
}
