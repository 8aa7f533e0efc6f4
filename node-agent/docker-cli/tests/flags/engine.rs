//! An engine that is none: it answers every request with something plausible, always the same, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const IMAGE: &str = "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// A listening engine.
pub(crate) struct Engine {
    pub(crate) socket: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Engine {
    pub(crate) fn start(dir: &Path) -> Self {
        let socket = dir.join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || one(stream, &log));
            }
        });
        Self { socket, asked }
    }

    /// What it was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic elsewhere"))
    }
}

/// Serves one connection for one request.
fn one(stream: UnixStream, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let (mut length, mut chunked, mut auth) = (0usize, false, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        length = lower.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().unwrap_or(0));
        chunked |= lower.starts_with("transfer-encoding: chunked");
        if lower.starts_with("x-registry") {
            auth = lower;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut piece = vec![0; size + 2];
        reader.read_exact(&mut piece).ok()?;
        body.extend(&piece[..size]);
        chunked = size > 0;
    }
    log.lock().ok()?.push(format!("{request} {auth} {}", String::from_utf8_lossy(&body)));
    let (method, target) = request.split_once(' ')?;
    let path = target.split('?').next()?;
    let path = path.strip_prefix("/v1.50").unwrap_or(path);
    let stream = reader.get_mut();
    if path.ends_with("/attach") || (method == "POST" && path.starts_with("/exec/") && path.ends_with("/start")) {
        let head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        return stream.write_all(head.as_bytes()).ok();
    }
    let (status, kind, body) = answer(method, path);
    let head = format!(
        "HTTP/1.1 {status} X\r\nApi-Version: 1.50\r\nOstype: linux\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
}

fn answer(method: &str, path: &str) -> (u16, &'static str, Vec<u8>) {
    let json = |status, value: Value| (status, "application/json", value.to_string().into_bytes());
    if path.ends_with("/logs") {
        let mut frames = Vec::new();
        for text in ["2024-01-02T03:04:05.000000000Z one\n", "two\n"] {
            frames.extend([1, 0, 0, 0, 0, 0, 0, u8::try_from(text.len()).expect("short")]);
            frames.extend(text.as_bytes());
        }
        return (200, "application/vnd.docker.raw-stream", frames);
    }
    match (method, path) {
        (_, "/_ping") => (200, "text/plain", b"OK".to_vec()),
        ("POST", "/containers/create" | "/commit") => json(201, json!({"Id": ID, "Warnings": []})),
        ("POST", "/volumes/create") => json(201, json!({"Name": "v"})),
        ("POST", "/networks/create") => json(201, json!({"Id": ID, "Warning": ""})),
        ("POST", path) if path.ends_with("/wait") => json(200, json!({"StatusCode": 0})),
        ("POST", path) if path.ends_with("/exec") => json(201, json!({"Id": ID})),
        ("POST", "/build/prune") => json(200, json!({"CachesDeleted": ["cache1"], "SpaceReclaimed": 5})),
        ("POST", path) if path.ends_with("/prune") => json(
            200,
            json!({"SpaceReclaimed": 5, "ContainersDeleted": [ID], "ImagesDeleted": [{"Deleted": IMAGE}], "VolumesDeleted": ["v"], "NetworksDeleted": ["n"]}),
        ),
        ("POST", "/images/create") => json(200, json!({"status": "Status: Downloaded newer image for image:latest"})),
        ("POST", "/build") => json(200, json!({"aux": {"ID": IMAGE}})),
        ("POST", "/auth") => json(200, json!({"Status": "Login Succeeded", "IdentityToken": ""})),
        ("POST", path) if path.ends_with("/push") => json(200, json!({"status": "pushed"})),
        ("POST", "/images/load") => json(200, json!({"stream": "Loaded image: image:latest\n"})),
        ("POST", path) if path.ends_with("/update") => json(200, json!({"Warnings": null})),
        ("POST" | "PUT", _) => (204, "application/json", Vec::new()),
        ("DELETE", path) if path.ends_with("/none") => json(404, json!({"message": "there is none"})),
        ("DELETE", path) if path.starts_with("/images/") => json(200, json!([{"Untagged": "image:latest"}])),
        ("DELETE", _) => (204, "application/json", Vec::new()),
        _ => json(200, shown(path)),
    }
}

/// What a GET shows.
fn shown(path: &str) -> Value {
    let labels = json!({"a": "b", "long": "a text that is longer than what a table's column would ever show of it, so that it is cut"});
    let container = json!({
        "Id": ID, "Names": ["/c1", "/other/c1"], "Image": IMAGE, "ImageID": IMAGE, "Created": 1_700_000_000, "State": "running",
        "Command": "a command that is longer than twenty characters", "Status": "Up", "Ports": [], "Labels": labels, "Mounts": [],
        "SizeRw": 1000, "SizeRootFs": 2000, "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": {"Networks": {"bridge": {}}},
    });
    let image = json!({
        "Id": IMAGE, "RepoTags": ["image:latest"], "RepoDigests": [format!("image@{IMAGE}")], "Created": 1_700_000_000, "Size": 123_456_789,
        "SharedSize": 0, "Containers": 1, "Labels": labels,
    });
    let volume = json!({"Name": "v", "Driver": "local", "Mountpoint": "/v", "Scope": "local", "Labels": labels, "Options": null, "UsageData": {"Size": 5, "RefCount": 1}});
    match path {
        "/containers/json" => json!([container]),
        "/images/json" => json!([image]),
        "/images/search" => {
            json!([{"name": "x/y", "description": "A description that is longer than the forty-five characters which the table shows of it", "star_count": 3, "is_official": false}])
        }
        "/volumes" => json!({"Volumes": [volume], "Warnings": null}),
        "/networks" => json!([{"Id": ID, "Name": "n", "Driver": "bridge", "Scope": "local", "Labels": labels}]),
        "/system/df" => {
            json!({"LayersSize": 5, "Images": [image], "Containers": [container], "Volumes": [volume], "BuildCache": []})
        }
        "/info" => json!({"ServerVersion": "1", "OSType": "linux", "NCPU": 2, "MemTotal": 5}),
        "/version" => json!({"Version": "1", "ApiVersion": "1.50", "Os": "linux", "Components": []}),
        "/events" => {
            json!({"Type": "container", "Action": "start", "Actor": {"ID": ID, "Attributes": {"name": "c1"}}, "time": 1, "timeNano": 1_000_000_000})
        }
        path if path.ends_with("/history") => {
            json!([{"Id": IMAGE, "Created": 1_700_000_000, "CreatedBy": "a step that is longer than the forty-five characters which the table shows of it", "Size": 1_000_000, "Comment": "", "Tags": ["image:latest"]}])
        }
        path if path.ends_with("/changes") => json!([{"Path": "/x", "Kind": 1}]),
        path if path.ends_with("/top") => json!({"Titles": ["PID"], "Processes": [["1"]]}),
        path if path.ends_with("/stats") => json!({
            "name": "/c1", "id": ID, "read": "2024-01-02T03:04:05Z", "cpu_stats": {"cpu_usage": {"total_usage": 5}, "system_cpu_usage": 10, "online_cpus": 1},
            "precpu_stats": {"cpu_usage": {"total_usage": 1}, "system_cpu_usage": 1}, "memory_stats": {"usage": 5, "limit": 10}, "pids_stats": {"current": 1},
        }),
        path if path.starts_with("/exec/") => json!({"ID": ID, "Running": false, "ExitCode": 0}),
        path if path.starts_with("/images/") => {
            json!({"Id": IMAGE, "RepoTags": ["image:latest"], "Architecture": "amd64", "Os": "linux", "Config": {"Cmd": ["sh"]}})
        }
        path if path.starts_with("/containers/") => json!({
            "Id": ID, "Name": "/c1", "Image": IMAGE, "State": {"Status": "running", "Running": true, "ExitCode": 0},
            "Config": {"Tty": false, "OpenStdin": true, "AttachStdout": true, "AttachStderr": true}, "HostConfig": {},
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}}, "SizeRw": 1,
        }),
        path if path.starts_with("/volumes/") => volume,
        _ => json!({"Id": ID, "Name": "n"}),
    }
}
