//! An upstream registry for the fetcher: Debian's docker-registry, and in front of it a proxy that counts what is asked for and can do
//! what bad networks and bad registries do.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

/// What happens to the next blob that is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection ends after so many bytes of it.
    Cut(usize),
    /// One of its bytes is another.
    Lie,
    /// It comes slowly, so that others can ask meanwhile.
    Slow,
}

#[derive(Default)]
struct State {
    /// Heads of all requests.
    asked: Vec<String>,
    trouble: Option<Trouble>,
    away: bool,
    /// Takes connections and says nothing.
    silent: bool,
    /// What is answered to requests for these targets instead of the registry's answer.
    instead: Vec<(String, String)>,
}

pub(crate) struct Upstream {
    registry: Child,
    pub(crate) direct: SocketAddr,
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Upstream {
    /// Starts both; data lie below `dir`. `None` where docker-registry or skopeo is not installed.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        Self::start_at(dir, "127.0.0.1")
    }

    /// As `start`, on another address of this machine.
    pub(crate) fn start_at(dir: &Path, host: &str) -> Option<Self> {
        if Command::new("skopeo").arg("--version").output().is_err() {
            return None;
        }
        let direct = TcpListener::bind((host, 0)).and_then(|l| l.local_addr()).expect("a free port");
        let config = dir.join("registry.yml");
        let data = dir.join("registry");
        let text = json!({
            "version": 0.1, "log": { "level": "error" },
            "storage": { "filesystem": { "rootdirectory": data }, "delete": { "enabled": true } },
            "http": { "addr": direct.to_string() },
        });
        fs::write(&config, text.to_string()).expect("a configuration");
        let registry = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let begun = Instant::now();
        while TcpStream::connect(direct).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let state = Arc::new(Mutex::new(State::default()));
        let listener = TcpListener::bind((host, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || pass(stream, direct, &shared));
            }
        });
        Some(Self { registry, direct, address, state })
    }

    /// Pushes an image of one layer with these bytes in it; the layer's and the manifest's digest.
    pub(crate) fn push(&self, dir: &Path, name: &str, bytes: &[u8]) -> (String, String) {
        let layout = dir.join(format!("layout-{}", hex::encode(&Sha256::digest(bytes)[..4])));
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a directory");
        let add = |kind: &str, bytes: &[u8]| {
            let hex = hex::encode(Sha256::digest(bytes));
            fs::write(blobs.join(&hex), bytes).expect("a blob");
            json!({ "mediaType": kind, "digest": format!("sha256:{hex}"), "size": bytes.len() })
        };
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        archive.append_data(&mut header, "file", bytes).expect("an entry");
        let layer = add("application/vnd.oci.image.layer.v1.tar", &archive.into_inner().expect("an archive"));
        let config = json!({ "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] } });
        let config = add("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
        let manifest = add(kind, manifest.to_string().as_bytes());
        fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("the marker");
        fs::write(layout.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string())
            .expect("the index");
        let output = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--dest-tls-verify=false", "--preserve-digests"])
            .args([format!("oci:{}", layout.display()), format!("docker://{}/{name}", self.direct)])
            .output()
            .expect("skopeo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let digest = |value: &serde_json::Value| value["digest"].as_str().expect("a digest").to_owned();
        (digest(&layer), digest(&manifest))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("the proxy's state")
    }

    /// How many requests began with this.
    pub(crate) fn asked(&self, beginning: &str) -> usize {
        self.state().asked.iter().filter(|head| head.starts_with(beginning)).count()
    }

    /// Whether any request had this in its head.
    pub(crate) fn heard(&self, text: &str) -> bool {
        self.state().asked.iter().any(|head| head.to_lowercase().contains(text))
    }

    pub(crate) fn trouble(&self, trouble: Trouble) {
        self.state().trouble = Some(trouble);
    }

    /// From now on takes connections and says nothing.
    pub(crate) fn fall_silent(&self) {
        self.state().silent = true;
    }

    /// Answers `GET target` with these lines of a head, of which the first is the status, and a body.
    pub(crate) fn instead(&self, target: &str, head: &str, body: &str) {
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.state().instead.push((format!("GET {target} "), answer));
    }

    pub(crate) fn away(&self, away: bool) {
        self.state().away = away;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // A child of this test.
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

/// One request, then the connection is closed.
fn pass(mut client: TcpStream, to: SocketAddr, state: &Mutex<State>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match client.read(&mut byte) {
            // Not TLS, which is tried first.
            Ok(1) if byte[0] != 0x16 || !head.is_empty() => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let trouble = {
        let mut state = state.lock().expect("the proxy's state");
        if state.away {
            return;
        }
        state.asked.push(head.clone());
        if state.silent {
            drop(state);
            // Until the other side has had enough.
            let _ = client.read(&mut byte);
            return;
        }
        if let Some((_, answer)) = state.instead.iter().find(|(target, _)| head.starts_with(target)) {
            let _ = client.write_all(answer.as_bytes());
            return;
        }
        if head.starts_with("GET") && head.contains("/blobs/") { state.trouble.take() } else { None }
    };
    let Ok(mut server) = TcpStream::connect(to) else { return };
    let request = head.trim_end().to_owned() + "\r\nConnection: close\r\n\r\n";
    if server.write_all(request.as_bytes()).is_err() {
        return;
    }
    let mut answer = Vec::new();
    if server.read_to_end(&mut answer).is_err() {
        return;
    }
    let body = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    match trouble {
        Some(Trouble::Cut(bytes)) => answer.truncate(body + bytes),
        Some(Trouble::Lie) => *answer.last_mut().expect("a body") ^= 1,
        Some(Trouble::Slow) => {
            // Half of it, and the rest when others have had time to ask.
            let half = body + (answer.len() - body) / 2;
            let _ = client.write_all(&answer[..half]);
            std::thread::sleep(Duration::from_millis(700));
            answer.drain(..half);
        }
        None => {}
    }
    // Whoever asked may have gone.
    let _ = client.write_all(&answer);
}
