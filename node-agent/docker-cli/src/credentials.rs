//! Credentials of registries: in `config.json`, or with a helper program (`docker-credential-NAME`) where the file says so.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::go_io;

/// What Docker Hub is called among the credentials.
pub(crate) const HUB: &str = "https://index.docker.io/v1/";
/// The user that stands for a token.
const TOKEN_USER: &str = "<token>";

/// Credentials as the engine's API has them (moby `registry.AuthConfig`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AuthConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) password: String,
    #[serde(skip_serializing_if = "String::is_empty", rename = "serveraddress")]
    pub(crate) server_address: String,
    #[serde(skip_serializing_if = "String::is_empty", rename = "identitytoken")]
    pub(crate) identity_token: String,
    #[serde(skip_serializing_if = "String::is_empty", rename = "registrytoken")]
    pub(crate) registry_token: String,
}

impl AuthConfig {
    /// The value of `X-Registry-Auth`.
    pub(crate) fn header(&self) -> String {
        URL_SAFE.encode(json!(self).to_string())
    }
}

/// What a user is to a registry, as the value of `X-Registry-Auth`: from `config.json` in `dir`, the user's own if none is given.
///
/// # Errors
/// A credential helper that fails.
pub fn registry_credentials(dir: Option<&str>, domain: &str) -> Result<String, String> {
    let own = crate::config::default_dir();
    let found = Credentials::new(dir.unwrap_or(&own)).get(key_of(domain))?;
    Ok(found.header())
}

/// What the credentials of a registry's domain are kept under.
pub(crate) fn key_of(domain: &str) -> &str {
    if matches!(domain, "docker.io" | "index.docker.io") { HUB } else { domain }
}

/// The host of an address that may have a scheme and a path.
pub(crate) fn hostname(address: &str) -> &str {
    let stripped = address.split_once("://").map_or(address, |(_, rest)| rest);
    stripped.split('/').next().unwrap_or_default()
}

/// The credentials in one configuration directory.
#[derive(Debug)]
pub(crate) struct Credentials {
    path: PathBuf,
}

impl Credentials {
    /// In `dir`, where `config.json` is or will be.
    pub(crate) fn new(dir: &str) -> Self {
        Self { path: Path::new(dir).join("config.json") }
    }

    fn document(&self) -> Map<String, Value> {
        let text = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The helper for a registry, if it is not the file.
    fn helper(&self, server: &str) -> Option<String> {
        let document = self.document();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let own = document.get("credHelpers").and_then(|helpers| helpers.get(server));
        text(own).or_else(|| text(document.get("credsStore"))).filter(|name| !name.is_empty())
    }

    /// What is known for a registry; nothing known is no error.
    ///
    /// # Errors
    /// A helper that fails.
    pub(crate) fn get(&self, server: &str) -> Result<AuthConfig, String> {
        match self.helper(server) {
            None => Ok(self.in_file(server)),
            Some(helper) => {
                let kept = self.in_file(server);
                let found = ask_for(&helper, server)?;
                Ok(AuthConfig { registry_token: kept.registry_token, ..found })
            }
        }
    }

    fn in_file(&self, server: &str) -> AuthConfig {
        let document = self.document();
        let Some(entries) = document.get("auths").and_then(Value::as_object) else { return AuthConfig::default() };
        let entry = entries.get_key_value(server).or_else(|| entries.iter().find(|(key, _)| hostname(key) == server));
        entry.map(|(key, entry)| read(key, entry)).unwrap_or_default()
    }

    /// The value of `X-Registry-Config`, which a build sends along: everything that is known, by registry.
    pub(crate) fn config_header(&self) -> String {
        URL_SAFE.encode(json!(self.all()).to_string())
    }

    fn all(&self) -> BTreeMap<String, AuthConfig> {
        let document = self.document();
        let mut all = BTreeMap::new();
        match self.helper("") {
            None => {
                for (key, entry) in document.get("auths").and_then(Value::as_object).into_iter().flatten() {
                    all.insert(key.clone(), read(key, entry));
                }
            }
            Some(helper) => {
                let listed: BTreeMap<String, String> = run(&helper, "list", "unused")
                    .ok()
                    .and_then(|out| serde_json::from_str(&out).ok())
                    .unwrap_or_default();
                for server in listed.into_keys() {
                    if let Ok(found) = ask_for(&helper, &server) {
                        all.insert(server, found);
                    }
                }
            }
        }
        for server in document.get("credHelpers").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
            if let Ok(found) = self.get(server) {
                all.insert(server.clone(), found);
            }
        }
        all
    }

    /// Keeps credentials; whether they lie unencrypted in the file now.
    ///
    /// # Errors
    /// A helper that fails, a file that cannot be written.
    pub(crate) fn store(&self, auth: &AuthConfig) -> Result<bool, String> {
        let server = auth.server_address.as_str();
        let Some(helper) = self.helper(server) else {
            if self.in_file(server) == *auth {
                return Ok(false);
            }
            self.write(server, Some(auth))?;
            return Ok(!auth.password.is_empty());
        };
        let (user, secret) = match auth.identity_token.as_str() {
            "" => (auth.username.as_str(), auth.password.as_str()),
            token => (TOKEN_USER, token),
        };
        let entry = json!({ "ServerURL": server, "Username": user, "Secret": secret });
        run(&helper, "store", &format!("{entry}\n"))
            .map_err(|(why, out)| format!("error storing credentials - err: {why}, out: `{out}`"))?;
        self.write(server, Some(&AuthConfig { server_address: server.into(), ..AuthConfig::default() }))?;
        Ok(false)
    }

    /// Forgets the credentials of a registry; that there are none is no error.
    ///
    /// # Errors
    /// A helper that fails, a file that cannot be written.
    pub(crate) fn erase(&self, server: &str) -> Result<(), String> {
        if let Some(helper) = self.helper(server) {
            run(&helper, "erase", server)
                .map_err(|(why, out)| format!("error erasing credentials - err: {why}, out: `{out}`"))?;
        }
        let has = self.document().get("auths").is_some_and(|auths| auths.get(server).is_some());
        if has { self.write(server, None) } else { Ok(()) }
    }

    /// The file, for messages.
    pub(crate) fn file(&self) -> String {
        self.path.display().to_string()
    }

    fn write(&self, server: &str, auth: Option<&AuthConfig>) -> Result<(), String> {
        let mut document = self.document();
        let mut auths = match document.shift_remove("auths") {
            Some(Value::Object(auths)) => auths,
            _ => Map::new(),
        };
        match auth {
            None => drop(auths.shift_remove(server)),
            Some(auth) => drop(auths.insert(server.to_owned(), written(auth))),
        }
        auths.sort_keys();
        document.shift_insert(0, "auths".into(), Value::Object(auths));
        let mut text = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, format);
        document.serialize(&mut writer).map_err(|e| e.to_string())?;
        self.replace(&text)
    }

    /// Replaces the file at one stroke, readable for its owner alone unless it was otherwise before.
    fn replace(&self, text: &[u8]) -> Result<(), String> {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        // Where the file is a link, what it leads to is replaced.
        let target = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let failed = |what: &str, e: &std::io::Error| format!("{what} {}: {}", target.display(), go_io(e));
        let dir = target.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed("mkdir", &e))?;
        let fresh = target.with_extension(format!("json.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(|e| failed("open", &e))?;
        let done = file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| {
            if let Ok(before) = std::fs::metadata(&target) {
                file.set_permissions(before.permissions())?;
            }
            std::fs::rename(&fresh, &target)
        });
        done.map_err(|e| {
            // The failure is the one to report.
            let _ = std::fs::remove_file(&fresh);
            failed("write", &e)
        })
    }
}

fn read(server: &str, entry: &Value) -> AuthConfig {
    let mut auth: AuthConfig = serde_json::from_value(entry.clone()).unwrap_or_default();
    let decoded =
        STANDARD.decode(entry["auth"].as_str().unwrap_or_default()).ok().and_then(|text| String::from_utf8(text).ok());
    if let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
        auth.username = user.to_owned();
        auth.password = password.trim_matches('\0').to_owned();
    }
    auth.server_address = server.to_owned();
    auth
}

fn written(auth: &AuthConfig) -> Value {
    let mut entry = Map::new();
    if !auth.username.is_empty() || !auth.password.is_empty() {
        entry.insert("auth".into(), STANDARD.encode(format!("{}:{}", auth.username, auth.password)).into());
    }
    for (name, value) in [("identitytoken", &auth.identity_token), ("registrytoken", &auth.registry_token)] {
        if !value.is_empty() {
            entry.insert(name.into(), value.as_str().into());
        }
    }
    Value::Object(entry)
}

/// A helper's credentials for a registry; empty where it has none.
fn ask_for(helper: &str, server: &str) -> Result<AuthConfig, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    #[derive(Default)]
    struct Answer {
        username: String,
        secret: String,
    }
    let out = match run(helper, "get", server) {
        Ok(out) => out,
        Err((_, out)) if out == "credentials not found in native keychain" => return Ok(AuthConfig::default()),
        Err((why, out)) => return Err(format!("error getting credentials - err: {why}, out: `{out}`")),
    };
    let answer: Answer = serde_json::from_str(&out).map_err(|e| e.to_string())?;
    let mut auth = AuthConfig { server_address: server.to_owned(), ..AuthConfig::default() };
    if answer.username == TOKEN_USER {
        auth.identity_token = answer.secret;
    } else {
        auth.username = answer.username;
        auth.password = answer.secret;
    }
    Ok(auth)
}

/// Runs `docker-credential-HELPER ACTION` with `input`; its output, or what went wrong with it and its output.
fn run(helper: &str, action: &str, input: &str) -> Result<String, (String, String)> {
    let program = format!("docker-credential-{helper}");
    let mut child =
        Command::new(&program).arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| match e
            .kind()
        {
            std::io::ErrorKind::NotFound => {
                (format!("exec: {program:?}: executable file not found in $PATH"), String::new())
            }
            _ => (format!("exec: {program:?}: {}", go_io(&e)), String::new()),
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input says so by its exit.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| (go_io(&e), String::new()))?;
    let out = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(out),
        Some(code) => Err((format!("exit status {code}"), out)),
        None => Err(("signal: killed".into(), out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn janet(server: &str) -> AuthConfig {
        let own = |text: &str| text.to_owned();
        AuthConfig {
            username: own("janet"),
            password: own("s:1"),
            server_address: own(server),
            ..AuthConfig::default()
        }
    }

    #[test]
    fn the_file_is_written_as_docker_writes_it_and_keeps_what_else_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = Credentials::new(&dir.path().join("new").display().to_string());
        assert_eq!(credentials.store(&janet("localhost:5000")), Ok(true));
        assert_eq!(credentials.store(&janet("localhost:5000")), Ok(false));
        let text = std::fs::read_to_string(credentials.file()).unwrap();
        let expected = "{\n\t\"auths\": {\n\t\t\"localhost:5000\": {\n\t\t\t\"auth\": \"amFuZXQ6czox\"\n\t\t}\n\t}\n}";
        assert_eq!(text, expected);
        let mode = std::fs::metadata(credentials.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(credentials.file(), text.replacen('{', "{\"psFormat\":\"x\",", 1)).unwrap();
        credentials
            .store(&AuthConfig { identity_token: "t".into(), server_address: HUB.into(), ..Default::default() })
            .unwrap();
        assert_eq!(credentials.get("localhost:5000"), Ok(janet("localhost:5000")));
        assert_eq!(credentials.get(HUB).unwrap().identity_token, "t");
        assert_eq!(credentials.all().len(), 2);
        credentials.erase("localhost:5000").unwrap();
        assert_eq!(credentials.get("localhost:5000"), Ok(AuthConfig::default()));
        assert!(std::fs::read_to_string(credentials.file()).unwrap().contains("psFormat"));
    }

    #[test]
    fn old_keys_with_a_scheme_are_found_by_their_host() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"auths":{"https://r:5000/v1/":{"auth":"amFuZXQ6czox"}}}"#)
            .unwrap();
        let found = Credentials::new(&dir.path().display().to_string()).get("r:5000").unwrap();
        assert_eq!((found.username.as_str(), found.password.as_str()), ("janet", "s:1"));
    }

    #[test]
    fn the_header_is_what_docker_sends() {
        assert_eq!(AuthConfig::default().header(), "e30=");
        let text = URL_SAFE.decode(janet("r").header()).unwrap();
        assert_eq!(text, br#"{"username":"janet","password":"s:1","serveraddress":"r"}"#);
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"credsStore":"not-here"}"#).unwrap();
        let error = Credentials::new(&dir.path().display().to_string()).get("r").unwrap_err();
        assert_eq!(
            error,
            "error getting credentials - err: exec: \"docker-credential-not-here\": executable file not found in $PATH, out: ``"
        );
    }
}
