//! The HTTP API on an ephemeral port, without nodes: what it refuses, and how it says so.

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::client::request;
use node_agent::{
    config::Config,
    http::{App, router},
    labs::Shelf,
    sessions::Manager,
};

async fn server() -> SocketAddr {
    let labs = tempfile::tempdir().expect("a folder");
    std::fs::write(labs.path().join("reading.md"), "---\ntitle: Reading\nterms: 0\n---\n# Text\n").expect("written");
    std::fs::write(labs.path().join("running.md"), "---\ntitle: Running\n---\n```.term1\nls\n```\n").expect("written");
    std::fs::write(labs.path().join("broken.md"), "---\ntitle: [\n---\n").expect("written");
    let shelf = Arc::new(Shelf::open(labs.path()).expect("the folder"));
    let manager = Arc::new(Manager::new(Config::default().sessions, None));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, router(App { manager, shelf })).into_future());
    address
}

fn open(to: SocketAddr) -> (String, String) {
    let opened = request(to, "POST", "/api/v1/sessions", &[], br#"{"lab":"reading"}"#);
    assert_eq!(opened.status, 201, "{opened:?}");
    let json = opened.json();
    let id = json["id"].as_str().expect("an id").to_owned();
    let token = json["token"].as_str().expect("a token").to_owned();
    let cookie =
        format!("set-cookie: slipway_session_{id}={token}; httponly; samesite=strict; path=/api/v1/sessions/{id}");
    assert!(opened.head.contains(&cookie), "{}", opened.head);
    (id, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_by_token_or_cookie_only() {
    let to = server().await;
    let (id, token) = open(to);
    let path = format!("/api/v1/sessions/{id}");
    let bearer = format!("authorization: Bearer {token}");
    assert_eq!(request(to, "GET", &path, &[&bearer], b"").status, 200);
    for wrong in
        [&[][..], &["authorization: Bearer wrong"], &["authorization: Basic x"], &["cookie: slipway_session_x=y"]]
    {
        let answer = request(to, "GET", &path, wrong, b"");
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{wrong:?}");
    }
    let terminal = format!("{path}/nodes/node1/terminals/1");
    assert_eq!(request(to, "GET", &terminal, &["authorization: Bearer wrong"], b"").status, 401);
    assert_eq!(request(to, "GET", &terminal, &[&bearer], b"").code(), "no_such_node");
    assert_eq!(request(to, "GET", "/api/v1/sessions/none", &[&bearer], b"").code(), "no_such_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_works_for_pages_of_the_same_origin_only() {
    let to = server().await;
    let (id, token) = open(to);
    let path = format!("/api/v1/sessions/{id}");
    let cookie = format!("cookie: slipway_session_{id}={token}");
    let extend = format!("{path}/extend");
    assert_eq!(request(to, "GET", &path, &[&cookie], b"").status, 200);
    assert_eq!(request(to, "POST", &extend, &[&cookie], b"").code(), "wrong_origin");
    assert_eq!(request(to, "POST", &extend, &[&cookie, "origin: http://evil.example"], b"").code(), "wrong_origin");
    assert_eq!(request(to, "POST", &extend, &[&cookie, &format!("origin: http://{to}")], b"").status, 200);
    assert_eq!(request(to, "POST", "/api/v1/sessions", &["origin: http://evil.example"], b"").code(), "wrong_origin");
    let terminal = format!("{path}/nodes/node1/terminals/1");
    let upgrade = ["upgrade: websocket", "connection: upgrade", "origin: http://evil.example", &cookie];
    assert_eq!(request(to, "GET", &terminal, &upgrade, b"").code(), "wrong_origin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_once_and_is_then_gone() {
    let to = server().await;
    let (id, token) = open(to);
    let path = format!("/api/v1/sessions/{id}");
    let bearer = format!("authorization: Bearer {token}");
    assert_eq!(request(to, "DELETE", &path, &[&bearer], b"").status, 204);
    assert_eq!(request(to, "DELETE", &path, &[&bearer], b"").code(), "no_such_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_what_was_wrong() {
    let to = server().await;
    let post = |body: &[u8]| request(to, "POST", "/api/v1/sessions", &[], body);
    assert_eq!(post(b"{").code(), "bad_json");
    assert_eq!(post(br#"{"lab": 5}"#).code(), "bad_json");
    assert_eq!(post(br#"{"la": "x"}"#).code(), "bad_json");
    assert_eq!(post(br#"{"lab": "none"}"#).code(), "no_such_lab");
    assert_eq!(post(br#"{"lab": "running"}"#).code(), "no_nodes_here");
    assert_eq!(post(&vec![b' '; 65 << 10]).status, 413);
    assert_eq!(request(to, "PUT", "/api/v1/sessions", &[], b"").code(), "method_not_allowed");
    assert_eq!(request(to, "GET", "/api/v2", &[], b"").code(), "not_found");
    let metrics = request(to, "GET", "/metrics", &[], b"");
    assert!(
        String::from_utf8_lossy(&metrics.body).contains("slipway_sessions 0\n"),
        "a refused session leaves nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn labs_are_listed_and_a_broken_one_is_shown_as_broken() {
    let to = server().await;
    let list = request(to, "GET", "/api/v1/labs", &[], b"").json();
    let slugs: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|lab| lab["slug"].as_str()).collect();
    assert_eq!(slugs, ["reading", "running", "broken"]);
    assert_eq!(list[2]["broken"], true);
    assert_eq!(request(to, "GET", "/api/v1/labs/broken", &[], b"").code(), "broken_lab");
    assert_eq!(request(to, "GET", "/api/v1/labs/none", &[], b"").code(), "no_such_lab");
    let lab = request(to, "GET", "/api/v1/labs/running", &[], b"").json();
    assert!(
        lab["html"].as_str().is_some_and(|html| html.contains(r#"<pre class="run" data-term="term1"><code>ls"#)),
        "{lab}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers() {
    let to = server().await;
    for path in ["/", "/healthz", "/api/openapi.json", "/nothing"] {
        let head = request(to, "GET", path, &[], b"").head;
        assert!(
            head.contains("content-security-policy: default-src 'self'") && head.contains("nosniff"),
            "{path}: {head}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_in_no_url() {
    let to = server().await;
    let (id, token) = open(to);
    for path in ["", "/nodes/node1/terminals/1", "/events"] {
        let path = format!("/api/v1/sessions/{id}{path}?token={token}&access_token={token}");
        assert_eq!(request(to, "GET", &path, &[], b"").code(), "unauthorized", "{path}");
    }
    let api = request(to, "GET", "/api/openapi.json", &[], b"").json();
    let paths = api["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|path| path.as_object().expect("methods").values());
    let mut queries = Vec::new();
    for operation in operations {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        queries.extend(parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().expect("a name")));
    }
    assert!(queries.contains(&"path") && !queries.iter().any(|name| name.contains("token")), "{queries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_answers_on_every_address_of_its_own_and_is_asked_for_anew() {
    let to = server().await;
    let page = request(to, "GET", "/", &[], b"");
    if page.status != 200 {
        let required = std::env::var("SLIPWAY_REQUIRE_ROOT_TESTS").as_deref() == Ok("1");
        assert!(!required, "the site is not built: {}", String::from_utf8_lossy(&page.body));
        eprintln!("SKIP: the site is not built");
        return;
    }
    let header = |answer: &common::client::Answer, name: &str| {
        let line = answer.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in {}", answer.head))
    };
    for path in ["/labs", "/labs/reading", "/labs/no-such-lab"] {
        let same = request(to, "GET", path, &[], b"");
        assert!(same.status == 200 && same.body == page.body, "{path} is the page, which looks for the lab itself");
    }
    for path in ["/labs/a/b", "/labs/x.js", "/assets/none-1a2b3c4d.js", "/../Cargo.toml", "/index.html/x"] {
        assert_eq!(request(to, "GET", path, &[], b"").code(), "not_found", "{path}");
    }
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache", "a new build is seen at once");
    assert_eq!(header(&page, "vary"), "accept-encoding");
    let known = format!("if-none-match: {}", header(&page, "etag"));
    let again = request(to, "GET", "/", &[&known], b"");
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(header(&again, "etag"), header(&page, "etag"));
    let packed = request(to, "GET", "/", &["accept-encoding: gzip, br"], b"");
    assert_eq!(header(&packed, "content-encoding"), "br");
    assert!(packed.body.len() < page.body.len() && header(&packed, "etag") != header(&page, "etag"));
    let text = String::from_utf8(page.body).expect("UTF-8");
    let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(!assets.is_empty(), "{text}");
    for asset in assets {
        let file = request(to, "GET", asset, &[], b"");
        assert_eq!(file.status, 200, "{asset}");
        assert_eq!(header(&file, "cache-control"), "public, max-age=31536000, immutable", "{asset}");
        let head = request(to, "HEAD", asset, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0), "{asset}");
    }
}
