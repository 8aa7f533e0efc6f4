//! The real `node-agent serve` as a process of its own, and sessions on it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use node_agent::sandbox::Settings;

use super::client::{Answer, request};

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub to: SocketAddr,
}

impl Server {
    /// Starts one on a free port with `config` (TOML) and, if `library` is given, that image library.
    pub fn start(settings: &Settings, config: &str, library: Option<PathBuf>) -> Self {
        let labs = settings.data_dir.join("labs");
        std::fs::create_dir_all(&labs).expect("a folder for labs");
        let file = settings.data_dir.join("config.toml");
        let runtime = settings.config.runtime.as_ref().map(|path| format!("runtime = {path:?}\n")).unwrap_or_default();
        std::fs::write(&file, runtime + config).expect("written");
        let mut command = Command::new(&settings.agent);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&settings.data_dir);
        command.arg("--labs").arg(&labs).arg("--config").arg(&file).arg("--node-image").arg(&settings.node_image);
        if let Some(library) = library {
            command.arg("--library").arg(library);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the agent starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let to = line.trim().rsplit('/').next().and_then(|text| text.parse().ok());
        let to = to.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self { child, to }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Tells it to end, and waits until it has.
    pub fn end(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("told to end");
        assert!(self.child.wait().expect("gone").success(), "an orderly end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session with its token.
pub struct Session {
    /// Where its server is.
    pub to: SocketAddr,
    pub id: String,
    pub token: String,
}

impl Session {
    pub fn open(to: SocketAddr) -> Self {
        let opened = request(to, "POST", "/api/v1/sessions", &[], b"");
        assert_eq!(opened.status, 201, "{}", String::from_utf8_lossy(&opened.body));
        let json = opened.json();
        let text = |key: &str| json[key].as_str().unwrap_or_else(|| panic!("no {key} in {json}")).to_owned();
        Self { to, id: text("id"), token: text("token") }
    }

    /// A request on what is below the session.
    pub fn ask(&self, method: &str, below: &str, body: &[u8]) -> Answer {
        let bearer = format!("authorization: Bearer {}", self.token);
        request(self.to, method, &format!("/api/v1/sessions/{}{below}", self.id), &[&bearer], body)
    }

    /// Runs a shell script in the node; the answer as it comes.
    pub fn try_sh(&self, script: &str) -> Answer {
        let body = serde_json::json!({"cmd": ["bash", "-c", script], "timeout": 50});
        self.ask("POST", "/nodes/node1/exec", body.to_string().as_bytes())
    }

    /// Runs a shell script in the node: its exit code and both its streams.
    pub fn sh(&self, script: &str) -> (i64, String) {
        let answer = self.try_sh(script);
        let json = answer.json();
        let code = json["exit_code"].as_i64().unwrap_or_else(|| panic!("{script}: {json}"));
        (
            code,
            format!("{}{}", json["stdout"].as_str().unwrap_or_default(), json["stderr"].as_str().unwrap_or_default()),
        )
    }

    /// As [`Session::sh`] for a script that must succeed: what it printed.
    pub fn good(&self, script: &str) -> String {
        let (code, text) = self.sh(script);
        assert_eq!(code, 0, "{script}: {text}");
        text
    }

    /// Waits until the node's engine answers.
    pub fn engine(&self) {
        self.good("for n in {1..400}; do docker version >/dev/null 2>&1 && exit 0; sleep 0.05; done; docker version");
    }

    pub fn delete(&self) {
        let answer = self.ask("DELETE", "", b"");
        assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
    }
}
