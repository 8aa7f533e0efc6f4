//! Sessions, commands, files and terminals on real nodes, over HTTP and WebSockets, as root.

mod common;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    client::{Answer, request},
    page::{PATIENCE, PROMPT, Page},
};
use futures_util::StreamExt;
use node_agent::{
    http::{App, router},
    labs::Shelf,
    sandbox::{Host, Settings},
    sessions::{Manager, core::EndReason},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

fn with_server(settings: &Settings, test: impl AsyncFnOnce(SocketAddr)) {
    let before = common::census();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let host = Arc::new(Host::open(settings.clone()).expect("the host opens"));
        let manager = Arc::new(Manager::new(settings.config.sessions, Some(Arc::clone(&host))));
        let app = App { manager: Arc::clone(&manager), shelf: Arc::new(Shelf::default()) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(axum::serve(listener, router(app)).into_future());
        test(address).await;
        manager.end_all(EndReason::Shutdown).await;
        server.abort();
        host.close().expect("the bridge goes");
    });
    drop(runtime);
    common::same(&before, &common::census());
}

fn open(to: SocketAddr) -> (String, String) {
    let opened: Answer = request(to, "POST", "/api/v1/sessions", &[], b"");
    assert_eq!(opened.status, 201, "{}", String::from_utf8_lossy(&opened.body));
    let json = opened.json();
    assert_eq!(json["nodes"][0]["status"], "running");
    (json["id"].as_str().expect("an id").into(), json["token"].as_str().expect("a token").into())
}

#[test]
fn commands_and_files_work_and_links_lead_nowhere_outside_the_node() {
    common::isolated(|settings| {
        with_server(settings, async |to| {
            let (id, token) = open(to);
            let bearer = format!("authorization: Bearer {token}");
            let node = format!("/api/v1/sessions/{id}/nodes/node1");
            let exec = |body: &str| request(to, "POST", &format!("{node}/exec"), &[&bearer], body.as_bytes());
            let done = exec(r#"{"cmd":["sh","-c","echo out; echo err >&2; exit 3"]}"#).json();
            assert_eq!(
                (done["exit_code"].as_i64(), done["stdout"].as_str(), done["stderr"].as_str()),
                (Some(3), Some("out\n"), Some("err\n"))
            );
            assert_eq!(exec(r#"{"cmd":[]}"#).code(), "empty_command");
            assert_eq!(exec(r#"{"cmd":"ls"}"#).code(), "bad_json");
            assert_eq!(exec(r#"{"cmd":["sleep","100"],"timeout":1}"#).code(), "command_timeout");
            let left = exec(r#"{"cmd":["sh","-c","cat /proc/[0-9]*/comm | grep -c sleep"]}"#).json();
            assert_eq!(left["stdout"], "0\n", "the command that took too long is gone");

            let file = |path: &str| format!("{node}/files?path={path}");
            let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 256) as u8).collect();
            assert_eq!(request(to, "PUT", &file("/tmp/a/b.bin"), &[&bearer], &bytes).status, 204);
            assert!(request(to, "GET", &file("/tmp/a/b.bin"), &[&bearer], b"").body == bytes);
            assert_eq!(request(to, "GET", &file("/nothing"), &[&bearer], b"").code(), "no_such_file");
            assert_eq!(request(to, "GET", &file("/etc"), &[&bearer], b"").code(), "no_file");
            assert_eq!(request(to, "GET", &file(""), &[&bearer], b"").code(), "bad_path");
            // A file may have 64 MiB, in either direction.
            const MOST: usize = 64 << 20;
            let whole = vec![7; MOST];
            assert_eq!(request(to, "PUT", &file("/tmp/most"), &[&bearer], &whole).status, 204);
            assert!(request(to, "GET", &file("/tmp/most"), &[&bearer], b"").body == whole);
            assert_eq!(request(to, "PUT", &file("/tmp/more"), &[&bearer], &vec![7; MOST + 1]).status, 413);
            assert_eq!(request(to, "GET", &file("/tmp/more"), &[&bearer], b"").code(), "no_such_file");
            exec(r#"{"cmd":["sh","-c","echo >> /tmp/most"]}"#);
            assert_eq!(request(to, "GET", &file("/tmp/most"), &[&bearer], b"").code(), "file_too_large");
            exec(r#"{"cmd":["rm","/tmp/most"]}"#);
            let secret = settings.data_dir.join("lock");
            std::fs::write(&secret, "secret of the host").expect("written");
            exec(&format!(r#"{{"cmd":["ln","-s","{}","/tmp/link"]}}"#, secret.display()));
            assert_eq!(request(to, "GET", &file("/tmp/link"), &[&bearer], b"").code(), "no_such_file");
            assert_eq!(
                request(to, "GET", &format!("{node}/docker/containers/x/export"), &[&bearer], b"").code(),
                "not_reading"
            );

            let second = request(to, "POST", &format!("/api/v1/sessions/{id}/nodes"), &[&bearer], b"");
            assert_eq!((second.status, second.json()["name"].as_str()), (201, Some("node2")));
            let address = second.json()["address"].as_str().expect("an address").to_owned();
            let (stranger, stranger_token) = open(to);
            let ping = format!(r#"{{"cmd":["ping","-c1","-W1","{address}"]}}"#);
            assert_eq!(exec(&ping).json()["exit_code"], 0, "nodes of one session reach each other");
            let path = format!("/api/v1/sessions/{stranger}/nodes/node1/exec");
            let pinged =
                request(to, "POST", &path, &[&format!("authorization: Bearer {stranger_token}")], ping.as_bytes());
            assert_ne!(pinged.json()["exit_code"], 0, "nodes of another session do not");
            assert_eq!(
                request(to, "DELETE", &format!("/api/v1/sessions/{id}/nodes/node2"), &[&bearer], b"").status,
                204
            );
        });
    });
}

#[test]
fn a_terminal_replays_takes_input_once_and_refuses_nonsense() {
    common::isolated(|settings| {
        with_server(settings, async |to| {
            let start = Instant::now();
            let (id, token) = open(to);
            let mut page = Page::open(to, &id, &token, [1; 16], u64::MAX).await;
            page.until(PROMPT).await;
            eprintln!("POST session to first prompt: {:?}", start.elapsed());

            page.type_in("stty size; printf '\\303\\274\\342\\202\\254|'; echo mark-$((6*7))\n").await;
            page.until("mark-42").await;
            assert!(page.text().contains("24 80") && page.text().contains("ü€|"), "{}", page.text());

            page.send(vec![0x55, 1, 2]).await;
            assert!(page.error().await.contains("unknown opcode 0x55"));
            page.send(vec![2, 0, 0, 0, 0]).await;
            assert!(page.error().await.contains("0 columns"));
            let number = page.accepted;
            page.input(number + 5, "x").await;
            assert!(page.error().await.contains("input byte"));
            page.send(vec![2, 0, 100, 0, 30]).await;
            page.type_in("stty size\n").await;
            page.until("30 100").await;

            // The answer to this is lost with the connection, and the page sends it again.
            let (number, seen) = (page.accepted, page.next);
            page.input(number, "echo once-$((1+1))\n").await;
            drop(page);
            let mut page = Page::open(to, &id, &token, [1; 16], seen).await;
            page.input(number, "echo once-$((1+1))\n").await;
            page.accepted = number + 19;
            page.type_in("echo end-$((2+2))\n").await;
            page.until("end-4").await;
            assert_eq!(page.text().matches("once-2").count(), 1, "{}", page.text());

            let all = Page::open(to, &id, &token, [2; 16], u64::MAX).await;
            let mut all = all;
            all.until("end-4").await;
            assert!(all.text().contains("mark-42"), "a second viewer gets what was before: {}", all.text());

            page.type_in("exit 7\n").await;
            while page.step().await != Some(0x83) {}
            page.hello(page.next).await;
            page.type_in("echo again-$((3+3))\n").await;
            page.until("again-6").await;
        });
    });
}

#[test]
fn a_page_opens_a_terminal_by_its_cookie_from_its_own_origin_only() {
    common::isolated(|settings| {
        with_server(settings, async |to| {
            let (id, token) = open(to);
            let (stranger, _) = open(to);
            let upgrade = async |session: &str, headers: &[(&'static str, String)], query: &str| {
                let path = format!("ws://{to}/api/v1/sessions/{session}/nodes/node1/terminals/1{query}");
                let mut asked = path.into_client_request().expect("a request");
                asked.headers_mut().insert("sec-websocket-protocol", "slipway.v1".parse().expect("a header"));
                for (name, value) in headers {
                    asked.headers_mut().insert(*name, value.parse().expect("a header"));
                }
                let stream = tokio::net::TcpStream::connect(to).await.expect("a connection");
                match tokio_tungstenite::client_async(asked, stream).await {
                    Ok((_, response)) => response.status().as_u16(),
                    Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
                    Err(error) => panic!("{error}"),
                }
            };
            let cookie = |id: &str| ("cookie", format!("slipway_session_{id}={token}"));
            let origin = |host: &str| ("origin", format!("http://{host}"));
            let here = to.to_string();
            assert_eq!(upgrade(&id, &[cookie(&id), origin(&here)], "").await, 101);
            assert_eq!(upgrade(&id, &[cookie(&id), origin("evil.example")], "").await, 403);
            assert_eq!(upgrade(&id, &[cookie(&id)], "").await, 403, "a browser always names the origin");
            assert_eq!(upgrade(&stranger, &[cookie(&stranger), origin(&here)], "").await, 401, "another's token");
            assert_eq!(upgrade(&id, &[origin(&here)], &format!("?token={token}")).await, 401);
            assert_eq!(upgrade(&id, &[("authorization", "Bearer wrong".into())], "").await, 401);
        });
    });
}

#[test]
fn a_flood_stops_at_the_window_and_ctrl_c_goes_through_at_once() {
    common::isolated(|settings| {
        with_server(settings, async |to| {
            let (id, token) = open(to);
            let mut page = Page::open(to, &id, &token, [1; 16], u64::MAX).await;
            page.until(PROMPT).await;
            page.acknowledge = false;
            let before = page.next;
            page.type_in("yes 'a line of a flood that nobody can read'\n").await;
            while page.next - before < 200 << 10 {
                page.step().await;
            }
            // Nothing is acknowledged: what can still come is less than a window and then no more.
            while let Ok(Some(Ok(Message::Binary(frame)))) =
                tokio::time::timeout(Duration::from_millis(300), page.socket.next()).await
            {
                if frame[0] == 0x81 {
                    page.next += frame.len() as u64 - 9;
                }
            }
            assert!(page.next - before <= 257 << 10, "{} bytes came without acknowledgement", page.next - before);
            page.type_in("\u{3}").await;
            page.acknowledge = true;
            page.send([&[3][..], &page.next.to_be_bytes()].concat()).await;
            page.screen.clear();
            page.until(PROMPT).await;
            assert!(page.screen.len() < 600 << 10, "{} bytes came after Ctrl-C", page.screen.len());

            page.screen.clear();
            let (start, before) = (Instant::now(), page.next);
            page.type_in("head -c 100000000 /dev/zero | tr '\\0' x; echo; echo flood-$((5+5))\n").await;
            while !page.screen.windows(8).any(|window| window == b"flood-10") || page.next - before < 100_000_000 {
                assert!(start.elapsed() < 3 * PATIENCE, "only {} bytes came", page.next - before);
                page.step().await;
                let keep = page.screen.len().saturating_sub(200);
                page.screen.drain(..keep);
            }
            let speed = (page.next - before) as f64 / 1e6 / start.elapsed().as_secs_f64();
            eprintln!("pseudo-terminal to page: {speed:.0} MB/s");
        });
    });
}
